//! Views as copies: what a view op shows, in row-major memory of its own, as one node.

use crate::node::linear;
use crate::{Var, complex, create, fused, view};
use base::{DType, MemoryFormat, Result, bail, ensure, shape};
use tape::Tensor;

/// The copy of a view. A view is linear: its gradient is that of the same view of zeros.
pub(crate) fn copied(
    name: &'static str,
    x: &Tensor,
    view: impl Fn(&Tensor) -> Result<Tensor> + Send + Sync + 'static,
) -> Result<Tensor> {
    let value = create::clone(&view(&x.detach())?, Some(MemoryFormat::Contiguous))?;
    let (dims, dtype) = (x.dims(), x.dtype());
    linear(name, x, || Ok(value), move |g: Var| back(&g, &dims, dtype, &view))
}

/// The gradient of a view of a tensor of `dims` and `dtype`.
fn back(g: &Var, dims: &[usize], dtype: DType, view: &impl Fn(&Tensor) -> Result<Tensor>) -> Var {
    g.clone().then(|g| {
        let zeros = create::zeros(dims, dtype, g.device())?;
        zeros.set_requires_grad(true)?;
        let found =
            fused::derive(|xs| Ok(vec![view(&xs[0])?]), &[zeros], &[true], &[Some(g.clone())])?
                .pop()
                .flatten();
        found.map_or_else(crate::node::absent, Var::tensor)
    })
}

/// The copies of several views.
fn all_copied(
    name: &'static str,
    x: &Tensor,
    views: impl Fn(&Tensor) -> Result<Vec<Tensor>> + Clone + Send + Sync + 'static,
) -> Result<Vec<Tensor>> {
    let count = views(&x.detach())?.len();
    let one = |i: usize| {
        let views = views.clone();
        copied(name, x, move |x| Ok(views(x)?.swap_remove(i)))
    };
    (0..count).map(one).collect()
}

/// [`view::narrow`] with the checks of the kernel that PyTorch copies by.
fn narrowed(x: &Tensor, dim: i64, start: i64, length: i64) -> Result<Tensor> {
    let dims = x.dims();
    ensure!(
        dims.is_empty() || dim < dims.len() as i64,
        Runtime,
        "Expected dim < static_cast<int64_t>(self_sizes.size()) to be true, but got false.  (Could this error message be improved?  If so, please report an enhancement request to PyTorch.)"
    );
    if !dims.is_empty() && length < 0 {
        let size = dims[shape::wrap_dim(dim, dims.len())?];
        bail!(Runtime, "start ({start}) + length ({length}) exceeds dimension size ({size}).");
    }
    view::narrow(x, dim, start, length)
}

