//! Recording: attaching history to what an op computed.

use crate::inplace::rebase_history;
use crate::node::{Backward, Context, Edge, Grads, Node, OutputMeta};
use crate::tensor::Meta;
use crate::view::ViewMeta;
use crate::{Creation, Replay, Tensor, algebra, mode};
use array::Array;
use base::{Error, Layout, Result};
use smallvec::{SmallVec, smallvec};
use std::any::Any;
use std::sync::Arc;

/// Whether an op on these inputs must be recorded now.
#[inline]
pub fn needs_history(inputs: &[&Tensor]) -> bool {
    mode::grad_enabled() && inputs.iter().any(|t| t.requires_grad())
}

fn edges_of(inputs: &[&Tensor]) -> Result<SmallVec<[Edge; 2]>> {
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
        attach(&out, edges_of(inputs)?, body(&out)?);
    }
    Ok(out)
}

/// Makes an existing tensor the result of a new node with these edges.
#[inline]
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
    let edges = edges_of(inputs)?;
    let metas = outs.iter().map(|t| t.with_array(OutputMeta::of)).collect();
    let node = Node::create(edges, metas, body(&outs)?);
    for (i, out) in outs.iter().enumerate().filter(|(_, t)| t.dtype().is_differentiable()) {
        out.set_gradient_edge(Edge::to(node.clone(), i));
    }
    Ok(outs)
}

/// Views of `input` (one for most ops, several for `split` and its kin), sharing its memory and
/// version. `step` makes the view again from the input where geometry alone cannot.
pub fn record_view<B: Backward>(
    views: Vec<Array>,
    input: &Tensor,
    several: bool,
    step: Option<Replay>,
    body: impl FnOnce() -> B,
) -> Vec<Tensor> {
    let base = input.view_base().unwrap_or_else(|| input.clone());
    let version = input.version();
    let recorded = needs_history(&[input]);
    let node = recorded.then(|| {
        let metas = views.iter().map(OutputMeta::of).collect();
        let edges = edges_of(&[input]).unwrap_or_else(|error| smallvec![refused(input, error)]);
        Node::create(edges, metas, body())
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
            let replay = replay_from_base(&base, input, step.clone(), array.layout());
            let view = ViewMeta { base: base.clone(), replay, creation, seen };
            let meta = Meta { edge, view: Some(view), ..Meta::default() };
            let inference = input.is_inference();
            Tensor::build(array, Some(version.clone()), Some(Box::new(meta)), inference)
        })
        .collect()
}

/// An edge to a node that fails: views of a view that autograd cannot follow any more are made, but
/// not differentiated.
fn refused(input: &Tensor, error: Error) -> Edge {
    let meta = input.with_array(OutputMeta::of);
    Edge::to(Node::create(SmallVec::new(), smallvec![meta], Refused(error)), 0)
}

struct Refused(Error);

impl Backward for Refused {
    fn name(&self) -> &'static str {
        "Invalid"
    }

    fn vjp(&self, _: &[Option<Tensor>], _: &Context<'_>) -> Result<Grads> {
        Err(self.0.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// After a recorded write: `target` becomes the result of a new node with these edges, taken before
/// the write.
pub fn record_write<B: Backward>(
    target: &Tensor,
    edges: SmallVec<[Edge; 2]>,
    body: B,
) -> Result<()> {
    let meta = target.with_array(OutputMeta::of);
    rebase_history(target, Edge::to(Node::create(edges, smallvec![meta], body), 0))
}

/// Another array over the memory of `input`, sharing its version and nothing else.
pub fn share(input: &Tensor, array: Array) -> Tensor {
    Tensor::build(array, Some(input.version()), None, input.is_inference())
}

/// How to make a view again from the base: by nothing but its geometry (`None`) as long as no view on
/// the way changed the dtype, else by one step after the other.
fn replay_from_base(
    base: &Tensor,
    input: &Tensor,
    step: Option<Replay>,
    view: &Layout,
) -> Option<Replay> {
    let parent = input.view_replay();
    match (parent, step) {
        (None, None) => None,
        (None, Some(step)) if input.same(base) => Some(step),
        (None, Some(step)) => {
            let (from, to) = (base.layout(), input.layout());
            Some(Arc::new(move |base| step(&moved_along(base, &from, &to)?)))
        }
        (Some(parent), None) => {
            let (from, to) = (input.layout(), view.clone());
            Some(Arc::new(move |base| moved_along(&parent(base)?, &from, &to)))
        }
        (Some(parent), Some(step)) => Some(Arc::new(move |base| step(&parent(base)?))),
    }
}

/// The view that lies towards `x` as `to` lies towards `from`.
fn moved_along(x: &Tensor, from: &Layout, to: &Layout) -> Result<Tensor> {
    let offset = x.layout().offset.wrapping_add(to.offset.wrapping_sub(from.offset));
    algebra()?.as_strided(x, &Layout { offset, ..to.clone() })
}

/// A view with all of `input` and the given creation: what a user function returns in place of an
/// input or of a view of one. It starts without history.
pub fn alias(input: &Tensor, creation: Creation) -> Tensor {
    let base = input.view_base().unwrap_or_else(|| input.clone());
    let replay = input.meta(|m| m.and_then(|m| m.view.as_ref().and_then(|v| v.replay.clone())));
    let version = input.version();
    let view = ViewMeta { base, replay, creation, seen: version.get() };
    let meta = Meta { view: Some(view), ..Meta::default() };
    Tensor::build(input.array(), Some(version), Some(Box::new(meta)), input.is_inference())
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
