//! One element for each element of an index tensor: `gather` reads along a dimension, `scatter` and
//! its reducing forms write. Each one's gradient is another of them.

use crate::call::Dest;
use crate::index::{apart, before_write, int64, vector, written};
use crate::node::{Formula, Keep};
use crate::{Var, create};
use array::dispatch::index as kernels;
use array::dispatch::index::ScatterOp;
use array::{Array, Operand};
use base::{Result, bail, ensure, shape};
use tape::Tensor;

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

pub(crate) fn source_list(src: &Var) -> Vec<&Tensor> {
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

/// A reduction by its name.
pub(crate) fn reduction(name: &str) -> Result<ScatterOp> {
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
pub(crate) struct Along {
    pub(crate) dim: i64,
    pub(crate) index: Tensor,
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

    fn product(&self, x: &Var, src: &Var, include_self: bool) -> Var {
        let (dim, index) = (self.dim, &self.index);
        x.clone().then(|x| {
            let reduced =
                |src: &Tensor| scatter_reduce(Dest::New, x, dim, index, src, "prod", include_self);
            src.clone().then(reduced).tensor()
        })
    }

    /// Each factor's gradient is the product of the others: the whole divided by it, or, for a
    /// lone zero, the product with a 1 in its place. Beside another zero it is 0.
    fn product_vjp(&self, include_self: bool, g: &Var, x: &Var, src: &Var, y: &Var) -> (Var, Var) {
        let one = || Var::from(1.0);
        let filled = one().where_(x.clone().eq(0.0), x.clone());
        let to_self = g * self.product(&filled, src, include_self) / &filled;
        let zero = src.clone().eq(0.0);
        let zeros = self.add(&x.clone().zeros_like(), &Var::mask_of(zero.clone(), src));
        let alone = zero.clone().logical_and(self.gather(&zeros).eq(1.0));
        let others = self.product(x, &one().where_(alone.clone(), src.clone()), include_self);
        let divided = self.gather(&(g * y)) / one().where_(zero, src.clone());
        (to_self, self.gather(&(g * others)).where_(alone, divided))
    }

    /// Gradients towards the tensor written to and the source.
    pub(crate) fn reduce_vjp(
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
                let count =
                    self.add(&(x.clone().zeros_like() + start), &(src.clone().zeros_like() + 1.0));
                let count = Var::from(1.0).where_(count.clone().eq(0.0), count);
                (g / &count, self.gather(&(g / &count)))
            }
            ScatterOp::Prod => self.product_vjp(include_self, g, x, src, y),
            ScatterOp::Amax | ScatterOp::Amin => {
                let mine = Var::mask_of(x.clone().eq(y.clone()), g);
                let theirs = Var::mask_of(src.clone().eq(self.gather(y)), g);
                let start = if include_self { mine.clone() } else { g.clone().zeros_like() };
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

crate::ops! {
    /// Reading along a dimension.
    READS:
    /// One element of a dimension for each index.
    fmo "gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor" => |x, dim, index, sparse| dense_only(sparse).and_then(|()| gather(x, dim, index));
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
}

fn of(src: &Tensor) -> Var {
    src.into()
}
