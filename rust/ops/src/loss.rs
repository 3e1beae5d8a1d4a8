//! Losses of one number an element. Each is a row (value and derivatives) and a reduction, recorded
//! together as one node; weights multiply in between.

use crate::map::{Kept, MapRow};
use crate::node::{Formula, Keep};
use crate::{Var, map, reduce, view};
use base::{Result, bail, ensure};
use cpu::Params;
use cpu::math::{Field, Ordered, Real};
use tape::Tensor;

/// What becomes of the losses of single elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Reduction {
    None,
    Mean,
    Sum,
}

impl Reduction {
    /// From PyTorch's number: none 0, mean 1, sum 2.
    pub fn of(code: i64) -> Result<Reduction> {
        Ok(match code {
            0 => Reduction::None,
            1 => Reduction::Mean,
            2 => Reduction::Sum,
            other => bail!(Value, "{other} is not a valid value for reduction"),
        })
    }

    /// Applies it.
    pub fn apply(self, losses: Var) -> Var {
        match self {
            Reduction::None => losses,
            Reduction::Mean => losses.then(|t| reduce::mean(t, None, false, None)),
            Reduction::Sum => losses.sum(),
        }
    }

    /// The gradient of each of `dims` losses from that of the result.
    fn spread(self, g: Var, dims: &[usize]) -> Var {
        let g = match self {
            Reduction::Mean => g / Var::from(dims.iter().product::<usize>() as f64),
            _ => g,
        };
        g.then(|g| Ok(view::expand_to(g, dims)))
    }
}

/// A row with the node that joins it to its reduction.
struct Pointwise {
    node: &'static str,
    row: &'static MapRow,
    params: Params,
}

/// The loss of `x` against `target`, element by element; both may broadcast.
fn pointwise(
    loss: Pointwise,
    x: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    reduction: i64,
) -> Result<Tensor> {
    let reduction = Reduction::of(reduction)?;
    let silent = tape::set_grad_enabled(false);
    let each = Var::from(map::apply(loss.row, &[x.into(), target.into()], loss.params));
    let each = match weight {
        Some(weight) => each * Var::from(weight),
        None => each,
    };
    let each = each.tensor()?;
    let dims = each.dims();
    let value = reduction.apply(Var::T(each)).tensor()?;
    drop(silent);
    tape::record(value.array(), &[x, target], |_| {
        let mut keeps = vec![Keep::Input(x), Keep::Input(target)];
        keeps.extend(weight.map(Keep::Input));
        let Pointwise { node, row, params } = loss;
        Formula::new(node, 2, &keeps, move |grads, saved| {
            let g = Var::from(grads[0].clone().map_or_else(crate::node::absent, Ok));
            let mut g = reduction.spread(g, &dims);
            if let Some(weight) = saved.vars.get(2) {
                g = g * weight;
            }
            let zero = || Var::from(0.0);
            let vars = [saved.vars[0].clone(), saved.vars[1].clone(), zero(), zero()];
            let kept = Kept { vars, params };
            (0..2).map(|i| half(row, i, saved.needs[i], &g, &kept)).collect()
        })
    })
}

fn half(row: &MapRow, i: usize, needed: bool, g: &Var, kept: &Kept) -> Result<Option<Var>> {
    match (needed, &row.vjps[i]) {
        (false, _) => Ok(None),
        (true, Some(half)) => Ok(Some((half.vjp)(g.clone(), kept))),
        (true, None) => {
            bail!(NotImplemented, "the derivative for 'target' is not implemented")
        }
    }
}

/// log, not below -100.
#[inline(always)]
fn log_floored<T: Real>(x: T) -> T {
    Ordered::maximum(Field::ln(x), T::from_f64(-100.0))
}

#[inline(always)]
fn cross_entropy_of<T: Real>(x: T, t: T) -> T {
    let missed = Ordered::maximum(Field::log1p(-x), T::from_f64(-100.0));
    (t - T::ONE) * missed - t * log_floored(x)
}

