//! Differences and integrals of samples along a dimension.

use crate::{Var, cast, create, join, scan, view};
use base::{DType, Result, Scalar, bail, ensure, shape};
use tape::Tensor;

/// Part of dimension `d` that leaves out elements at the start or at the end.
fn without(x: &Tensor, d: usize, first: usize, last: usize) -> Result<Var> {
    let n = x.dims()[d].saturating_sub(first + last);
    Ok(Var::from(view::narrow(x, d as i64, first as i64, n as i64)?))
}

fn step(x: &Tensor, d: usize) -> Result<Tensor> {
    let (later, earlier) = (without(x, d, 1, 0)?, without(x, d, 0, 1)?);
    if x.dtype() == DType::Bool {
        return crate::map::of2(&crate::compare::logical_xor::OP, later, earlier).tensor();
    }
    (later - earlier).tensor()
}

/// Differences of neighbours, `n` times over.
fn diff(
    x: &Tensor,
    n: i64,
    dim: i64,
    prepend: Option<&Tensor>,
    append: Option<&Tensor>,
) -> Result<Tensor> {
    ensure!(x.rank() > 0, Runtime, "diff expects input to be at least one-dimensional");
    ensure!(n >= 0, Runtime, "order must be non-negative but got {n}");
    let d = shape::wrap_dim(dim, x.rank())?;
    for extra in [prepend, append].into_iter().flatten() {
        check_extra(x, extra, d)?;
    }
    if n == 0 {
        return create::clone(x, None);
    }
    let parts: Vec<Tensor> = [prepend, Some(x), append].into_iter().flatten().cloned().collect();
    let mut out = if parts.len() > 1 { join::cat(&parts, d as i64)? } else { x.clone() };
    let times = (n as usize).min(out.dims()[d]);
    for _ in 0..times {
        out = step(&out, d)?;
    }
    Ok(out)
}

fn check_extra(x: &Tensor, extra: &Tensor, d: usize) -> Result<()> {
    ensure!(
        extra.rank() == x.rank(),
        Runtime,
        "diff expects prepend or append to be the same dimension as input"
    );
    for k in (0..x.rank()).filter(|&k| k != d) {
        ensure!(
            extra.dims()[k] == x.dims()[k],
            Runtime,
            "diff expects the shape of tensor to prepend or append to match that of input except along the differencing dimension; input.size({k}) = {}, but got tensor.size({k}) = {}",
            x.dims()[k],
            extra.dims()[k]
        );
    }
    Ok(())
}

/// The areas between neighbours: their mean height times their distance.
fn areas(y: &Tensor, d: usize, widths: &Var) -> Result<Var> {
    Ok((without(y, d, 0, 1)? + without(y, d, 1, 0)?) * widths * 0.5)
}

/// Distances of the places `x`, lined up with dimension `d` of `y`.
fn widths(y: &Tensor, x: &Tensor, d: usize, op: &str) -> Result<Var> {
    ensure!(
        y.dtype() != DType::Bool && x.dtype() != DType::Bool,
        Runtime,
        "{op}: received a bool input for `x` or `y`, but bool is not supported"
    );
    if x.rank() != 1 {
        let mut raised = x.clone();
        while raised.rank() < y.rank() {
            raised = view::unsqueeze(&raised, 0)?;
        }
        let at = raised.rank() - (y.rank() - d);
        return Ok(Var::from(step(&raised, at)?));
    }
    ensure!(
        x.dims()[0] == y.dims()[d],
        Runtime,
        "{op}: There must be one `x` value for each sample point"
    );
    let mut line = step(x, 0)?;
    for _ in d + 1..y.rank() {
        line = view::unsqueeze(&line, -1)?;
    }
    Ok(Var::from(line))
}

fn number(y: &Tensor, dx: Scalar, op: &str) -> Result<Var> {
    ensure!(
        y.dtype() != DType::Bool,
        Runtime,
        "{op}: received a bool input for `y`, but bool is not supported"
    );
    Ok(Var::S(dx))
}

/// The integral of samples by trapezoids.
fn trapezoid(y: &Tensor, by: Spacing<'_>, dim: i64) -> Result<Tensor> {
    ensure!(y.rank() > 0, Index, "Dimension specified as {dim} but tensor has no dimensions");
    let d = shape::wrap_dim(dim, y.rank())?;
    let widths = by.widths(y, d, "trapezoid")?;
    if y.dims()[d] == 0 {
        let mut dims = y.dims();
        dims.remove(d);
        return create::zeros(&dims, y.dtype(), y.device());
    }
    areas(y, d, &widths)?.then(|t| crate::reduce::sum(t, Some(&[d as i64]), false, None)).tensor()
}

