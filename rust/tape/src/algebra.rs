//! The few operations the tape itself needs, implemented by the layer above.

use crate::Tensor;
use base::{DType, Layout, Result, bail};
use std::sync::OnceLock;

/// Differentiable tensor algebra, as far as the engine and in-place bookkeeping use it.
pub trait Algebra: Send + Sync {
    /// Elementwise sum of two gradients.
    fn add(&self, a: &Tensor, b: &Tensor) -> Result<Tensor>;
    /// `into += value`, without history.
    fn add_assign(&self, into: &Tensor, value: &Tensor) -> Result<()>;
    /// A tensor of ones with the shape and dtype of `like`.
    fn ones_like(&self, like: &Tensor) -> Result<Tensor>;
    /// Zeros.
    fn zeros(&self, dims: &[usize], dtype: DType, device: base::Device) -> Result<Tensor>;
    /// Sums away broadcast dimensions until the shape is `dims`.
    fn sum_to(&self, value: &Tensor, dims: &[usize]) -> Result<Tensor>;
    /// Casts; from complex to real this takes the real part.
    fn cast(&self, value: &Tensor, dtype: DType) -> Result<Tensor>;
    /// A copy with dense memory laid out as `like`.
    fn clone_as(&self, value: &Tensor, like: &Layout) -> Result<Tensor>;
    /// A view of the same storage with any geometry.
    fn as_strided(&self, value: &Tensor, layout: &Layout) -> Result<Tensor>;
    /// Whether any element is NaN.
    fn has_nan(&self, value: &Tensor) -> Result<bool>;
    /// `into[...] = value`, recorded.
    fn copy_into(&self, into: &Tensor, value: &Tensor) -> Result<()>;
}

static ALGEBRA: OnceLock<&'static dyn Algebra> = OnceLock::new();

/// Installs the process's algebra; later calls are ignored.
pub fn install(algebra: &'static dyn Algebra) {
    let _ = ALGEBRA.set(algebra);
}

/// The installed algebra.
pub fn algebra() -> Result<&'static dyn Algebra> {
    match ALGEBRA.get() {
        Some(algebra) => Ok(*algebra),
        None => bail!(Runtime, "tape: no algebra installed; call ops::init() first"),
    }
}
