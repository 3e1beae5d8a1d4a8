//! Ops that exist only in place: copies, fills, and changes of a tensor's own geometry.

use crate::node::Linear;
use crate::{Var, cast, create, view};
use array::{Array, dispatch, overlap};
use base::{Dims, Layout, MemoryFormat, Result, Scalar, ensure, shape};
use smallvec::smallvec;
use tape::{Tensor, check_inplace, needs_history};

/// `x[...] = source`, with broadcast and cast.
pub fn copy_(x: &Tensor, source: &Tensor) -> Result<Tensor> {
    let recorded = needs_history(&[x, source]);
    check_inplace(x, recorded)?;
    let dims = x.dims();
    let fits = shape::broadcast(&dims, &source.dims()).is_ok_and(|d| d == dims);
    if !fits {
        let want: Vec<i64> = dims.iter().map(|&d| d as i64).collect();
        shape::expand(&source.dims(), &want)?;
    }
    let edges = smallvec![x.gradient_edge()?, source.gradient_edge()?];
    let (target, values) = (x.array(), cast::to_copy_if_elsewhere(source, x.device())?);
    overlap::check_input(&target, &values)?;
    dispatch::copy(&target, &values)?;
    x.bump_version();
    if recorded && x.dtype().is_differentiable() {
        tape::record_write(x, edges, CopyBody { device: source.device() })?;
    }
    Ok(x.clone())
}

/// The node of `copy_`: nothing flows to what was overwritten.
struct CopyBody {
    device: base::Device,
}

