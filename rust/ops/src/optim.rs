//! Optimizer steps: one call updates every parameter of a group. Nothing is written before all
//! lists have been checked; no history is recorded.

use array::dispatch;
use array::dispatch::optim::{Update, update};
use base::{Result, Scalar, ensure};
use cpu::optim::{Adadelta, Adagrad, Adam, Adamax, Asgd, Nadam, Radam, Rmsprop, Rprop, Sgd};
use tape::Tensor;

/// The lists of one call: parameters, gradients, states (empty lists stand for absent ones).
struct Group<'a> {
    op: &'static str,
    params: &'a [Tensor],
    grads: &'a [Tensor],
    states: [&'a [Tensor]; 3],
}

impl Group<'_> {
    fn check(&self) -> Result<()> {
        let n = self.params.len();
        let lists = [self.grads, self.states[0], self.states[1], self.states[2]];
        for (i, list) in lists.iter().enumerate() {
            ensure!(
                list.len() == n || (i > 0 && list.is_empty()),
                Runtime,
                "{}: lists must have the same length; got {n} parameters and a list of {}",
                self.op,
                list.len()
            );
            for (p, t) in self.params.iter().zip(*list) {
                ensure!(
                    p.dims() == t.dims() && p.dtype() == t.dtype() && p.device() == t.device(),
                    Runtime,
                    "{}: a parameter and its gradient and state must agree; got {} {} and {} {}",
                    self.op,
                    p.dtype(),
                    base::shape::show(&p.dims()),
                    t.dtype(),
                    base::shape::show(&t.dims())
                );
            }
        }
        Ok(())
    }

    /// Applies `rule(i)` to each parameter.
    fn run(&self, rule: impl Fn(usize) -> Result<Update>) -> Result<()> {
        self.check()?;
        for (i, (param, grad)) in self.params.iter().zip(self.grads).enumerate() {
            let state = self.states.map(|list| list.get(i));
            let arrays = state.map(|t| t.map(Tensor::array));
            let [a, b, c] = &arrays;
            let borrowed = [a.as_ref(), b.as_ref(), c.as_ref()];
            update(&rule(i)?, &param.array(), &grad.array(), borrowed)?;
            param.bump_version();
            state.into_iter().flatten().for_each(Tensor::bump_version);
        }
        Ok(())
    }
}

/// The step number kept in a 0-d tensor, already that of this step.
fn step_of(steps: &[Tensor], i: usize, op: &str) -> Result<f64> {
    ensure!(i < steps.len(), Runtime, "{op}: state_steps has {} entries", steps.len());
    number(&steps[i])
}

fn number(t: &Tensor) -> Result<f64> {
    Ok(dispatch::item(&t.array())?.to_f64())
}

fn store(t: &Tensor, value: f64) -> Result<()> {
    dispatch::fill(&t.array(), Scalar::Float(value))?;
    t.bump_version();
    Ok(())
}

/// Loss scaling is done by `GradScaler` before the step; the fused form of it is not there.
fn no_scaling(op: &str, scale: Option<&Tensor>, found: Option<&Tensor>) -> Result<()> {
    ensure!(
        scale.is_none() && found.is_none(),
        NotImplemented,
        "{op}: grad_scale and found_inf are not available"
    );
    Ok(())
}

