//! In-place writes under autograd: what is allowed, and how the history of bases and views follows.

use crate::node::{Backward, Context, Edge, Grads, Node, NodeRef, OutputMeta};
use crate::view::{Write, check_creation};
use crate::{Replay, Tensor, algebra, grad_enabled, inference_mode};
use base::{Layout, Result, ensure};
use parking_lot::Mutex;
use smallvec::{SmallVec, smallvec};
use std::any::Any;
use std::sync::Arc;

/// Refuses a write that autograd could not follow. `op` is the in-place op's name.
pub fn check_inplace(target: &Tensor, recorded: bool) -> Result<()> {
    ensure!(
        !target.is_inference() || inference_mode(),
        Runtime,
        "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a normal tensor before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details."
    );
    if !grad_enabled() || !(recorded || target.requires_grad()) {
        return Ok(());
    }
    let Some((base, creation, edge)) = target.meta(|m| {
        m.and_then(|m| m.view.as_ref().map(|v| (v.base.clone(), v.creation, m.edge.clone())))
    }) else {
        ensure!(
            !(target.requires_grad() && target.is_leaf()),
            Runtime,
            "a leaf Variable that requires grad is being used in an in-place operation."
        );
        return Ok(());
    };
    check_creation(creation, &edge, Write::Direct)?;
    ensure!(
        !(base.requires_grad() && base.is_leaf()),
        Runtime,
        "a view of a leaf Variable that requires grad is being used in an in-place operation."
    );
    Ok(())
}

/// After a recorded write: `target` becomes the result of `edge`. When it is a view, its base gets
/// a [`CopySlices`] node, and the view's own node is made anew from the base when asked for.
pub fn rebase_history(target: &Tensor, edge: Edge) -> Result<()> {
    let Some(base) = target.view_base() else {
        target.set_gradient_edge(edge);
        return Ok(());
    };
    let Some(mut inner) = edge.node().cloned() else {
        return Ok(());
    };
    let own = target.gradient_edge()?;
    if !inner.edges.first().is_some_and(|first| first.arrives_with(&own)) {
        // Several nodes lead from the old values to the new ones: the last writes them.
        let outputs = smallvec![target.with_array(OutputMeta::of)];
        inner = Node::create(smallvec![Edge::default(), edge], outputs, Overwrite);
    }
    let mut edges: SmallVec<[Edge; 2]> = smallvec![base.gradient_edge()?];
    edges.extend(inner.edges.iter().skip(1).cloned());
    let meta = base.with_array(OutputMeta::of);
    let body = CopySlices {
        base: base.layout(),
        view: target.layout(),
        replay: target.view_replay(),
        inner: Mutex::new(Some(inner)),
    };
    base.set_gradient_edge(Edge::to(Node::create(edges, smallvec![meta], body), 0));
    target.meta_mut(|m| {
        if let Some(view) = &mut m.view {
            view.seen = u64::MAX;
        }
    });
    target.refresh_view()
}

/// Values made elsewhere replace those of the target, to which nothing flows.
struct Overwrite;

impl Backward for Overwrite {
    fn name(&self) -> &'static str {
        "CopyBackwards"
    }

    fn vjp(&self, grads: &[Option<Tensor>], _: &Context<'_>) -> Result<Grads> {
        Ok(smallvec![None, grads.first().cloned().flatten()])
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A write through a view, seen from the base: the gradient of the written part passes through the
/// op that wrote it, the rest passes unchanged.
struct CopySlices {
    base: Layout,
    view: Layout,
    replay: Option<Replay>,
    inner: Mutex<Option<NodeRef>>,
}

impl Backward for CopySlices {
    fn name(&self) -> &'static str {
        "CopySlices"
    }

    fn vjp(&self, grads: &[Option<Tensor>], cx: &Context<'_>) -> Result<Grads> {
        let Some(grad) = grads.first().cloned().flatten() else {
            return Ok(smallvec![None; cx.node.edges.len()]);
        };
        let Some(inner) = self.inner.lock().clone() else {
            return crate::again();
        };
        let algebra = algebra()?;
        let base = Layout { offset: 0, ..self.base.clone() };
        let result = algebra.clone_as(&grad, &base)?;
        let part = match &self.replay {
            Some(replay) => replay(&result)?,
            None => {
                let offset = self.view.offset - self.base.offset;
                algebra.as_strided(&result, &Layout { offset, ..self.view.clone() })?
            }
        };
        let entering = [Some(algebra.clone_as(&part, &part.layout())?)];
        let needed = |i: usize| i == 0 || cx.needs(i);
        let mut out = inner.body.vjp(&entering, &Context::new(&inner, &needed))?;
        let through = match out.first_mut().and_then(Option::take) {
            Some(through) => inner.outputs[0].conform(through, inner.body.name(), 0)?,
            None => algebra.zeros(&part.dims(), part.dtype(), part.device())?,
        };
        algebra.copy_into(&part, &through)?;
        if let Some(slot) = out.first_mut() {
            *slot = Some(result);
        }
        Ok(out)
    }

    fn release(&self) {
        let inner = self.inner.lock().take();
        if let Some(inner) = inner {
            inner.body.release();
        }
    }

    fn visit_owned(&self, visit: &mut dyn FnMut(&dyn Any)) {
        if let Some(inner) = self.inner.try_lock().as_deref().and_then(Option::as_ref)
            && Arc::strong_count(inner) == 1
        {
            inner.body.visit_owned(visit);
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
