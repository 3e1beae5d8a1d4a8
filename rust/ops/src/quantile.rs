//! Quantiles: places between elements in order.

use crate::{Var, cast, create, scatter, sort, view};
use base::{DType, Dims, Result, Scalar, bail, ensure, shape};
use tape::Tensor;

/// How a quantile between two elements is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Between {
    Linear,
    Lower,
    Higher,
    Midpoint,
    Nearest,
}

impl Between {
    fn parse(name: &str) -> Result<Between> {
        Ok(match name {
            "linear" => Between::Linear,
            "lower" => Between::Lower,
            "higher" => Between::Higher,
            "midpoint" => Between::Midpoint,
            "nearest" => Between::Nearest,
            other => bail!(
                Runtime,
                "quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {other}"
            ),
        })
    }
}

/// Quantiles along `dim` (of the flattened tensor without one), for each element of `q`.
fn quantile(
    x: &Tensor,
    q: &Tensor,
    dim: Option<i64>,
    keepdim: bool,
    between: &str,
    ignore_nan: bool,
) -> Result<Tensor> {
    let op = if ignore_nan { "nanquantile" } else { "quantile" };
    let between = Between::parse(between)?;
    check_quantile(x, q, op)?;
    let rank = x.rank();
    let (line, d) = match dim {
        None => (view::reshape_to(x, &[x.numel()])?, None),
        Some(dim) if rank == 0 => (view::reshape_to(x, &[1])?, Some(shape::wrap_dim(dim, 0)?)),
        Some(dim) => {
            let d = shape::wrap_dim(dim, rank)?;
            (view::transpose(&view::unsqueeze(x, -1)?, d as i64, -1)?, Some(d))
        }
    };
    let line = if d.is_some() && rank > 0 {
        view::squeeze(&line, Some(&[d.unwrap_or(0) as i64]))?
    } else {
        line
    };
    let sorted = sort::sort(&line, -1, false)?.0;
    let picked = Quantiles { sorted: &sorted, ignore_nan, between }.at(q)?;
    quantile_shape(picked, x, q, d, keepdim)
}

fn check_quantile(x: &Tensor, q: &Tensor, op: &str) -> Result<()> {
    ensure!(x.numel() > 0, Runtime, "{op}() input tensor must be non-empty");
    ensure!(q.rank() <= 1, Runtime, "{op}() q must be a scalar or 1D tensor");
    ensure!(
        matches!(x.dtype(), DType::F32 | DType::F64),
        Runtime,
        "{op}() input tensor must be either float or double dtype"
    );
    ensure!(
        x.dtype() == q.dtype(),
        Runtime,
        "{op}() q tensor must be same dtype as the input tensor"
    );
    let inside = q.device().kind == base::DeviceKind::Meta
        || array::dispatch::scalars(&q.array())?.iter().all(|v| (0.0..=1.0).contains(&v.to_f64()));
    ensure!(inside, Runtime, "{op}() q values must be in the range [0, 1]");
    Ok(())
}

struct Quantiles<'a> {
    /// Lines in order along the last dimension.
    sorted: &'a Tensor,
    ignore_nan: bool,
    between: Between,
}