crate::ops! {
    /// Fused optimizer steps.
    OPTIMIZERS:
    /// Stochastic gradient descent with momentum.
    f "_fused_sgd_(Tensor[] self, Tensor[] grads, Tensor[] momentum_buffer_list, *, float weight_decay, float momentum, float lr, float dampening, bool nesterov, bool maximize, bool is_first_step, Tensor? grad_scale=None, Tensor? found_inf=None) -> ()" => |params, grads, buffers, weight_decay, momentum, lr, dampening, nesterov, maximize, first_step, scale, found| {
        no_scaling("_fused_sgd_", scale, found).and_then(|()| Group { op: "_fused_sgd_", params, grads, states: [buffers, &[], &[]] }
            .run(|_| Ok(Update::Sgd(Sgd { lr, momentum, dampening, weight_decay, nesterov, maximize, first_step }))))
    };
    /// Adam.
    f "_fused_adam_(Tensor[] self, Tensor[] grads, Tensor[] exp_avgs, Tensor[] exp_avg_sqs, Tensor[] max_exp_avg_sqs, Tensor[] state_steps, *, float lr, float beta1, float beta2, float weight_decay, float eps, bool amsgrad, bool maximize, Tensor? grad_scale=None, Tensor? found_inf=None) -> ()" => |params, grads, means, squares, largest, steps, lr, beta1, beta2, weight_decay, eps, _amsgrad, maximize, scale, found| {
        adam(false, [params, grads, means, squares, largest, steps], [lr, beta1, beta2, weight_decay, eps], [_amsgrad, maximize], scale, found)
    };
    /// Adam with decoupled weight decay.
    f "_fused_adamw_(Tensor[] self, Tensor[] grads, Tensor[] exp_avgs, Tensor[] exp_avg_sqs, Tensor[] max_exp_avg_sqs, Tensor[] state_steps, *, float lr, float beta1, float beta2, float weight_decay, float eps, bool amsgrad, bool maximize, Tensor? grad_scale=None, Tensor? found_inf=None) -> ()" => |params, grads, means, squares, largest, steps, lr, beta1, beta2, weight_decay, eps, _amsgrad, maximize, scale, found| {
        adam(true, [params, grads, means, squares, largest, steps], [lr, beta1, beta2, weight_decay, eps], [_amsgrad, maximize], scale, found)
    };
    /// Adagrad.
    f "_fused_adagrad_(Tensor[] self, Tensor[] grads, Tensor[] state_sums, Tensor[] state_steps, *, float lr, float lr_decay, float weight_decay, float eps, bool maximize, Tensor? grad_scale=None, Tensor? found_inf=None) -> ()" => |params, grads, sums, steps, lr, lr_decay, weight_decay, eps, maximize, scale, found| {
        no_scaling("_fused_adagrad_", scale, found).and_then(|()| Group { op: "_fused_adagrad_", params, grads, states: [sums, &[], &[]] }
            .run(|i| Ok(Update::Adagrad(Adagrad { lr, lr_decay, weight_decay, eps, maximize, step: step_of(steps, i, "_fused_adagrad_")? }))))
    };
    /// RMSprop.
    f "_fused_rmsprop_(Tensor[] self, Tensor[] grads, Tensor[] square_avgs, Tensor[] grad_avgs, Tensor[] momentum_buffer_list, *, float lr, float alpha, float eps, float weight_decay, float momentum, bool centered, bool maximize) -> ()" => |params, grads, squares, means, buffers, lr, alpha, eps, weight_decay, momentum, _centered, maximize| {
        lists_match("_fused_rmsprop_", _centered, means).and_then(|()| Group { op: "_fused_rmsprop_", params, grads, states: [squares, means, buffers] }
            .run(|_| Ok(Update::Rmsprop(Rmsprop { lr, alpha, eps, weight_decay, momentum, maximize }))))
    };
    /// Adadelta.
    f "_fused_adadelta_(Tensor[] self, Tensor[] grads, Tensor[] square_avgs, Tensor[] acc_deltas, *, float lr, float rho, float eps, float weight_decay, bool maximize) -> ()" => |params, grads, squares, deltas, lr, rho, eps, weight_decay, maximize| {
        Group { op: "_fused_adadelta_", params, grads, states: [squares, deltas, &[]] }
            .run(|_| Ok(Update::Adadelta(Adadelta { lr, rho, eps, weight_decay, maximize })))
    };
    /// Adamax.
    f "_fused_adamax_(Tensor[] self, Tensor[] grads, Tensor[] exp_avgs, Tensor[] exp_infs, Tensor[] state_steps, *, float lr, float beta1, float beta2, float weight_decay, float eps, bool maximize) -> ()" => |params, grads, means, largest, steps, lr, beta1, beta2, weight_decay, eps, maximize| {
        Group { op: "_fused_adamax_", params, grads, states: [means, largest, &[]] }
            .run(|i| Ok(Update::Adamax(Adamax { lr, betas: [beta1, beta2], eps, weight_decay, maximize, step: step_of(steps, i, "_fused_adamax_")? })))
    };
    /// NAdam.
    f "_fused_nadam_(Tensor[] self, Tensor[] grads, Tensor[] exp_avgs, Tensor[] exp_avg_sqs, Tensor[] mu_products, Tensor[] state_steps, *, float lr, float beta1, float beta2, float weight_decay, float eps, float momentum_decay, bool decoupled_weight_decay, bool maximize) -> ()" => |params, grads, means, squares, products, steps, lr, beta1, beta2, weight_decay, eps, momentum_decay, decoupled, maximize| {
        nadam([params, grads, means, squares, products, steps], [lr, beta1, beta2, weight_decay, eps, momentum_decay], [decoupled, maximize])
    };
    /// RAdam.
    f "_fused_radam_(Tensor[] self, Tensor[] grads, Tensor[] exp_avgs, Tensor[] exp_avg_sqs, Tensor[] state_steps, *, float lr, float beta1, float beta2, float weight_decay, float eps, bool decoupled_weight_decay, bool maximize) -> ()" => |params, grads, means, squares, steps, lr, beta1, beta2, weight_decay, eps, decoupled, maximize| {
        Group { op: "_fused_radam_", params, grads, states: [means, squares, &[]] }
            .run(|i| Ok(Update::Radam(Radam { lr, betas: [beta1, beta2], eps, weight_decay, decoupled, maximize, step: step_of(steps, i, "_fused_radam_")? })))
    };
    /// Averaged stochastic gradient descent.
    f "_fused_asgd_(Tensor[] self, Tensor[] grads, Tensor[] axs, Tensor[] mus, Tensor[] etas, Tensor[] state_steps, *, float lr, float lambd, float alpha, float t0, float weight_decay, bool maximize) -> ()" => |params, grads, averages, mus, etas, steps, lr, lambd, alpha, t0, weight_decay, maximize| {
        asgd([params, grads, averages, mus, etas, steps], [lr, lambd, alpha, t0, weight_decay], maximize)
    };
    /// Resilient backpropagation.
    f "_fused_rprop_(Tensor[] self, Tensor[] grads, Tensor[] prevs, Tensor[] step_sizes, *, float etaminus, float etaplus, float step_size_min, float step_size_max, bool maximize) -> ()" => |params, grads, previous, sizes, etaminus, etaplus, least, most, maximize| {
        Group { op: "_fused_rprop_", params, grads, states: [previous, sizes, &[]] }
            .run(|_| Ok(Update::Rprop(Rprop { etas: [etaminus, etaplus], step_sizes: [least, most], maximize })))
    };
    /// Adds a number to every tensor, in place.
    f "_foreach_add_(Tensor[] self, Scalar scalar) -> ()" => |list, value| each(list, &crate::binary::add::OP, value);
    /// Multiplies every tensor by a number, in place.
    f "_foreach_mul_(Tensor[] self, Scalar scalar) -> ()" => |list, value| each(list, &crate::binary::mul::OP, value);
    /// Sets every tensor to zero, in place.
    f "_foreach_zero_(Tensor[] self) -> ()" => |list| zero(list);
    /// Moves every tensor towards another by a weight, in place.
    f "_foreach_lerp_(Tensor[] self, Tensor[] tensors1, Scalar weight) -> ()" => |list, towards, weight| lerp(list, towards, weight);
}

