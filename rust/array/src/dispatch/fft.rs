//! Discrete Fourier transforms.

use super::{on_cpu, view};
use crate::Array;
use base::Result;

/// `out` = the complex transform of `x` along `dim`, times `scale`.
pub fn fft(out: &Array, x: &Array, dim: usize, inverse: bool, scale: f64) -> Result<()> {
    on_cpu("_fft_c2c", out, |target| cpu::fft::fft(target, view(x)?, dim, inverse, scale))
}
