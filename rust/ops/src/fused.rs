//! Ops with one node and two ways to a gradient. While the backward pass is itself recorded
//! (`create_graph`), the gradient is that of the op's meaning, its definition in primitive ops, and
//! can be differentiated to any order. Otherwise a fused kernel may give it directly.

use crate::node::{Formula, Keep, Saved};
use crate::{Var, view};
use array::Array;
use base::{Result, bail};
use tape::{Request, Tensor};

/// Gradients towards the inputs of an op.
pub type Gradients = Vec<Option<Var>>;

/// The gradients of `meaning` at `inputs` from those of its results, recorded when the caller is.
pub fn derive(
    meaning: impl Fn(&[Tensor]) -> Result<Vec<Tensor>>,
    inputs: &[Tensor],
    needs: &[bool],
    grads: &[Option<Tensor>],
) -> Result<Gradients> {
    let create_graph = tape::grad_enabled();
    let recording = tape::set_grad_enabled(true);
    // Aliases bound the walk: one input may be an ancestor of another.
    let points: Vec<Tensor> = inputs
        .iter()
        .zip(needs)
        .map(|(x, &needed)| if needed { view::alias(x) } else { Ok(x.detach()) })
        .collect::<Result<_>>()?;
    let values = meaning(&points)?;
    drop(recording);
    let (roots, seeds) = values
        .into_iter()
        .zip(grads)
        .filter(|(v, g)| g.is_some() && v.requires_grad())
        .map(|(v, g)| (v, g.clone()))
        .unzip::<_, _, Vec<_>, Vec<_>>();
    if roots.is_empty() {
        // A meaning that does not depend on its inputs (it has none of their elements) is constant.
        let zero = |x: &Tensor| Var::from(x).zeros_like();
        return Ok(inputs.iter().zip(needs).map(|(x, needed)| needed.then(|| zero(x))).collect());
    }
    let targets: Vec<Tensor> =
        points.iter().zip(needs).filter(|(_, needed)| **needed).map(|(x, _)| x.clone()).collect();
    let request = Request { create_graph, retain_graph: create_graph, allow_unused: true };
    let found = tape::gradients(&roots, seeds, &targets, request)?;
    let mut found = found.into_iter().map(|g| g.map(Var::T));
    Ok(needs.iter().map(|&needed| if needed { found.next().flatten() } else { None }).collect())
}

/// A node of one result that keeps `inputs` and then `extras`; `kernel` is the fast gradient.
pub fn node(
    name: &'static str,
    inputs: &[&Tensor],
    extras: Vec<Keep<'_>>,
    kernel: impl Fn(&Tensor, &Saved) -> Result<Gradients> + Send + Sync + 'static,
    meaning: impl Fn(&[Tensor]) -> Result<Tensor> + Send + Sync + 'static,
) -> Result<Formula> {
    let kernel = move |grads: &[Option<Tensor>], saved: &Saved| {
        kernel(&grads[0].clone().map_or_else(crate::node::absent, Ok)?, saved)
    };
    node_many(name, inputs, extras, kernel, move |inputs| Ok(vec![meaning(inputs)?]))
}

/// As [`node`], of several results.
pub fn node_many(
    name: &'static str,
    inputs: &[&Tensor],
    extras: Vec<Keep<'_>>,
    kernel: impl Fn(&[Option<Tensor>], &Saved) -> Result<Gradients> + Send + Sync + 'static,
    meaning: impl Fn(&[Tensor]) -> Result<Vec<Tensor>> + Send + Sync + 'static,
) -> Result<Formula> {
    let count = inputs.len();
    let keeps: Vec<Keep<'_>> = inputs.iter().map(|x| Keep::Input(x)).chain(extras).collect();
    Formula::new(name, count, &keeps, move |grads, saved| {
        if !tape::grad_enabled() {
            return kernel(grads, saved);
        }
        derive(&meaning, &points(saved, count)?, &saved.needs, grads)
    })
    .map(Formula::joint)
}

/// The device has no kernel for this: the meaning has to give the result, under its own history.
pub fn lacks_kernel(result: &Result<()>) -> bool {
    result.as_ref().is_err_and(|error| error.missing_kernel().is_some())
}

fn points(saved: &Saved, count: usize) -> Result<Vec<Tensor>> {
    saved.vars[..count].iter().cloned().map(Var::tensor).collect()
}

/// A composite of primitives as one node: its meaning is all there is.
pub fn composite(
    name: &'static str,
    inputs: &[&Tensor],
    meaning: impl Fn(&[Tensor]) -> Result<Tensor> + Send + Sync + 'static,
) -> Result<Tensor> {
    let [value] = composite_many(name, inputs, move |inputs| Ok([meaning(inputs)?]))?;
    Ok(value)
}

/// As [`composite`], of several results.
pub fn composite_many<const N: usize>(
    name: &'static str,
    inputs: &[&Tensor],
    meaning: impl Fn(&[Tensor]) -> Result<[Tensor; N]> + Send + Sync + 'static,
) -> Result<[Tensor; N]> {
    let owned: Vec<Tensor> = inputs.iter().map(|&x| x.clone()).collect();
    let silent = tape::set_grad_enabled(false);
    let values = meaning(&owned)?;
    drop(silent);
    let arrays = values.iter().map(Tensor::array).collect();
    computed(name, inputs, arrays, meaning)
}

/// As [`composite_many`], where a kernel has computed the results.
pub fn computed<const N: usize>(
    name: &'static str,
    inputs: &[&Tensor],
    arrays: Vec<Array>,
    meaning: impl Fn(&[Tensor]) -> Result<[Tensor; N]> + Send + Sync + 'static,
) -> Result<[Tensor; N]> {
    let recorded = tape::record_many(arrays, inputs, |_| {
        let count = inputs.len();
        let keeps: Vec<Keep<'_>> = inputs.iter().map(|x| Keep::Input(x)).collect();
        Formula::new(name, count, &keeps, move |grads, saved| {
            let meaning = |inputs: &[Tensor]| Ok(meaning(inputs)?.into());
            derive(meaning, &points(saved, count)?, &saved.needs, grads)
        })
        .map(Formula::joint)
    })?;
    let count = recorded.len();
    recorded.try_into().or_else(|_| bail!(Runtime, "internal error: {count} results for {N}"))
}
