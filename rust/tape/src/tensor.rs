//! The tensor: an array that can be exchanged, a version, and (only where needed) autograd data.
//!
//! `.data = `, `set_` and `Module.to` exchange the array and keep the tensor's identity, because
//! optimizers and modules hold the tensor, not its memory.

use crate::hooks::TensorHooks;
use crate::view::ViewMeta;
use crate::wrapper::Wrapper;
use crate::{AccumulateGrad, Creation, Edge, Node, NodeRef, Version, mode};
use array::Array;
use base::{DType, Device, Dims, Layout, Result, ensure};
use parking_lot::{Mutex, RwLock};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

static LIVE: AtomicUsize = AtomicUsize::new(0);

/// How many tensors exist: what leak tests look at.
pub fn live_tensors() -> usize {
    LIVE.load(Ordering::Relaxed)
}

/// A shared handle to a tensor; clones are the same tensor.
#[derive(Clone)]
pub struct Tensor(Arc<TensorImpl>);

/// A handle that does not keep the tensor alive.
#[derive(Clone)]
pub struct WeakTensor(Weak<TensorImpl>);

struct TensorImpl {
    state: RwLock<State>,
    /// Whether `meta` was ever filled: spares plain tensors the lock.
    has_meta: AtomicBool,
    /// Whether its elements are not in the array.
    sparse: AtomicBool,
    inference: bool,
    meta: Mutex<Option<Box<Meta>>>,
    wrapper: Wrapper,
}

struct State {
    array: Array,
    version: Option<Version>,
}

/// What autograd knows about a tensor.
#[derive(Default)]
pub(crate) struct Meta {
    pub requires_grad: bool,
    pub edge: Edge,
    pub grad: Option<Tensor>,
    pub accumulator: Option<Weak<Node>>,
    pub retains_grad: bool,
    pub hooks: TensorHooks,
    pub view: Option<ViewMeta>,
}

impl Drop for TensorImpl {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

impl WeakTensor {
    /// The tensor, while somebody keeps it.
    pub fn upgrade(&self) -> Option<Tensor> {
        self.0.upgrade().map(Tensor)
    }

    /// Whether this is a handle to `tensor`.
    pub fn is(&self, tensor: &Tensor) -> bool {
        std::ptr::eq(self.0.as_ptr(), Arc::as_ptr(&tensor.0))
    }
}

impl Tensor {
    /// A tensor without history.
    #[inline]
    pub fn new(array: Array) -> Tensor {
        Self::build(array, None, None, mode::inference_mode())
    }

    #[inline]
    pub(crate) fn build(
        array: Array,
        version: Option<Version>,
        meta: Option<Box<Meta>>,
        inference: bool,
    ) -> Tensor {
        LIVE.fetch_add(1, Ordering::Relaxed);
        Tensor(Arc::new(TensorImpl {
            state: RwLock::new(State { array, version }),
            has_meta: AtomicBool::new(meta.is_some()),
            sparse: AtomicBool::new(false),
            inference,
            meta: Mutex::new(meta),
            wrapper: Wrapper::default(),
        }))
    }

    pub(crate) fn with_edge(array: Array, edge: Edge) -> Tensor {
        Self::build(array, None, Some(Box::new(Meta { edge, ..Meta::default() })), false)
    }

    /// Its array: storage, layout and dtype. Cheap (a reference count and a small copy).
    #[inline]
    pub fn array(&self) -> Array {
        self.0.state.read().array.clone()
    }

    /// Looks at the array without cloning it. `look` must not touch this tensor.
    #[inline]
    pub fn with_array<R>(&self, look: impl FnOnce(&Array) -> R) -> R {
        look(&self.0.state.read().array)
    }

    /// Exchanges the array and starts a new version; the tensor stays the same to its holders.
    pub fn set_array(&self, array: Array) {
        let old = {
            let mut state = self.0.state.write();
            std::mem::replace(&mut *state, State { array, version: None })
        };
        drop(old);
    }

    /// Exchanges the array under the same version counter, for geometry changes in place.
    pub fn replace_array(&self, array: Array) {
        let old = std::mem::replace(&mut self.0.state.write().array, array);
        drop(old);
    }

    /// Exchanges the array and keeps version and identity (`.data =`). The accumulator goes, since it
    /// expects gradients of the old shape and dtype.
    pub fn set_data(&self, array: Array) {
        self.replace_array(array);
        self.meta(|m| {
            if let Some(m) = m {
                m.accumulator = None;
            }
        });
    }

    /// Sizes.
    #[inline]
    pub fn dims(&self) -> Dims {
        self.with_array(|a| a.layout().dims.clone())
    }

    /// Geometry.
    #[inline]
    pub fn layout(&self) -> Layout {
        self.with_array(|a| a.layout().clone())
    }

    /// Element type.
    #[inline]
    pub fn dtype(&self) -> DType {
        self.with_array(Array::dtype)
    }

    /// Where it lives.
    #[inline]
    pub fn device(&self) -> Device {
        self.with_array(Array::device)
    }

