//! Hooks: callbacks on tensors and nodes during backward. Lists are copied out of their lock before
//! any hook runs, so a hook may register or remove hooks.

use crate::node::Grads;
use crate::{Edge, NodeRef, Tensor, WeakTensor};
use base::Result;
use parking_lot::Mutex;
use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Names one registration, for its removal.
pub type HookId = u64;

static NEXT: AtomicU64 = AtomicU64::new(1);
static LEAVES_HAVE_HOOKS: AtomicBool = AtomicBool::new(false);

/// Whether hooks have ever been asked to follow a leaf's accumulation in this process.
pub(crate) fn leaves_have_hooks() -> bool {
    LEAVES_HAVE_HOOKS.load(Ordering::Relaxed)
}

/// Called with the gradient of a tensor; may replace it.
pub trait Hook: Send + Sync {
    /// Returns the replacement, or `None` to keep `grad`.
    fn call(&self, grad: &Tensor) -> Result<Option<Tensor>>;
    /// The hook itself, for layers above that look into what a graph owns.
    fn as_any(&self) -> &dyn Any;
}

/// Called with the gradients that enter a node; may replace them.
pub trait PreHook: Send + Sync {
    /// Returns the replacement, or `None` to keep `grads`.
    fn call(&self, grads: &Grads) -> Result<Option<Grads>>;
    /// The hook itself.
    fn as_any(&self) -> &dyn Any;
}

/// Called with the gradients that leave and entered a node; may replace the former.
pub trait PostHook: Send + Sync {
    /// Returns the replacement of `inputs`, or `None`.
    fn call(&self, inputs: &Grads, outputs: &Grads) -> Result<Option<Grads>>;
    /// The hook itself.
    fn as_any(&self) -> &dyn Any;
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

impl NodeHook {
    fn as_any(&self) -> &dyn Any {
        match self {
            NodeHook::Tensor(_, hook) => hook.as_any(),
            NodeHook::Pre(hook) => hook.as_any(),
            NodeHook::Post(hook) => hook.as_any(),
        }
    }
}

/// What is attached to a node besides its op: hooks, outputs that keep their gradient, and a note
/// of the layer above.
#[derive(Default)]
pub struct NodeHooks(Mutex<Option<Box<Lists>>>);

#[derive(Default, Clone)]
struct Lists {
    hooks: Vec<(HookId, NodeHook)>,
    retained: Vec<(usize, WeakTensor)>,
    note: Option<Arc<dyn Any + Send + Sync>>,
}

/// The hooks of a leaf tensor.
#[derive(Default)]
pub(crate) struct TensorHooks {
    pub on_grad: Vec<(HookId, Arc<dyn Hook>)>,
    pub after_accumulate: Vec<(HookId, Arc<dyn Hook>)>,
}

impl TensorHooks {
    pub(crate) fn visit(&self, visit: &mut dyn FnMut(&dyn Any)) {
        for (_, hook) in self.on_grad.iter().chain(&self.after_accumulate) {
            visit_unique(hook, visit);
        }
    }
}

/// A hook that is just being called is shared, and then no collector may count its references.
fn visit_unique(hook: &Arc<dyn Hook>, visit: &mut dyn FnMut(&dyn Any)) {
    if Arc::strong_count(hook) == 1 {
        visit(hook.as_any());
    }
}

impl NodeHooks {
    pub(crate) fn noted(note: Option<Arc<dyn Any + Send + Sync>>) -> NodeHooks {
        match note {
            None => NodeHooks::default(),
            note => NodeHooks(Mutex::new(Some(Box::new(Lists { note, ..Lists::default() })))),
        }
    }

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

    /// The note, made by `make` where there is none.
    pub fn note_or(
        &self,
        make: impl FnOnce() -> Arc<dyn Any + Send + Sync>,
    ) -> Arc<dyn Any + Send + Sync> {
        if let Some(note) = self.note() {
            return note;
        }
        let made = make();
        self.0.lock().get_or_insert_with(Box::default).note.get_or_insert(made).clone()
    }

    /// The note.
    pub fn note(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        self.0.lock().as_ref().and_then(|lists| lists.note.clone())
    }

    pub(crate) fn retain(&self, output: usize, tensor: &Tensor) {
        let mut lists = self.0.lock();
        lists.get_or_insert_with(Box::default).retained.push((output, tensor.downgrade()));
    }

    fn forget(&self, tensor: &Tensor) {
        if let Some(lists) = self.0.lock().as_mut() {
            lists.retained.retain(|(_, kept)| !kept.is(tensor));
        }
    }

    fn lists(&self) -> Option<Box<Lists>> {
        self.0.lock().clone()
    }

