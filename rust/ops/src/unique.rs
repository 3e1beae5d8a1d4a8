//! Distinct elements or slices, where each went and how many there are.

use crate::node::Formula;
use crate::pieces::movedim;
use crate::sort::always_stable;
use crate::{index, view};
use array::Array;
use array::dispatch::sort::{self as kernels, Groups};
use base::{DType, Dims, Layout, Result, bail, ensure, shape};
use tape::Tensor;

type Unique = (Tensor, Tensor, Tensor);

/// Node and op of a spelling, none of which has a derivative.
type Spelling = (&'static str, &'static str);

const FLAT: Spelling = ("Unique2Backward0", "_unique2");
const SLICES: Spelling = ("UniqueDimBackward0", "unique_dim");
const CONSECUTIVE: Spelling = ("UniqueConsecutiveBackward0", "unique_consecutive");

/// Which slices count as repetitions (all, or those next to each other), and which results are wanted.
struct Request {
    dim: Option<i64>,
    sorted: bool,
    inverse: bool,
    counts: bool,
}

/// Distinct elements (or slices along `dim`), where each went, and how many there are.
fn unique(x: &Tensor, (node, op): Spelling, request: &Request) -> Result<Unique> {
    let &Request { dim, sorted, inverse, counts } = request;
    let (groups, values, dims) = match dim {
        None => {
            let groups = kernels::unique(&x.array(), sorted)?;
            let flat = view::reshape_to(x, &[x.numel()])?;
            let values = index::index_select(&flat, 0, &Tensor::new(groups.first.clone()))?;
            (groups, values, x.dims())
        }
        Some(dim) => unique_slices(x, dim, sorted)?,
    };
    let wanted = |wanted: bool, found: Array, dims: &[usize]| {
        if wanted {
            return Ok(Tensor::new(found.view(Layout::contiguous(dims))));
        }
        Array::empty_contiguous(&[0], DType::I64, x.device()).map(Tensor::new)
    };
    let count = [groups.counts.numel()];
    let values = tape::record(values.array(), &[x], |_| {
        Formula::new(node, 1, &[], move |_, _| {
            bail!(NotImplemented, "the derivative for '{op}' is not implemented.")
        })
    })?;
    Ok((values, wanted(inverse, groups.inverse, &dims)?, wanted(counts, groups.counts, &count)?))
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
    let rows = movedim(x, &[d as i64], &[0])?;
    let width = x.numel().checked_div(size).unwrap_or(0);
    let flat = view::reshape_to(&rows, &[size, width])?;
    let groups = kernels::unique_rows(&flat.array(), sorted)?;
    let values = index::index_select(&rows, 0, &Tensor::new(groups.first.clone()))?;
    let values = movedim(&values, &[0], &[d as i64])?;
    Ok((groups, values, Dims::from_slice(&[size])))
}

crate::ops! {
    /// Distinct elements.
    DISTINCT:
    /// Distinct elements, where each went and how many there are.
    f "_unique2(Tensor self, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)" => |x, sorted, inverse, counts| always_stable(Some(sorted)).and_then(|()| unique(x, FLAT, &Request { dim: None, sorted: true, inverse, counts }));
    /// Distinct slices, where each went and how many there are.
    f "unique_dim(Tensor self, int dim, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)" => |x, dim, sorted, inverse, counts| always_stable(Some(sorted)).and_then(|()| unique(x, SLICES, &Request { dim: Some(dim), sorted: true, inverse, counts }));
    /// Elements (or slices) without their repetitions next to each other.
    f "_unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) -> (Tensor, Tensor, Tensor)" => |x, inverse, counts, dim| unique(x, CONSECUTIVE, &Request { dim, sorted: false, inverse, counts });
}