#[inline(always)]
fn smooth<T: Real>(x: T, t: T, beta: T) -> T {
    let (z, half) = (Ordered::abs(x - t), T::from_f64(0.5));
    if z < beta { half * z * z / beta } else { z - half * beta }
}

#[inline(always)]
fn huber<T: Real>(x: T, t: T, delta: T) -> T {
    let (z, half) = (Ordered::abs(x - t), T::from_f64(0.5));
    if z <= delta { half * z * z } else { delta * (z - half * delta) }
}

/// log(1 + exp(-x)), without overflow.
#[inline(always)]
fn soft_minus<T: Real>(x: T) -> T {
    crate::activation::softplus_scalar(-x)
}

fn cross_entropy_vjp(g: Var, x: Var, t: Var) -> Var {
    let spread = (1.0 - &x) * &x;
    let floor = Var::from(1e-12);
    g * (x - t) / floor.clone().where_(spread.clone().lt(floor), spread)
}

/// The slope of the two smoothed absolute errors: linear within `limit`, else plus or minus `top`.
fn smoothed_vjp(g: Var, x: Var, t: Var, limit: f64, [inner, top]: [f64; 2]) -> Var {
    let z = x - t;
    let flat = top * z.clone().sign();
    g * (inner * &z).where_(z.abs().lt(limit), flat)
}

crate::binary! { ERRORS:
    /// The squared difference.
    squared_error { out: Same, binary: [Number => |a, b| (a - b) * (a - b)], wgsl: "(a - b) * (a - b)", a: [|g, a, b| 2.0 * (g * (a - b))], b: [|g, a, b| 2.0 * (g * (b - a))], sample: -4.0..4.0 }
    /// The absolute difference, parabolic within p[0] of 0.
    smooth_error { out: Same, binary_with: [Float => |a, b, p| smooth(a, b, Real::from_f64(p[0]))], wgsl: "smooth_error(a, b, p0)",
        a: [|g, a, b, p| smoothed_vjp(g, a, b, p[0], [1.0 / p[0], 1.0])], b: [|g, a, b, p| -smoothed_vjp(g, a, b, p[0], [1.0 / p[0], 1.0])], sample: -4.0..4.0 }
    /// Half the squared difference within p[0] of 0, else linear.
    huber_error { out: Same, binary_with: [Float => |a, b, p| huber(a, b, Real::from_f64(p[0]))], wgsl: "huber_error(a, b, p0)",
        a: [|g, a, b, p| smoothed_vjp(g, a, b, p[0], [1.0, p[0]])], b: [|g, a, b, p| -smoothed_vjp(g, a, b, p[0], [1.0, p[0]])], sample: -4.0..4.0 }
    /// -b log a - (1 - b) log(1 - a).
    cross_entropy_error { out: Same, binary: [Float => cross_entropy_of], wgsl: "cross_entropy_error(a, b)",
        a: [|g, a, b| cross_entropy_vjp(g, a, b)], b: [|g, a| g * ((1.0 - &a).log() - a.log())], sample: 0.1..0.9 }
    /// Cross-entropy of the sigmoid of a.
    logits_error { out: Same, binary: [Float => |a, b| (1.0 - b) * a + soft_minus(a)], wgsl: "(1.0 - b) * a + log1p_exp(-a)",
        a: [|g, a, b| g * (a.sigmoid() - b)], b: [|g, a| -(g * a)], sample: -4.0..4.0 }
    /// log(1 + exp(-a b)).
    soft_margin_error { out: Same, binary: [Float => |a, b| soft_minus(a * b)], wgsl: "log1p_exp(-(a * b))",
        a: [|g, a, b| -(g * &b * (-(&a * &b)).sigmoid())], b: [none], sample: -4.0..4.0 }
}

