//! Slices along one dimension at positions given by a vector: the `index_*` family, and what the
//! ops that write at given positions share. Each one's gradient is another of them.

use crate::call::Dest;
use crate::inplace::reached_once;
use crate::node::{Formula, Keep};
use crate::scatter::{Along, reduction, source_list};
use crate::{Var, create, view, write};
use array::dispatch::index as kernels;
use array::{Array, dispatch, overlap};
use base::{DType, Dims, Result, Scalar, bail, ensure, shape};
use tape::Tensor;

/// A 0-d array as a vector of one.
pub(crate) fn vector(x: &Array) -> Array {
    if x.dims().is_empty() { x.view(x.layout().unsqueeze(0)) } else { x.clone() }
}

/// An index tensor as an int64 array.
pub(crate) fn int64(index: &Tensor, op: &str) -> Result<Array> {
    ensure!(
        matches!(index.dtype(), DType::I64 | DType::I32) || index.numel() == 0,
        Runtime,
        "{op}(): Expected dtype int32/int64 for index"
    );
    index.array().cast(DType::I64)
}

/// A source that does not share memory with what is written.
pub(crate) fn apart(source: &Array, from: &Array) -> Result<Array> {
    if source.shares_storage(from) { source.copied() } else { Ok(source.clone()) }
}

/// Writes into `x` (in place) or into a copy of it by `kernel`, and records `node`. `others` are the
/// further inputs of the node.
pub(crate) fn written(
    dest: Dest<'_>,
    x: &Tensor,
    others: &[&Tensor],
    kernel: impl FnOnce(&Array) -> Result<()>,
    node: impl FnOnce(&Tensor) -> Result<Formula>,
) -> Result<Tensor> {
    let inputs: Vec<&Tensor> = std::iter::once(x).chain(others.iter().copied()).collect();
    let Dest::InPlace(target) = dest else {
        let layout = base::layout::preserved_layout(&x.layout());
        let out = x.array().copied_as(layout, x.dtype())?;
        kernel(&out)?;
        let result = tape::record(out, &inputs, node)?;
        return write::deliver(dest, &inputs, result);
    };
    let recorded = tape::needs_history(&inputs) && x.dtype().is_differentiable();
    tape::check_inplace(target, tape::needs_history(&inputs))?;
    let array = target.array();
    overlap::check_output(&array)?;
    let edges = inputs.iter().map(|t| t.gradient_edge()).collect::<Result<_>>()?;
    kernel(&array)?;
    target.bump_version();
    if recorded {
        let alias = target.detach();
        tape::attach(&alias, edges, node(&alias)?);
        tape::rebase_history(target, alias.gradient_edge()?)?;
    }
    Ok(target.clone())
}

/// The input as a formula may keep it while the original is overwritten.
pub(crate) fn before_write(dest: Dest<'_>, x: &Tensor, src: &Tensor) -> Result<Tensor> {
    match dest {
        Dest::InPlace(target) if tape::needs_history(&[x, src]) => write::snapshot(target),
        _ => Ok(x.clone()),
    }
}

fn check_slices(index: &Tensor, op: &str) -> Result<()> {
    ensure!(index.rank() <= 1, Index, "{op}(): Index is supposed to be a vector");
    ensure!(
        matches!(index.dtype(), DType::I64 | DType::I32),
        Runtime,
        "{op}(): Expected dtype int32 or int64 for index"
    );
    Ok(())
}

/// Slices of `x` along `dim` at the positions in `index`.
pub fn index_select(x: &Tensor, dim: i64, index: &Tensor) -> Result<Tensor> {
    check_slices(index, "index_select")?;
    let d = shape::wrap_dim(dim, x.rank())?;
    let positions = index.array().cast(DType::I64)?;
    let mut dims = x.dims();
    match dims.get_mut(d) {
        Some(n) => *n = index.numel(),
        None => ensure!(
            index.numel() == 1,
            Runtime,
            "index_select(): Index to scalar can have only 1 value, got {} value(s)",
            index.numel()
        ),
    }
    let out = Array::empty_contiguous(&dims, x.dtype(), x.device())?;
    kernels::index_select(&out, &x.array(), d, &positions)?;
    let whole = x.dims();
    tape::record(out, &[x], |_| {
        Formula::new("IndexSelectBackward0", 1, &[Keep::Bare(&positions)], move |grads, saved| {
            let index = saved.vars[0].clone().tensor()?;
            Ok(vec![Some(Var::grad(grads).then(|g| {
                let zeros = create::zeros(&whole, g.dtype(), g.device())?;
                index_add(Dest::New, &zeros, d as i64, &index, g, Scalar::Int(1))
            }))])
        })
    })
}

