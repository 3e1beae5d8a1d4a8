//! Order: sorting, the largest few, the element of a rank.

use crate::extremum::{picked, picked_at, shared_vjp};
use crate::node::{Formula, Keep};
use crate::reduce::span;
use crate::{Var, create, view};
use array::Array;
use array::dispatch::sort::{self as kernels, Rank};
use base::{DType, Result, Scalar, ensure, shape};
use tape::Tensor;

/// The elements in order along `dim`, and where they were.
pub fn sort(x: &Tensor, dim: i64, descending: bool) -> Result<(Tensor, Tensor)> {
    sorted("SortBackward0", x, dim, descending)
}

/// As [`sort`], with the name of the node.
fn sorted(node: &'static str, x: &Tensor, dim: i64, descending: bool) -> Result<(Tensor, Tensor)> {
    refuse_complex(x, "sort")?;
    let d = shape::wrap_dim(dim, x.rank())?;
    let layout = base::layout::preserved_layout(&x.layout());
    let values = Array::empty(layout.clone(), x.dtype(), x.device())?;
    let indices = Array::empty(layout, DType::I64, x.device())?;
    kernels::sort(&values, &indices, &x.array(), d, descending)?;
    picked_at(node, x, values, indices, d)
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
    // A single number has one element in order, whatever is asked for.
    let k = if let Some(n) = dims.get_mut(d) {
        *n = k as usize;
        k as usize
    } else {
        1
    };
    let values = Array::empty_contiguous(&dims, x.dtype(), x.device())?;
    let indices = Array::empty_contiguous(&dims, DType::I64, x.device())?;
    kernels::topk(&values, &indices, &x.array(), d, k, largest)?;
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
            "kthvalue(): selected number k out of range for dimension {d}"
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
    let value = {
        let _off = tape::set_grad_enabled(false);
        ranked(node, op, kind, &flat, 0, false)?.0
    };
    tape::record(value.array(), &[x], |y| {
        Formula::new(node, 1, &[Keep::Input(x), Keep::Output(y, 0)], |grads, saved| {
            let all: Vec<i64> = match &saved.vars[0] {
                Var::T(x) => (0..x.rank() as i64).collect(),
                _ => Vec::new(),
            };
            let (x, y) = (&saved.vars[0], saved.vars[1].clone());
            Ok(vec![Some(shared_vjp(Var::grad(grads), x, y, &all))])
        })
    })
}

crate::ops! {
    /// Order.
    ORDER:
    /// Elements in order along a dimension.
    fmo "sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)" => |x, dim, descending| sort(x, dim, descending);
    /// Elements in order along a dimension; equal ones keep their order.
    fmo "sort.stable(Tensor self, *, bool? stable, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)" => |x, stable, dim, descending| always_stable(stable).and_then(|()| sorted("SortBackward1", x, dim, descending));
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
}

/// Asking for less order than is always given is granted.
pub(crate) fn always_stable(_wish: Option<bool>) -> Result<()> {
    Ok(())
}
