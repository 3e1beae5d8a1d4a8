//! Layer 4: what every op is: check, compute, record; derivatives are formulas in tensor algebra.
//!
//! Elementwise ops are rows (`unary.rs`, `binary.rs`, `compare.rs`); public signatures are rows of
//! [`table`]. Every public call enters through [`call::call`].
#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

pub mod activation;
pub mod advanced;
pub mod algebra;
pub mod arith;
pub mod attention;
pub mod autocast;
pub mod binary;
pub mod blend;
pub mod call;
pub mod cast;
pub mod clamp;
pub mod compare;
pub mod complex;
pub mod contract;
pub mod conv;
pub mod create;
pub mod distance;
pub mod dropout;
pub mod embedding;
pub mod extremum;
pub mod fused;
pub mod gate;
pub mod grid;
pub mod index;
pub mod inplace;
pub mod interpolate;
pub mod join;
pub mod loss;
pub mod loss_scale;
pub mod map;
pub mod margin_loss;
pub mod matmul;
pub mod moments;
pub mod nll_loss;
pub mod node;
pub mod norm;
pub mod optim;
pub mod options;
pub mod pad;
pub mod pieces;
pub mod pool;
pub mod power;
pub mod quantile;
pub mod random;
pub mod range;
pub mod rearrange;
pub mod recurrent;
pub mod reduce;
pub mod refuse;
pub mod report;
pub mod row;
pub mod scan;
pub mod scatter;
pub mod schema;
pub mod search;
pub mod select;
pub mod shuffle;
pub mod signatures;
pub mod softmax;
pub mod sort;
pub mod special;
mod strided;
pub mod table;
pub mod take;
pub mod triangle;
pub mod unary;
pub mod unique;
pub mod value;
pub mod var;
pub mod vector_norm;
pub mod view;
pub mod view_copy;
pub mod window;
pub mod write;

pub use algebra::init;
pub use call::{Dest, call};
pub use value::Value;
pub use var::Var;