/// The running integral of samples by trapezoids.
fn cumulative_trapezoid(y: &Tensor, by: Spacing<'_>, dim: i64) -> Result<Tensor> {
    ensure!(y.rank() > 0, Index, "slice() cannot be applied to a 0-dim tensor.");
    let d = shape::wrap_dim(dim, y.rank())?;
    let widths = by.widths(y, d, "cumulative_trapezoid")?;
    areas(y, d, &widths)?.then(|t| scan::cumsum(t, d as i64, None)).tensor()
}

/// Where samples lie: so far apart, or at given places.
#[derive(Clone, Copy)]
enum Spacing<'a> {
    Even(Scalar),
    Places(&'a Tensor),
}

impl Spacing<'_> {
    fn widths(self, y: &Tensor, d: usize, op: &str) -> Result<Var> {
        match self {
            Spacing::Even(dx) => number(y, dx, op),
            Spacing::Places(x) => widths(y, x, d, op),
        }
    }
}

/// The slope along `d`: differences of neighbours inside, one-sided of order `edge` at the ends.
fn slope(x: &Tensor, d: usize, by: Spacing<'_>, edge: i64) -> Result<Tensor> {
    let n = x.dims()[d];
    let at = |i: usize| Ok::<_, base::Error>(Var::from(view::narrow(x, d as i64, i as i64, 1)?));
    let Spacing::Places(places) = by else {
        let Spacing::Even(h) = by else { bail!(Runtime, "internal error: spacing") };
        let h = Var::S(h);
        let inner = (without(x, d, 2, 0)? - without(x, d, 0, 2)?) / (&h * &Var::from(2.0));
        let (first, last) = if edge == 1 {
            ((at(1)? - at(0)?) / &h, (at(n - 1)? - at(n - 2)?) / h)
        } else {
            let end = |a: Var, b: Var, c: Var| (a * -1.5 + b * 2.0 - c * 0.5) / &h;
            (end(at(0)?, at(1)?, at(2)?), -end(at(n - 1)?, at(n - 2)?, at(n - 3)?))
        };
        return join::cat(&[first.tensor()?, inner.tensor()?, last.tensor()?], d as i64);
    };
    let lined = |v: Tensor| -> Result<Var> {
        let mut v = v;
        for _ in d + 1..x.rank() {
            v = view::unsqueeze(&v, -1)?;
        }
        Ok(Var::from(v))
    };
    let gaps = step(places, 0)?;
    let gap = |i: usize| lined(view::narrow(&gaps, 0, i as i64, 1)?);
    let (left, right) = (without(&gaps, 0, 0, 1)?.tensor()?, without(&gaps, 0, 1, 0)?.tensor()?);
    let (left, right) = (lined(left)?, lined(right)?);
    let both = &left + &right;
    let inner = without(x, d, 0, 2)? * -(&right / (&left * &both))
        + without(x, d, 1, 1)? * ((&right - &left) / (&left * &right))
        + without(x, d, 2, 0)? * (&left / (&right * &both));
    let (first, last) = if edge == 1 {
        ((at(1)? - at(0)?) / gap(0)?, (at(n - 1)? - at(n - 2)?) / gap(n - 2)?)
    } else {
        let end = |p: Var, q: Var, a: Var, b: Var, c: Var| {
            let both = &p + &q;
            a * -((&p * &Var::from(2.0) + &q) / (&p * &both)) + b * (&both / (&p * &q))
                - c * (&p / (&q * &both))
        };
        let first = end(gap(0)?, gap(1)?, at(0)?, at(1)?, at(2)?);
        let (p, q) = (gap(n - 2)?, gap(n - 3)?);
        (first, -end(p, q, at(n - 1)?, at(n - 2)?, at(n - 3)?))
    };
    join::cat(&[first.tensor()?, inner.tensor()?, last.tensor()?], d as i64)
}

