//! In-place writes under autograd: what is allowed, and how the history of bases and views follows.

use crate::node::{Backward, Context, Edge, Grads, Node, NodeRef, OutputMeta};
use crate::{Creation, Tensor, algebra, grad_enabled, inference_mode};
use base::{Layout, Result, bail, ensure};
use parking_lot::Mutex;
use smallvec::{SmallVec, smallvec};
use std::any::Any;

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
    let Some(base) = target.view_base() else {
        ensure!(
            !(target.requires_grad() && target.is_leaf()),
            Runtime,
            "a leaf Variable that requires grad is being used in an in-place operation."
        );
        return Ok(());
    };
    let name = target.grad_fn().map(|n| n.body.name().to_string());
    check_view(target.view_creation(), name.as_deref().unwrap_or("<unknown>"))?;
    ensure!(
        !(base.requires_grad() && base.is_leaf()),
        Runtime,
        "a view of a leaf Variable that requires grad is being used in an in-place operation."
    );
    Ok(())
}

fn check_view(creation: Option<Creation>, producer: &str) -> Result<()> {
    let place = format!("Output 0 of {producer} is a view and is being modified inplace.");
    match creation {
        None | Some(Creation::Default) => Ok(()),
        Some(Creation::MultiOutput) => bail!(
            Runtime,
            "{place} This view is the output of a function that returns multiple views. Such functions do not allow the output views to be modified inplace. You should replace the inplace operation by an out-of-place one."
        ),
        Some(Creation::NoGrad) => bail!(
            Runtime,
            "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view and the inplace either both inside the no_grad block (if you don't want the inplace to be tracked) or both outside (if you want the inplace to be tracked)."
        ),
        Some(Creation::Inference) => bail!(
            Runtime,
            "A view was created in inference mode and is being modified inplace with grad mode enabled. Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view and the inplace either both inside the inference_mode block (if you don't want the inplace to be tracked) or both outside (if you want the inplace to be tracked)."
        ),
        Some(Creation::Function) => bail!(
            Runtime,
            "{place} This view was created inside a custom Function (or because an input was returned as-is) and the autograd logic to handle view+inplace would override the custom backward associated with the custom Function, leading to incorrect gradients. This behavior is forbidden. You can fix this by cloning the output of the custom Function."
        ),
    }
}

/// After a recorded write: `target` becomes the result of `edge`. When it is a view, its base gets
/// a [`CopySlices`] node, and the view's own node is made anew from the base when asked for.
pub fn rebase_history(target: &Tensor, edge: Edge) {
    let Some(base) = target.view_base() else {
        target.set_gradient_edge(edge);
        return;
    };
    let Some(inner) = edge.node().cloned() else {
        return;
    };
    let mut edges: SmallVec<[Edge; 2]> = smallvec![base.gradient_edge()];
    edges.extend(inner.edges.iter().skip(1).cloned());
    let meta = base.with_array(OutputMeta::of);
    let body = CopySlices {
        base: base.layout(),
        view: target.layout(),
        inner: Mutex::new(Some(inner)),
    };
    base.set_gradient_edge(Edge::to(Node::create(edges, smallvec![meta], body), 0));
    target.meta_mut(|m| {
        if let Some(view) = &mut m.view {
            view.seen = u64::MAX;
        }
    });
    target.refresh_view();
}

/// A write through a view, seen from the base: the gradient of the written part passes through the
/// op that wrote it, the rest passes unchanged.
struct CopySlices {
    base: Layout,
    view: Layout,
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
        let offset = self.view.offset - self.base.offset;
        let part = algebra.as_strided(&result, &Layout { offset, ..self.view.clone() })?;
        let entering = [Some(algebra.clone_as(&part, &part.layout())?)];
        let needed = |i: usize| i == 0 || cx.needs(i);
        let mut out = inner.body.vjp(&entering, &Context::new(&inner, &needed))?;
        let through = match out.first_mut().and_then(Option::take) {
            Some(through) => inner.outputs[0].conform(through, inner.body.name())?,
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

    fn as_any(&self) -> &dyn Any {
        self
    }
}
