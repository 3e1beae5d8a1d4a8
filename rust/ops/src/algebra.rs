//! The algebra the tape needs, in terms of this crate's ops.

use crate::{Var, binary, cast, compare, create, inplace, map, reduce, view};
use base::{DType, Device, Layout, Result, Scalar, shape};
use tape::{Algebra, Tensor};

struct Ops;

/// Hands this crate's algebra to the tape; call before the first recorded op.
pub fn init() {
    tape::install(&Ops);
}

impl Algebra for Ops {
    fn add(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        map::apply(&binary::add::OP, &[a.into(), b.into()], map::NONE)
    }

    fn add_assign(&self, into: &Tensor, value: &Tensor) -> Result<()> {
        let dest = crate::Dest::InPlace(into);
        map::map(&binary::add::OP, &[into.into(), value.into()], map::NONE, dest).map(drop)
    }

    fn ones_like(&self, like: &Tensor) -> Result<Tensor> {
        create::full_like(like, Scalar::Int(1), None, None, None)
    }

    fn zeros(&self, dims: &[usize], dtype: DType, device: Device) -> Result<Tensor> {
        create::zeros(dims, dtype, device)
    }

    fn sum_to(&self, value: &Tensor, dims: &[usize]) -> Result<Tensor> {
        let broadcast = shape::broadcast_dims(dims, &value.dims());
        if broadcast.is_empty() {
            return view::reshape_to(value, dims);
        }
        view::reshape_to(&reduce::sum(value, Some(&broadcast), true, None)?, dims)
    }

    fn cast(&self, value: &Tensor, dtype: DType) -> Result<Tensor> {
        if value.dtype().is_complex() && !dtype.is_complex() {
            return cast::to_dtype(&crate::complex::real(value)?, dtype);
        }
        cast::to_dtype(value, dtype)
    }

    fn clone_as(&self, value: &Tensor, like: &Layout) -> Result<Tensor> {
        let layout = base::layout::preserved_layout(like);
        let out = value.array().copied_as(layout, value.dtype())?;
        tape::record(out, &[value], |_| Ok(crate::node::Linear::new("CloneBackward0", |g: Var| g)))
    }

    fn as_strided(&self, value: &Tensor, layout: &Layout) -> Result<Tensor> {
        Ok(view::as_strided_to(value, layout))
    }

    fn has_nan(&self, value: &Tensor) -> Result<bool> {
        let device = value.device();
        if !value.dtype().is_differentiable() || device.kind == base::DeviceKind::Meta {
            return Ok(false);
        }
        let _off = tape::set_grad_enabled(false);
        let x = Var::from(value);
        let unequal = map::apply(&compare::ne::OP, &[x.clone(), x], map::NONE)?;
        let count = reduce::sum(&unequal, None, false, None)?;
        Ok(array::dispatch::item(&count.array())?.to_i64() != 0)
    }

    fn copy_into(&self, into: &Tensor, value: &Tensor) -> Result<()> {
        inplace::copy_(into, value).map(drop)
    }
}