crate::ops! {
    /// Views as copies.
    COPIES:
    /// A copy.
    fo "alias_copy(Tensor self) -> Tensor" => |x| copied("AliasBackward0_copy", x, view::alias);
    /// A copy of any geometry over the storage.
    fo "as_strided_copy(Tensor self, int[] size, int[] stride, int? storage_offset=None) -> Tensor" => |x, size, stride, at| strided(x, size, stride, at);
    /// A copy of a diagonal.
    fo "diagonal_copy(Tensor self, int offset=0, int dim1=0, int dim2=1) -> Tensor" => |x, offset, a, b| copied("DiagonalBackward0_copy", x, move |x| view::diagonal(x, offset, a, b));
    /// A copy with dimensions of size 1 repeated.
    fo "expand_copy(Tensor self, int[] size, *, bool implicit=False) -> Tensor" => |x, size, implicit| by_list("ExpandBackward0_copy", x, size, move |x, size| view::expand(x, size, implicit));
    /// A copy with dimensions in a new order.
    fo "permute_copy(Tensor self, int[] dims) -> Tensor" => |x, dims| by_list("PermuteBackward0_copy", x, dims, view::permute);
    /// A copy of one index of a dimension.
    fo "select_copy(Tensor self, int dim, int index) -> Tensor" => |x, dim, index| copied("SelectBackward0_copy", x, move |x| view::select(x, dim, index));
    /// A copy of a slice.
    fo "slice_copy(Tensor self, int dim=0, int? start=None, int? end=None, int step=1) -> Tensor" => |x, dim, start, end, step| copied("SliceBackward0_copy", x, move |x| view::slice(x, dim, start, end, step));
    /// A copy of part of a dimension.
    fmo "narrow_copy(Tensor self, int dim, int start, int length) -> Tensor" => |x, dim, start, len| copied("NarrowCopyBackward0", x, move |x| narrowed(x, dim, start, len));
    /// A copy without dimensions of size 1.
    fo "squeeze_copy(Tensor self, int[1]? dim=None) -> Tensor" => |x, dim| squeezed(x, dim);
    /// A copy of the transpose of a matrix.
    fo "t_copy(Tensor self) -> Tensor" => |x| copied("TBackward0_copy", x, view::t);
    /// A copy with two dimensions swapped.
    fo "transpose_copy(Tensor self, int dim0, int dim1) -> Tensor" => |x, a, b| copied("TransposeBackward0_copy", x, move |x| view::transpose(x, a, b));
    /// A copy of windows along a dimension.
    fo "unfold_copy(Tensor self, int dimension, int size, int step) -> Tensor" => |x, dim, size, step| copied("UnfoldBackward0_copy", x, move |x| view::unfold(x, dim, size, step));
    /// A copy with a new dimension of size 1.
    fo "unsqueeze_copy(Tensor self, int dim) -> Tensor" => |x, dim| copied("UnsqueezeBackward0_copy", x, move |x| view::unsqueeze(x, dim));
    /// A copy under other sizes.
    fo "view_copy(Tensor self, int[] size) -> Tensor" => |x, size| by_list("ViewBackward0_copy", x, size, view::view);
    /// A copy of the bytes as elements of another dtype.
    fo "view_copy.dtype(Tensor self, ScalarType dtype) -> Tensor" => |x, dtype| copied("ViewBackward0_copy", x, move |x| complex::view_dtype(x, dtype));
    /// A copy as pairs of reals.
    fo "view_as_real_copy(Tensor self) -> Tensor" => |x| copied("ViewAsRealBackward0_copy", x, complex::view_as_real);
    /// A copy of pairs of reals as complex numbers.
    fo "view_as_complex_copy(Tensor self) -> Tensor" => |x| copied("ViewAsComplexBackward0_copy", x, complex::view_as_complex);
    /// Pieces of one size that are no views to autograd.
    fm "unsafe_split(Tensor self, int split_size, int dim=0) -> Tensor[]" => |x, size, dim| unsafe_pieces(x, move |x| view::split(x, size, dim));
    /// A number of pieces that are no views to autograd.
    fm "unsafe_chunk(Tensor self, int chunks, int dim=0) -> Tensor[]" => |x, chunks, dim| unsafe_pieces(x, move |x| view::chunk(x, chunks, dim));
    /// Copies of every index of a dimension.
    fo "unbind_copy(Tensor self, int dim=0) -> Tensor[]" => |x, dim| all_copied("UnbindBackward0_copy", x, move |x| view::unbind(x, dim));
    /// Copies of pieces of one size.
    fo "split_copy(Tensor self, int split_size, int dim=0) -> Tensor[]" => |x, size, dim| all_copied("SplitBackward0_copy", x, move |x| view::split(x, size, dim));
    /// Copies of pieces of given sizes.
    fo "split_with_sizes_copy(Tensor self, int[] split_sizes, int dim=0) -> Tensor[]" => |x, sizes, dim| split(x, sizes, dim);
}

/// Pieces that share memory with the whole but are no views to autograd.
fn unsafe_pieces(
    x: &Tensor,
    pieces: impl Fn(&Tensor) -> Result<Vec<Tensor>> + Clone + Send + Sync + 'static,
) -> Result<Vec<Tensor>> {
    let parts = pieces(&x.detach())?;
    let (dims, dtype) = (x.dims(), x.dtype());
    let one = |(i, part): (usize, Tensor)| {
        let (pieces, dims) = (pieces.clone(), dims.clone());
        let piece = move |x: &Tensor| Ok(pieces(x)?.swap_remove(i));
        linear("UnsafeSplitBackward0", x, || Ok(part), move |g: Var| back(&g, &dims, dtype, &piece))
    };
    parts.into_iter().enumerate().map(one).collect()
}

/// A view that takes a list of sizes or dimensions.
fn by_list(
    name: &'static str,
    x: &Tensor,
    list: &[i64],
    view: impl Fn(&Tensor, &[i64]) -> Result<Tensor> + Send + Sync + 'static,
) -> Result<Tensor> {
    let list = list.to_vec();
    copied(name, x, move |x| view(x, &list))
}

fn strided(x: &Tensor, size: &[i64], stride: &[i64], at: Option<i64>) -> Result<Tensor> {
    let (from, to) = (x.layout(), view::as_strided(&x.detach(), size, stride, at)?);
    let (layout, value) = (to.layout(), create::clone(&to, Some(MemoryFormat::Contiguous))?);
    linear(
        "AsStridedBackward0_copy",
        x,
        || Ok(value),
        move |g: Var| g.then(|g| crate::strided::scatter(g, &from, &layout)),
    )
}

fn squeezed(x: &Tensor, dim: Option<&[i64]>) -> Result<Tensor> {
    let dim = dim.map(<[i64]>::to_vec);
    let node = match dim.as_deref() {
        None => "SqueezeBackward0_copy",
        Some([_]) => "SqueezeBackward1_copy",
        Some(_) => "SqueezeBackward2_copy",
    };
    copied(node, x, move |x| view::squeeze(x, dim.as_deref()))
}

fn split(x: &Tensor, sizes: &[i64], dim: i64) -> Result<Vec<Tensor>> {
    let sizes = sizes.to_vec();
    let pieces = move |x: &Tensor| view::split_with_sizes(x, &sizes, dim);
    all_copied("SplitWithSizesBackward0_copy", x, pieces)
}
