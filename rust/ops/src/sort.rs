//! Order: sorting, the largest few, ranks and quantiles, groups of equal elements, places in
//! sorted sequences.

use crate::extremum::{picked, picked_at};
use crate::reduce::span;
use crate::{Var, cast, create, index, view};
use array::Array;
use array::dispatch::sort::{self as kernels, Groups, Rank};
use base::promote::{Class, Promotion};
use base::{DType, Dims, Result, Scalar, bail, ensure, shape};
use tape::Tensor;

/// The elements in order along `dim`, and where they were.
pub fn sort(x: &Tensor, dim: i64, descending: bool) -> Result<(Tensor, Tensor)> {
    refuse_complex(x, "sort")?;
    let d = shape::wrap_dim(dim, x.rank())?;
    let layout = base::layout::preserved_layout(&x.layout());
    let values = Array::empty(layout.clone(), x.dtype(), x.device())?;
    let indices = Array::empty(layout, DType::I64, x.device())?;
    kernels::sort(&values, &indices, &x.array(), d, descending)?;
    picked_at("SortBackward0", x, values, indices, d)
}

fn refuse_complex(x: &Tensor, op: &str) -> Result<()> {
    ensure!(!x.dtype().is_complex(), Runtime, "{op}(): input tensor must be of non-complex type");
    Ok(())
}

fn argsort(x: &Tensor, dim: i64, descending: bool) -> Result<Tensor> {
    let _off = tape::set_grad_enabled(false);
    Ok(sort(x, dim, descending)?.1)
}

/// Sorted along the first dimension.
fn msort(x: &Tensor) -> Result<Tensor> {
    Ok(sort(x, 0, false)?.0)
}

/// The `k` largest (or smallest) elements along `dim`.
pub fn topk(x: &Tensor, k: i64, dim: i64, largest: bool) -> Result<(Tensor, Tensor)> {
    refuse_complex(x, "topk")?;
    let d = shape::wrap_dim(dim, x.rank())?;
    let mut dims = x.dims();
    let size = dims.get(d).copied().unwrap_or(1);
    ensure!((0..=size as i64).contains(&k), Runtime, "selected index k out of range");
    if let Some(n) = dims.get_mut(d) {
        *n = k as usize;
    }
    let values = Array::empty_contiguous(&dims, x.dtype(), x.device())?;
    let indices = Array::empty_contiguous(&dims, DType::I64, x.device())?;
    kernels::topk(&values, &indices, &x.array(), d, k as usize, largest)?;
    picked_at("TopkBackward0", x, values, indices, d)
}

fn ranked(
    node: &'static str,
    op: &str,
    kind: Rank,
    x: &Tensor,
    dim: i64,
    keepdim: bool,
) -> Result<(Tensor, Tensor)> {
    refuse_complex(x, op)?;
    let span = span(x, Some(&[dim]), keepdim)?;
    let d = shape::wrap_dim(dim, x.rank())?;
    let size = x.dims().get(d).copied().unwrap_or(1);
    match kind {
        Rank::Kth(k) => ensure!(
            (1..=size).contains(&k),
            Runtime,
            "selected number k out of range for dimension {d}"
        ),
        _ => ensure!(size > 0, Index, "{op}(): Expected reduction dim {d} to have non-zero size."),
    }
    let values = Array::empty_contiguous(&span.dims, x.dtype(), x.device())?;
    let indices = Array::empty_contiguous(&span.dims, DType::I64, x.device())?;
    kernels::rank(kind, &values, &indices, &x.array(), d)?;
    picked(node, x, values, indices, d, keepdim)
}

fn kthvalue(x: &Tensor, k: i64, dim: i64, keepdim: bool) -> Result<(Tensor, Tensor)> {
    let k = usize::try_from(k).unwrap_or(0);
    ranked("KthvalueBackward0", "kthvalue", Rank::Kth(k), x, dim, keepdim)
}

