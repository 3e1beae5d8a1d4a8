//! Nodes of the graph: one per recorded op, with edges towards the inputs.

use crate::hooks::NodeHooks;
use crate::{Tensor, algebra, anomaly};
use base::{DType, Device, Dims, Result, bail, shape};
use smallvec::SmallVec;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// A shared node of any kind.
pub type NodeRef = Arc<Node>;
/// Gradients, one place for each input or output; `None` means zero.
pub type Grads = SmallVec<[Option<Tensor>; 2]>;

/// What an op stores for its derivative, and how the derivative is taken.
pub trait Backward: Send + Sync + Any {
    /// The name users see: `MulBackward0`.
    fn name(&self) -> &str;
    /// Gradients of the inputs given those of the outputs.
    fn vjp(&self, grads: &[Option<Tensor>], cx: &Context<'_>) -> Result<Grads>;
    /// Runs the hooks of a leaf on its gradient, before anybody sees it.
    fn enter(&self, _grads: &mut Grads) -> Result<()> {
        Ok(())
    }
    /// Whether its outputs' gradients may be sparse tensors.
    fn takes_sparse(&self) -> bool {
        false
    }
    /// Lets go of everything saved; a later `vjp` is an error.
    fn release(&self) {}
    /// The saved value of this name (`result`, `self`, `other`), where the op has one.
    fn saved(&self, _name: &str, _node: &NodeRef) -> Option<Result<Tensor>> {
        None
    }
    /// Shows `visit` the tensors it holds, once for each handle, and the objects of layers above that
    /// it owns alone, for a garbage collector.
    fn visit_owned(&self, _visit: &mut dyn FnMut(&dyn Any)) {}
    /// For layers above that need their own body back.
    fn as_any(&self) -> &dyn Any;
}

/// What a derivative may ask about its place in the graph.
pub struct Context<'a> {
    /// The node itself: saved outputs re-attach to it.
    pub node: &'a NodeRef,
    needed: &'a dyn Fn(usize) -> bool,
}

impl<'a> Context<'a> {
    /// A context in which `needed` tells which inputs' gradients will be used.
    pub fn new(node: &'a NodeRef, needed: &'a dyn Fn(usize) -> bool) -> Self {
        Context { node, needed }
    }

    /// Whether anybody will use the gradient of input `i`.
    pub fn needs(&self, i: usize) -> bool {
        self.node.edges.get(i).is_some_and(Edge::leads_somewhere) && (self.needed)(i)
    }
}

/// Shape and type of an output: what its gradient must look like.
#[derive(Clone, Debug)]
pub struct OutputMeta {
    /// Sizes.
    pub dims: Dims,
    /// Element type.
    pub dtype: DType,
    /// Where it lives.
    pub device: Device,
}

impl OutputMeta {
    /// The meta of `array`.
    pub fn of(array: &array::Array) -> Self {
        OutputMeta {
            dims: array.layout().dims.clone(),
            dtype: array.dtype(),
            device: array.device(),
        }
    }

    /// Whether a gradient has this shape and type already.
    pub fn fits(&self, grad: &Tensor) -> bool {
        grad.with_array(|a| *a.layout().dims == *self.dims && a.dtype() == self.dtype)
    }

    /// Brings a gradient to this shape and type: sums away what was broadcast, casts.
    pub fn conform(&self, grad: Tensor, op: &str, index: usize) -> Result<Tensor> {
        let (same_dims, dtype) = grad.with_array(|a| (*a.layout().dims == *self.dims, a.dtype()));
        let mut grad = grad;
        if !same_dims {
            let have = grad.dims();
            match shape::broadcast(&self.dims, &have) {
                Ok(whole) if whole == have => grad = algebra()?.sum_to(&grad, &self.dims)?,
                _ => bail!(
                    Runtime,
                    "Function {op} returned an invalid gradient at index {index} - got {} but expected shape compatible with {}",
                    shape::show(&have),
                    shape::show(&self.dims)
                ),
            }
        }
        if dtype != self.dtype {
            grad = algebra()?.cast(&grad, self.dtype)?;
        }
        Ok(grad)
    }
}

static SEQUENCE: AtomicU64 = AtomicU64::new(1);

/// A recorded op.
pub struct Node<B: ?Sized = dyn Backward> {
    /// Where the gradients of the inputs go, in the order of the inputs.
    pub edges: SmallVec<[Edge; 2]>,
    /// One entry for each output.
    pub outputs: SmallVec<[OutputMeta; 1]>,
    pub(crate) sequence: u64,
    pub(crate) hooks: NodeHooks,
    wrapper: AtomicUsize,
    /// The op's own part.
    pub body: B,
}

impl<B: Backward> Node<B> {
    /// A node; its sequence number is taken now, after the nodes its edges lead to.
    #[inline]
    pub fn create(
        edges: SmallVec<[Edge; 2]>,
        outputs: SmallVec<[OutputMeta; 1]>,
        body: B,
    ) -> NodeRef {
        let sequence = SEQUENCE.fetch_add(1, Ordering::Relaxed);
        let hooks = NodeHooks::noted(anomaly::note());
        Arc::new(Node { edges, outputs, sequence, hooks, wrapper: AtomicUsize::new(0), body })
    }
}

impl Node {
    /// The place of this node in time.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Hooks registered on the node.
    pub fn hooks(&self) -> &NodeHooks {
        &self.hooks
    }

    /// Slot for the address of the user-facing object (see the binding layer).
    pub fn wrapper(&self) -> &AtomicUsize {
        &self.wrapper
    }
}

/// The way from a node to the producer of one of its inputs.
#[derive(Clone, Default)]
pub struct Edge {
    node: Link,
    /// Which output of that node.
    pub output: usize,
}

impl Edge {
    /// Towards output number `output` of `node`.
    pub fn to(node: NodeRef, output: usize) -> Edge {
        Edge { node: Link(Some(node)), output }
    }

    /// The producer; `None` where the input needs no gradient.
    #[inline]
    pub fn node(&self) -> Option<&NodeRef> {
        self.node.0.as_ref()
    }

    /// Whether a gradient sent this way arrives anywhere.
    #[inline]
    pub fn leads_somewhere(&self) -> bool {
        self.node.0.is_some()
    }

    /// Whether both bring a gradient to the same output of the same node, or both nowhere.
    pub(crate) fn arrives_with(&self, other: &Edge) -> bool {
        match (self.node(), other.node()) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b) && self.output == other.output,
            (None, None) => true,
            _ => false,
        }
    }
}

/// An owning pointer to a node whose drop never recurses: while one node is being dropped on a
/// thread, the links inside it queue their nodes and the outermost drop drains the queue.
#[derive(Clone, Default)]
struct Link(Option<NodeRef>);

thread_local! {
    static DROPPING: Cell<bool> = const { Cell::new(false) };
    static QUEUE: RefCell<Vec<NodeRef>> = const { RefCell::new(Vec::new()) };
}

impl Drop for Link {
    #[inline]
    fn drop(&mut self) {
        if let Some(node) = self.0.take() {
            drop_node(node);
        }
    }
}

/// Drops a node reference by way of the queue.
pub(crate) fn drop_node(node: NodeRef) {
    let Ok(nested) = DROPPING.try_with(|d| d.replace(true)) else {
        return; // The thread is ending; its queue is gone and the stack is shallow.
    };
    if nested {
        QUEUE.with(|q| q.borrow_mut().push(node));
        return;
    }
    drop(node);
    while let Some(next) = QUEUE.with(|q| q.borrow_mut().pop()) {
        drop(next);
    }
    DROPPING.with(|d| d.set(false));
}
