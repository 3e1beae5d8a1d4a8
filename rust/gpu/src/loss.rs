//! Negative log likelihood of class targets.

use crate::launch::Kernel;
use crate::readback::Check;
use crate::shader::{Access, Variant};
use crate::{View, dense, map};
use base::{DType, IndexRule, Result, Scalar, bail};

/// What becomes of the losses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Reduction {
    None,
    Mean,
    Sum,
}

/// What the loss is given beside the log-probabilities.
#[derive(Clone, Copy)]
pub struct NllLoss<'a> {
    /// Class of each position.
    pub target: View<'a>,
    /// Weight of each class.
    pub weight: Option<View<'a>>,
    /// The class that counts nothing.
    pub ignore_index: i64,
    /// What becomes of the losses.
    pub reduction: Reduction,
}

impl NllLoss<'_> {
    fn consts(&self) -> [u32; 2] {
        [u32::from(self.weight.is_some()), self.reduction as u32]
    }

    fn ignored(&self) -> [usize; 2] {
        let bits = self.ignore_index as u64;
        [(bits & 0xffff_ffff) as usize, (bits >> 32) as usize]
    }
}

/// Classes and positions of `[n, classes, positions]`.
fn sizes(dims: &[usize]) -> [usize; 2] {
    match dims.len() {
        1 => [dims[0], 1],
        _ => [dims[1], dims[2..].iter().product()],
    }
}

/// `out` = the losses of log-probabilities `x`, `total` = the sum of the targets' weights.
pub fn nll_loss(out: View<'_>, total: View<'_>, x: View<'_>, loss: &NllLoss<'_>) -> Result<()> {
    let [classes, positions] = sizes(x.dims());
    let count = loss.target.numel();
    if count == 0 {
        let nothing = if loss.reduction == Reduction::Mean { f64::NAN } else { 0.0 };
        map::fill(total, Scalar::Float(0.0))?;
        return map::fill(out, Scalar::Float(nothing));
    }
    let check = Check { op: "nll_loss", rule: IndexRule::TARGETS, dim: 1, bound: classes };
    dense::input(x, |x| {
        dense::input(loss.target, |target| {
            dense::input(loss.weight.unwrap_or(x), |weight| {
                dense::output(out, |out| {
                    x.device().checked(check, |flag, code| {
                        Kernel::new("nll_loss")
                            .with(&loss.consts())
                            .read(x)
                            .read(target)
                            .read(weight)
                            .write(out)
                            .write(total)
                            .flag(flag, code)
                            .numbers([classes, positions])
                            .numbers(loss.ignored())
                            .alone(count)
                    })
                })
            })
        })
    })
}

/// The gradient of [`nll_loss`].
pub fn nll_loss_backward(
    out: View<'_>,
    grad: View<'_>,
    total: View<'_>,
    loss: &NllLoss<'_>,
) -> Result<()> {
    let n = out.numel();
    if n == 0 {
        return Ok(());
    }
    let [classes, positions] = sizes(out.dims());
    if loss.target.numel() == 0 {
        bail!(Runtime, "internal error: nll_loss_backward without targets");
    }
    dense::input(grad, |grad| {
        dense::input(loss.target, |target| {
            dense::input(loss.weight.unwrap_or(grad), |weight| {
                dense::output(out, |out| {
                    Kernel::new("nll_loss_backward")
                        .with(&loss.consts())
                        .read(grad)
                        .read(target)
                        .read(weight)
                        .read(total)
                        .write(out)
                        .numbers([classes, positions])
                        .numbers(loss.ignored())
                        .threads(n)
                })
            })
        })
    })
}

/// Variants for tests.
pub fn samples(dtypes: &[DType]) -> Vec<Variant> {
    let (read, write) = (Access::Read, Access::Write);
    let mut list = Vec::new();
    for &d in dtypes.iter().filter(|d| d.is_float()) {
        let forward = [
            (d, read),
            (DType::I64, read),
            (d, read),
            (d, write),
            (d, write),
            (DType::I32, Access::Flag),
        ];
        let backward = [(d, read), (DType::I64, read), (d, read), (d, read), (d, write)];
        for weighted in [0, 1] {
            for reduction in [0, 1, 2] {
                let consts = [weighted, reduction];
                list.push(Variant::new("nll_loss", &forward).with(&consts));
                list.push(Variant::new("nll_loss_backward", &backward).with(&consts));
            }
        }
    }
    list
}
