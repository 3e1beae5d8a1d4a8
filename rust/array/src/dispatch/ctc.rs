//! Connectionist temporal classification.

use super::on_cpu;
use crate::Array;
use base::Result;
use cpu::ctc as kernels;
pub use kernels::Sample;

/// The negative log likelihood of each sample's target.
pub fn ctc_loss(out: &Array, x: &Array, samples: &[Sample], blank: usize) -> Result<()> {
    on_cpu("_ctc_loss", out, |host, target| {
        kernels::ctc_loss(target, host.view(x)?, samples, blank)
    })
}

/// The gradient of [`ctc_loss`].
pub fn ctc_loss_backward(
    grad_input: &Array,
    (grad, x): (&Array, &Array),
    samples: &[Sample],
    blank: usize,
    zero_infinity: bool,
) -> Result<()> {
    on_cpu("_ctc_loss_backward", grad_input, |host, target| {
        kernels::ctc_loss_backward(
            target,
            (host.view(grad)?, host.view(x)?),
            samples,
            blank,
            zero_infinity,
        )
    })
}
