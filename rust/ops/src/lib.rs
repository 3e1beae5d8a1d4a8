//! Layer 4: what every op is: check, compute, record; derivatives are formulas in tensor algebra.
//!
//! Elementwise ops are rows (`unary.rs`, `binary.rs`, `compare.rs`); public signatures are rows of
//! [`table`]. Every public call enters through [`call::call`].
#![forbid(unsafe_code)]

pub mod activation;
pub mod arith;
pub mod algebra;
pub mod binary;
pub mod call;
pub mod cast;
pub mod compare;
pub mod complex;
pub mod create;
pub mod extremum;
pub mod inplace;
pub mod join;
pub mod map;
pub mod matmul;
pub mod node;
pub mod optim;
pub mod power;
pub mod range;
pub mod reduce;
pub mod schema;
pub mod select;
pub mod signatures;
pub mod special;
mod strided;
pub mod table;
pub mod unary;
pub mod value;
pub mod var;
pub mod view;
pub mod write;

pub use algebra::init;
pub use call::{Dest, call};
pub use value::Value;
pub use var::Var;
