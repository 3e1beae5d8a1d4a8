//! Maxima of randomly spaced windows.

use super::{on_cpu, view};
use crate::Array;
use base::Result;

/// The position of the largest element of each window.
pub fn fractional_max_pool(
    out: &Array,
    x: &Array,
    samples: &Array,
    window: [usize; 3],
) -> Result<()> {
    on_cpu("fractional_max_pool", out, |target| {
        cpu::fractional::fractional_max_pool(target, view(x)?, view(samples)?, window)
    })
}
