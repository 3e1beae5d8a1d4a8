//! Writing results where the user wants them: `op_` and `out=`, the same way for every op.

use crate::call::{Args, Dest, OpDef};
use crate::value::Value;
use array::{Array, dispatch, overlap};
use base::promote::can_cast;
use base::{Layout, Result, bail, ensure, shape};
use tape::{Tensor, check_inplace, needs_history, rebase_history};

/// The tensors among the arguments.
pub(crate) fn tensors(values: &[Value]) -> Vec<&Tensor> {
    let mut found = Vec::new();
    for value in values {
        match value {
            Value::Tensor(t) => found.push(t),
            Value::Tensors(list) => found.extend(list),
            Value::OptTensors(list) => found.extend(list.iter().flatten()),
            _ => {}
        }
    }
    found
}

/// A tensor with the history of `target` and a copy of its memory: what an op may keep while the
/// original is overwritten.
pub(crate) fn snapshot(target: &Tensor) -> Result<Tensor> {
    let copy = target
        .array()
        .copied_as(base::layout::preserved_layout(&target.layout()), target.dtype())?;
    let alias = Tensor::new(copy);
    alias.set_gradient_edge(target.gradient_edge()?);
    Ok(alias)
}

/// Refuses a result that cannot be written into `target`.
pub(crate) fn check_fits(target: &Array, dims: &[usize], dtype: base::DType) -> Result<()> {
    ensure!(
        target.dims() == dims,
        Runtime,
        "output with shape {} doesn't match the broadcast shape {}",
        shape::show(target.dims()),
        shape::show(dims)
    );
    check_cast(dtype, target.dtype())
}

pub(crate) fn check_cast(from: base::DType, to: base::DType) -> Result<()> {
    ensure!(
        can_cast(from, to),
        Runtime,
        "result type {} can't be cast to the desired output type {}",
        from.type_name(),
        to.type_name()
    );
    Ok(())
}

/// `x.op_(..)`: computes, checks that the result fits, overwrites, and moves the history.
pub(crate) fn in_place(op: &'static OpDef, values: &[Value], target: &Tensor) -> Result<Value> {
    let recorded = needs_history(&tensors(values));
    check_inplace(target, recorded)?;
    let mut inputs = values.to_vec();
    if recorded {
        inputs[0] = Value::Tensor(snapshot(target)?);
    }
    let result = (op.run)(&Args { values: &inputs, dest: Dest::New })?;
    let Value::Tensor(result) = result else {
        bail!(Runtime, "{}: has no in-place form", op.schema);
    };
    if matches!(&inputs[0], Value::Tensor(input) if result.same(input)) {
        return Ok(Value::Tensor(target.clone())); // The op changes nothing, as dropout with p = 0.
    }
    let array = target.array();
    check_fits(&array, &result.dims(), result.dtype())?;
    overwrite(target, &array, &result)?;
    Ok(Value::Tensor(target.clone()))
}

/// Copies a computed result into `target` and makes it the result's successor in the graph.
pub(crate) fn overwrite(target: &Tensor, array: &Array, result: &Tensor) -> Result<()> {
    dispatch::copy(array, &result.array())?;
    target.bump_version();
    let edge = result.gradient_edge()?;
    if edge.leads_somewhere() {
        rebase_history(target, edge)?;
    }
    Ok(())
}

/// Refuses gradients through `out=`.
pub(crate) fn check_out(name: &str, inputs: &[&Tensor], target: &Tensor) -> Result<()> {
    let wants = tape::grad_enabled()
        && (target.requires_grad() || inputs.iter().any(|t| t.requires_grad()));
    ensure!(
        !wants,
        Runtime,
        "{name}(): functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad."
    );
    Ok(())
}

/// `op(.., out=y)`: resizes `y` where its shape differs, then fills it.
fn into_out_one(target: &Tensor, result: &Tensor) -> Result<()> {
    check_cast(result.dtype(), target.dtype())?;
    overlap::check_output(&target.array())?;
    resize_out(target, &result.dims())?;
    dispatch::copy(&target.array(), &result.array())?;
    target.bump_version();
    Ok(())
}

/// Brings a new result of a row that honours `dest` itself to where the user wants it.
pub(crate) fn deliver(dest: Dest<'_>, inputs: &[&Tensor], result: Tensor) -> Result<Tensor> {
    match dest {
        Dest::New => Ok(result),
        Dest::InPlace(target) => {
            let array = target.array();
            check_fits(&array, &result.dims(), result.dtype())?;
            overwrite(target, &array, &result)?;
            Ok(target.clone())
        }
        Dest::Out(target) => {
            check_out("out", inputs, target)?;
            into_out_one(target, &result)?;
            Ok(target.clone())
        }
    }
}

/// Gives an `out=` tensor the result's shape, keeping its memory where that is large enough.
pub(crate) fn resize_out(target: &Tensor, dims: &[usize]) -> Result<()> {
    let array = target.array();
    if array.dims() == dims {
        return Ok(());
    }
    base::layout::checked_bytes(dims, array.dtype().size())?;
    let layout = Layout { offset: array.layout().offset, ..Layout::contiguous(dims) };
    let fits = layout.end() * array.dtype().size() <= array.storage().nbytes();
    let resized = if fits {
        array.view(layout)
    } else {
        Array::empty_contiguous(dims, array.dtype(), array.device())?
    };
    target.replace_array(resized);
    Ok(())
}

/// `op(.., out=y)` and, for ops with several results, `out=(y, z)`.
pub(crate) fn into_out(op: &'static OpDef, values: &[Value], target: &Tensor) -> Result<Value> {
    let name = op.schema.split(['(', '.']).next().unwrap_or(op.schema);
    check_out(name, &tensors(values), target)?;
    match (op.run)(&Args { values, dest: Dest::New })? {
        Value::Tensor(result) => into_out_one(target, &result)?,
        _ => bail!(Runtime, "{name}: out= takes as many tensors as there are results"),
    }
    Ok(Value::Tensor(target.clone()))
}

/// Fills several `out=` tensors from an op's several results.
pub fn into_outs(op: &'static OpDef, values: &[Value], targets: &[Tensor]) -> Result<Value> {
    let name = op.schema.split(['(', '.']).next().unwrap_or(op.schema);
    for target in targets {
        check_out(name, &tensors(values), target)?;
    }
    let results = match crate::call::call(op, values, Dest::New)? {
        Value::Tuple(results) => results,
        Value::Tensors(list) => list.into_iter().map(Value::Tensor).collect(),
        one => vec![one],
    };
    ensure!(
        results.len() == targets.len(),
        Type,
        "{name}(): out= expected {} tensors, got {}",
        results.len(),
        targets.len()
    );
    for (target, result) in targets.iter().zip(&results) {
        if let Value::Tensor(result) = result {
            into_out_one(target, result)?;
        }
    }
    Ok(Value::Tuple(targets.iter().cloned().map(Value::Tensor).collect()))
}
