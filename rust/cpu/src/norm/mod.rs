//! Normalisation with an affine map: layer and RMS norm (over rows), group norm (over groups of
//! channels), batch norm (over channels), forward and backward.
//!
//! Statistics are computed in two passes, sums carried in f64, and do not depend on the number of
//! threads. Saved statistics may be views of a wider dtype than the input (f32 for bf16).

mod batch;
mod group;
mod row;

pub use batch::{BatchNorm, BatchNormGradient, batch_norm, batch_norm_backward};
pub use group::{group_norm, group_norm_backward};
pub use row::{layer_norm, layer_norm_backward, rms_norm, rms_norm_backward};

use crate::{View, ViewMut};

/// Factors and offsets of an affine map, where present.
#[derive(Clone, Copy, Default)]
pub struct Affine<'a> {
    /// Factors.
    pub weight: Option<View<'a>>,
    /// Offsets.
    pub bias: Option<View<'a>>,
}

/// Where gradients go, where they are wanted.
#[derive(Clone, Copy, Default)]
pub struct Gradients<'a> {
    /// Of the input.
    pub input: Option<ViewMut<'a>>,
    /// Of the factors.
    pub weight: Option<ViewMut<'a>>,
    /// Of the offsets.
    pub bias: Option<ViewMut<'a>>,
}
