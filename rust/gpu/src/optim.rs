//! Fused optimizer updates. A rule is shader text over the old parameter, the gradient (with its sign
//! and weight decay) and up to three states; `q0` to `q7` are its numbers.

use crate::launch::Kernel;
use crate::shader::{Access, Variant};
use crate::{View, dense, no_kernel};
use base::{DType, Layout, Result, ensure};

/// The update rules, with what their numbers are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule {
    /// No numbers.
    Sgd,
    /// Momentum, 1 - dampening, first step, Nesterov.
    Momentum,
    /// 1 - beta1, beta2, 1 - beta2, scale of the root, eps.
    Adam,
    /// As Adam.
    Amsgrad,
    /// 1 - beta1, beta2, eps.
    Adamax,
    /// 1 - beta1, beta2, 1 - beta2, scale of the square, eps, rate of the mean.
    Nadam,
    /// 1 - beta1, beta2, 1 - beta2, scale of the mean, rate, scale of the root, eps, rectification (0
    /// for none).
    Radam,
    /// Eps.
    Adagrad,
    /// Alpha, 1 - alpha, eps, momentum.
    Rmsprop,
    /// As RMSprop.
    RmspropCentred,
    /// As RMSprop.
    RmspropMomentum,
    /// As RMSprop.
    RmspropCentredMomentum,
    /// Rho, 1 - rho, eps.
    Adadelta,
    /// Factor of the parameter, weight of it in the average.
    Asgd,
    /// Factors of the step on a change of sign and without one, its bounds.
    Rprop,
}

/// The first two moments of the gradient, kept in the first two states.
macro_rules! moments {
    ($rest:literal) => {
        concat!(
            "let m = lerp(out1_at(p.s0_at + i), g, p.q0);
  let v = out2_at(p.s1_at + i) * p.q1 + (p.q2 * g) * g;
  out1_put(p.s0_at + i, m);
  out2_put(p.s1_at + i, v);
  ",
            $rest
        )
    };
}

macro_rules! square {
    ($rest:literal) => {
        concat!(
            "let v = out1_at(p.s0_at + i) * p.q0 + (p.q1 * g) * g;
  out1_put(p.s0_at + i, v);
  ",
            $rest
        )
    };
}

