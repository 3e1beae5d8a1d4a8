//! Fused optimizer updates: SGD and Adam with their variants.

use crate::launch::Kernel;
use crate::shader::{Access, Variant};
use crate::{View, dense, no_kernel};
use base::{DType, Layout, Result};

const SGD: &str = "out0_put(p.param_at + i, old + p.rate * g);";

// q0: momentum, q1: 1 - dampening, q2: first step, q3: Nesterov.
const MOMENTUM: &str = "let sum = select(out1_at(p.s0_at + i) * p.q0 + p.q1 * g, g, p.q2 > 0.0);
  out1_put(p.s0_at + i, sum);
  out0_put(p.param_at + i, old + p.rate * select(sum, g + p.q0 * sum, p.q3 > 0.0));";

// q0: 1 - beta1, q1: beta2, q2: 1 - beta2, q3: scale of the root, q4: eps.
const ADAM: &str = "let m = lerp(out1_at(p.s0_at + i), g, p.q0);
  let v = out2_at(p.s1_at + i) * p.q1 + (p.q2 * g) * g;
  out1_put(p.s0_at + i, m);
  out2_put(p.s1_at + i, v);
  out0_put(p.param_at + i, old + (p.rate * m) / (sqrt(v) / p.q3 + p.q4));";

const AMSGRAD: &str = "let m = lerp(out1_at(p.s0_at + i), g, p.q0);
  let v = out2_at(p.s1_at + i) * p.q1 + (p.q2 * g) * g;
  let top = max_nan(out3_at(p.s2_at + i), v);
  out1_put(p.s0_at + i, m);
  out2_put(p.s1_at + i, v);
  out3_put(p.s2_at + i, top);
  out0_put(p.param_at + i, old + (p.rate * m) / (sqrt(top) / p.q3 + p.q4));";

/// What all updates do before their own: sign of the gradient, factor of the parameter, weight
/// decay added to the gradient, step size.
#[derive(Clone, Copy, Debug)]
pub struct Common {
    /// Climb instead of descend.
    pub maximize: bool,
    /// Factor of the parameter (decoupled weight decay).
    pub shrink: f64,
    /// Weight decay added to the gradient.
    pub decay: f64,
    /// Factor of the update.
    pub rate: f64,
}

/// Gradient descent: with a momentum buffer `[momentum, 1 - dampening, first step, Nesterov]`.
pub fn sgd(
    param: View<'_>,
    grad: View<'_>,
    buffer: Option<View<'_>>,
    (by, momentum): (&Common, [f64; 4]),
) -> Result<()> {
    match buffer {
        None => update(SGD, grad, &[param], (by, &[])),
        Some(buffer) => update(MOMENTUM, grad, &[param, buffer], (by, &momentum)),
    }
}

/// Adam: `[1 - beta1, beta2, 1 - beta2, scale of the root, eps]`; with `largest`, AMSGrad.
pub fn adam(
    param: View<'_>,
    grad: View<'_>,
    [mean, square]: [View<'_>; 2],
    largest: Option<View<'_>>,
    (by, numbers): (&Common, [f64; 5]),
) -> Result<()> {
    match largest {
        None => update(ADAM, grad, &[param, mean, square], (by, &numbers)),
        Some(top) => update(AMSGRAD, grad, &[param, mean, square, top], (by, &numbers)),
    }
}

/// Offsets that the parameters hold: gradient, parameter, three states.
const VIEWS: usize = 5;

fn update(
    expr: &'static str,
    grad: View<'_>,
    targets: &[View<'_>],
    (by, numbers): (&Common, &[f64]),
) -> Result<()> {
    let n = grad.numel();
    let param = targets[0];
    let alike = |t: &View<'_>| t.layout.strides == param.layout.strides;
    if !(param.layout.is_dense() && targets.iter().all(alike)) {
        return Err(no_kernel(
            "_fused_optimizer_",
            "a parameter with gaps, or with state in another order",
        ));
    }
    let same = grad.layout.strides == param.layout.strides;
    let order = Layout { offset: 0, ..param.layout.clone() };
    dense::retry_as(grad, &order, !same, |grad| {
        let mut kernel = Kernel::new("optim").of(expr).read(grad);
        for target in targets {
            kernel = kernel.write(*target);
        }
        let sign = if by.maximize { -1.0 } else { 1.0 };
        kernel
            .numbers(vec![0; VIEWS - 1 - targets.len()])
            .floats(&[sign, by.shrink, by.decay, by.rate])
            .floats(numbers)
            .floats(&[0.0; 5][numbers.len()..])
            .threads(n)
    })
}

/// Variants for tests.
pub fn samples(dtypes: &[DType]) -> Vec<Variant> {
    let mut list = Vec::new();
    for &d in dtypes.iter().filter(|d| d.is_float()) {
        for (expr, writes) in [(SGD, 1), (MOMENTUM, 2), (ADAM, 3), (AMSGRAD, 4)] {
            let mut slots = vec![(d, Access::Read)];
            slots.resize(1 + writes, (d, Access::Write));
            list.push(Variant::new("optim", &slots).of(expr));
        }
    }
    list
}