/// RMSprop's mean of gradients is there exactly when it is centered.
fn lists_match(op: &str, centered: bool, means: &[Tensor]) -> Result<()> {
    ensure!(centered || means.is_empty(), Runtime, "{op}: grad_avgs is only for centered=True");
    Ok(())
}

fn adam(
    decoupled: bool,
    [params, grads, means, squares, largest, steps]: [&[Tensor]; 6],
    [lr, beta1, beta2, weight_decay, eps]: [f64; 5],
    [amsgrad, maximize]: [bool; 2],
    scale: Option<&Tensor>,
    found: Option<&Tensor>,
) -> Result<()> {
    let op = if decoupled { "_fused_adamw_" } else { "_fused_adam_" };
    no_scaling(op, scale, found)?;
    ensure!(
        amsgrad != largest.is_empty() || params.is_empty(),
        Runtime,
        "{op}: max_exp_avg_sqs is needed exactly for amsgrad=True"
    );
    Group { op, params, grads, states: [means, squares, largest] }.run(|i| {
        let step = step_of(steps, i, op)?;
        let betas = [beta1, beta2];
        Ok(Update::Adam(Adam { lr, betas, eps, weight_decay, decoupled, maximize, step }))
    })
}

fn nadam(
    [params, grads, means, squares, products, steps]: [&[Tensor]; 6],
    [lr, beta1, beta2, weight_decay, eps, momentum_decay]: [f64; 6],
    [decoupled, maximize]: [bool; 2],
) -> Result<()> {
    let op = "_fused_nadam_";
    ensure!(
        products.len() == params.len(),
        Runtime,
        "{op}: mu_products must have one entry a parameter"
    );
    Group { op, params, grads, states: [means, squares, &[]] }.run(|i| {
        let step = step_of(steps, i, op)?;
        let mu = [step, step + 1.0].map(|s| Nadam::momentum(beta1, momentum_decay, s));
        store(&products[i], number(&products[i])? * mu[0])?;
        let mu_product = number(&products[i])?;
        let betas = [beta1, beta2];
        Ok(Update::Nadam(Nadam {
            lr,
            betas,
            eps,
            weight_decay,
            decoupled,
            maximize,
            step,
            mu,
            mu_product,
        }))
    })
}

