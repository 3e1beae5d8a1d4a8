//! Layer 1: files. Knows bytes and dtypes; no tensor, no Python.
//!
//! - [`checkpoint`]: PyTorch's `.pt` layout on top of [`zip`] (stored archives, checked and aligned);
//! - [`pickle`]: an allow-list reader that turns a pickle into a [`pickle::Plan`] and runs nothing;
//! - [`safetensors`]: the `safetensors` crate with this project's dtypes;
//! - [`atomic`]: a file is replaced whole or not at all.
//!
//! Invariant: input is untrusted. Every length is checked against the bytes there are before it is
//! used, so a damaged file is an [`Error`] that says what is missing, never a panic.
#![deny(unsafe_code)]

pub mod atomic;
pub mod checkpoint;
mod error;
pub mod pickle;
pub mod safetensors;
mod source;
pub mod zip;

pub use error::{Error, Result};
pub use source::{Mapping, Source};
