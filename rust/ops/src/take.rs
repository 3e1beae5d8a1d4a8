//! Elements at positions of the flattened tensor, read and written; `take_along_dim` is `gather`
//! with broadcast.

use crate::call::Dest;
use crate::index::{apart, written};
use crate::node::{Formula, Keep};
use crate::scatter::gather;
use crate::{Var, create, view};
use array::dispatch::index as kernels;
use array::{Array, Operand, dispatch, overlap};
use base::{DType, Layout, Result, ensure, shape};
use tape::Tensor;

/// [`gather`] with broadcast; without a dimension, from the flattened tensor.
pub fn take_along_dim(x: &Tensor, index: &Tensor, dim: Option<i64>) -> Result<Tensor> {
    let Some(dim) = dim else {
        let flat = view::reshape_to(x, &[x.numel()])?;
        return gather(&flat, 0, &view::reshape_to(index, &[index.numel()])?);
    };
    ensure!(
        x.rank() == index.rank(),
        Runtime,
        "torch.take_along_dim(): input and indices should have the same number of dimensions, but got {} dimensions for input, and {} dimensions for indices",
        x.rank(),
        index.rank()
    );
    ensure!(
        index.dtype() == DType::I64,
        Runtime,
        "torch.take_along_dim(): dtype of indices should be Long but got {}",
        index.dtype().type_name()
    );
    let d = shape::wrap_dim(dim, x.rank())?;
    let (mut for_x, mut for_index) = (index.dims(), x.dims());
    if x.rank() > 0 {
        for_x[d] = x.dims()[d];
        for_index[d] = index.dims()[d];
    }
    let wide_x = shape::broadcast(&x.dims(), &for_x)?;
    let wide_index = shape::broadcast(&index.dims(), &for_index)?;
    let size = x.dims().get(d).copied().unwrap_or(1) as i64;
    let positions = Var::from(index);
    let from_end = positions.clone() + Var::from(size);
    let positions = from_end.where_(positions.clone().lt(0i64), positions).tensor()?;
    gather(&view::expand_to(x, &wide_x), d as i64, &view::expand_to(&positions, &wide_index))
}

/// `x.flatten()[index]`.
pub fn take(x: &Tensor, index: &Tensor) -> Result<Tensor> {
    ensure!(
        index.dtype() == DType::I64,
        Runtime,
        "take(): Expected a long tensor for index, but got {}",
        index.dtype().type_name()
    );
    let positions = index.array();
    let out = Array::empty_contiguous(&index.dims(), x.dtype(), x.device())?;
    kernels::take(&out, &x.array().contiguous()?, &positions)?;
    let whole = x.dims();
    tape::record(out, &[x], |_| {
        Formula::new("TakeBackward0", 1, &[Keep::Bare(&positions)], move |grads, saved| {
            let index = saved.vars[0].clone().tensor()?;
            Ok(vec![Some(Var::grad(grads).then(|g| {
                put(Dest::New, &create::zeros(&whole, g.dtype(), g.device())?, &index, g, true)
            }))])
        })
    })
}

/// `x.flatten()[index] = src`, or `+=`.
pub fn put(
    dest: Dest<'_>,
    x: &Tensor,
    index: &Tensor,
    src: &Tensor,
    accumulate: bool,
) -> Result<Tensor> {
    ensure!(
        index.dtype() == DType::I64,
        Runtime,
        "put_(): Expected a long tensor for index, but got {}",
        index.dtype().type_name()
    );
    ensure!(
        x.dtype() == src.dtype(),
        Runtime,
        "put_(): self and source expected to have the same dtype, but got self.dtype = {} and source.dtype = {}",
        x.dtype().type_name(),
        src.dtype().type_name()
    );
    ensure!(
        src.numel() == index.numel(),
        Index,
        "put_(): Expected source and index to have the same number of elements, but got source.numel() = {}, index.numel() = {}",
        src.numel(),
        index.numel()
    );
    let positions = index.array();
    let kernel = |out: &Array| {
        if positions.numel() == 0 {
            return Ok(());
        }
        let dense = out.contiguous()?;
        let src = apart(&src.array(), out)?.contiguous()?;
        let src = src
            .view(Layout { offset: src.layout().offset, ..Layout::contiguous(positions.dims()) });
        kernels::put(&dense, &positions, Operand::Array(&src), accumulate)?;
        if overlap::is_same(&dense, out) { Ok(()) } else { dispatch::copy(out, &dense) }
    };
    let back = src.dims();
    written(dest, x, &[src], kernel, |_| {
        Formula::new("PutBackward0", 2, &[Keep::Bare(&positions)], move |grads, saved| {
            let g = Var::grad(grads);
            let index = saved.vars[0].clone().tensor()?;
            let cleared = |g: &Tensor| {
                let zeros = create::zeros(&back, g.dtype(), g.device())?;
                put(Dest::New, g, &index, &zeros, false)
            };
            let kept = if accumulate { g.clone() } else { g.clone().then(cleared) };
            let taken = |g: &Tensor| view::reshape_to(&take(g, &index)?, &back);
            Ok(vec![saved.needs[0].then_some(kept), saved.needs[1].then(|| g.then(taken))])
        })
    })
}

crate::ops! {
    /// Reading.
    READS:
    /// Elements along a dimension, with broadcast.
    fmo "take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor" => |x, index, dim| take_along_dim(x, index, dim);
    /// Elements of the flattened tensor.
    fmo "take(Tensor self, Tensor index) -> Tensor" => |x, index| take(x, index);
}

crate::filling_ops! {
    /// Writing.
    WRITES:
    /// Elements to positions of the flattened tensor.
    fmi "put(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor" => |dest, x, index, src, accumulate| put(dest, x, index, src, accumulate);
}
