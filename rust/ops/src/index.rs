//! Reading and writing along one dimension at positions given by an int64 tensor: `gather`,
//! `scatter` and the `index_*` family. Each one's gradient is another of them.

use crate::call::Dest;
use crate::node::{Formula, Keep};
use crate::{Var, create, view, write};
use array::dispatch::index as kernels;
use array::dispatch::index::ScatterOp;
use array::{Array, Operand, dispatch, overlap};
use base::{DType, Dims, Layout, Result, Scalar, bail, ensure, shape};
use tape::Tensor;

/// A 0-d array as a vector of one.
fn vector(x: &Array) -> Array {
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
fn apart(source: &Array, from: &Array) -> Result<Array> {
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
fn before_write(dest: Dest<'_>, x: &Tensor, src: &Tensor) -> Result<Tensor> {
    match dest {
        Dest::InPlace(target) if tape::needs_history(&[x, src]) => write::snapshot(target),
        _ => Ok(x.clone()),
    }
}

fn check_within(index: &[usize], whole: &[usize], dim: usize) -> bool {
    index.len() == whole.len() && (0..index.len()).all(|d| d == dim || index[d] <= whole[d])
}

/// `out[i][j] = x[i][index[i][j]]` for `dim` 1, and so on.
pub fn gather(x: &Tensor, dim: i64, index: &Tensor) -> Result<Tensor> {
    let positions = int64(index, "gather")?;
    let d = shape::wrap_dim(dim, x.rank())?;
    let (from, at) = (vector(&x.array()), vector(&positions));
    ensure!(
        from.dims().len() == at.dims().len() || index.numel() == 0,
        Runtime,
        "Index tensor must have the same number of dimensions as input tensor"
    );
    ensure!(
        index.numel() == 0 || check_within(at.dims(), from.dims(), d),
        Runtime,
        "Size does not match at dimension {} expected index {} to be no larger than self {} apart from dimension {d}",
        (0..at.dims().len()).find(|&k| k != d && at.dims()[k] > from.dims()[k]).unwrap_or(0),
        shape::show(&index.dims()),
        shape::show(&x.dims())
    );
    let out = Array::empty_contiguous(&index.dims(), x.dtype(), x.device())?;
    if index.numel() > 0 {
        kernels::gather(&vector(&out), &from, d, &at)?;
    }
    let whole = x.dims();
    tape::record(out, &[x], |_| {
        Formula::new("GatherBackward0", 1, &[Keep::Bare(&positions)], move |grads, saved| {
            let index = saved.vars[0].clone().tensor()?;
            Ok(vec![Some(Var::grad(grads).then(|g| {
                scatter_add(&create::zeros(&whole, g.dtype(), g.device())?, d as i64, &index, g)
            }))])
        })
    })
}

/// What is scattered: a tensor or one number.
fn check_scatter(
    x: &Tensor,
    dim: i64,
    index: &Tensor,
    src: &Var,
    op: &str,
) -> Result<(usize, Array)> {
    let positions = int64(index, op)?;
    let d = shape::wrap_dim(dim, x.rank())?;
    if index.numel() == 0 {
        return Ok((d, positions));
    }
    let (whole, at) = (vector(&x.array()), vector(&positions));
    ensure!(
        whole.dims().len() == at.dims().len(),
        Runtime,
        "Index tensor must have the same number of dimensions as self tensor"
    );
    let mut fits = check_within(at.dims(), whole.dims(), d);
    let mut detail = String::new();
    if let Var::T(src) = src {
        let from = vector(&src.array());
        ensure!(
            from.dims().len() == at.dims().len(),
            Runtime,
            "Index tensor must have the same number of dimensions as src tensor"
        );
        ensure!(
            x.dtype() == src.dtype(),
            Runtime,
            "scatter(): Expected self.dtype to be equal to src.dtype"
        );
        fits &= at.dims().iter().zip(from.dims()).all(|(i, s)| i <= s);
        detail = format!(" and to be no larger size than src {}", shape::show(&src.dims()));
    }
    ensure!(
        fits,
        Runtime,
        "Expected index {} to be no larger than self {} apart from dimension {d}{detail}",
        shape::show(&index.dims()),
        shape::show(&x.dims())
    );
    Ok((d, positions))
}

fn with_source<R>(out: &Array, src: &Var, run: impl FnOnce(Operand<'_>) -> Result<R>) -> Result<R> {
    match src {
        Var::T(src) => run(Operand::Array(&vector(&apart(&src.array(), out)?))),
        Var::S(value) => run(Operand::Scalar(*value)),
        Var::Bad(error) => Err(error.clone()),
    }
}

fn source_list(src: &Var) -> Vec<&Tensor> {
    match src {
        Var::T(t) => vec![t],
        _ => Vec::new(),
    }
}

/// `out[i][index[i][j]] = src[i][j]` for `dim` 1, and so on.
pub fn scatter(dest: Dest<'_>, x: &Tensor, dim: i64, index: &Tensor, src: &Var) -> Result<Tensor> {
    let (d, positions) = check_scatter(x, dim, index, src, "scatter")?;
    let others = source_list(src);
    let kernel = |out: &Array| {
        if positions.numel() == 0 {
            return Ok(());
        }
        with_source(out, src, |s| kernels::scatter(&vector(out), d, &vector(&positions), s))
    };
    let name = if others.is_empty() { "ScatterBackward1" } else { "ScatterBackward0" };
    let inputs = 1 + others.len();
    written(dest, x, &others, kernel, |_| {
        Formula::new(name, inputs, &[Keep::Bare(&positions)], move |grads, saved| {
            let g = Var::grad(grads);
            let index = saved.vars[0].clone().tensor()?;
            let kept = saved.needs[0].then(|| {
                g.clone().then(|g| scatter(Dest::New, g, d as i64, &index, &Var::from(0i64)))
            });
            let mut list = vec![kept];
            if saved.needs.len() > 1 {
                list.push(saved.needs[1].then(|| g.then(|g| gather(g, d as i64, &index))));
            }
            Ok(list)
        })
    })
}

/// [`scatter`] that adds.
pub fn scatter_add(x: &Tensor, dim: i64, index: &Tensor, src: &Tensor) -> Result<Tensor> {
    scatter_add_to(Dest::New, x, dim, index, src)
}

fn scatter_add_to(
    dest: Dest<'_>,
    x: &Tensor,
    dim: i64,
    index: &Tensor,
    src: &Tensor,
) -> Result<Tensor> {
    let source = Var::from(src);
    let (d, positions) = check_scatter(x, dim, index, &source, "scatter")?;
    let kernel = |out: &Array| {
        if positions.numel() == 0 {
            return Ok(());
        }
        with_source(out, &source, |s| {
            kernels::scatter_reduce(&vector(out), d, &vector(&positions), s, ScatterOp::Sum, true)
        })
    };
    written(dest, x, &[src], kernel, |_| {
        Formula::new("ScatterAddBackward0", 2, &[Keep::Bare(&positions)], move |grads, saved| {
            let g = Var::grad(grads);
            let index = saved.vars[0].clone().tensor()?;
            Ok(vec![
                saved.needs[0].then(|| g.clone()),
                saved.needs[1].then(|| g.then(|g| gather(g, d as i64, &index))),
            ])
        })
    })
}

fn reduction(name: &str) -> Result<ScatterOp> {
    Ok(match name {
        "sum" | "add" => ScatterOp::Sum,
        "prod" | "multiply" => ScatterOp::Prod,
        "mean" => ScatterOp::Mean,
        "amax" => ScatterOp::Amax,
        "amin" => ScatterOp::Amin,
        _ => bail!(
            Runtime,
            "reduce argument must be either sum, prod, mean, amax or amin, got {name}"
        ),
    })
}

/// `scatter(.., reduce=)`, the older form: add or multiply, without gradients towards the source.
fn scatter_with(
    dest: Dest<'_>,
    x: &Tensor,
    dim: i64,
    index: &Tensor,
    src: &Var,
    reduce: &str,
) -> Result<Tensor> {
    let op = match reduce {
        "add" => ScatterOp::Sum,
        "multiply" => ScatterOp::Prod,
        _ => bail!(Runtime, "reduce argument must be either add or multiply."),
    };
    if op == ScatterOp::Sum
        && let Var::T(src) = src
    {
        return scatter_add_to(dest, x, dim, index, src);
    }
    let (d, positions) = check_scatter(x, dim, index, src, "scatter")?;
    ensure!(
        !tape::needs_history(&source_list(src)) && !tape::needs_history(&[x]),
        NotImplemented,
        "derivative for aten::scatter_.reduce is not implemented"
    );
    written(
        dest,
        x,
        &[],
        |out| {
            with_source(out, src, |s| {
                kernels::scatter_reduce(&vector(out), d, &vector(&positions), s, op, true)
            })
        },
        |_| Formula::new("ScatterBackward2", 1, &[], |_, _| Ok(vec![None])),
    )
}

/// Combines `src` into the positions `index` names: sum, prod, mean, amax or amin.
pub fn scatter_reduce(
    dest: Dest<'_>,
    x: &Tensor,
    dim: i64,
    index: &Tensor,
    src: &Tensor,
    reduce: &str,
    include_self: bool,
) -> Result<Tensor> {
    let op = reduction(reduce)?;
    let source = Var::from(src);
    let (d, positions) = check_scatter(x, dim, index, &source, "scatter")?;
    let kernel = |out: &Array| {
        if positions.numel() == 0 {
            return Ok(());
        }
        with_source(out, &source, |s| {
            kernels::scatter_reduce(&vector(out), d, &vector(&positions), s, op, include_self)
        })
    };
    let before = &before_write(dest, x, src)?;
    written(dest, x, &[src], kernel, |y| {
        let keeps =
            [Keep::Bare(&positions), Keep::Input(before), Keep::Input(src), Keep::Output(y, 0)];
        Formula::new("ScatterReduceBackward0", 2, &keeps, move |grads, saved| {
            let [index, x, src, y] = saved.vars.as_slice() else {
                bail!(Runtime, "internal error: scatter_reduce keeps four values");
            };
            let place = Along { dim: d as i64, index: index.clone().tensor()? };
            let (gx, gs) = place.reduce_vjp(op, include_self, &Var::grad(grads), x, src, y);
            Ok(vec![saved.needs[0].then_some(gx), saved.needs[1].then_some(gs)])
        })
    })
}

/// Positions along a dimension, as formulas use them.
struct Along {
    dim: i64,
    index: Tensor,
}

impl Along {
    fn gather(&self, v: &Var) -> Var {
        v.clone().then(|t| gather(t, self.dim, &self.index))
    }

    fn fill(&self, v: &Var, value: i64) -> Var {
        v.clone().then(|t| scatter(Dest::New, t, self.dim, &self.index, &Var::from(value)))
    }

    fn add(&self, v: &Var, src: &Var) -> Var {
        v.clone().then(|t| src.clone().then(|s| scatter_add(t, self.dim, &self.index, s)).tensor())
    }

    /// Gradients towards the tensor written to and the source.
    fn reduce_vjp(
        &self,
        op: ScatterOp,
        include_self: bool,
        g: &Var,
        x: &Var,
        src: &Var,
        y: &Var,
    ) -> (Var, Var) {
        let (mut to_self, to_src) = match op {
            ScatterOp::Sum => (g.clone(), self.gather(g)),
            ScatterOp::Mean => {
                let start = if include_self { 1.0 } else { 0.0 };
                let ones = 0.0 * src + Var::from(1.0);
                let count = self.add(&(0.0 * x + Var::from(start)), &ones);
                let count = Var::from(1.0).where_(count.clone().eq(0.0), count);
                (g / &count, self.gather(&(g / &count)))
            }
            ScatterOp::Prod => {
                let whole = g * y;
                let zero = Var::from(0.0);
                let to_src = self.gather(&whole) / src;
                (
                    zero.clone().where_(x.clone().eq(0.0), whole / x),
                    zero.where_(src.clone().eq(0.0), to_src),
                )
            }
            ScatterOp::Amax | ScatterOp::Amin => {
                let mine = Var::mask_of(x.clone().eq(y.clone()), g);
                let theirs = Var::mask_of(src.clone().eq(self.gather(y)), g);
                let start = if include_self { mine.clone() } else { 0.0 * g };
                let count = self.add(&start, &theirs);
                let count = Var::from(1.0).where_(count.clone().eq(0.0), count);
                let share = g / count;
                let own = if include_self { mine * &share } else { share.clone() };
                (own, theirs * self.gather(&share))
            }
        };
        if !include_self {
            to_self = self.fill(&to_self, 0);
        }
        (to_self, to_src)
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
    if let Some(n) = dims.get_mut(d) {
        *n = index.numel();
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
    let first: Vec<Scalar> = groups.first.iter().map(|&i| Scalar::Int(i)).collect();
    let places = Array::empty_contiguous(&[first.len()], DType::I64, index.device())?;
    dispatch::store(&places, &first)?;
    index_select(&flat, 0, &Tensor::new(places))
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

/// [`gather`] with broadcast; without a dimension, from the flattened tensor.
pub fn take_along_dim(x: &Tensor, index: &Tensor, dim: Option<i64>) -> Result<Tensor> {
    let Some(dim) = dim else {
        let flat = view::reshape_to(x, &[x.numel()])?;
        return gather(&flat, 0, &view::reshape_to(index, &[index.numel()])?);
    };
    ensure!(
        x.rank() == index.rank(),
        Runtime,
        "torch.take_along_dim(): input and indices should have the same number of dimensions, but got {} dimensions for input, and {} dimensions for indices",
        x.rank(),
        index.rank()
    );
    ensure!(
        index.dtype() == DType::I64,
        Runtime,
        "torch.take_along_dim(): dtype of indices should be Long but got {}",
        index.dtype().type_name()
    );
    let d = shape::wrap_dim(dim, x.rank())?;
    let (mut for_x, mut for_index) = (index.dims(), x.dims());
    if x.rank() > 0 {
        for_x[d] = x.dims()[d];
        for_index[d] = index.dims()[d];
    }
    let wide_x = shape::broadcast(&x.dims(), &for_x)?;
    let wide_index = shape::broadcast(&index.dims(), &for_index)?;
    let size = x.dims().get(d).copied().unwrap_or(1) as i64;
    let positions = Var::from(index);
    let from_end = positions.clone() + Var::from(size);
    let positions = from_end.where_(positions.clone().lt(0i64), positions).tensor()?;
    gather(&view::expand_to(x, &wide_x), d as i64, &view::expand_to(&positions, &wide_index))
}

/// `x.flatten()[index]`.
pub fn take(x: &Tensor, index: &Tensor) -> Result<Tensor> {
    ensure!(
        index.dtype() == DType::I64,
        Runtime,
        "take(): Expected a long tensor for index, but got {}",
        index.dtype().type_name()
    );
    let positions = index.array();
    let out = Array::empty_contiguous(&index.dims(), x.dtype(), x.device())?;
    kernels::take(&out, &x.array().contiguous()?, &positions)?;
    let whole = x.dims();
    tape::record(out, &[x], |_| {
        Formula::new("TakeBackward0", 1, &[Keep::Bare(&positions)], move |grads, saved| {
            let index = saved.vars[0].clone().tensor()?;
            Ok(vec![Some(Var::grad(grads).then(|g| {
                put(Dest::New, &create::zeros(&whole, g.dtype(), g.device())?, &index, g, true)
            }))])
        })
    })
}

/// `x.flatten()[index] = src`, or `+=`.
pub fn put(
    dest: Dest<'_>,
    x: &Tensor,
    index: &Tensor,
    src: &Tensor,
    accumulate: bool,
) -> Result<Tensor> {
    ensure!(
        index.dtype() == DType::I64,
        Runtime,
        "put_(): Expected a long tensor for index, but got {}",
        index.dtype().type_name()
    );
    ensure!(
        x.dtype() == src.dtype(),
        Runtime,
        "put_(): self and source expected to have the same dtype, but got self.dtype = {} and source.dtype = {}",
        x.dtype().type_name(),
        src.dtype().type_name()
    );
    ensure!(
        src.numel() == index.numel(),
        Index,
        "put_(): Expected source and index to have the same number of elements, but got source.numel() = {}, index.numel() = {}",
        src.numel(),
        index.numel()
    );
    let positions = index.array();
    let kernel = |out: &Array| {
        if positions.numel() == 0 {
            return Ok(());
        }
        let dense = out.contiguous()?;
        let src = apart(&src.array(), out)?.contiguous()?;
        let src = src
            .view(Layout { offset: src.layout().offset, ..Layout::contiguous(positions.dims()) });
        kernels::put(&dense, &positions, Operand::Array(&src), accumulate)?;
        if overlap::is_same(&dense, out) { Ok(()) } else { dispatch::copy(out, &dense) }
    };
    let back = src.dims();
    written(dest, x, &[src], kernel, |_| {
        Formula::new("PutBackward0", 2, &[Keep::Bare(&positions)], move |grads, saved| {
            let g = Var::grad(grads);
            let index = saved.vars[0].clone().tensor()?;
            let cleared = |g: &Tensor| {
                let zeros = create::zeros(&back, g.dtype(), g.device())?;
                put(Dest::New, g, &index, &zeros, false)
            };
            let kept = if accumulate { g.clone() } else { g.clone().then(cleared) };
            let taken = |g: &Tensor| view::reshape_to(&take(g, &index)?, &back);
            Ok(vec![saved.needs[0].then_some(kept), saved.needs[1].then(|| g.then(taken))])
        })
    })
}

crate::ops! {
    /// Reading along a dimension.
    READS:
    /// One element of a dimension for each index.
    fmo "gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor" => |x, dim, index, sparse| dense_only(sparse).and_then(|()| gather(x, dim, index));
    /// Slices along a dimension.
    fmo "index_select(Tensor self, int dim, Tensor index) -> Tensor" => |x, dim, index| index_select(x, dim, index);
    /// Elements along a dimension, with broadcast.
    fmo "take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor" => |x, index, dim| take_along_dim(x, index, dim);
    /// Elements of the flattened tensor.
    fmo "take(Tensor self, Tensor index) -> Tensor" => |x, index| take(x, index);
}

fn dense_only(sparse: bool) -> Result<()> {
    ensure!(!sparse, NotImplemented, "gather(): sparse_grad=True is not supported");
    Ok(())
}

crate::filling_ops! {
    /// Writing along a dimension.
    WRITES:
    /// Elements of `src` to the positions in `index`.
    fmio "scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor" => |dest, x, dim, index, src| scatter(dest, x, dim, index, &of(src));
    /// One value to the positions in `index`.
    fmio "scatter.value(Tensor self, int dim, Tensor index, Scalar value) -> Tensor" => |dest, x, dim, index, value| scatter(dest, x, dim, index, &Var::S(value));
    /// Elements added to or multiplied with those there.
    fmio "scatter.reduce(Tensor self, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor" => |dest, x, dim, index, src, reduce| scatter_with(dest, x, dim, index, &of(src), reduce);
    /// One value added to or multiplied with those there.
    fmio "scatter.value_reduce(Tensor self, int dim, Tensor index, Scalar value, *, str reduce) -> Tensor" => |dest, x, dim, index, value, reduce| scatter_with(dest, x, dim, index, &Var::S(value), reduce);
    /// Elements added at the positions in `index`.
    fmio "scatter_add(Tensor self, int dim, Tensor index, Tensor src) -> Tensor" => |dest, x, dim, index, src| scatter_add_to(dest, x, dim, index, src);
    /// Elements combined at the positions in `index`.
    fmio "scatter_reduce(Tensor self, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True) -> Tensor" => |dest, x, dim, index, src, reduce, include| scatter_reduce(dest, x, dim, index, src, reduce, include);
    /// Slices added at the positions in `index`.
    fmio "index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor" => |dest, x, dim, index, src, alpha| index_add(dest, x, dim, index, src, alpha);
    /// Slices to the positions in `index`.
    fmio widest "index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor" => |dest, x, dim, index, src| index_copy(dest, x, dim, index, src);
    /// One value in the slices `index` names.
    fmi "index_fill(Tensor self, int dim, Tensor index, Operand value) -> Tensor" => |dest, x, dim, index, value| fill(dest, x, dim, index, value);
    /// Slices combined at the positions in `index`.
    fmio "index_reduce(Tensor self, int dim, Tensor index, Tensor source, str reduce, *, bool include_self=True) -> Tensor" => |dest, x, dim, index, src, reduce, include| index_reduce(dest, x, dim, index, src, reduce, include);
    /// Elements to positions of the flattened tensor.
    fmi "put(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor" => |dest, x, index, src, accumulate| put(dest, x, index, src, accumulate);
}

fn of(src: &Tensor) -> Var {
    src.into()
}

fn fill(dest: Dest<'_>, x: &Tensor, dim: i64, index: &Tensor, value: Var) -> Result<Tensor> {
    index_fill(dest, x, dim, index, &value)
}