    /// Runs the hooks of the node's outputs on their gradients, then keeps what is to be retained.
    pub(crate) fn on_tensors(&self, grads: &mut Grads) -> Result<()> {
        let Some(lists) = self.lists() else {
            return Ok(());
        };
        for (_, hook) in &lists.hooks {
            if let NodeHook::Tensor(output, hook) = hook
                && let Some(grad) = grads[*output].clone()
                && let Some(other) = hook.call(&grad)?
            {
                grads[*output] = Some(other);
            }
        }
        for (output, tensor) in &lists.retained {
            if let (Some(tensor), Some(grad)) = (tensor.upgrade(), grads[*output].clone()) {
                crate::leaf::accumulate(&tensor, &grad)?;
            }
        }
        Ok(())
    }

    /// Runs the hooks on all gradients that enter the node.
    pub(crate) fn before(&self, grads: &mut Grads) -> Result<()> {
        for (_, hook) in self.lists().iter().flat_map(|lists| &lists.hooks) {
            if let NodeHook::Pre(hook) = hook
                && let Some(others) = hook.call(grads)?
            {
                *grads = others;
            }
        }
        Ok(())
    }

    /// Runs the hooks on the gradients leaving the node.
    pub(crate) fn after(&self, inputs: &mut Grads, outputs: &Grads) -> Result<()> {
        for (_, hook) in self.lists().iter().flat_map(|lists| &lists.hooks) {
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

    /// Shows `visit` the hooks; nothing while the list is in use.
    pub(crate) fn visit(&self, visit: &mut dyn FnMut(&dyn Any)) {
        let Some(lists) = self.0.try_lock() else {
            return;
        };
        let Some(lists) = lists.as_deref() else {
            return;
        };
        for (_, hook) in &lists.hooks {
            let unique = match hook {
                NodeHook::Tensor(_, hook) => Arc::strong_count(hook) == 1,
                NodeHook::Pre(hook) => Arc::strong_count(hook) == 1,
                NodeHook::Post(hook) => Arc::strong_count(hook) == 1,
            };
            if unique {
                visit(hook.as_any());
            }
        }
        if let Some(note) = lists.note.as_ref().filter(|note| Arc::strong_count(note) == 1) {
            visit(&**note);
        }
    }
}

/// A hook's place, kept without keeping the tensor or node alive.
pub enum HookPlace {
    /// On a leaf.
    Leaf(WeakTensor),
    /// On a node.
    Node(std::sync::Weak<crate::Node>),
}

impl HookPlace {
    /// Takes hook number `id` off again; nothing where its owner is gone.
    pub fn remove(&self, id: HookId) {
        match self {
            HookPlace::Leaf(tensor) => {
                if let Some(tensor) = tensor.upgrade() {
                    tensor.remove_leaf_hook(id);
                }
            }
            HookPlace::Node(node) => {
                if let Some(node) = node.upgrade() {
                    node.hooks().remove(id);
                }
            }
        }
    }
}

impl Tensor {
    /// Calls `hook` with the gradient of this tensor, once it is complete.
    pub fn add_hook(&self, hook: Arc<dyn Hook>) -> Result<(HookPlace, HookId)> {
        if let Some(node) = self.grad_fn()? {
            let id = node.hooks().add(NodeHook::Tensor(self.gradient_edge()?.output, hook));
            return Ok((HookPlace::Node(Arc::downgrade(&node)), id));
        }
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        self.meta_mut(|m| m.hooks.on_grad.push((id, hook)));
        Ok((HookPlace::Leaf(self.downgrade()), id))
    }

    /// Calls `hook` with this leaf after its gradient was accumulated.
    pub fn add_post_accumulate_hook(&self, hook: Arc<dyn Hook>) -> (HookPlace, HookId) {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        LEAVES_HAVE_HOOKS.store(true, Ordering::Relaxed);
        self.meta_mut(|m| m.hooks.after_accumulate.push((id, hook)));
        (HookPlace::Leaf(self.downgrade()), id)
    }

    fn remove_leaf_hook(&self, id: HookId) {
        let removed = self.meta(|m| {
            m.map(|m| {
                let drop_from = |list: &mut Vec<(HookId, Arc<dyn Hook>)>| {
                    list.iter().position(|(have, _)| *have == id).map(|at| list.remove(at))
                };
                (drop_from(&mut m.hooks.on_grad), drop_from(&mut m.hooks.after_accumulate))
            })
        });
        drop(removed);
    }

    /// Lets a non-leaf keep its gradient in `grad`.
    pub fn retain_grad(&self) -> Result<()> {
        if self.is_leaf() || self.retains_grad() {
            return Ok(());
        }
        let edge: Edge = self.gradient_edge()?;
        if let Some(node) = edge.node() {
            node.hooks().retain(edge.output, self);
        }
        self.meta_mut(|m| m.retains_grad = true);
        Ok(())
    }

    /// After the tensor became the result of another node: keeping its gradient is that node's
    /// business now.
    pub(crate) fn move_retained(&self, old: Option<&NodeRef>) {
        if let Some(node) = old {
            node.hooks().forget(self);
        }
        let edge = self.meta(|m| m.map(|m| m.edge.clone())).unwrap_or_default();
        if let Some(node) = edge.node() {
            node.hooks().retain(edge.output, self);
        }
    }
}