    /// Number of elements.
    #[inline]
    pub fn numel(&self) -> usize {
        self.with_array(|a| a.layout().numel())
    }

    /// Number of dimensions.
    #[inline]
    pub fn rank(&self) -> usize {
        self.with_array(|a| a.layout().rank())
    }

    /// The same tensor, not merely equal.
    #[inline]
    pub fn same(&self, other: &Tensor) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether the object that shows it holds its elements, and the array none (see `sparse`).
    #[inline]
    pub fn is_sparse(&self) -> bool {
        self.0.sparse.load(Ordering::Relaxed)
    }

    /// Says that the object that shows it holds its elements.
    pub fn set_sparse(&self) {
        self.0.sparse.store(true, Ordering::Relaxed);
    }

    /// A handle that does not keep it alive.
    pub fn downgrade(&self) -> WeakTensor {
        WeakTensor(Arc::downgrade(&self.0))
    }

    /// Nobody else holds this tensor or any of its memory; nor, if it is a view, its base.
    pub(crate) fn is_unshared(&self) -> bool {
        let own = self.meta(|m| match m.and_then(|m| m.view.as_ref()) {
            None => Some(1),
            Some(view) => view.base.is_last_handle().then_some(2),
        });
        self.is_last_handle() && self.with_array(|a| own == Some(a.holders()) && a.fills_storage())
    }

    #[inline]
    pub(crate) fn wrapper_slot(&self) -> &Wrapper {
        &self.0.wrapper
    }

    /// An identity usable as a key while the tensor lives.
    pub fn id(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }

    // ---- versions

    /// The number of writes so far.
    #[inline]
    pub fn version_count(&self) -> u64 {
        self.0.state.read().version.as_ref().map_or(0, Version::get)
    }

    /// The counter itself, to be shared with views and detached aliases.
    pub fn version(&self) -> Version {
        if let Some(version) = &self.0.state.read().version {
            return version.clone();
        }
        self.0.state.write().version.get_or_insert_with(Version::default).clone()
    }

    /// Notes a write to the memory.
    pub fn bump_version(&self) {
        if !self.0.inference {
            self.version().bump();
        }
    }

    /// Made in inference mode: never part of a graph, without a version.
    #[inline]
    pub fn is_inference(&self) -> bool {
        self.0.inference
    }

    // ---- autograd data

    #[inline]
    pub(crate) fn meta<R>(&self, look: impl FnOnce(Option<&mut Meta>) -> R) -> R {
        if !self.0.has_meta.load(Ordering::Acquire) {
            return look(None);
        }
        look(self.0.meta.lock().as_deref_mut())
    }

    #[inline]
    pub(crate) fn meta_mut<R>(&self, change: impl FnOnce(&mut Meta) -> R) -> R {
        self.0.has_meta.store(true, Ordering::Release);
        change(self.0.meta.lock().get_or_insert_with(Box::default))
    }

    /// Looks at the autograd data unless somebody else does just now.
    pub(crate) fn try_meta(&self, look: impl FnOnce(&Meta)) {
        if let Some(meta) = self.0.meta.try_lock()
            && let Some(meta) = meta.as_deref()
        {
            look(meta);
        }
    }

    /// Nobody else holds this tensor.
    pub fn is_last_handle(&self) -> bool {
        self.handles() == 1
    }

