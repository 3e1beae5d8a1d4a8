//! Hooks: callbacks on tensors and nodes during backward. Lists are copied out of their lock before
//! any hook runs, so a hook may register or remove hooks.

use crate::node::Grads;
use crate::{Edge, Tensor};
use base::Result;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Names one registration, for its removal.
pub type HookId = u64;

static NEXT: AtomicU64 = AtomicU64::new(1);

/// Called with the gradient of a tensor; may replace it.
pub trait Hook: Send + Sync {
    /// Returns the replacement, or `None` to keep `grad`.
    fn call(&self, grad: &Tensor) -> Result<Option<Tensor>>;
}

/// Called with the gradients that enter a node; may replace them.
pub trait PreHook: Send + Sync {
    /// Returns the replacement, or `None` to keep `grads`.
    fn call(&self, grads: &Grads) -> Result<Option<Grads>>;
}

/// Called with the gradients that leave and entered a node; may replace the former.
pub trait PostHook: Send + Sync {
    /// Returns the replacement of `inputs`, or `None`.
    fn call(&self, inputs: &Grads, outputs: &Grads) -> Result<Option<Grads>>;
}

/// A hook on a node.
#[derive(Clone)]
pub enum NodeHook {
    /// On the gradient of one of its outputs.
    Tensor(usize, Arc<dyn Hook>),
    /// Before the node runs.
    Pre(Arc<dyn PreHook>),
    /// After the node ran.
    Post(Arc<dyn PostHook>),
}

/// The hooks of a node, and the outputs that keep their gradient.
#[derive(Default)]
pub struct NodeHooks(Mutex<Option<Box<Lists>>>);

#[derive(Default, Clone)]
struct Lists {
    hooks: Vec<(HookId, NodeHook)>,
    retained: Vec<(usize, crate::WeakTensor)>,
}

/// The hooks of a leaf tensor.
#[derive(Default)]
pub(crate) struct TensorHooks {
    pub on_grad: Vec<(HookId, Arc<dyn Hook>)>,
    pub after_accumulate: Vec<(HookId, Arc<dyn Hook>)>,
}

impl NodeHooks {
    /// Adds a hook.
    pub fn add(&self, hook: NodeHook) -> HookId {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        self.0.lock().get_or_insert_with(Box::default).hooks.push((id, hook));
        id
    }

    /// Removes a hook; unknown ids are ignored.
    pub fn remove(&self, id: HookId) {
        let removed = self.0.lock().as_mut().map(|lists| {
            let at = lists.hooks.iter().position(|(have, _)| *have == id);
            at.map(|at| lists.hooks.remove(at))
        });
        drop(removed);
    }

    pub(crate) fn retain(&self, output: usize, tensor: &Tensor) {
        let mut lists = self.0.lock();
        lists.get_or_insert_with(Box::default).retained.push((output, tensor.downgrade()));
    }

    /// Runs the hooks on the gradients entering the node, then keeps what is to be retained.
    pub(crate) fn before(&self, grads: &mut Grads) -> Result<()> {
        let Some(lists) = self.0.lock().clone() else {
            return Ok(());
        };
        for (_, hook) in &lists.hooks {
            match hook {
                NodeHook::Tensor(output, hook) => {
                    if let Some(grad) = grads[*output].clone()
                        && let Some(other) = hook.call(&grad)?
                    {
                        grads[*output] = Some(other);
                    }
                }
                NodeHook::Pre(hook) => {
                    if let Some(others) = hook.call(grads)? {
                        *grads = others;
                    }
                }
                NodeHook::Post(_) => {}
            }
        }
        for (output, tensor) in &lists.retained {
            if let (Some(tensor), Some(grad)) = (tensor.upgrade(), grads[*output].clone()) {
                crate::leaf::accumulate(&tensor, grad)?;
            }
        }
        Ok(())
    }

    /// Runs the hooks on the gradients leaving the node.
    pub(crate) fn after(&self, inputs: &mut Grads, outputs: &Grads) -> Result<()> {
        let Some(lists) = self.0.lock().clone() else {
            return Ok(());
        };
        for (_, hook) in &lists.hooks {
            if let NodeHook::Post(hook) = hook
                && let Some(others) = hook.call(inputs, outputs)?
            {
                *inputs = others;
            }
        }
        Ok(())
    }

    /// Whether anything is registered.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().is_none()
    }
}

impl Tensor {
    /// Calls `hook` with the gradient of this tensor, once it is complete.
    pub fn add_hook(&self, hook: Arc<dyn Hook>) -> HookId {
        let edge = self.gradient_edge();
        match edge.node() {
            Some(node) if self.grad_fn().is_some() => {
                node.hooks().add(NodeHook::Tensor(edge.output, hook))
            }
            _ => {
                let id = NEXT.fetch_add(1, Ordering::Relaxed);
                self.meta_mut(|m| m.hooks.on_grad.push((id, hook)));
                id
            }
        }
    }

    /// Calls `hook` with this leaf after its gradient was accumulated.
    pub fn add_post_accumulate_hook(&self, hook: Arc<dyn Hook>) -> HookId {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        self.meta_mut(|m| m.hooks.after_accumulate.push((id, hook)));
        id
    }

    /// Removes a hook added to this tensor (also where it sits on the tensor's node).
    pub fn remove_hook(&self, id: HookId) {
        let removed = self.meta(|m| {
            m.map(|m| {
                let drop_from = |list: &mut Vec<(HookId, Arc<dyn Hook>)>| {
                    list.iter().position(|(have, _)| *have == id).map(|at| list.remove(at))
                };
                (drop_from(&mut m.hooks.on_grad), drop_from(&mut m.hooks.after_accumulate))
            })
        });
        drop(removed);
        if let Some(node) = self.grad_fn() {
            node.hooks().remove(id);
        }
    }

    /// Lets a non-leaf keep its gradient in `grad`.
    pub fn retain_grad(&self) {
        if self.is_leaf() || self.retains_grad() {
            return;
        }
        let edge: Edge = self.gradient_edge();
        if let Some(node) = edge.node() {
            node.hooks().retain(edge.output, self);
        }
        self.meta_mut(|m| m.retains_grad = true);
    }
}

