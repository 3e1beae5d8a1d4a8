//! Choosing elements by a condition.

use crate::call::Dest;
use crate::inplace::reached_once;
use crate::node::{Formula, Keep};
use crate::write::deliver;
use crate::{Var, create, reduce, view};
use array::{Array, Operand, dispatch};
use base::promote::{Class, Promotion};
use base::{DType, Dims, Result, ensure, shape};
use tape::Tensor;

/// `a` where the condition holds, else `b`; all three broadcast.
pub fn where_(condition: &Tensor, a: &Var, b: &Var) -> Result<Tensor> {
    let bytes = matches!(condition.dtype(), DType::Bool | DType::U8);
    ensure!(
        bytes,
        Runtime,
        "where expected condition to be a boolean tensor, but got a tensor with dtype {}",
        condition.dtype().type_name()
    );
    let condition = &crate::cast::to_dtype(condition, DType::Bool)?;
    let mut promotion = Promotion::new();
    let mut dims: Dims = condition.dims();
    for side in [a, b] {
        match side {
            Var::S(scalar) => promotion = promotion.with_scalar(*scalar),
            Var::Bad(error) => return Err(error.clone()),
            Var::T(t) => {
                let class = if t.rank() == 0 { Class::ZeroDim } else { Class::Dim };
                promotion = promotion.with(t.dtype(), class);
                dims = shape::broadcast(&dims, &t.dims())?;
            }
        }
    }
    let layouts: Vec<_> = [Some(condition), tensor(a), tensor(b)]
        .into_iter()
        .map(|t| t.map_or_else(|| base::Layout::contiguous(&[]), Tensor::layout))
        .collect();
    let layout = base::layout::output_layout(&dims, &layouts.iter().collect::<Vec<_>>());
    let out = Array::empty(layout, promotion.result(), condition.device())?;
    let (x, y) = (tensor(a).map(Tensor::array), tensor(b).map(Tensor::array));
    dispatch::where_(&out, &condition.array(), operand(a, x.as_ref()), operand(b, y.as_ref()))?;
    let kept = condition.array();
    let none = create::scalar_tensor(base::Scalar::Bool(false))?;
    let inputs = [tensor(a).unwrap_or(&none), tensor(b).unwrap_or(&none)];
    tape::record(out, &inputs, |_| {
        Formula::new("WhereBackward0", 2, &[Keep::Bare(&kept)], |grads, saved| {
            let g = Var::from(grads[0].clone().map_or_else(crate::node::absent, Ok));
            let zero = Var::S(base::Scalar::Int(0));
            let c = &saved.vars[0];
            Ok(vec![
                saved.needs[0].then(|| where_vars(c.clone(), g.clone(), zero.clone())),
                saved.needs[1].then(|| where_vars(c.clone(), zero.clone(), g.clone())),
            ])
        })
    })
}

fn tensor(var: &Var) -> Option<&Tensor> {
    match var {
        Var::T(t) => Some(t),
        _ => None,
    }
}

fn operand<'a>(var: &Var, array: Option<&'a Array>) -> Operand<'a> {
    match (var, array) {
        (_, Some(array)) => Operand::Array(array),
        (Var::S(scalar), None) => Operand::Scalar(*scalar),
        _ => Operand::Scalar(base::Scalar::Int(0)),
    }
}

/// [`where_`] in formulas.
pub(crate) fn where_vars(condition: Var, a: Var, b: Var) -> Var {
    condition.then(|c| where_(c, &a, &b))
}

/// `x[mask] = value`. An expanded element is filled where the mask holds for one of its indices.
pub(crate) fn masked_fill_(target: &Tensor, mask: &Tensor, value: &Var) -> Result<Tensor> {
    let inputs: Vec<&Tensor> = std::iter::once(target).chain(tensor(value)).collect();
    tape::check_inplace(target, tape::needs_history(&inputs))?;
    let Some(once) = reached_once(target)? else {
        return deliver(Dest::InPlace(target), &inputs, masked_fill(target, mask, value)?);
    };
    let layout = target.layout();
    let repeated = (0..target.rank()).filter(|&d| layout.strides[d] == 0).map(|d| d as i64);
    let mask = view::expand_to(mask, &target.dims());
    let mask = reduce::any(&mask, Some(&repeated.collect::<Vec<_>>()), true)?;
    masked_fill_(&once, &mask, value)?;
    Ok(target.clone())
}

/// `value` where the mask holds, else `x`.
pub fn masked_fill(x: &Tensor, mask: &Tensor, value: &Var) -> Result<Tensor> {
    ensure!(
        mask.dtype() == DType::Bool,
        Runtime,
        "masked_fill_ only supports boolean masks, but got mask with dtype {}",
        mask.dtype()
    );
    if let Var::T(t) = value {
        ensure!(
            t.rank() == 0,
            Runtime,
            "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {} dimension(s).",
            t.rank()
        );
    }
    let dtype = x.dtype();
    match value {
        Var::Bad(error) => return Err(error.clone()),
        Var::S(value) => value.check_fits(dtype)?,
        // Elsewhere reading the number would wait for the device.
        Var::T(t) if t.device() == base::Device::CPU => {
            dispatch::item(&t.array())?.check_fits(dtype)?;
        }
        Var::T(t) => ensure!(
            dtype.is_complex() || !t.dtype().is_complex(),
            Runtime,
            "value cannot be converted to type {} without overflow",
            dtype.number_name()
        ),
    }
    let dims = shape::broadcast(&x.dims(), &mask.dims())?;
    let out = Array::empty_contiguous(&dims, dtype, x.device())?;
    let fill = tensor(value).map(Tensor::array);
    dispatch::where_(
        &out,
        &mask.array(),
        operand(value, fill.as_ref()),
        Operand::Array(&x.array()),
    )?;
    let kept = mask.array();
    let (name, inputs) = match tensor(value) {
        Some(fill) => ("MaskedFillBackward1", vec![x, fill]),
        None => ("MaskedFillBackward0", vec![x]),
    };
    tape::record(out, &inputs, |_| {
        Formula::new(name, inputs.len(), &[Keep::Bare(&kept)], |grads, saved| {
            let g = Var::from(grads[0].clone().map_or_else(crate::node::absent, Ok));
            let zero = Var::S(base::Scalar::Int(0));
            let c = &saved.vars[0];
            let towards = |i: usize| match i {
                0 => where_vars(c.clone(), zero.clone(), g.clone()),
                _ => where_vars(c.clone(), g.clone(), zero.clone()).sum(),
            };
            Ok(saved.needs.iter().enumerate().map(|(i, n)| n.then(|| towards(i))).collect())
        })
    })
}
