//! Optimizer updates: one parameter with its gradient and state.

use super::{Host, gpu_view, on_device};
use crate::{Array, overlap};
use base::{Result, bail};
use cpu::optim as kernels;
use gpu::optim::{Common, Rule};

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
    let states = state.into_iter().flatten().map(gpu_view);
    let targets = std::iter::once(Ok(param)).chain(states).collect::<Result<Vec<_>>>()?;
    let (text, common, numbers) = on_gpu(rule, state);
    gpu::optim::update(text, gpu_view(grad)?, &targets, (&common, &numbers))
}

/// 1 - beta^step.
fn correction(beta: f64, step: f64) -> f64 {
    1.0 - beta.powf(step)
}

/// The shader's rule for an update, and its numbers.
type OnGpu = (Rule, Common, Vec<f64>);

fn on_gpu(rule: &Update, state: [Option<&Array>; 3]) -> OnGpu {
    match rule {
        Update::Sgd(by) => {
            let text = if state[0].is_some() { Rule::Momentum } else { Rule::Sgd };
            let number = |flag: bool| f64::from(u8::from(flag));
            let numbers =
                vec![by.momentum, 1.0 - by.dampening, number(by.first_step), number(by.nesterov)];
            (text, common(by.maximize, by.weight_decay, -by.lr), numbers)
        }
        Update::Adam(by) => adam(by, state[2].is_some()),
        Update::Adamax(by) => {
            let rate = -(by.lr / correction(by.betas[0], by.step));
            let numbers = vec![1.0 - by.betas[0], by.betas[1], by.eps];
            (Rule::Adamax, common(by.maximize, by.weight_decay, rate), numbers)
        }
        Update::Nadam(by) => nadam(by),
        Update::Radam(by) => radam(by),
        Update::Adagrad(by) => {
            let rate = -(by.lr / (1.0 + (by.step - 1.0) * by.lr_decay));
            (Rule::Adagrad, common(by.maximize, by.weight_decay, rate), vec![by.eps])
        }
        Update::Rmsprop(by) => {
            let text = match (state[1].is_some(), state[2].is_some()) {
                (false, false) => Rule::Rmsprop,
                (true, false) => Rule::RmspropCentred,
                (false, true) => Rule::RmspropMomentum,
                (true, true) => Rule::RmspropCentredMomentum,
            };
            let numbers = vec![by.alpha, 1.0 - by.alpha, by.eps, by.momentum];
            (text, common(by.maximize, by.weight_decay, -by.lr), numbers)
        }
        Update::Adadelta(by) => {
            let numbers = vec![by.rho, 1.0 - by.rho, by.eps];
            (Rule::Adadelta, common(by.maximize, by.weight_decay, -by.lr), numbers)
        }
        Update::Asgd(by) => {
            let numbers = vec![1.0 - by.lambd * by.eta, by.mu];
            (Rule::Asgd, common(by.maximize, by.weight_decay, -by.eta), numbers)
        }
        Update::Rprop(by) => {
            let numbers = [by.etas, by.step_sizes].concat();
            (Rule::Rprop, common(by.maximize, 0.0, 0.0), numbers)
        }
    }
}

fn common(maximize: bool, decay: f64, rate: f64) -> Common {
    Common { maximize, shrink: 1.0, decay, rate }
}

/// Weight decay that shrinks the parameter instead of adding to its gradient.
fn decoupled(common: Common, decoupled: bool, lr: f64) -> Common {
    let shrink = 1.0 - lr * common.decay;
    if decoupled { Common { shrink, decay: 0.0, ..common } } else { common }
}

fn adam(by: &kernels::Adam, amsgrad: bool) -> OnGpu {
    let [beta1, beta2] = by.betas;
    let root = correction(beta2, by.step).sqrt();
    let common = common(by.maximize, by.weight_decay, -(by.lr / correction(beta1, by.step)));
    let numbers = vec![1.0 - beta1, beta2, 1.0 - beta2, root, by.eps];
    let text = if amsgrad { Rule::Amsgrad } else { Rule::Adam };
    (text, decoupled(common, by.decoupled, by.lr), numbers)
}

fn nadam(by: &kernels::Nadam) -> OnGpu {
    let ([beta1, beta2], [mu, next]) = (by.betas, by.mu);
    let rate = -by.lr * (1.0 - mu) / (1.0 - by.mu_product);
    let mean_rate = (-by.lr * next) / (1.0 - by.mu_product * next);
    let scale = correction(beta2, by.step);
    let numbers = vec![1.0 - beta1, beta2, 1.0 - beta2, scale, by.eps, mean_rate];
    let common = common(by.maximize, by.weight_decay, rate);
    (Rule::Nadam, decoupled(common, by.decoupled, by.lr), numbers)
}

fn radam(by: &kernels::Radam) -> OnGpu {
    let [beta1, beta2] = by.betas;
    let scales = [correction(beta1, by.step), correction(beta2, by.step).sqrt()];
    let factor = by.rectification().unwrap_or(0.0);
    let numbers =
        vec![1.0 - beta1, beta2, 1.0 - beta2, scales[0], by.lr, scales[1], by.eps, factor];
    let common = common(by.maximize, by.weight_decay, 0.0);
    (Rule::Radam, decoupled(common, by.decoupled, by.lr), numbers)
}
