//! Layer 1: the GPU engine and its kernels, on wgpu. Knows buffers, layouts and dtypes, no arrays
//! and no tensors.
//!
//! A [`Runtime`] is the process's one `Instance`; a [`Device`] is an opened adapter. Kernels record
//! dispatches into one open compute pass; a batch is submitted when something is read or when it has
//! grown long. Each kernel is a file of `shaders/`, completed by [`shader`] with bindings for the
//! dtypes at hand.

#![recursion_limit = "256"]

mod adapter;
pub mod attention;
mod batch;
mod buffer;
pub mod compact;
pub mod conv;
mod coop;
mod dense;
mod device;
mod event;
pub mod flip;
mod fork;
pub mod index;
mod launch;
pub mod loss;
pub mod map;
pub mod matmul;
pub mod multinomial;
pub mod norm;
pub mod optim;
mod pipeline;
pub mod pool;
pub mod random;
pub mod range;
mod readback;
mod record;
pub mod reduce;
mod runtime;
pub mod scan;
pub mod shader;
pub mod softmax;
pub mod sort;
mod translate;
mod view;
mod window;

pub use adapter::{Adapter, Refusal};
pub use buffer::Buffer;
pub use device::{Device, Memory};
pub use event::Event;
pub use readback::set_wait_hook;
pub use record::Recorded;
pub use runtime::{adapters, device, device_count, is_open, opened, seed_all};
pub use translate::translate;
pub use view::{View, check_dtype, no_kernel};
