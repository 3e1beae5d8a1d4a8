//! Accumulation of gradients into leaves: the node at the end of every path.
//!
//! Its sequence number is taken when the leaf is first used, before that of the first consumer; so
//! the engine reaches it when all contributions have arrived. An older graph that lives keeps its
//! number small: then it comes last, unless the engine counts (see `engine`).

use crate::node::{Backward, Context, Grads, Node, NodeRef, OutputMeta};
use crate::{Tensor, algebra, grad_enabled, sparse};
use base::{Layout, Result};
use smallvec::{SmallVec, smallvec};
use std::any::Any;

/// The body of a leaf's node.
pub struct AccumulateGrad {
    tensor: Tensor,
}

impl AccumulateGrad {
    pub(crate) fn node(tensor: &Tensor) -> NodeRef {
        let meta = tensor.with_array(OutputMeta::of);
        Node::create(SmallVec::new(), smallvec![meta], AccumulateGrad { tensor: tensor.clone() })
    }

    /// The leaf.
    pub fn variable(&self) -> &Tensor {
        &self.tensor
    }
}

impl Backward for AccumulateGrad {
    fn name(&self) -> &'static str {
        "AccumulateGrad"
    }

    fn vjp(&self, grads: &[Option<Tensor>], _: &Context<'_>) -> Result<Grads> {
        let Some(Some(grad)) = grads.first() else {
            return Ok(Grads::new());
        };
        accumulate(&self.tensor, grad)?;
        let after =
            self.tensor.meta(|m| m.map_or_else(Vec::new, |m| m.hooks.after_accumulate.clone()));
        for (_, hook) in after {
            hook.call(&self.tensor)?;
        }
        Ok(Grads::new())
    }

    fn takes_sparse(&self) -> bool {
        true
    }

    fn enter(&self, grads: &mut Grads) -> Result<()> {
        let hooks = self.tensor.meta(|m| m.map_or_else(Vec::new, |m| m.hooks.on_grad.clone()));
        for (_, hook) in hooks {
            if let Some(grad) = grads[0].clone()
                && let Some(other) = hook.call(&grad)?
            {
                grads[0] = Some(other);
            }
        }
        Ok(())
    }

    fn visit_owned(&self, visit: &mut dyn FnMut(&dyn Any)) {
        visit(&self.tensor);
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `tensor.grad += grad`: keeps the object in place when possible, so that holders see the sum. A
/// first gradient is laid out as the tensor is, or row by row where that has gaps or overlaps. It is
/// taken over, not copied, if the caller's handle is the only one.
pub(crate) fn accumulate(tensor: &Tensor, grad: &Tensor) -> Result<()> {
    let have = tensor.grad();
    if grad.is_sparse() || have.as_ref().is_some_and(Tensor::is_sparse) {
        tensor.set_grad(Some(sparse::accumulated(have, grad)?));
        return Ok(());
    }
    match have {
        None => {
            let own = tensor.layout();
            let layout = if own.is_dense() { own } else { Layout::contiguous(&own.dims) };
            let recording = grad_enabled();
            let fits = !recording
                && grad.is_unshared()
                && grad.with_array(|a| a.layout().strides == layout.strides);
            let owned = if fits { grad.detach() } else { algebra()?.clone_as(grad, &layout)? };
            tensor.set_grad(Some(owned));
        }
        Some(have) if grad_enabled() => tensor.set_grad(Some(algebra()?.add(&have, grad)?)),
        Some(have) => algebra()?.add_assign(&have, grad)?,
    }
    Ok(())
}