/// The lower median of all elements; NaN of none.
fn median_of_all(x: &Tensor, kind: Rank) -> Result<Tensor> {
    ensure!(x.dtype() != DType::Bool, NotImplemented, "\"median_cpu\" not implemented for 'Bool'");
    let flat = view::reshape_to(x, &[x.numel()])?;
    let (node, op) = match kind {
        Rank::NanMedian => ("NanmedianBackward0", "nanmedian"),
        _ => ("MedianBackward0", "median"),
    };
    if x.numel() == 0 {
        let value =
            if x.dtype().is_integral() { Scalar::Int(i64::MIN) } else { Scalar::Float(f64::NAN) };
        return create::full(&[], value, x.dtype(), x.device());
    }
    Ok(ranked(node, op, kind, &flat, 0, false)?.0)
}

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
    let sorted = sort(&line, -1, false)?.0;
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
            Between::Midpoint => {
                let whole = place.clone().eq(below);
                Var::from(0.0).where_(whole, 0.0 * &place + Var::from(0.5))
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
        Ok(Var::from(index::gather(self.sorted, -1, &index)))
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

fn int64_tensor(values: &[i64], dims: &[usize]) -> Result<Tensor> {
    let out = Array::empty_contiguous(dims, DType::I64, base::Device::CPU)?;
    let values: Vec<Scalar> = values.iter().map(|&v| Scalar::Int(v)).collect();
    array::dispatch::store(&out, &values)?;
    Ok(Tensor::new(out))
}

type Unique = (Tensor, Tensor, Tensor);

/// Distinct elements (or slices along `dim`), where each went, and how many there are.
fn unique(
    x: &Tensor,
    dim: Option<i64>,
    sorted: bool,
    inverse: bool,
    counts: bool,
) -> Result<Unique> {
    let (groups, values, dims) = match dim {
        None => {
            let groups = kernels::unique(&x.array(), sorted)?;
            let flat = view::reshape_to(x, &[x.numel()])?;
            let values = index::index_select(&flat, 0, &first_of(&groups)?)?;
            (groups, values, x.dims())
        }
        Some(dim) => unique_slices(x, dim, sorted)?,
    };
    let empty = || int64_tensor(&[], &[0]);
    Ok((
        values.detach(),
        if inverse { int64_tensor(&groups.inverse, &dims)? } else { empty()? },
        if counts { int64_tensor(&groups.counts, &[groups.counts.len()])? } else { empty()? },
    ))
}

fn first_of(groups: &Groups) -> Result<Tensor> {
    int64_tensor(&groups.first, &[groups.first.len()])
}

fn unique_slices(x: &Tensor, dim: i64, sorted: bool) -> Result<(Groups, Tensor, Dims)> {
    let d = shape::wrap_dim(dim, x.rank())?;
    let size = x.dims().get(d).copied().unwrap_or(1);
    let others = x.dims().iter().enumerate().filter(|&(i, &n)| i != d && n == 0).count();
    ensure!(
        x.numel() > 0 || (size == 0 && others == 0),
        Runtime,
        "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied"
    );
    let rows = if x.rank() > 0 { view::transpose(x, 0, d as i64)? } else { x.clone() };
    let width = x.numel().checked_div(size).unwrap_or(0);
    let rows = view::reshape_to(&rows, &[size, width])?;
    let groups = kernels::unique_rows(&rows.array(), sorted)?;
    let values = index::index_select(x, d as i64, &first_of(&groups)?)?;
    Ok((groups, values, Dims::from_slice(&[size])))
}

/// Settings of a search, as the two spellings give them.
struct Search<'a> {
    int32: bool,
    right: bool,
    side: Option<&'a str>,
    sorter: Option<&'a Tensor>,
}

