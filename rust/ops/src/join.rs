//! Joining tensors: cat and stack.

use crate::node::Formula;
use crate::{Var, create, view};
use array::{Array, dispatch};
use base::promote::{Class, Promotion};
use base::{DType, Device, Dims, Layout, MemoryFormat, Result, ensure, shape};
use tape::Tensor;

/// An empty vector takes part in any concatenation, for old programs' sake.
fn is_skipped(dims: &[usize]) -> bool {
    dims == [0]
}

/// Tensors one after the other along a dimension.
pub fn cat(tensors: &[Tensor], dim: i64) -> Result<Tensor> {
    ensure!(!tensors.is_empty(), Value, "torch.cat(): expected a non-empty list of Tensors");
    for (i, t) in tensors.iter().enumerate() {
        ensure!(
            t.rank() > 0,
            Runtime,
            "zero-dimensional tensor (at position {i}) cannot be concatenated"
        );
    }
    let shapes: Vec<Dims> = tensors.iter().map(Tensor::dims).collect();
    let lead = shapes.iter().find(|d| !is_skipped(d)).unwrap_or(&shapes[0]).clone();
    let d = shape::wrap_dim(dim, lead.len())?;
    let out_dims = cat_shape(&shapes, &lead, d)?;
    let (dtype, device, format) = common(tensors)?;
    let out = Array::empty(Layout::in_format(&out_dims, format)?, dtype, device)?;
    let mut parts = Vec::with_capacity(tensors.len());
    let mut at = 0;
    for (t, dims) in tensors.iter().zip(&shapes) {
        let len = if is_skipped(dims) { 0 } else { dims[d] };
        if len > 0 {
            dispatch::copy(&out.view(out.layout().slice(d, at, len, 1)), &t.array())?;
        }
        parts.push((at, len, is_skipped(dims)));
        at += len;
    }
    let inputs: Vec<&Tensor> = tensors.iter().collect();
    tape::record(out, &inputs, |_| {
        Formula::new("CatBackward0", parts.len(), &[], move |grads, saved| {
            let g = Var::from(grads[0].clone().map_or_else(crate::node::absent, Ok));
            Ok(parts
                .iter()
                .zip(&saved.needs)
                .map(|(&(at, len, skipped), &needed)| {
                    needed.then(|| {
                        g.clone().then(|g| {
                            if skipped {
                                return create::zeros(&[0], g.dtype(), g.device());
                            }
                            view::narrow(g, d as i64, at as i64, len as i64)
                        })
                    })
                })
                .collect())
        })
    })
}

/// Of tensors laid side by side: the promoted dtype, the device, the format they agree on.
fn common(tensors: &[Tensor]) -> Result<(DType, Device, MemoryFormat)> {
    let device = tensors[0].device();
    let mut promotion = Promotion::new();
    let mut format = tensors[0].layout().suggested_format();
    for t in tensors {
        promotion = promotion.with(t.dtype(), Class::Dim);
        if t.layout().suggested_format() != format {
            format = MemoryFormat::Contiguous;
        }
        ensure!(
            t.device() == device,
            Device,
            "Expected all tensors to be on the same device, but found at least two devices, {device} and {}!",
            t.device()
        );
    }
    Ok((promotion.result(), device, format))
}

fn cat_shape(shapes: &[Dims], lead: &Dims, d: usize) -> Result<Dims> {
    let mut out = lead.clone();
    out[d] = 0;
    for (i, dims) in shapes.iter().enumerate() {
        if is_skipped(dims) {
            continue;
        }
        ensure!(
            dims.len() == lead.len(),
            Runtime,
            "Tensors must have same number of dimensions: got {} and {}",
            lead.len(),
            dims.len()
        );
        for k in (0..dims.len()).filter(|&k| k != d) {
            ensure!(
                dims[k] == lead[k],
                Runtime,
                "Sizes of tensors must match except in dimension {d}. Expected size {} but got size {} for tensor number {i} in the list.",
                lead[k],
                dims[k]
            );
        }
        out[d] += dims[d];
    }
    Ok(out)
}

/// Tensors of one shape along a new dimension.
pub fn stack(tensors: &[Tensor], dim: i64) -> Result<Tensor> {
    ensure!(!tensors.is_empty(), Runtime, "stack expects a non-empty TensorList");
    let first = tensors[0].dims();
    let d = shape::wrap_dim(dim, first.len() + 1)?;
    for (i, t) in tensors.iter().enumerate() {
        ensure!(
            t.dims() == first,
            Runtime,
            "stack expects each tensor to be equal size, but got {} at entry 0 and {} at entry {i}",
            shape::show(&first),
            shape::show(&t.dims())
        );
    }
    let (dtype, device, format) = common(tensors)?;
    let out = Array::empty(stack_layout(&first, d, tensors.len(), format)?, dtype, device)?;
    for (i, t) in tensors.iter().enumerate() {
        t.with_array(|a| dispatch::copy(&out.view(out.layout().select(d, i)), a))?;
    }
    let inputs: Vec<&Tensor> = tensors.iter().collect();
    tape::record(out, &inputs, |_| {
        Formula::new("StackBackward0", inputs.len(), &[], move |grads, saved| {
            let g = Var::from(grads[0].clone().map_or_else(crate::node::absent, Ok));
            let part = |i: usize| g.clone().then(|g| view::select(g, d as i64, i as i64));
            Ok(saved.needs.iter().enumerate().map(|(i, needed)| needed.then(|| part(i))).collect())
        })
    })
}

/// A stack lies in memory as the concatenation along the same dimension does.
fn stack_layout(each: &[usize], d: usize, n: usize, format: MemoryFormat) -> Result<Layout> {
    let mut dims = Dims::from_slice(each);
    dims.insert(d, n);
    if d == each.len() {
        return Ok(Layout::contiguous(&dims));
    }
    let mut joined = Dims::from_slice(each);
    joined[d] *= n;
    // A dimension can always be split.
    let split = Layout::in_format(&joined, format)?.view(&dims);
    Ok(split.unwrap_or_else(|| Layout::contiguous(&dims)))
}
