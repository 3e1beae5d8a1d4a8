//! Maxima of randomly spaced windows.

use super::on_cpu;
use crate::Array;
use base::Result;

/// The position of the largest element of each window.
pub fn fractional_max_pool(
    out: &Array,
    x: &Array,
    samples: &Array,
    window: [usize; 3],
) -> Result<()> {
    on_cpu("fractional_max_pool", out, |host, target| {
        cpu::fractional::fractional_max_pool(target, host.view(x)?, host.view(samples)?, window)
    })
}