    /// How many hold this tensor.
    #[inline]
    pub(crate) fn handles(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    /// Gradients flow to or through it.
    #[inline]
    pub fn requires_grad(&self) -> bool {
        self.meta(|m| {
            m.is_some_and(|m| {
                m.requires_grad
                    || m.edge.leads_somewhere()
                    || m.view.as_ref().is_some_and(|view| view.base.requires_grad())
            })
        })
    }

    /// Not the result of a recorded op.
    pub fn is_leaf(&self) -> bool {
        let refreshed = self.refresh_view();
        refreshed.is_ok() && !self.meta(|m| m.is_some_and(|m| m.edge.leads_somewhere()))
    }

    /// The node that produced it. A view written through its base gets its node anew here.
    /// Fails for a view that may not be written, once its base was.
    pub fn grad_fn(&self) -> Result<Option<NodeRef>> {
        self.refresh_view()?;
        Ok(self.meta(|m| m.and_then(|m| m.edge.node().cloned())))
    }

    /// Where gradients of this tensor go: its node, its accumulator, or nowhere. Fails as
    /// [`Tensor::grad_fn`] does.
    pub fn gradient_edge(&self) -> Result<Edge> {
        let (edge, requires_grad, is_view) = self.meta(|m| {
            m.map_or_else(Default::default, |m| (m.edge.clone(), m.requires_grad, m.view.is_some()))
        });
        if is_view {
            return self.view_edge();
        }
        Ok(if requires_grad && !edge.leads_somewhere() { self.leaf_edge() } else { edge })
    }

    /// [`Tensor::gradient_edge`] of a view, whose base may have been written since.
    fn view_edge(&self) -> Result<Edge> {
        self.refresh_view()?;
        let edge = self.meta(|m| m.map(|m| m.edge.clone())).unwrap_or_default();
        let is_leaf = !edge.leads_somewhere() && self.requires_grad();
        Ok(if is_leaf { self.leaf_edge() } else { edge })
    }

    fn leaf_edge(&self) -> Edge {
        Edge::to(self.accumulator(), 0)
    }

    /// Which output of its node it is.
    pub fn output_number(&self) -> usize {
        self.meta(|m| m.map_or(0, |m| m.edge.output))
    }

    /// The leaf's accumulation node; one lives at a time.
    pub fn accumulator(&self) -> NodeRef {
        if let Some(node) =
            self.meta(|m| m.and_then(|m| m.accumulator.as_ref().and_then(Weak::upgrade)))
        {
            return node;
        }
        let node = AccumulateGrad::node(self);
        self.meta_mut(|m| m.accumulator = Some(Arc::downgrade(&node)));
        node
    }

    /// Makes the tensor a result of `edge`'s node.
    pub fn set_gradient_edge(&self, edge: Edge) {
        let (old, retains) = self.meta_mut(|m| {
            if let Some(view) = &mut m.view {
                view.seen = self.version_count();
            }
            (std::mem::replace(&mut m.edge, edge), m.retains_grad)
        });
        if retains {
            self.move_retained(old.node());
        }
        drop(old);
    }

    /// Turns the wish for gradients of a leaf on or off.
    pub fn set_requires_grad(&self, on: bool) -> Result<()> {
        if on == self.requires_grad() {
            return Ok(());
        }
        ensure!(
            on || self.is_leaf(),
            Runtime,
            "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
        );
        ensure!(
            !on || self.dtype().is_differentiable(),
            Runtime,
            "only Tensors of floating point and complex dtype can require gradients"
        );
        ensure!(
            !on || !self.is_inference() || mode::inference_mode(),
            Runtime,
            "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed."
        );
        self.meta_mut(|m| m.requires_grad = on);
        Ok(())
    }

    /// The accumulated gradient.
    pub fn grad(&self) -> Option<Tensor> {
        self.meta(|m| m.and_then(|m| m.grad.clone()))
    }

    /// Sets or clears the accumulated gradient.
    pub fn set_grad(&self, grad: Option<Tensor>) {
        if grad.is_none() && !self.0.has_meta.load(Ordering::Acquire) {
            return;
        }
        let old = self.meta_mut(|m| std::mem::replace(&mut m.grad, grad));
        drop(old);
    }

    /// Whether a non-leaf keeps its gradient.
    pub fn retains_grad(&self) -> bool {
        self.meta(|m| m.is_some_and(|m| m.retains_grad))
    }

    /// The same memory and version without history.
    pub fn detach(&self) -> Tensor {
        Self::build(self.array(), Some(self.version()), None, self.0.inference)
    }

    /// The same memory under a version of its own, without history (`.data`).
    pub fn data(&self) -> Tensor {
        Self::new(self.array())
    }

    /// Forgets its history in place (`detach_`).
    pub fn detach_in_place(&self) -> Result<()> {
        ensure!(
            !self.is_view(),
            Runtime,
            "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for training, and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence detach_() cannot be called on these gradients. To fix this error, please refer to the Optimizer.zero_grad() function in torch/optim/optimizer.py as a solution."
        );
        let old = self.meta(|m| {
            m.map(|m| {
                m.requires_grad = false;
                std::mem::take(&mut m.edge)
            })
        });
        drop(old);
        Ok(())
    }

    /// Lets go of history, hooks and gradient when this is the last handle: what a garbage collector
    /// does to a tensor that nothing but a cycle holds.
    pub fn clear_owned(&self) {
        if self.is_last_handle() {
            let meta = self.0.meta.lock().take();
            drop(meta);
        }
    }

    // ---- views

    /// A view of another tensor that autograd tracks.
    pub fn is_view(&self) -> bool {
        self.meta(|m| m.is_some_and(|m| m.view.is_some()))
    }

    /// The tensor this is a view of (never itself a view).
    pub fn view_base(&self) -> Option<Tensor> {
        self.meta(|m| m.and_then(|m| m.view.as_ref().map(|v| v.base.clone())))
    }

    /// Changes how the view is said to have come about.
    pub fn set_view_creation(&self, creation: Creation) {
        self.meta(|m| {
            if let Some(view) = m.and_then(|m| m.view.as_mut()) {
                view.creation = creation;
            }
        });
    }

    /// What makes the view again from its base where geometry alone does not.
    pub(crate) fn view_replay(&self) -> Option<crate::Replay> {
        self.meta(|m| m.and_then(|m| m.view.as_ref().and_then(|v| v.replay.clone())))
    }

    /// How the view came about.
    pub fn view_creation(&self) -> Option<Creation> {
        self.meta(|m| m.and_then(|m| m.view.as_ref().map(|v| v.creation)))
    }
}