/// The checks `index_add`, `index_copy` and `index_reduce` share.
fn check_source(x: &Tensor, d: usize, index: &Tensor, src: &Tensor, op: &str) -> Result<()> {
    check_slices(index, op)?;
    ensure!(
        x.dtype() == src.dtype(),
        Runtime,
        "{op}(): self and source expected to have the same dtype, but got (self) {} and (source) {}",
        x.dtype().type_name(),
        src.dtype().type_name()
    );
    ensure!(
        op == "index_add" || src.rank() == x.rank() || src.rank() == 0 || x.rank() == 0,
        Runtime,
        "{op}(): When source and destination are not scalars, their dimensionality must match. Source dimensionality ({}), destination dimensionality ({})",
        src.rank(),
        x.rank()
    );
    let size = src.dims().get(d).copied().unwrap_or(1);
    ensure!(
        index.numel() == size || op != "index_add",
        Runtime,
        "index_add_(): Number of indices ({}) should be equal to source.size(dim): ({size}), for dim: {d}",
        index.numel()
    );
    ensure!(
        index.numel() == size,
        Index,
        "{op}(): Number of indices ({}) should be equal to source.size(dim) ({size})",
        index.numel()
    );
    let mut want = x.dims();
    if let Some(n) = want.get_mut(d) {
        *n = size;
    }
    ensure!(
        src.dims() == want || (src.rank() != x.rank() && src.numel() == 1),
        Runtime,
        "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = {} source.shape = {}",
        shape::show(&x.dims()),
        shape::show(&src.dims())
    );
    Ok(())
}

/// The source in the destination's rank and apart from its memory.
fn slices_of(src: &Tensor, out: &Array) -> Result<Array> {
    let src = apart(&src.array(), out)?;
    Ok(if out.dims().len() == 1 && src.dims().is_empty() { vector(&src) } else { src })
}

/// `out[index[j]] += alpha * src[j]` along `dim`.
pub fn index_add(
    dest: Dest<'_>,
    x: &Tensor,
    dim: i64,
    index: &Tensor,
    src: &Tensor,
    alpha: Scalar,
) -> Result<Tensor> {
    let d = shape::wrap_dim(dim, x.rank())?;
    check_source(x, d, index, src, "index_add")?;
    let positions = index.array().cast(DType::I64)?;
    let logical = x.dtype() == DType::Bool;
    let factor = if logical { Scalar::Int(1) } else { alpha };
    let kernel = |out: &Array| {
        if logical && alpha.is_zero() {
            return Ok(());
        }
        kernels::index_add(out, d, &positions, &slices_of(src, out)?, factor)
    };
    let back = src.dims();
    written(dest, x, &[src], kernel, |_| {
        Formula::new("IndexAddBackward0", 2, &[Keep::Bare(&positions)], move |grads, saved| {
            let g = Var::grad(grads);
            let index = saved.vars[0].clone().tensor()?;
            let taken = |g: &Tensor| view::reshape_to(&index_select(g, d as i64, &index)?, &back);
            Ok(vec![
                saved.needs[0].then(|| g.clone()),
                saved.needs[1].then(|| g.then(taken) * Var::S(alpha)),
            ])
        })
    })
}

/// `out[index[j]] = src[j]` along `dim`.
pub fn index_copy(
    dest: Dest<'_>,
    x: &Tensor,
    dim: i64,
    index: &Tensor,
    src: &Tensor,
) -> Result<Tensor> {
    let d = shape::wrap_dim(dim, x.rank())?;
    check_source(x, d, index, src, "index_copy")?;
    let positions = index.array().cast(DType::I64)?;
    let kernel = |out: &Array| kernels::index_copy(out, d, &positions, &slices_of(src, out)?);
    let back = src.dims();
    written(dest, x, &[src], kernel, |_| {
        Formula::new("IndexCopyBackward0", 2, &[Keep::Bare(&positions)], move |grads, saved| {
            let g = Var::grad(grads);
            let index = saved.vars[0].clone().tensor()?;
            let filled = |g: &Tensor| index_fill(Dest::New, g, d as i64, &index, &Var::from(0i64));
            let taken = |g: &Tensor| view::reshape_to(&index_select(g, d as i64, &index)?, &back);
            Ok(vec![
                saved.needs[0].then(|| g.clone().then(filled)),
                saved.needs[1].then(|| g.then(taken)),
            ])
        })
    })
}

/// `out[index[j]] = value` along `dim`; the value is a number or a 0-d tensor.
pub fn index_fill(
    dest: Dest<'_>,
    x: &Tensor,
    dim: i64,
    index: &Tensor,
    value: &Var,
) -> Result<Tensor> {
    let d = shape::wrap_dim(dim, x.rank())?;
    ensure!(index.dtype() == DType::I64, Index, "index_fill_(): Expected dtype int64 for index.");
    ensure!(index.rank() <= 1, Index, "Index has to be a vector/scalar");
    let number = match value {
        Var::S(s) => *s,
        Var::T(t) => {
            ensure!(
                t.rank() == 0,
                Runtime,
                "index_fill_ only supports a 0-dimensional value tensor, but got tensor with {} dimension(s).",
                t.rank()
            );
            dispatch::item(&t.array())?
        }
        Var::Bad(error) => return Err(error.clone()),
    };
    ensure!(
        x.dtype().is_complex() || !matches!(number, Scalar::Complex(_)),
        Runtime,
        "index_fill_(): Converting complex Scalar to non-complex type is not supported"
    );
    let positions = index.array();
    let others = source_list(value);
    let inputs = 1 + others.len();
    let name = if others.is_empty() { "IndexFillBackward0" } else { "IndexFillBackward1" };
    written(
        dest,
        x,
        &others,
        |out| kernels::index_fill(out, d, &positions, number),
        |_| {
            Formula::new(name, inputs, &[Keep::Bare(&positions)], move |grads, saved| {
                let g = Var::grad(grads);
                let index = saved.vars[0].clone().tensor()?;
                let filled =
                    |g: &Tensor| index_fill(Dest::New, g, d as i64, &index, &Var::from(0i64));
                let mut list = vec![saved.needs[0].then(|| g.clone().then(filled))];
                if saved.needs.len() > 1 {
                    list.push(
                        saved.needs[1].then(|| {
                            g.then(|g| index_select(g, d as i64, &distinct(&index)?)).sum()
                        }),
                    );
                }
                Ok(list)
            })
        },
    )
}

