//! Largest and smallest elements: over all, along a dimension, with or without their positions.

use crate::node::{Formula, Keep};
use crate::reduce::{Span, keep_dims, span};
use crate::{Var, binary, map, scatter, view};
use array::Array;
use array::dispatch::{self, Extreme, Reduction};
use base::{DType, Dims, Result, ensure, shape};
use tape::Tensor;

/// The gradient goes to the winner; equal values share it.
pub(crate) fn winner_vjp(g: Var, wins: Var, ties: Var) -> Var {
    let half = 0.5 * &g;
    half.where_(ties, g.where_(wins, 0.0))
}

/// The gradient of `copysign` towards the magnitude: 1 or -1, 0 at 0.
pub(crate) fn copysign_vjp(g: Var, a: Var, y: Var) -> Var {
    let ratio = y / &a;
    Var::from(0.0).where_(a.eq(0.0), g * ratio)
}

/// As [`shared_vjp`], where NaN equals nothing: a NaN as the extreme spreads to all gradients.
fn tied_vjp(g: Var, x: &Var, y: Var, dims: &[i64]) -> Var {
    let wins = x.clone().eq(y);
    let count = Var::mask_of(wins.clone(), &g).sum_keep(dims);
    g.where_(wins, 0.0) / count
}

/// Elements equal to the extreme share its gradient.
pub(crate) fn shared_vjp(g: Var, x: &Var, y: Var, dims: &[i64]) -> Var {
    let wins = match &y {
        Var::T(t) if t.dtype().is_float() => {
            let both = x.clone().isnan().logical_and(y.clone().isnan());
            x.clone().eq(y.clone()).logical_or(both)
        }
        _ => x.clone().eq(y.clone()),
    };
    let count = Var::mask_of(wins.clone(), &g).sum_keep(dims);
    (g / count).where_(wins, 0.0)
}

fn refuse_complex(x: &Tensor, op: &str) -> Result<()> {
    ensure!(!x.dtype().is_complex(), Runtime, "{op}: does not support complex input");
    Ok(())
}

/// Reductions without an identity need something to reduce.
fn check_some(x: &Tensor, span: &Span, dims: Option<&[i64]>, op: &str) -> Result<()> {
    let whole = x.dims();
    if whole.iter().all(|&n| n > 0) {
        return Ok(());
    }
    ensure!(
        dims.is_some_and(|d| !d.is_empty()),
        Runtime,
        "{op}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument."
    );
    for (d, &n) in whole.iter().enumerate() {
        ensure!(
            n > 0 || !span.mask[d],
            Index,
            "{op}(): Expected reduction dim {d} to have non-zero size."
        );
    }
    Ok(())
}

/// The extreme over dimensions (all when none are named), shared among equals.
fn fold(
    op: &'static str,
    node: &'static str,
    side: Extreme,
    x: &Tensor,
    dim: &[i64],
    keepdim: bool,
) -> Result<Tensor> {
    refuse_complex(x, op)?;
    let span = span(x, Some(dim), keepdim)?;
    check_some(x, &span, Some(dim), op)?;
    let out = Array::empty_contiguous(&span.dims, x.dtype(), x.device())?;
    let fold = match side {
        Extreme::Largest => Reduction::Amax,
        Extreme::Smallest => Reduction::Amin,
    };
    dispatch::reduce(fold, &out, &x.array(), &span.mask)?;
    let reduced = span.reduced(x.rank());
    tape::record(out, &[x], |y| {
        Formula::new(node, 1, &[Keep::Input(x), Keep::Output(y, 0)], move |grads, saved| {
            let g = keep_dims(Var::grad(grads), &span.kept);
            let y = keep_dims(saved.vars[1].clone(), &span.kept);
            let share = if op == "max" || op == "min" { shared_vjp } else { tied_vjp };
            Ok(vec![Some(share(g, &saved.vars[0], y, &reduced))])
        })
    })
}

/// The largest over dimensions.
pub(crate) fn amax(x: &Tensor, dim: &[i64], keepdim: bool) -> Result<Tensor> {
    fold("amax", "AmaxBackward0", Extreme::Largest, x, dim, keepdim)
}

/// The extreme along `dim` and its position.
pub(crate) fn along(
    op: &'static str,
    node: &'static str,
    side: Extreme,
    x: &Tensor,
    dim: i64,
    keepdim: bool,
) -> Result<(Tensor, Tensor)> {
    refuse_complex(x, op)?;
    let span = span(x, Some(&[dim]), keepdim)?;
    check_some(x, &span, Some(&[dim]), op)?;
    let d = shape::wrap_dim(dim, x.rank())?;
    let values = Array::empty_contiguous(&span.dims, x.dtype(), x.device())?;
    let indices = Array::empty_contiguous(&span.dims, DType::I64, x.device())?;
    dispatch::extreme(side, &values, &indices, &x.array(), d)?;
    picked(node, x, values, indices, d, keepdim)
}

/// Records values that were picked from `x` along a dimension, one (or a few) for each place:
/// the gradient goes back to the position it came from.
pub(crate) fn picked(
    node: &'static str,
    x: &Tensor,
    values: Array,
    indices: Array,
    dim: usize,
    keepdim: bool,
) -> Result<(Tensor, Tensor)> {
    let whole = x.dims();
    let positions = indices.clone();
    let outs = tape::record_many(vec![values, indices], &[x], |_| {
        Formula::new(node, 1, &[Keep::Bare(&positions)], move |grads, saved| {
            let back = |v: Var| {
                if keepdim || whole.is_empty() {
                    v
                } else {
                    v.then(|t| view::unsqueeze(t, dim as i64))
                }
            };
            let g = back(Var::grad(grads));
            let at = back(saved.vars[0].clone());
            let zero = |g: &Tensor| -> Result<Tensor> {
                let zeros = crate::create::zeros(&whole, g.dtype(), g.device())?;
                scatter::scatter_add(&zeros, dim as i64, &at.clone().tensor()?, g)
            };
            Ok(vec![Some(g.then(zero))])
        })
    })?;
    let mut outs = outs.into_iter();
    match (outs.next(), outs.next()) {
        (Some(values), Some(indices)) => Ok((values, indices)),
        _ => base::bail!(Runtime, "internal error: an op with two results has none"),
    }
}

