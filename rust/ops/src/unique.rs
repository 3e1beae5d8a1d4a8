//! Distinct elements or slices, where each went and how many there are.

use crate::pieces::movedim;
use crate::sort::always_stable;
use crate::{index, view};
use array::Array;
use array::dispatch::sort::{self as kernels, Groups};
use base::{DType, Dims, Layout, Result, ensure, shape};
use tape::Tensor;

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
    Ok((
        values.detach(),
        wanted(inverse, groups.inverse, &dims)?,
        wanted(counts, groups.counts, &count)?,
    ))
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
    let rows = view::reshape_to(&rows, &[size, width])?;
    let groups = kernels::unique_rows(&rows.array(), sorted)?;
    let values = index::index_select(x, d as i64, &Tensor::new(groups.first.clone()))?;
    Ok((groups, values, Dims::from_slice(&[size])))
}

crate::ops! {
    /// Distinct elements.
    DISTINCT:
    /// Distinct elements, where each went and how many there are.
    f "_unique2(Tensor self, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)" => |x, sorted, inverse, counts| always_stable(Some(sorted)).and_then(|()| unique(x, None, true, inverse, counts));
    /// Distinct slices, where each went and how many there are.
    f "unique_dim(Tensor self, int dim, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)" => |x, dim, sorted, inverse, counts| always_stable(Some(sorted)).and_then(|()| unique(x, Some(dim), true, inverse, counts));
    /// Elements (or slices) without their repetitions next to each other.
    f "_unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) -> (Tensor, Tensor, Tensor)" => |x, inverse, counts, dim| unique(x, dim, false, inverse, counts);
}