impl tape::Backward for CopyBody {
    fn name(&self) -> &'static str {
        "CopyBackwards"
    }

    fn vjp(&self, grads: &[Option<Tensor>], cx: &tape::Context<'_>) -> Result<tape::Grads> {
        let Some(g) = &grads[0] else {
            return Ok(smallvec![None, None]);
        };
        let old = if cx.needs(0) { Some(Var::from(g).zeros_like().tensor()?) } else { None };
        let moved = create::to(g, None, Some(self.device), false, None)?;
        Ok(smallvec![old, cx.needs(1).then_some(moved)])
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// Writes one number everywhere. Elements reached through several indices are written once.
fn write_number(x: &Tensor, value: Scalar, node: &'static str) -> Result<Tensor> {
    let recorded = needs_history(&[x]);
    check_inplace(x, recorded)?;
    value.check_fits(x.dtype())?;
    let edge = x.gradient_edge()?;
    dispatch::fill(&without_repeats(&x.array()), value)?;
    x.bump_version();
    if recorded {
        tape::record_write(x, smallvec![edge], Linear::new(node, Var::zeros_like))?;
    }
    Ok(x.clone())
}

/// The view of expanded dimensions cut down to one index, for the few writes that PyTorch takes there.
/// Nothing where each element has one index anyway.
pub(crate) fn reached_once(x: &Tensor) -> Result<Option<Tensor>> {
    let layout = x.layout();
    if !layout.has_internal_overlap() {
        return Ok(None);
    }
    let mut once = x.clone();
    for (d, &stride) in layout.strides.iter().enumerate() {
        if stride == 0 {
            once = view::narrow(&once, d as i64, 0, 1)?;
        }
    }
    Ok(Some(once))
}

/// The array with expanded dimensions cut down to one index.
fn without_repeats(array: &Array) -> Array {
    let mut layout = array.layout().clone();
    for d in 0..layout.rank() {
        if layout.strides[d] == 0 && layout.dims[d] > 1 {
            layout.dims[d] = 1;
        }
    }
    array.view(layout)
}

/// Every element becomes `value`.
pub fn fill_(x: &Tensor, value: Scalar) -> Result<Tensor> {
    write_number(x, value, "FillBackward2")
}

/// Every element becomes the one of a 0-d tensor, which gets the sum of the gradients.
pub fn fill_with_(x: &Tensor, value: &Tensor) -> Result<Tensor> {
    ensure!(
        value.rank() == 0,
        Runtime,
        "fill_ only supports 0-dimension value tensor but got tensor with {} dimensions.",
        value.rank()
    );
    let recorded = needs_history(&[x, value]);
    check_inplace(x, recorded)?;
    let edges = smallvec![x.gradient_edge()?, value.gradient_edge()?];
    let number = cast::to_copy_if_elsewhere(value, x.device())?;
    dispatch::copy(&without_repeats(&x.array()), &number)?;
    x.bump_version();
    if recorded && x.dtype().is_differentiable() {
        tape::record_write(x, edges, FillBody)?;
    }
    Ok(x.clone())
}

/// The node of `fill_` with a tensor.
struct FillBody;

impl tape::Backward for FillBody {
    fn name(&self) -> &'static str {
        "FillBackward3"
    }

    fn vjp(&self, grads: &[Option<Tensor>], cx: &tape::Context<'_>) -> Result<tape::Grads> {
        let Some(g) = &grads[0] else {
            return Ok(smallvec![None, None]);
        };
        let of = |i: usize, grad: fn(Var) -> Var| {
            cx.needs(i).then(|| grad(g.into()).tensor()).transpose()
        };
        Ok(smallvec![of(0, Var::zeros_like)?, of(1, Var::sum)?])
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// Every element becomes 0.
pub fn zero_(x: &Tensor) -> Result<Tensor> {
    write_number(x, Scalar::Int(0), "ZeroBackward0")
}

/// Overwrites `x` with a freshly computed `result` and moves the history.
pub fn assign(x: &Tensor, result: &Tensor) -> Result<Tensor> {
    crate::write::overwrite(x, &x.array(), result)?;
    Ok(x.clone())
}

/// Gives `x` another geometry over its own memory; `vjp` leads gradients back to the old one.
fn reshape_in_place<F>(x: &Tensor, to: Layout, name: &'static str, vjp: F) -> Result<Tensor>
where
    F: Fn(Var) -> Var + Send + Sync + 'static,
{
    let recorded = needs_history(&[x]);
    check_inplace(x, recorded)?;
    let edge = x.gradient_edge()?;
    x.replace_array(x.array().view(to));
    x.bump_version();
    if recorded {
        tape::attach(x, smallvec![edge], Linear::new(name, vjp));
    }
    Ok(x.clone())
}

/// Swaps two dimensions of `x` itself.
pub fn transpose_(x: &Tensor, dim0: i64, dim1: i64) -> Result<Tensor> {
    let rank = x.rank();
    let (a, b) = (shape::wrap_dim(dim0, rank)?, shape::wrap_dim(dim1, rank)?);
    let to = if rank == 0 { x.layout() } else { x.layout().transpose(a, b) };
    let back = move |g: Var| g.then(|g| view::transpose(g, a as i64, b as i64));
    reshape_in_place(x, to, "TransposeBackward1", back)
}

/// Transposes a matrix itself.
pub fn t_(x: &Tensor) -> Result<Tensor> {
    let rank = x.rank();
    ensure!(rank <= 2, Runtime, "t_() expects a tensor with <= 2 dimensions, but self is {rank}D");
    let to = if rank < 2 { x.layout() } else { x.layout().transpose(0, 1) };
    reshape_in_place(x, to, "TBackward1", |g| g.then(view::t))
}

/// Puts a dimension of size 1 into `x` itself.
pub fn unsqueeze_(x: &Tensor, dim: i64) -> Result<Tensor> {
    let d = shape::wrap_dim(dim, x.rank() + 1)?;
    let back = move |g: Var| g.then(|g| view::squeeze(g, Some(&[d as i64])));
    reshape_in_place(x, x.layout().unsqueeze(d), "UnsqueezeBackward1", back)
}

/// Drops dimensions of size 1 from `x` itself: all of them, or those named.
pub fn squeeze_(x: &Tensor, dims: Option<&[i64]>) -> Result<Tensor> {
    let back = x.dims();
    let wrapped: Option<Dims> = dims
        .map(|dims| dims.iter().map(|&d| shape::wrap_dim(d, back.len())).collect())
        .transpose()?;
    let name = match dims {
        None => "SqueezeBackward3",
        Some([_]) => "SqueezeBackward4",
        Some(_) => "SqueezeBackward5",
    };
    let to = x.layout().squeeze(|d| wrapped.as_ref().is_none_or(|dims| dims.contains(&d)));
    reshape_in_place(x, to, name, move |g| g.then(|g| view::reshape_to(g, &back)))
}

/// Gives `x` itself any geometry over its storage.
pub fn as_strided_(x: &Tensor, size: &[i64], stride: &[i64], at: Option<i64>) -> Result<Tensor> {
    let (from, viewed) = (x.layout(), view::as_strided(&x.detach(), size, stride, at)?);
    let geometry = viewed.layout();
    let back = {
        let geometry = geometry.clone();
        move |g: Var| g.then(|g| crate::strided::scatter(g, &from, &geometry))
    };
    reshape_in_place(x, geometry, "AsStridedBackward1", back)
}

/// Changes the size in place, keeping the storage where it is large enough.
pub fn resize_(x: &Tensor, size: &[i64], format: Option<MemoryFormat>) -> Result<Tensor> {
    ensure!(!x.requires_grad(), Runtime, "cannot resize variables that require grad");
    let dims = shape::sizes(size)?;
    let array = x.array();
    base::layout::checked_bytes(&dims, array.dtype().size())?;
    let plain = match format {
        None | Some(MemoryFormat::Preserve) => Layout::contiguous(&dims),
        Some(format) => Layout::in_format(&dims, format)?,
    };
    if format.is_none() && *array.dims() == *dims {
        return Ok(x.clone());
    }
    let layout = Layout { offset: array.layout().offset, ..plain };
    let fits = layout.end() * array.dtype().size() <= array.storage().nbytes();
    x.replace_array(if fits { array.view(layout) } else { grown(&array, &layout)? });
    x.bump_version();
    Ok(x.clone())
}

/// Larger memory that begins with the old one.
fn grown(array: &Array, layout: &Layout) -> Result<Array> {
    let flat = Array::empty_contiguous(&[layout.end()], array.dtype(), array.device())?;
    let kept = array.storage().nbytes() / array.dtype().size();
    let old = array.view(Layout::contiguous(&[kept]));
    dispatch::copy(&flat.view(Layout::contiguous(&[kept])), &old)?;
    Ok(flat.view(layout.clone()))
}