/// [`picked`] for values that keep the dimension they were picked along.
pub(crate) fn picked_at(
    node: &'static str,
    x: &Tensor,
    values: Array,
    indices: Array,
    dim: usize,
) -> Result<(Tensor, Tensor)> {
    picked(node, x, values, indices, dim, true)
}

/// The position of the extreme along `dim`, or in the flattened tensor.
fn position(
    op: &'static str,
    side: Extreme,
    x: &Tensor,
    dim: Option<i64>,
    keepdim: bool,
) -> Result<Tensor> {
    refuse_complex(x, op)?;
    ensure!(x.dtype() != DType::Bool, Runtime, "{op}(): does not support bool input");
    let Some(dim) = dim else {
        let flat = Tensor::new(x.array().contiguous()?);
        let flat = flat.array().view(base::Layout {
            offset: flat.layout().offset,
            ..base::Layout::contiguous(&[x.numel()])
        });
        ensure!(
            x.numel() > 0,
            Index,
            "{op}(): Expected reduction dim to be specified for input.numel() == 0."
        );
        let out = Array::empty_contiguous(&[], DType::I64, x.device())?;
        dispatch::arg_extreme(side, &out, &flat, 0)?;
        let dims = if keepdim { Dims::filled(1, x.rank()) } else { Dims::new() };
        return view::reshape_to(&Tensor::new(out), &dims);
    };
    let span = span(x, Some(&[dim]), keepdim)?;
    check_some(x, &span, Some(&[dim]), op)?;
    let out = Array::empty_contiguous(&span.dims, DType::I64, x.device())?;
    dispatch::arg_extreme(side, &out, &x.array(), shape::wrap_dim(dim, x.rank())?)?;
    Ok(Tensor::new(out))
}

fn both(x: &Tensor, dim: Option<i64>, keepdim: bool) -> Result<(Tensor, Tensor)> {
    let dims: Vec<i64> = dim.into_iter().collect();
    let (node, op) = ("AminmaxBackward0", "aminmax");
    ensure!(
        dim.is_some() || x.numel() > 0,
        Runtime,
        "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
    );
    Ok((
        fold(op, node, Extreme::Smallest, x, &dims, keepdim)?,
        fold(op, node, Extreme::Largest, x, &dims, keepdim)?,
    ))
}

pub(crate) fn amin(x: &Tensor, dim: &[i64], keepdim: bool) -> Result<Tensor> {
    fold("amin", "AminBackward0", Extreme::Smallest, x, dim, keepdim)
}

/// A result that an `out=` tensor must hold without a cast.
fn settled(dest: crate::Dest<'_>, x: &Tensor, result: Tensor) -> Result<Tensor> {
    if let crate::Dest::Out(target) = dest {
        ensure!(
            target.dtype() == x.dtype(),
            Runtime,
            "Expected the dtype for input and out to match, but got {} for input's dtype and {} for out's dtype.",
            x.dtype().type_name(),
            target.dtype().type_name()
        );
    }
    crate::write::deliver(dest, &[x], result)
}

fn pair(
    row: &'static map::MapRow,
    dest: crate::Dest<'_>,
    a: &Tensor,
    b: &Tensor,
) -> Result<Tensor> {
    map::map(row, &[a.into(), b.into()], map::NONE, dest)
}

crate::filling_ops! {
    /// The larger or smaller of two, and extremes over dimensions.
    PAIRS:
    /// The larger of two elements.
    fmo "max.other(Tensor self, Tensor other) -> Tensor" => |dest, a, b| pair(&binary::maximum::OP, dest, a, b);
    /// The smaller of two elements.
    fmo "min.other(Tensor self, Tensor other) -> Tensor" => |dest, a, b| pair(&binary::minimum::OP, dest, a, b);
    /// The largest elements over dimensions.
    fmo "amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor" => |dest, x, dim, keep| settled(dest, x, amax(x, dim, keep)?);
    /// The smallest elements over dimensions.
    fmo "amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor" => |dest, x, dim, keep| settled(dest, x, amin(x, dim, keep)?);
}

crate::ops! {
    /// Extremes.
    EXTREMES:
    /// The largest element.
    fmo "max(Tensor self) -> Tensor" => |x| fold("max", "MaxBackward1", Extreme::Largest, x, &[], false);
    /// The largest elements along a dimension, with their positions.
    fmo "max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)" => |x, dim, keep| along("max", "MaxBackward0", Extreme::Largest, x, dim, keep);
    /// The smallest element.
    fmo "min(Tensor self) -> Tensor" => |x| fold("min", "MinBackward1", Extreme::Smallest, x, &[], false);
    /// The smallest elements along a dimension, with their positions.
    fmo "min.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)" => |x, dim, keep| along("min", "MinBackward0", Extreme::Smallest, x, dim, keep);
    /// The smallest and largest elements.
    fmo "aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)" => |x, dim, keep| both(x, dim, keep);
    /// The position of the largest element.
    fmo "argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor" => |x, dim, keep| position("argmax", Extreme::Largest, x, dim, keep);
    /// The position of the smallest element.
    fmo "argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor" => |x, dim, keep| position("argmin", Extreme::Smallest, x, dim, keep);
}