impl Quantiles<'_> {
    /// `[lines.., q]`.
    fn at(&self, q: &Tensor) -> Result<Tensor> {
        let n = self.sorted.dims().last().copied().unwrap_or(1);
        let q = Var::from(view::reshape_to(q, &[q.numel()])?);
        let missing = Var::from(self.sorted)
            .isnan()
            .then(|m| crate::reduce::sum(m, Some(&[-1]), true, Some(self.sorted.dtype())));
        let last = if self.ignore_nan {
            let present = Var::from(n as f64) - missing.clone();
            (present - Var::from(1.0)).then(|t| clamped(t, 0.0))
        } else {
            missing.clone() * 0.0 + Var::from(n as f64 - 1.0)
        };
        let place = q * last.clone();
        let place = if self.ignore_nan {
            place
        } else {
            // A line with NaN gives NaN, which sorts last.
            last.where_(missing.gt(0.0), place)
        };
        let place = match self.between {
            Between::Lower => unary(&crate::unary::floor::OP, place),
            Between::Higher => unary(&crate::unary::ceil::OP, place),
            Between::Nearest => unary(&crate::unary::round::OP, place),
            Between::Linear | Between::Midpoint => place,
        };
        let below = unary(&crate::unary::floor::OP, place.clone());
        let low = self.gathered(&below)?;
        if !matches!(self.between, Between::Linear | Between::Midpoint) {
            return low.tensor();
        }
        let weight = match self.between {
            // Half way at a whole place, too, where both neighbours are the same.
            Between::Midpoint => {
                let (dtype, device) = (self.sorted.dtype(), self.sorted.device());
                Var::from(create::full(&[], Scalar::Float(0.5), dtype, device)?)
            }
            _ => &place - &below,
        };
        let high = self.gathered(&unary(&crate::unary::ceil::OP, place))?;
        low.then(|low| {
            high.then(|high| weight.then(|w| crate::blend::lerp(low, high, &w.into())).tensor())
                .tensor()
        })
        .tensor()
    }

    fn gathered(&self, place: &Var) -> Result<Var> {
        let index = cast::to_dtype(&place.clone().tensor()?, DType::I64)?;
        Ok(Var::from(scatter::gather(self.sorted, -1, &index)))
    }
}

fn clamped(x: &Tensor, low: f64) -> Result<Tensor> {
    crate::map::apply(&crate::binary::maximum::OP, &[x.into(), Var::from(low)], crate::map::NONE)
}

fn unary(row: &'static crate::map::MapRow, x: Var) -> Var {
    x.then(|t| crate::map::apply(row, &[t.into()], crate::map::NONE))
}

/// The result has q's dimension first, then x's without (or with 1 for) the reduced one.
fn quantile_shape(
    picked: Tensor,
    x: &Tensor,
    q: &Tensor,
    d: Option<usize>,
    keepdim: bool,
) -> Result<Tensor> {
    let mut rest = x.dims();
    match d {
        None => rest = if keepdim { Dims::filled(1, x.rank()) } else { Dims::new() },
        Some(_) if x.rank() == 0 => {}
        Some(d) if keepdim => rest[d] = 1,
        Some(d) => {
            rest.remove(d);
        }
    }
    let moved = if picked.rank() > 1 { front(&picked)? } else { picked };
    let mut dims = if q.rank() == 1 { Dims::from_slice(&[q.numel()]) } else { Dims::new() };
    rest.iter().for_each(|&n| dims.push(n));
    view::reshape_to(&moved, &dims)
}

fn front(x: &Tensor) -> Result<Tensor> {
    let order: Vec<i64> = std::iter::once(-1).chain(0..x.rank() as i64 - 1).collect();
    view::permute(x, &order)
}

fn quantile_at(
    x: &Tensor,
    q: f64,
    dim: Option<i64>,
    keepdim: bool,
    between: &str,
    nan: bool,
) -> Result<Tensor> {
    let op = if nan { "nanquantile" } else { "quantile" };
    ensure!((0.0..=1.0).contains(&q), Runtime, "{op}() q must be in the range [0, 1] but got {q}");
    ensure!(
        matches!(x.dtype(), DType::F32 | DType::F64),
        Runtime,
        "{op}() input tensor must be either float or double dtype"
    );
    let q = create::full(&[], Scalar::Float(q), x.dtype(), x.device())?;
    quantile(x, &q, dim, keepdim, between, nan)
}

crate::ops! {
    /// Quantiles.
    QUANTILES:
    /// A quantile.
    fmo f32 "quantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation='linear') -> Tensor" => |x, q, dim, keep, between| quantile_at(x, q, dim, keep, between, false);
    /// Quantiles.
    fmo f32 "quantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation='linear') -> Tensor" => |x, q, dim, keep, between| quantile(x, q, dim, keep, between, false);
    /// A quantile of those that are not NaN.
    fmo f32 "nanquantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation='linear') -> Tensor" => |x, q, dim, keep, between| quantile_at(x, q, dim, keep, between, true);
    /// Quantiles of those that are not NaN.
    fmo f32 "nanquantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation='linear') -> Tensor" => |x, q, dim, keep, between| quantile(x, q, dim, keep, between, true);
}