impl Search<'_> {
    fn is_right(&self) -> Result<bool> {
        match self.side {
            None => Ok(self.right),
            Some("left") => {
                ensure!(
                    !self.right,
                    Runtime,
                    "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True"
                );
                Ok(false)
            }
            Some("right") => Ok(true),
            Some(other) => bail!(
                Runtime,
                "torch.searchsorted(): side can only be 'left' or 'right' but got {other}"
            ),
        }
    }

    fn run(&self, sequence: &Tensor, values: &Tensor) -> Result<Tensor> {
        let right = self.is_right()?;
        check_search(sequence, values, self.sorter)?;
        let dtype = Promotion::new()
            .with(sequence.dtype(), Class::Dim)
            .with(values.dtype(), Class::Dim)
            .result();
        let sequence = sequence.array().cast(dtype)?;
        let values = values.array().cast(dtype)?;
        let target = if self.int32 { DType::I32 } else { DType::I64 };
        let out = Array::empty_contiguous(values.dims(), target, values.device())?;
        let sorter = self.sorter.map(Tensor::array);
        kernels::searchsorted(&out, &sequence, &values, sorter.as_ref(), right)?;
        Ok(Tensor::new(out))
    }
}

fn check_search(sequence: &Tensor, values: &Tensor, sorter: Option<&Tensor>) -> Result<()> {
    ensure!(
        sequence.rank() > 0,
        Runtime,
        "torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 dimension"
    );
    let (a, b) = (sequence.dims(), values.dims());
    let lead = a.len() == b.len() && a[..a.len() - 1] == b[..b.len().max(1) - 1];
    ensure!(
        a.len() == 1 || lead,
        Runtime,
        "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and input value tensor must match, but we got boundaries tensor {} and input value tensor {}",
        shape::show(&a),
        shape::show(&b)
    );
    ensure!(
        sequence.dtype() == values.dtype() || values.rank() == 0,
        Runtime,
        "torch.searchsorted(): input value tensor and boundaries tensor should have same dtype, but got boundaries tensor dtype {} and input value tensor dtype {}",
        sequence.dtype().type_name(),
        values.dtype().type_name()
    );
    if let Some(sorter) = sorter {
        ensure!(
            sorter.dims() == a,
            Runtime,
            "torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor {} and got sorter tensor {}",
            shape::show(&a),
            shape::show(&sorter.dims())
        );
        ensure!(
            sorter.dtype() == DType::I64,
            Runtime,
            "torch.searchsorted(): sorter must be a tensor of long dtype but got dtype {}",
            sorter.dtype().type_name()
        );
    }
    Ok(())
}

fn search_var(sequence: &Tensor, values: &Var, search: &Search<'_>) -> Result<Tensor> {
    let values = match values {
        Var::S(s) => create::full(&[], *s, number_dtype(sequence, *s), sequence.device())?,
        other => other.clone().tensor()?,
    };
    search.run(sequence, &values)
}

/// A number takes part in its own category's default type, or the sequence's when that is wider.
fn number_dtype(sequence: &Tensor, value: Scalar) -> DType {
    Promotion::new().with(sequence.dtype(), Class::Dim).with_scalar(value).result()
}

fn bucketize(values: Var, boundaries: &Tensor, int32: bool, right: bool) -> Result<Tensor> {
    ensure!(
        boundaries.rank() == 1,
        Runtime,
        "boundaries tensor must be 1 dimension, but got dim({})",
        boundaries.rank()
    );
    search_var(boundaries, &values, &Search { int32, right, side: None, sorter: None })
}

fn searchsorted(
    sequence: &Tensor,
    values: Var,
    int32: bool,
    right: bool,
    side: Option<&str>,
    sorter: Option<&Tensor>,
) -> Result<Tensor> {
    search_var(sequence, &values, &Search { int32, right, side, sorter })
}