/// The squared error.
pub fn mse_loss(x: &Tensor, target: &Tensor, reduction: i64) -> Result<Tensor> {
    ensure!(
        !(x.dtype().is_integral() && target.dtype().is_integral()),
        NotImplemented,
        "\"mse_cpu\" not implemented for '{}'",
        x.dtype().type_name()
    );
    let row = &squared_error::OP;
    pointwise(
        Pointwise { node: "MseLossBackward0", row, params: map::NONE },
        x,
        target,
        None,
        reduction,
    )
}

/// The absolute error.
pub fn l1_loss(x: &Tensor, target: &Tensor, reduction: i64) -> Result<Tensor> {
    let each = (Var::from(x) - Var::from(target)).abs();
    Reduction::of(reduction)?.apply(each).tensor()
}

/// The absolute error, parabolic within `beta` of 0.
pub fn smooth_l1_loss(x: &Tensor, target: &Tensor, reduction: i64, beta: f64) -> Result<Tensor> {
    ensure!(beta >= 0.0, Runtime, "smooth_l1_loss does not support negative values for beta.");
    if beta == 0.0 {
        return l1_loss(x, target, reduction);
    }
    let (node, row) = ("SmoothL1LossBackward0", &smooth_error::OP);
    let params = [beta, 0.0, 0.0, 0.0];
    pointwise(Pointwise { node, row, params }, x, target, None, reduction)
}

/// Half the squared error within `delta` of 0, else linear.
pub fn huber_loss(x: &Tensor, target: &Tensor, reduction: i64, delta: f64) -> Result<Tensor> {
    ensure!(delta > 0.0, Runtime, "huber_loss does not support non-positive values for delta.");
    let (node, row) = ("HuberLossBackward0", &huber_error::OP);
    let params = [delta, 0.0, 0.0, 0.0];
    pointwise(Pointwise { node, row, params }, x, target, None, reduction)
}

/// Cross-entropy of probabilities of two classes.
pub fn binary_cross_entropy(
    x: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    reduction: i64,
) -> Result<Tensor> {
    ensure!(
        target.dtype() == x.dtype(),
        Runtime,
        "Found dtype {} but expected {}",
        target.dtype().type_name(),
        x.dtype().type_name()
    );
    check_probabilities(x)?;
    let (node, row) = ("BinaryCrossEntropyBackward0", &cross_entropy_error::OP);
    pointwise(Pointwise { node, row, params: map::NONE }, x, target, weight, reduction)
}

fn check_probabilities(x: &Tensor) -> Result<()> {
    if x.device().kind != base::DeviceKind::Cpu {
        return Ok(());
    }
    let x = Var::T(x.detach());
    let inside = x.clone().ge(0.0).logical_and(x.le(1.0)); // NaN is not
    let all = inside.then(|m| reduce::all(m, None, false)).tensor()?;
    ensure!(
        array::dispatch::item(&all.array())?.to_bool(),
        Runtime,
        "all elements of input should be between 0 and 1"
    );
    Ok(())
}

/// Cross-entropy of two classes from logits; `positive` weighs the positive class.
pub fn binary_cross_entropy_with_logits(
    x: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    positive: Option<&Tensor>,
    reduction: i64,
) -> Result<Tensor> {
    let node = "BinaryCrossEntropyWithLogitsBackward0";
    let Some(positive) = positive else {
        let row = &logits_error::OP;
        return pointwise(Pointwise { node, row, params: map::NONE }, x, target, weight, reduction);
    };
    let reduction = Reduction::of(reduction)?;
    let (positive, weight) = (positive.detach(), weight.map(Tensor::detach));
    crate::fused::composite(node, &[x, target], move |inputs| {
        let (x, t) = (Var::from(&inputs[0]), Var::from(&inputs[1]));
        let factor = (Var::from(&positive) - 1.0) * &t + 1.0;
        let each = (1.0 - t) * &x - factor * x.log_sigmoid();
        let each = match &weight {
            Some(weight) => each * Var::from(weight),
            None => each,
        };
        reduction.apply(each).tensor()
    })
}

