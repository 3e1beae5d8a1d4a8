//! Discrete Fourier transforms.

use super::on_cpu;
use crate::Array;
use base::Result;

/// `out` = the complex transform of `x` along `dim`, times `scale`.
pub fn fft(out: &Array, x: &Array, dim: usize, inverse: bool, scale: f64) -> Result<()> {
    on_cpu("_fft_c2c", out, |host, target| {
        cpu::fft::fft(target, host.view(x)?, dim, inverse, scale)
    })
}
