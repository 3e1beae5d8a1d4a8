//! Layer 1: CPU kernels on pointer-and-layout views, the allocator and the thread pool.
//!
//! Knows no array and no tensor. `unsafe` is confined to small blocks that state why they hold.
// Loops vectorise only when everything they call is inlined.
#![allow(clippy::inline_always)]
// Dtype-erased pointers are aligned for their dtype: the invariant of `View`.
#![allow(clippy::cast_ptr_alignment)]
// Kernels index several arrays of one length by one variable, as the formulas do.
#![allow(clippy::needless_range_loop)]

mod alloc;
pub mod arch;
pub mod attention;
pub mod buffer;
pub mod cast;
pub mod conv;
pub mod copy;
pub mod ctc;
mod dispatch;
pub mod embedding;
pub mod fft;
mod float;
mod fork;
pub mod fractional;
mod gather;
pub mod index;
pub mod interpolate;
pub mod kernel;
pub mod linalg;
pub mod loss;
pub mod map;
pub mod math;
pub mod matmul;
pub mod norm;
pub mod optim;
pub mod pool;
pub mod pool2d;
pub mod random;
pub mod range;
pub mod recurrent;
pub mod reduce;
mod room;
mod rows;
pub mod scalar;
pub mod scan;
mod scratch;
pub mod softmax;
pub mod sort;
mod stage;
pub mod view;
mod walk;

pub use alloc::trim;
pub use buffer::{Buffer, live_buffers, live_bytes, peak_bytes, reset_peak_bytes};
pub use copy::copy;
pub use kernel::{
    Kernel, MapFn, Params, Table, binary, binary_with, ternary, ternary_with, unary, unary_with,
};
pub use map::{Operand, map, where_};
pub use pool::{num_threads, parallel, parallel_chunks, set_num_threads};
pub use scalar::scalars;
pub use view::{View, ViewMut};
