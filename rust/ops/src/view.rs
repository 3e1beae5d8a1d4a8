//! Views: the layout algebra of `base` as recorded ops that share memory with their input.

use crate::node::Linear;
use crate::{Var, create};
use array::Array;
use base::{Dims, Layout, Result, bail, ensure, shape};
use tape::{Tensor, record_view};

/// One view with the gradient `vjp`.
fn view_of<F>(x: &Tensor, layout: Layout, name: &'static str, vjp: F) -> Tensor
where
    F: Fn(Var) -> Var + Send + Sync + 'static,
{
    let array = x.array().view(layout);
    let mut views = record_view(vec![array], x, false, None, || Linear::new(name, vjp));
    views.remove(0)
}

/// The same tensor under another handle.
pub fn alias(x: &Tensor) -> Result<Tensor> {
    Ok(view_of(x, x.layout(), "AliasBackward0", |g| g))
}

/// The elements under other sizes, without a copy (`Tensor.view`).
pub fn view(x: &Tensor, size: &[i64]) -> Result<Tensor> {
    let layout = x.layout();
    let dims = shape::infer_size(size, layout.numel())?;
    match layout.view(&dims) {
        Some(to) => Ok(viewed(x, to, "ViewBackward0")),
        None => bail!(
            Runtime,
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous subspaces). Use .reshape(...) instead."
        ),
    }
}

fn viewed(x: &Tensor, to: Layout, name: &'static str) -> Tensor {
    let back = x.dims();
    view_of(x, to, name, move |g| g.then(|g| reshape_to(g, &back)))
}

/// The elements under other sizes: a view where possible, else a copy.
pub fn reshape(x: &Tensor, size: &[i64]) -> Result<Tensor> {
    let dims = shape::infer_size(size, x.numel())?;
    reshape_to(x, &dims)
}

/// [`reshape`] to known sizes.
pub fn reshape_to(x: &Tensor, dims: &[usize]) -> Result<Tensor> {
    match x.layout().view(dims) {
        Some(to) => Ok(viewed(x, to, "ViewBackward0")),
        None => {
            let copy = create::contiguous(x)?;
            let to = Layout::contiguous(dims);
            Ok(unsafe_viewed(&copy, to))
        }
    }
}

/// A fresh result under other sizes, not a view to autograd.
pub(crate) fn unsafe_reshaped(fresh: &Tensor, dims: &[usize]) -> Result<Tensor> {
    match fresh.layout().view(dims) {
        Some(to) => Ok(unsafe_viewed(fresh, to)),
        None => reshape_to(fresh, dims),
    }
}

/// A view of a fresh copy that is not a view to autograd (`_unsafe_view`).
pub(crate) fn unsafe_viewed(copy: &Tensor, to: Layout) -> Tensor {
    let back = copy.dims();
    let array = copy.array().view(to);
    let linear =
        || Linear::new("UnsafeViewBackward0", move |g: Var| g.then(|g| reshape_to(g, &back)));
    tape::record(array, &[copy], |_| Ok(linear())).unwrap_or_else(|_| copy.clone())
}

/// Swaps two dimensions.
pub fn transpose(x: &Tensor, dim0: i64, dim1: i64) -> Result<Tensor> {
    let rank = x.rank();
    let (a, b) = (shape::wrap_dim(dim0, rank)?, shape::wrap_dim(dim1, rank)?);
    if rank == 0 {
        return alias(x);
    }
    let to = x.layout().transpose(a, b);
    Ok(view_of(x, to, "TransposeBackward0", move |g| g.then(|g| transpose(g, a as i64, b as i64))))
}

/// The transpose of a matrix; vectors and numbers stay as they are.
pub fn t(x: &Tensor) -> Result<Tensor> {
    let rank = x.rank();
    ensure!(rank <= 2, Runtime, "t() expects a tensor with <= 2 dimensions, but self is {rank}D");
    let to = if rank < 2 { x.layout() } else { x.layout().transpose(0, 1) };
    Ok(view_of(x, to, "TBackward0", |g| g.then(t)))
}

