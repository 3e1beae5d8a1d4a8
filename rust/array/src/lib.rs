//! Layer 2: an array is a storage, a layout and a dtype. [`dispatch`] holds the only match on the
//! device in the whole project; everything above works alike on all devices.
#![forbid(unsafe_code)]

pub mod accelerator;
mod array;
pub mod dispatch;
pub mod overlap;
mod storage;

pub use array::Array;
pub use dispatch::{MapOp, Operand};
pub use storage::Storage;
