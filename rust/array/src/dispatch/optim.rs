//! Optimizer updates: one parameter with its gradient and state.

use super::{on_cpu, view, view_mut};
use crate::{Array, overlap};
use base::{Result, bail};
use cpu::optim as kernels;

/// An update rule with its hyper-parameters.
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub enum Update {
    Sgd(kernels::Sgd),
    Adam(kernels::Adam),
    Adamax(kernels::Adamax),
    Nadam(kernels::Nadam),
    Radam(kernels::Radam),
    Adagrad(kernels::Adagrad),
    Rmsprop(kernels::Rmsprop),
    Adadelta(kernels::Adadelta),
    Asgd(kernels::Asgd),
    Rprop(kernels::Rprop),
}

/// Updates `param` and the state arrays by `grad`; absent states are `None`.
pub fn update(
    rule: &Update,
    param: &Array,
    grad: &Array,
    state: [Option<&Array>; 3],
) -> Result<()> {
    for target in [Some(param), state[0], state[1], state[2]].into_iter().flatten() {
        overlap::check_output(target)?;
    }
    on_cpu(param, |p| {
        let g = view(grad)?;
        let target = |i: usize| state[i].map(view_mut).transpose();
        let (a, b, c) = (target(0)?, target(1)?, target(2)?);
        match (rule, a, b) {
            (Update::Sgd(by), buffer, _) => kernels::sgd(p, g, buffer, by),
            (Update::Adam(by), Some(a), Some(b)) => kernels::adam(p, g, [a, b], c, by),
            (Update::Adamax(by), Some(a), Some(b)) => kernels::adamax(p, g, [a, b], by),
            (Update::Nadam(by), Some(a), Some(b)) => kernels::nadam(p, g, [a, b], by),
            (Update::Radam(by), Some(a), Some(b)) => kernels::radam(p, g, [a, b], by),
            (Update::Adagrad(by), Some(a), _) => kernels::adagrad(p, g, a, by),
            (Update::Rmsprop(by), Some(a), mean) => kernels::rmsprop(p, g, a, [mean, c], by),
            (Update::Adadelta(by), Some(a), Some(b)) => kernels::adadelta(p, g, [a, b], by),
            (Update::Asgd(by), Some(a), _) => kernels::asgd(p, g, a, by),
            (Update::Rprop(by), Some(a), Some(b)) => kernels::rprop(p, g, [a, b], by),
            _ => bail!(Runtime, "internal error: an optimizer update lacks state"),
        }
    })
}