/// Dimensions in a new order.
pub fn permute(x: &Tensor, dims: &[i64]) -> Result<Tensor> {
    let rank = x.rank();
    ensure!(
        dims.len() == rank,
        Runtime,
        "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of dimensions i.e. input.dim() = {rank} is not equal to len(dims) = {}",
        dims.len()
    );
    let mut order = Dims::new();
    for &dim in dims {
        let d = shape::wrap_dim(dim, rank)?;
        ensure!(!order.contains(&d), Runtime, "permute(): duplicate dims are not allowed.");
        order.push(d);
    }
    Ok(permuted(x, &order))
}

fn permuted(x: &Tensor, order: &[usize]) -> Tensor {
    let mut inverse = Dims::filled(0, order.len());
    for (i, &d) in order.iter().enumerate() {
        inverse[d] = i;
    }
    let to = x.layout().permute(order);
    view_of(x, to, "PermuteBackward0", move |g| g.then(|g| Ok(permuted(g, &inverse))))
}

/// Repeats dimensions of size 1 without copying.
pub fn expand(x: &Tensor, size: &[i64], _implicit: bool) -> Result<Tensor> {
    let dims = shape::expand(&x.dims(), size)?;
    Ok(expand_to(x, &dims))
}

/// [`expand`] to known sizes that broadcast.
pub fn expand_to(x: &Tensor, dims: &[usize]) -> Tensor {
    let to = x.layout().expand(dims);
    // The engine sums broadcast dimensions away by itself.
    view_of(x, to, "ExpandBackward0", |g| g)
}

/// `x[..., start:stop:step, ...]` along one dimension.
pub fn slice(
    x: &Tensor,
    dim: i64,
    start: Option<i64>,
    end: Option<i64>,
    step: i64,
) -> Result<Tensor> {
    let layout = x.layout();
    ensure!(layout.rank() > 0, Runtime, "slice() cannot be applied to a 0-dim tensor.");
    let d = shape::wrap_dim(dim, layout.rank())?;
    let (start, len) = shape::slice(layout.dims[d], start, end, step)?;
    Ok(sliced(x, d, start, len, step as usize))
}

fn sliced(x: &Tensor, dim: usize, start: usize, len: usize, step: usize) -> Tensor {
    let layout = x.layout();
    let whole = layout.dims.clone();
    let to = layout.slice(dim, start, len, step);
    view_of(x, to, "SliceBackward0", move |g| {
        scatter(g, &whole, "SliceBackward0", move |base| sliced(base, dim, start, len, step))
    })
}

/// `length` elements of a dimension from `start`.
pub fn narrow(x: &Tensor, dim: i64, start: i64, length: i64) -> Result<Tensor> {
    let layout = x.layout();
    ensure!(layout.rank() > 0, Runtime, "narrow() cannot be applied to a 0-dim tensor.");
    ensure!(length >= 0, Runtime, "narrow(): length must be non-negative.");
    let d = shape::wrap_dim(dim, layout.rank())?;
    let size = layout.dims[d] as i64;
    ensure!(
        (-size..=size).contains(&start),
        Index,
        "start out of range (expected to be in range of [-{size}, {size}], but got {start})"
    );
    let from = if start < 0 { start + size } else { start };
    ensure!(
        length <= size - from,
        Runtime,
        "start ({from}) + length ({length}) exceeds dimension size ({size})."
    );
    Ok(sliced(x, d, from as usize, length as usize, 1))
}

/// One index of a dimension.
pub fn select(x: &Tensor, dim: i64, index: i64) -> Result<Tensor> {
    let layout = x.layout();
    ensure!(layout.rank() > 0, Index, "select() cannot be applied to a 0-dim tensor.");
    let d = shape::wrap_dim(dim, layout.rank())?;
    let size = layout.dims[d] as i64;
    ensure!(
        (-size..size).contains(&index),
        Index,
        "select(): index {index} out of range for tensor of size {} at dimension {d}",
        shape::show(&layout.dims)
    );
    Ok(selected(x, d, (if index < 0 { index + size } else { index }) as usize))
}

pub(crate) fn selected(x: &Tensor, dim: usize, index: usize) -> Tensor {
    let layout = x.layout();
    let whole = layout.dims.clone();
    view_of(x, layout.select(dim, index), "SelectBackward0", move |g| {
        scatter(g, &whole, "SelectBackward0", move |base| selected(base, dim, index))
    })
}