/// Each index once: a value written twice to one place is there once.
fn distinct(index: &Tensor) -> Result<Tensor> {
    let flat = view::reshape_to(index, &[index.numel()])?;
    let groups = dispatch::sort::unique(&flat.array(), true)?;
    index_select(&flat, 0, &Tensor::new(groups.first))
}

/// Combines slices of `src` into `out` along `dim`: prod, mean, amax or amin.
pub fn index_reduce(
    dest: Dest<'_>,
    x: &Tensor,
    dim: i64,
    index: &Tensor,
    src: &Tensor,
    reduce: &str,
    include_self: bool,
) -> Result<Tensor> {
    let op = match reduce {
        "prod" | "mean" | "amax" | "amin" => reduction(reduce)?,
        _ => bail!(
            Runtime,
            "index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}."
        ),
    };
    let d = shape::wrap_dim(dim, x.rank())?;
    check_source(x, d, index, src, "index_reduce")?;
    let positions = index.array().cast(DType::I64)?;
    let kernel = |out: &Array| {
        kernels::index_reduce(out, d, &positions, &slices_of(src, out)?, op, include_self)
    };
    let dims = src.dims();
    let before = &before_write(dest, x, src)?;
    written(dest, x, &[src], kernel, |y| {
        let keeps =
            [Keep::Bare(&positions), Keep::Input(before), Keep::Input(src), Keep::Output(y, 0)];
        Formula::new("IndexReduceBackward0", 2, &keeps, move |grads, saved| {
            let [index, x, src, y] = saved.vars.as_slice() else {
                bail!(Runtime, "internal error: index_reduce keeps four values");
            };
            let mut column = Dims::filled(1, dims.len());
            if let Some(n) = column.get_mut(d) {
                *n = dims[d];
            }
            let wide =
                index.clone().then(|i| Ok(view::expand_to(&view::reshape_to(i, &column)?, &dims)));
            let place = Along { dim: d as i64, index: wide.tensor()? };
            let (gx, gs) = place.reduce_vjp(op, include_self, &Var::grad(grads), x, src, y);
            Ok(vec![saved.needs[0].then_some(gx), saved.needs[1].then_some(gs)])
        })
    })
}

crate::ops! {
    /// Reading slices.
    READS:
    /// Slices along a dimension.
    fmo "index_select(Tensor self, int dim, Tensor index) -> Tensor" => |x, dim, index| index_select(x, dim, index);
}

crate::filling_ops! {
    /// Writing slices.
    WRITES:
    /// Slices added at the positions in `index`.
    fmio "index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor" => |dest, x, dim, index, src, alpha| index_add(dest, x, dim, index, src, alpha);
    /// Slices to the positions in `index`.
    fmio widest "index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor" => |dest, x, dim, index, src| index_copy(dest, x, dim, index, src);
    /// One value in the slices `index` names.
    fmi "index_fill(Tensor self, int dim, Tensor index, Operand value) -> Tensor" => |dest, x, dim, index, value| fill(dest, x, dim, index, value);
    /// Slices combined at the positions in `index`.
    fmio "index_reduce(Tensor self, int dim, Tensor index, Tensor source, str reduce, *, bool include_self=True) -> Tensor" => |dest, x, dim, index, src, reduce, include| index_reduce(dest, x, dim, index, src, reduce, include);
}

fn fill(dest: Dest<'_>, x: &Tensor, dim: i64, index: &Tensor, value: Var) -> Result<Tensor> {
    let Dest::InPlace(target) = dest else {
        return index_fill(dest, x, dim, index, &value);
    };
    let Some(once) = reached_once(target)? else {
        return index_fill(dest, x, dim, index, &value);
    };
    // Every index of an expanded dimension is its first.
    let expanded = target.layout().strides[shape::wrap_dim(dim, target.rank())?] == 0;
    let index = if expanded { Var::from(index).zeros_like().tensor()? } else { index.clone() };
    index_fill(Dest::InPlace(&once), &once, dim, &index, &value)?;
    Ok(target.clone())
}