/// log(1 + exp(-target x)).
pub fn soft_margin_loss(x: &Tensor, target: &Tensor, reduction: i64) -> Result<Tensor> {
    let (node, row) = ("SoftMarginLossBackward0", &soft_margin_error::OP);
    pointwise(Pointwise { node, row, params: map::NONE }, x, target, None, reduction)
}

/// The divergence of `x` (log-probabilities) from `target` (probabilities, or their logarithms).
pub fn kl_div(x: &Tensor, target: &Tensor, reduction: i64, log_target: bool) -> Result<Tensor> {
    let (x, t) = (Var::from(x), Var::from(target));
    let each = if log_target {
        t.clone().exp() * (t - x)
    } else {
        let entropy = (&t * &t.clone().log()).where_(t.clone().ne(0i64), 0.0);
        entropy - t * x
    };
    Reduction::of(reduction)?.apply(each).tensor()
}

/// What [`poisson_nll_loss`] is told.
#[derive(Clone, Copy)]
struct Poisson {
    log_input: bool,
    full: bool,
    eps: f64,
}

/// The negative log-likelihood of counts under a Poisson distribution.
fn poisson_nll_loss(x: Var, target: Var, by: Poisson, reduction: i64) -> Result<Tensor> {
    let mut each = if by.log_input {
        x.clone().exp() - &target * &x
    } else {
        &x - &(&target * &(&x + &Var::from(by.eps)).log())
    };
    if by.full {
        let t = target;
        let stirling = &t * &t.clone().log() - &t + 0.5 * ((2.0 * std::f64::consts::PI) * &t).log();
        each = each + stirling.where_(t.clone().gt(1i64), 0.0);
    }
    Reduction::of(reduction)?.apply(each).tensor()
}

crate::ops! {
    /// Losses.
    LOSSES:
    /// The squared error.
    fo f32 "mse_loss(Tensor self, Tensor target, int reduction=1) -> Tensor" => |x, t, r| mse_loss(x, t, r);
    /// The absolute error.
    fo f32 "l1_loss(Tensor self, Tensor target, int reduction=1) -> Tensor" => |x, t, r| l1_loss(x, t, r);
    /// The absolute error, parabolic near 0.
    fo f32 "smooth_l1_loss(Tensor self, Tensor target, int reduction=1, float beta=1.0) -> Tensor" => |x, t, r, beta| smooth_l1_loss(x, t, r, beta);
    /// The squared error near 0, the absolute error far away.
    fo f32 "huber_loss(Tensor self, Tensor target, int reduction=1, float delta=1.0) -> Tensor" => |x, t, r, delta| huber_loss(x, t, r, delta);
    /// Cross-entropy of probabilities of two classes.
    fo f32 "binary_cross_entropy(Tensor self, Tensor target, Tensor? weight=None, int reduction=1) -> Tensor" => |x, t, w, r| binary_cross_entropy(x, t, w, r);
    /// Cross-entropy of two classes from logits.
    f f32 "binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? pos_weight=None, int reduction=1) -> Tensor" => |x, t, w, p, r| binary_cross_entropy_with_logits(x, t, w, p, r);
    /// log(1 + exp(-target x)).
    fo f32 "soft_margin_loss(Tensor self, Tensor target, int reduction=1) -> Tensor" => |x, t, r| soft_margin_loss(x, t, r);
    /// The Kullback-Leibler divergence.
    f f32 "kl_div(Tensor self, Tensor target, int reduction=1, *, bool log_target=False) -> Tensor" => |x, t, r, log| kl_div(x, t, r, log);
    /// The negative log-likelihood of counts.
    f f32 "poisson_nll_loss(Tensor input, Tensor target, bool log_input, bool full, float eps, int reduction) -> Tensor" => |x, t, log_input, full, eps, r| poisson_nll_loss(x, t, Poisson { log_input, full, eps }, r);
}
