//! Optimizer updates: one parameter with its gradient and state.

use super::{Host, gpu_view, not_on_gpu, on_device};
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
    let on_host = |host: &Host, p: cpu::ViewMut<'_>| {
        let g = host.view(grad)?;
        let target = |i: usize| state[i].map(|a| host.view_mut(a)).transpose();
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
    };
    on_device(param, on_host, |p| update_on_gpu(rule, p, grad, state))
}

fn update_on_gpu(
    rule: &Update,
    param: gpu::View<'_>,
    grad: &Array,
    state: [Option<&Array>; 3],
) -> Result<()> {
    let g = gpu_view(grad)?;
    let [a, b, c] = state.map(|s| s.map(gpu_view).transpose());
    match (rule, a?, b?, c?) {
        (Update::Sgd(by), buffer, ..) => {
            let numbers = [
                by.momentum,
                1.0 - by.dampening,
                f64::from(u8::from(by.first_step)),
                f64::from(u8::from(by.nesterov)),
            ];
            let (maximize, decay, rate) = (by.maximize, by.weight_decay, -by.lr);
            let common = gpu::optim::Common { maximize, shrink: 1.0, decay, rate };
            gpu::optim::sgd(param, g, buffer, (&common, numbers))
        }
        (Update::Adam(by), Some(mean), Some(square), largest) => {
            let correction = |beta: f64| 1.0 - beta.powf(by.step);
            let [beta1, beta2] = by.betas;
            let (shrink, decay) = if by.decoupled {
                (1.0 - by.lr * by.weight_decay, 0.0)
            } else {
                (1.0, by.weight_decay)
            };
            let rate = -(by.lr / correction(beta1));
            let common = gpu::optim::Common { maximize: by.maximize, shrink, decay, rate };
            let numbers = [1.0 - beta1, beta2, 1.0 - beta2, correction(beta2).sqrt(), by.eps];
            gpu::optim::adam(param, g, [mean, square], largest, (&common, numbers))
        }
        _ => not_on_gpu("optimizer update", grad.device()),
    }
}
