//! Layer 0: the nouns every other layer speaks of, as pure data and pure functions.
//!
//! Shape, dtype and layout of every op's result are inferred here, before any device is chosen;
//! that is what makes the `meta` device free and error texts equal on all devices.
#![forbid(unsafe_code)]

pub mod device;
pub mod dtype;
pub mod error;
pub mod index;
pub mod iter;
pub mod layout;
pub mod list;
pub mod promote;
pub mod rng;
pub mod scalar;
pub mod shape;

pub use device::{Device, DeviceKind};
pub use dtype::{B8, Category, ComplexHalf, DType, Element};
pub use error::{Error, Kind, Result};
pub use half::{bf16, f16};
pub use index::IndexRule;
pub use layout::{Layout, MemoryFormat};
pub use list::{Dims, List, Strides};
pub use num_complex::{Complex32, Complex64};
pub use scalar::Scalar;