/// The adjoint of taking a part: zeros of the whole shape with `g` in that part. Its own adjoint
/// takes the part again.
fn scatter<F>(g: Var, whole: &[usize], name: &'static str, part: F) -> Var
where
    F: Fn(&Tensor) -> Tensor + Clone + Send + Sync + 'static,
{
    g.then(|g| {
        let out = Array::zeros(whole, g.dtype(), g.device())?;
        let place = part(&Tensor::new(out.clone())).array();
        array::dispatch::copy(&place, &g.array())?;
        tape::record(out, &[g], |_| Ok(Linear::new(name, move |g: Var| g.then(|g| Ok(part(g))))))
    })
}

/// A new dimension of size 1.
pub fn unsqueeze(x: &Tensor, dim: i64) -> Result<Tensor> {
    let layout = x.layout();
    let d = shape::wrap_dim(dim, layout.rank() + 1)?;
    let to = layout.unsqueeze(d);
    Ok(view_of(x, to, "UnsqueezeBackward0", move |g| g.then(|g| squeeze_marked(g, &[d]))))
}

fn squeeze_marked(x: &Tensor, dims: &[usize]) -> Result<Tensor> {
    let back = x.dims();
    let to = x.layout().squeeze(|d| dims.contains(&d));
    let name = if dims.len() == 1 { "SqueezeBackward1" } else { "SqueezeBackward2" };
    Ok(view_of(x, to, name, move |g| g.then(|g| reshape_to(g, &back))))
}

/// Drops dimensions of size 1: all of them, or those named.
pub fn squeeze(x: &Tensor, dim: Option<&[i64]>) -> Result<Tensor> {
    let back = x.dims();
    let Some(dims) = dim else {
        let to = x.layout().squeeze(|_| true);
        return Ok(view_of(x, to, "SqueezeBackward0", move |g| g.then(|g| reshape_to(g, &back))));
    };
    let wrapped: Dims =
        dims.iter().map(|&d| shape::wrap_dim(d, x.rank())).collect::<Result<_>>()?;
    squeeze_marked(x, &wrapped)
}

/// Merges the dimensions from `start` to `end`.
pub fn flatten(x: &Tensor, start: i64, end: i64) -> Result<Tensor> {
    let dims = x.dims();
    let (a, b) = (shape::wrap_dim(start, dims.len())?, shape::wrap_dim(end, dims.len())?);
    ensure!(a <= b, Runtime, "flatten() has invalid args: start_dim cannot come after end_dim");
    if dims.is_empty() {
        return reshape_to(x, &[1]);
    }
    if a == b {
        return Ok(x.clone());
    }
    let mut merged = Dims::from_slice(&dims[..a]);
    merged.push(dims[a..=b].iter().product());
    dims[b + 1..].iter().for_each(|&n| merged.push(n));
    reshape_to(x, &merged)
}

/// Splits one dimension into several.
pub fn unflatten(x: &Tensor, dim: i64, sizes: &[i64]) -> Result<Tensor> {
    let dims = x.dims();
    let d = shape::wrap_dim(dim, dims.len())?;
    ensure!(!dims.is_empty(), Index, "Dimension specified as {d} but tensor has no dimensions");
    ensure!(!sizes.is_empty(), Runtime, "unflatten: sizes must be non-empty");
    let parts = shape::infer_size(sizes, dims[d]).map_err(|_| {
        base::Error::new(
            base::Kind::Runtime,
            format!(
                "unflatten: Provided sizes {} don't multiply up to the size of dim {d} ({}) in the input tensor",
                shape::show(sizes),
                dims[d]
            ),
        )
    })?;
    let all: Dims =
        dims[..d].iter().chain(parts.iter()).chain(dims[d + 1..].iter()).copied().collect();
    reshape_to(x, &all)
}

/// The diagonal of two dimensions as the last one.
pub fn diagonal(x: &Tensor, offset: i64, dim1: i64, dim2: i64) -> Result<Tensor> {
    let rank = x.rank();
    let (a, b) = (shape::wrap_dim(dim1, rank)?, shape::wrap_dim(dim2, rank)?);
    ensure!(a != b, Runtime, "diagonal dimensions cannot be identical {dim1}, {dim2}");
    Ok(diagonal_of(x, offset as isize, a, b))
}

fn diagonal_of(x: &Tensor, offset: isize, a: usize, b: usize) -> Tensor {
    let whole = x.dims();
    let to = x.layout().diagonal(offset, a, b);
    view_of(x, to, "DiagonalBackward0", move |g| {
        scatter(g, &whole, "DiagonalBackward0", move |base| diagonal_of(base, offset, a, b))
    })
}

/// Pieces of `size` along a dimension; the last may be smaller.
pub fn split(x: &Tensor, size: i64, dim: i64) -> Result<Vec<Tensor>> {
    let layout = x.layout();
    ensure!(layout.rank() > 0, Runtime, "split expects at least a 1-dimensional tensor");
    ensure!(
        size >= 0,
        Runtime,
        "split expects split_size be non-negative, but got split_size={size}"
    );
    let d = shape::wrap_dim(dim, layout.rank())?;
    let n = layout.dims[d];
    ensure!(
        size > 0 || n == 0,
        Runtime,
        "split_size can only be 0 if dimension size is 0, but got dimension size of {n}"
    );
    let size = size as usize;
    let count = if size == 0 { 1 } else { n.div_ceil(size).max(1) };
    base::layout::ensure_room::<Piece>(count)?;
    let lens: Vec<usize> = (0..count).map(|i| size.min(n - (i * size).min(n))).collect();
    Ok(pieces(x, d, &lens, "SplitBackward0"))
}

/// Pieces of the given sizes along a dimension.
pub fn split_with_sizes(x: &Tensor, sizes: &[i64], dim: i64) -> Result<Vec<Tensor>> {
    let layout = x.layout();
    ensure!(layout.rank() > 0, Runtime, "split_with_sizes expects at least a 1-dimensional tensor");
    let d = shape::wrap_dim(dim, layout.rank())?;
    ensure!(
        sizes.iter().all(|&s| s >= 0),
        Runtime,
        "split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={}",
        shape::show(sizes)
    );
    let total = sizes.iter().fold(0, |sum: i64, &s| sum.saturating_add(s));
    ensure!(
        total as usize == layout.dims[d],
        Runtime,
        "split_with_sizes expects split_sizes to sum exactly to {} (input tensor's size at dimension {dim}), but got split_sizes={}",
        layout.dims[d],
        shape::show(sizes)
    );
    let lens: Vec<usize> = sizes.iter().map(|&s| s as usize).collect();
    Ok(pieces(x, d, &lens, "SplitWithSizesBackward0"))
}

/// Every index of a dimension as a view without it.
pub fn unbind(x: &Tensor, dim: i64) -> Result<Vec<Tensor>> {
    let layout = x.layout();
    ensure!(layout.rank() > 0, Index, "Dimension specified as {dim} but tensor has no dimensions");
    let d = shape::wrap_dim(dim, layout.rank())?;
    let whole = layout.dims.clone();
    base::layout::ensure_room::<Piece>(layout.dims[d])?;
    let parts: Vec<(usize, usize)> = (0..layout.dims[d]).map(|i| (i, 1)).collect();
    let arrays = parts.iter().map(|&(i, _)| x.array().view(layout.select(d, i))).collect();
    Ok(record_view(arrays, x, true, None, || Pieces {
        name: "UnbindBackward0",
        whole,
        dim: d,
        parts,
        keep_dim: false,
    }))
}

/// What a piece takes while it is made: its array and its place in the whole.
type Piece = [Array; 2];

fn pieces(x: &Tensor, dim: usize, lens: &[usize], name: &'static str) -> Vec<Tensor> {
    let layout = x.layout();
    let mut parts = Vec::new();
    let mut at = 0;
    for &len in lens {
        parts.push((at, len));
        at += len;
    }
    let arrays = parts
        .iter()
        .map(|&(at, len)| x.array().view(layout.slice(dim, at.min(layout.dims[dim]), len, 1)));
    let arrays: Vec<Array> = arrays.collect();
    let whole = layout.dims.clone();
    record_view(arrays, x, true, None, || Pieces { name, whole, dim, parts, keep_dim: true })
}

/// The node of ops that cut a tensor into several views: gradients are put together again.
struct Pieces {
    name: &'static str,
    whole: Dims,
    dim: usize,
    parts: Vec<(usize, usize)>,
    keep_dim: bool,
}

impl tape::Backward for Pieces {
    fn name(&self) -> &'static str {
        self.name
    }

    fn vjp(&self, grads: &[Option<Tensor>], _: &tape::Context<'_>) -> Result<tape::Grads> {
        let Some(like) = grads.iter().flatten().next() else {
            return Ok(std::iter::once(None).collect());
        };
        let (dtype, device) = (like.dtype(), like.device());
        let mut list = Vec::with_capacity(self.parts.len());
        for (grad, &(_, len)) in grads.iter().zip(&self.parts) {
            let mut dims = self.whole.clone();
            dims[self.dim] = len;
            list.push(match grad {
                Some(grad) => reshape_to(grad, &dims)?,
                None => Tensor::new(Array::zeros(&dims, dtype, device)?),
            });
        }
        debug_assert!(self.keep_dim || self.parts.iter().all(|p| p.1 == 1));
        let whole = crate::join::cat(&list, self.dim as i64)?;
        Ok(std::iter::once(Some(whole)).collect())
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// Pieces: `chunks` of them as equal as `split` makes them.
pub fn chunk(x: &Tensor, chunks: i64, dim: i64) -> Result<Vec<Tensor>> {
    ensure!(x.rank() > 0, Runtime, "chunk expects at least a 1-dimensional tensor");
    ensure!(chunks > 0, Runtime, "chunk expects `chunks` to be greater than 0, got: {chunks}");
    let d = shape::wrap_dim(dim, x.rank())?;
    let n = x.dims()[d] as i64;
    let size = n / chunks + i64::from(n % chunks != 0);
    if size == 0 {
        base::layout::ensure_room::<Piece>(chunks as usize)?;
        return split_with_sizes(x, &vec![0; chunks as usize], dim);
    }
    split(x, size, dim)
}

/// Windows of `size` every `step`.
pub fn unfold(x: &Tensor, dim: i64, size: i64, step: i64) -> Result<Tensor> {
    let layout = x.layout();
    let d = shape::wrap_dim(dim, layout.rank())?;
    let n = layout.dims.get(d).copied().unwrap_or(1);
    ensure!(step > 0, Runtime, "step is {step} but must be > 0");
    ensure!(size >= 0, Runtime, "size is {size} but must be >= 0");
    ensure!(
        size as usize <= n,
        Runtime,
        "maximum size for tensor at dimension {d} is {n} but size is {size}"
    );
    let to = windows(&layout, d, size as usize, step as usize);
    ensure!(
        to.strides.iter().all(|&stride| stride >= 0),
        Runtime,
        "as_strided: Negative strides are not supported at the moment, got strides: {:?}",
        &to.strides[..]
    );
    // The gradient lies densely, however the input lay: inputs that overlap keep places apart.
    let from = Layout::contiguous(&layout.dims);
    let geometry = windows(&from, d, size as usize, step as usize);
    Ok(view_of(x, to, "UnfoldBackward0", move |g| {
        g.then(|g| crate::strided::scatter(g, &from, &geometry))
    }))
}

/// The windows of a geometry. A step beyond the dimension leaves one window; its stride wraps
/// around like PyTorch's.
fn windows(layout: &Layout, d: usize, size: usize, step: usize) -> Layout {
    let mut to = layout.unfold(d, size, 1);
    if layout.rank() > 0 {
        to.dims[d] = (layout.dims[d] - size) / step + 1;
        to.strides[d] = layout.strides[d].wrapping_mul(step as isize);
    }
    to
}

/// Any geometry over the same storage.
pub fn as_strided(x: &Tensor, size: &[i64], stride: &[i64], offset: Option<i64>) -> Result<Tensor> {
    let dims = shape::sizes(size)?;
    let strides: Vec<isize> = stride.iter().map(|&s| s as isize).collect();
    let own = x.layout().offset;
    let offset = offset.unwrap_or(own as i64);
    ensure!(offset >= 0, Runtime, "Tensor: invalid storage offset {offset}");
    let to = Layout::as_strided(&dims, &strides, offset as usize)?;
    let array = x.array();
    Array::over(array.storage().clone(), to.clone(), array.dtype())?;
    Ok(as_strided_to(x, &to))
}

/// [`as_strided`] with a geometry known to be inside.
pub(crate) fn as_strided_to(x: &Tensor, to: &Layout) -> Tensor {
    let (from, geometry) = (x.layout(), to.clone());
    view_of(x, to.clone(), "AsStridedBackward0", move |g| {
        g.then(|g| crate::strided::scatter(g, &from, &geometry))
    })
}