impl Rule {
    fn text(self) -> &'static str {
        match self {
            Rule::Sgd => "out0_put(p.param_at + i, old + p.rate * g);",
            Rule::Momentum => {
                "let sum = select(out1_at(p.s0_at + i) * p.q0 + p.q1 * g, g, p.q2 > 0.0);
  out1_put(p.s0_at + i, sum);
  out0_put(p.param_at + i, old + p.rate * select(sum, g + p.q0 * sum, p.q3 > 0.0));"
            }
            Rule::Adam => {
                moments!("out0_put(p.param_at + i, old + (p.rate * m) / (sqrt(v) / p.q3 + p.q4));")
            }
            Rule::Amsgrad => moments!(
                "let top = max_nan(out3_at(p.s2_at + i), v);
  out3_put(p.s2_at + i, top);
  out0_put(p.param_at + i, old + (p.rate * m) / (sqrt(top) / p.q3 + p.q4));"
            ),
            Rule::Adamax => {
                "let m = lerp(out1_at(p.s0_at + i), g, p.q0);
  let top = max_nan(out2_at(p.s1_at + i) * p.q1, abs(g) + p.q2);
  out1_put(p.s0_at + i, m);
  out2_put(p.s1_at + i, top);
  out0_put(p.param_at + i, old + (p.rate * m) / top);"
            }
            Rule::Nadam => moments!(
                "let d = sqrt(v / p.q3) + p.q4;
  out0_put(p.param_at + i, old + (p.rate * g) / d + (p.q5 * m) / d);"
            ),
            Rule::Radam => moments!(
                "let step = (m / p.q3) * p.q4;
  let rectified = step * (p.q5 / (sqrt(v) + p.q6)) * p.q7;
  out0_put(p.param_at + i, old - select(step, rectified, p.q7 > 0.0));"
            ),
            Rule::Adagrad => {
                "let sum = out1_at(p.s0_at + i) + g * g;
  out1_put(p.s0_at + i, sum);
  out0_put(p.param_at + i, old + (p.rate * g) / (sqrt(sum) + p.q0));"
            }
            Rule::Rmsprop => {
                square!("out0_put(p.param_at + i, old + (p.rate * g) / (sqrt(v) + p.q2));")
            }
            Rule::RmspropCentred => square!(
                "let m = lerp(out2_at(p.s1_at + i), g, p.q1);
  out2_put(p.s1_at + i, m);
  out0_put(p.param_at + i, old + (p.rate * g) / (sqrt(v - m * m) + p.q2));"
            ),
            Rule::RmspropMomentum => square!(
                "let step = out2_at(p.s1_at + i) * p.q3 + g / (sqrt(v) + p.q2);
  out2_put(p.s1_at + i, step);
  out0_put(p.param_at + i, old + p.rate * step);"
            ),
            Rule::RmspropCentredMomentum => square!(
                "let m = lerp(out2_at(p.s1_at + i), g, p.q1);
  out2_put(p.s1_at + i, m);
  let step = out3_at(p.s2_at + i) * p.q3 + g / (sqrt(v - m * m) + p.q2);
  out3_put(p.s2_at + i, step);
  out0_put(p.param_at + i, old + p.rate * step);"
            ),
            Rule::Adadelta => square!(
                "let past = out2_at(p.s1_at + i);
  let step = sqrt(past + p.q2) / sqrt(v + p.q2) * g;
  out2_put(p.s1_at + i, past * p.q0 + (p.q1 * step) * step);
  out0_put(p.param_at + i, old + p.rate * step);"
            ),
            Rule::Asgd => {
                "let next = old * p.q0 + p.rate * g;
  let mean = out1_at(p.s0_at + i);
  out0_put(p.param_at + i, next);
  out1_put(p.s0_at + i, select(mean + (next - mean) * p.q1, next, p.q1 == 1.0));"
            }
            Rule::Rprop => {
                "let agreement = g * out1_at(p.s0_at + i);
  var factor = select(1.0, agreement, is_nan(agreement));
  if (agreement > 0.0) { factor = p.q1; }
  if (agreement < 0.0) { factor = p.q0; }
  var step = out2_at(p.s1_at + i) * factor;
  if (step < p.q2) { step = p.q2; }
  if (step > p.q3) { step = p.q3; }
  let used = select(g, 0.0, agreement < 0.0);
  out1_put(p.s0_at + i, used);
  out2_put(p.s1_at + i, step);
  out0_put(p.param_at + i, old - select(sign_of(used), used, is_nan(used)) * step);"
            }
        }
    }

    /// How many states it has.
    fn states(self) -> usize {
        match self {
            Rule::Sgd => 0,
            Rule::Momentum | Rule::Adagrad | Rule::Rmsprop | Rule::Asgd => 1,
            Rule::Amsgrad | Rule::RmspropCentredMomentum => 3,
            _ => 2,
        }
    }
}

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

/// Numbers of a rule.
const NUMBERS: usize = 8;

/// Offsets that the parameters hold: gradient, parameter, three states.
const VIEWS: usize = 5;

/// Updates the targets (the parameter, then its states) by the gradient.
pub fn update(
    rule: Rule,
    grad: View<'_>,
    targets: &[View<'_>],
    (by, numbers): (&Common, &[f64]),
) -> Result<()> {
    let n = grad.numel();
    let param = targets[0];
    ensure!(
        targets.len() == 1 + rule.states() && numbers.len() <= NUMBERS,
        Runtime,
        "internal error: {rule:?} with {} arrays",
        targets.len()
    );
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
        let mut kernel = Kernel::new("optim").of(rule.text()).read(grad);
        for target in targets {
            kernel = kernel.write(*target);
        }
        let sign = if by.maximize { -1.0 } else { 1.0 };
        kernel
            .numbers(vec![0; VIEWS - 1 - targets.len()])
            .floats(&[sign, by.shrink, by.decay, by.rate])
            .floats(numbers)
            .floats(&[0.0; NUMBERS][numbers.len()..])
            .threads(n)
    })
}

/// Variants for tests.
pub fn samples(dtypes: &[DType]) -> Vec<Variant> {
    let rules = [
        Rule::Sgd,
        Rule::Momentum,
        Rule::Adam,
        Rule::Amsgrad,
        Rule::Adamax,
        Rule::Nadam,
        Rule::Radam,
        Rule::Adagrad,
        Rule::Rmsprop,
        Rule::RmspropCentred,
        Rule::RmspropMomentum,
        Rule::RmspropCentredMomentum,
        Rule::Adadelta,
        Rule::Asgd,
        Rule::Rprop,
    ];
    let mut list = Vec::new();
    for &d in dtypes.iter().filter(|d| d.is_float()) {
        for rule in rules {
            let mut slots = vec![(d, Access::Read)];
            slots.resize(2 + rule.states(), (d, Access::Write));
            list.push(Variant::new("optim", &slots).of(rule.text()));
        }
    }
    list
}