crate::ops! {
    /// Order.
    ORDER:
    /// Elements in order along a dimension.
    fmo "sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)" => |x, dim, descending| sort(x, dim, descending);
    /// Elements in order along a dimension; equal ones keep their order.
    fmo "sort.stable(Tensor self, *, bool? stable, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)" => |x, stable, dim, descending| always_stable(stable).and_then(|()| sort(x, dim, descending));
    /// The positions that sort along a dimension.
    fm "argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor" => |x, dim, descending| argsort(x, dim, descending);
    /// The positions that sort along a dimension.
    fm "argsort.stable(Tensor self, *, bool stable, int dim=-1, bool descending=False) -> Tensor" => |x, stable, dim, descending| always_stable(Some(stable)).and_then(|()| argsort(x, dim, descending));
    /// Sorted along the first dimension.
    fmo "msort(Tensor self) -> Tensor" => |x| msort(x);
    /// The k largest or smallest elements; they always come in order.
    fmo "topk(Tensor self, int k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)" => |x, k, dim, largest, sorted| always_stable(Some(sorted)).and_then(|()| topk(x, k, dim, largest));
    /// The k-th smallest element.
    fmo "kthvalue(Tensor self, int k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)" => |x, k, dim, keep| kthvalue(x, k, dim, keep);
    /// The lower median of all elements.
    fm "median(Tensor self) -> Tensor" => |x| median_of_all(x, Rank::Median);
    /// The lower median along a dimension.
    fmo "median.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)" => |x, dim, keep| ranked("MedianBackward1", "median", Rank::Median, x, dim, keep);
    /// The lower median of the elements that are not NaN.
    fm "nanmedian(Tensor self) -> Tensor" => |x| median_of_all(x, Rank::NanMedian);
    /// The lower median of those that are not NaN along a dimension.
    fmo "nanmedian.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)" => |x, dim, keep| ranked("NanmedianBackward1", "nanmedian", Rank::NanMedian, x, dim, keep);
    /// The most frequent element along a dimension.
    fmo "mode(Tensor self, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)" => |x, dim, keep| ranked("ModeBackward0", "mode", Rank::Mode, x, dim, keep);
    /// A quantile.
    fmo "quantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation='linear') -> Tensor" => |x, q, dim, keep, between| quantile_at(x, q, dim, keep, between, false);
    /// Quantiles.
    fmo "quantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation='linear') -> Tensor" => |x, q, dim, keep, between| quantile(x, q, dim, keep, between, false);
    /// A quantile of those that are not NaN.
    fmo "nanquantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation='linear') -> Tensor" => |x, q, dim, keep, between| quantile_at(x, q, dim, keep, between, true);
    /// Quantiles of those that are not NaN.
    fmo "nanquantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation='linear') -> Tensor" => |x, q, dim, keep, between| quantile(x, q, dim, keep, between, true);
    /// Distinct elements, where each went and how many there are.
    f "_unique2(Tensor self, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)" => |x, sorted, inverse, counts| always_stable(Some(sorted)).and_then(|()| unique(x, None, true, inverse, counts));
    /// Distinct slices, where each went and how many there are.
    f "unique_dim(Tensor self, int dim, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)" => |x, dim, sorted, inverse, counts| always_stable(Some(sorted)).and_then(|()| unique(x, Some(dim), true, inverse, counts));
    /// Elements (or slices) without their repetitions next to each other.
    f "_unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) -> (Tensor, Tensor, Tensor)" => |x, inverse, counts, dim| unique(x, dim, false, inverse, counts);
    /// Places in a sorted sequence.
    fo "searchsorted(Tensor sorted_sequence, Operand self, *, bool out_int32=False, bool right=False, str? side=None, Tensor? sorter=None) -> Tensor" => |sequence, values, int32, right, side, sorter| searchsorted(sequence, values, int32, right, side, sorter);
    /// Places among boundaries.
    fo "bucketize(Operand self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor" => |values, boundaries, int32, right| bucketize(values, boundaries, int32, right);
}

/// Asking for less order than is always given is granted.
fn always_stable(_wish: Option<bool>) -> Result<()> {
    Ok(())
}
