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

/// `out` = the first half of the transform of real `x` along `dim`, times `scale`.
pub fn rfft(out: &Array, x: &Array, dim: usize, scale: f64) -> Result<()> {
    on_cpu("_fft_r2c", out, |host, target| cpu::fft::rfft(target, host.view(x)?, dim, scale))
}

/// `out` = the real inverse transform of half a spectrum `x` along `dim`, times `scale`.
pub fn irfft(out: &Array, x: &Array, dim: usize, scale: f64) -> Result<()> {
    on_cpu("_fft_c2r", out, |host, target| cpu::fft::irfft(target, host.view(x)?, dim, scale))
}