/// Slopes along dimensions (all without `dims`), each with its own spacing.
fn gradient(
    x: &Tensor,
    spacing: &[Spacing<'_>],
    dims: Option<&[i64]>,
    edge: i64,
) -> Result<Vec<Tensor>> {
    let rank = x.rank();
    ensure!(
        dims.is_some() || spacing.len() == rank,
        Runtime,
        "torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to 'self.dim() = {rank}', since dim argument was not given, but got a list of length {}",
        spacing.len()
    );
    let dims: Vec<usize> = match dims {
        None => (0..rank).collect(),
        Some(dims) => dims.iter().map(|&d| shape::wrap_dim(d, rank)).collect::<Result<_>>()?,
    };
    ensure!(
        spacing.len() == dims.len(),
        Runtime,
        "torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim arguments to have the same length, but got a spacing argument of length {} and a dim argument of length {}.",
        spacing.len(),
        dims.len()
    );
    ensure!(
        edge == 1 || edge == 2,
        Runtime,
        "torch.gradient only supports edge_order=1 and edge_order=2."
    );
    for (i, &d) in dims.iter().enumerate() {
        ensure!(
            !dims[..i].contains(&d),
            Runtime,
            "dim {d} appears multiple times in the list of dims"
        );
        ensure!(
            x.dims()[d] > edge as usize,
            Runtime,
            "torch.gradient expected each dimension size to be at least edge_order+1"
        );
        if let Spacing::Places(places) = spacing[i] {
            ensure!(
                places.rank() == 1 && places.dims()[0] == x.dims()[d],
                Runtime,
                "torch.gradient expected each element in the coordinate list to match the corresponding dimension sizes"
            );
        }
    }
    let x = if x.dtype().is_integral() {
        cast::to_dtype(x, base::promote::default_dtype())?
    } else {
        x.clone()
    };
    dims.iter().zip(spacing).map(|(&d, &by)| slope(&x, d, by, edge)).collect()
}

fn gradient_even(
    x: &Tensor,
    spacing: Option<Scalar>,
    dims: Option<&[i64]>,
    edge: i64,
) -> Result<Vec<Tensor>> {
    let count = dims.map_or(x.rank(), <[i64]>::len);
    let h = spacing.unwrap_or(Scalar::Int(1));
    gradient(x, &vec![Spacing::Even(h); count], dims, edge)
}

fn gradient_steps(
    x: &Tensor,
    spacing: &[Scalar],
    dims: Option<&[i64]>,
    edge: i64,
) -> Result<Vec<Tensor>> {
    let list: Vec<Spacing<'_>> = spacing.iter().map(|&h| Spacing::Even(h)).collect();
    gradient(x, &list, dims, edge)
}

fn gradient_places(
    x: &Tensor,
    spacing: &[Tensor],
    dims: Option<&[i64]>,
    edge: i64,
) -> Result<Vec<Tensor>> {
    let list: Vec<Spacing<'_>> = spacing.iter().map(Spacing::Places).collect();
    gradient(x, &list, dims, edge)
}

crate::ops! {
    /// Differences and integrals.
    CALCULUS:
    /// Differences of neighbours.
    fmo "diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor" => |x, n, dim, before, after| diff(x, n, dim, before, after);
    /// The integral by trapezoids between given places.
    f "trapezoid.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor" => |y, x, dim| trapezoid(y, Spacing::Places(x), dim);
    /// The integral by trapezoids.
    f "trapezoid.dx(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor" => |y, dx, dim| trapezoid(y, Spacing::Even(dx), dim);
    /// The integral by trapezoids between given places.
    f "trapz.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor" => |y, x, dim| trapezoid(y, Spacing::Places(x), dim);
    /// The integral by trapezoids.
    f "trapz.dx(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor" => |y, dx, dim| trapezoid(y, Spacing::Even(dx), dim);
    /// The running integral by trapezoids between given places.
    f "cumulative_trapezoid.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor" => |y, x, dim| cumulative_trapezoid(y, Spacing::Places(x), dim);
    /// The running integral by trapezoids.
    f "cumulative_trapezoid.dx(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor" => |y, dx, dim| cumulative_trapezoid(y, Spacing::Even(dx), dim);
    /// Slopes along dimensions, samples evenly spaced.
    f "gradient(Tensor self, *, Scalar? spacing=None, int[1]? dim=None, int edge_order=1) -> Tensor[]" => |x, spacing, dim, edge| gradient_even(x, spacing, dim, edge);
    /// Slopes along dimensions, each with its own spacing.
    f "gradient.steps(Tensor self, *, Scalar[] spacing, int[1]? dim=None, int edge_order=1) -> Tensor[]" => |x, spacing, dim, edge| gradient_steps(x, spacing, dim, edge);
    /// Slopes along dimensions, samples at given places.
    f "gradient.places(Tensor self, *, Tensor[] spacing, int[1]? dim=None, int edge_order=1) -> Tensor[]" => |x, spacing, dim, edge| gradient_places(x, spacing, dim, edge);
}
