//! Recording: attaching history to what an op computed.

use crate::node::{Backward, Edge, Node, OutputMeta};
use crate::tensor::Meta;
use crate::view::ViewMeta;
use crate::{Creation, Replay, Tensor, mode};
use array::Array;
use base::Result;
use smallvec::{SmallVec, smallvec};

/// Whether an op on these inputs must be recorded now.
#[inline]
pub fn needs_history(inputs: &[&Tensor]) -> bool {
    mode::grad_enabled() && inputs.iter().any(|t| t.requires_grad())
}

fn edges_of(inputs: &[&Tensor]) -> SmallVec<[Edge; 2]> {
    inputs.iter().map(|t| t.gradient_edge()).collect()
}

/// A tensor of `out`; when an input requires gradients, the result of a node with this body. The
/// body is built from the result tensor, so that it can keep it.
#[inline]
pub fn record<B: Backward>(
    out: Array,
    inputs: &[&Tensor],
    body: impl FnOnce(&Tensor) -> Result<B>,
) -> Result<Tensor> {
    let out = Tensor::new(out);
    if out.dtype().is_differentiable() && needs_history(inputs) {
        attach(&out, edges_of(inputs), body(&out)?);
    }
    Ok(out)
}

/// Makes an existing tensor the result of a new node with these edges.
pub fn attach<B: Backward>(out: &Tensor, edges: SmallVec<[Edge; 2]>, body: B) {
    let meta = out.with_array(OutputMeta::of);
    let node = Node::create(edges, smallvec![meta], body);
    out.set_gradient_edge(Edge::to(node, 0));
}

/// Like [`record`] for an op with several results; those of integer type carry no history.
pub fn record_many<B: Backward>(
    outs: Vec<Array>,
    inputs: &[&Tensor],
    body: impl FnOnce(&[Tensor]) -> Result<B>,
) -> Result<Vec<Tensor>> {
    let outs: Vec<Tensor> = outs.into_iter().map(Tensor::new).collect();
    if !needs_history(inputs) {
        return Ok(outs);
    }
    let edges = edges_of(inputs);
    let metas = outs.iter().map(|t| t.with_array(OutputMeta::of)).collect();
    let node = Node::create(edges, metas, body(&outs)?);
    for (i, out) in outs.iter().enumerate().filter(|(_, t)| t.dtype().is_differentiable()) {
        out.set_gradient_edge(Edge::to(node.clone(), i));
    }
    Ok(outs)
}

/// Views of `input` (one for most ops, several for `split` and its kin), sharing its memory and
/// version. `replay` makes a view again where geometry alone cannot.
pub fn record_view<B: Backward>(
    views: Vec<Array>,
    input: &Tensor,
    several: bool,
    replay: Option<Replay>,
    body: impl FnOnce() -> B,
) -> Vec<Tensor> {
    let base = input.view_base().unwrap_or_else(|| input.clone());
    let version = input.version();
    let recorded = needs_history(&[input]);
    let node = recorded.then(|| {
        let metas = views.iter().map(OutputMeta::of).collect();
        Node::create(edges_of(&[input]), metas, body())
    });
    let creation = creation_of(input, several);
    let seen = version.get();
    views
        .into_iter()
        .enumerate()
        .map(|(i, array)| {
            let differentiable = array.dtype().is_differentiable();
            let edge = match &node {
                Some(node) if differentiable => Edge::to(node.clone(), i),
                _ => Edge::default(),
            };
            let view = ViewMeta { base: base.clone(), replay: replay.clone(), creation, seen };
            let meta = Meta { edge, view: Some(view), ..Meta::default() };
            let inference = input.is_inference();
            Tensor::build(array, Some(version.clone()), Some(Box::new(meta)), inference)
        })
        .collect()
}

fn creation_of(input: &Tensor, several: bool) -> Creation {
    if mode::inference_mode() && !input.is_inference() {
        Creation::Inference
    } else if !mode::grad_enabled() {
        Creation::NoGrad
    } else if several {
        Creation::MultiOutput
    } else {
        input.view_creation().unwrap_or(Creation::Default)
    }
}