fn asgd(
    [params, grads, averages, mus, etas, steps]: [&[Tensor]; 6],
    [lr, lambd, alpha, t0, weight_decay]: [f64; 5],
    maximize: bool,
) -> Result<()> {
    let op = "_fused_asgd_";
    let n = params.len();
    ensure!(
        mus.len() == n && etas.len() == n,
        Runtime,
        "{op}: mus and etas must have one entry a parameter"
    );
    Group { op, params, grads, states: [averages, &[], &[]] }.run(|i| {
        let step = step_of(steps, i, op)?;
        let (mu, eta) = (number(&mus[i])?, number(&etas[i])?);
        store(&etas[i], lr / (1.0 + lambd * lr * step).powf(alpha))?;
        store(&mus[i], 1.0 / 1f64.max(step - t0))?;
        Ok(Update::Asgd(Asgd { lambd, weight_decay, maximize, eta, mu }))
    })
}

fn each(list: &[Tensor], row: &'static crate::map::MapRow, value: Scalar) -> Result<()> {
    for t in list {
        let ins = [t.into(), value.into()];
        crate::map::map(row, &ins, crate::map::NONE, crate::Dest::InPlace(t))?;
    }
    Ok(())
}

fn zero(list: &[Tensor]) -> Result<()> {
    list.iter().try_for_each(|t| crate::inplace::zero_(t).map(drop))
}

fn lerp(list: &[Tensor], towards: &[Tensor], weight: Scalar) -> Result<()> {
    ensure!(list.len() == towards.len(), Runtime, "_foreach_lerp_: lists must have one length");
    for (t, to) in list.iter().zip(towards) {
        let moved = (crate::Var::from(t)
            + crate::Var::from(weight) * (crate::Var::from(to) - crate::Var::from(t)))
        .tensor()?;
        crate::inplace::copy_(t, &moved)?;
    }
    Ok(())
}
