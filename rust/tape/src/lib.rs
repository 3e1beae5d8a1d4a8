//! Layer 3: a tensor is an array with history. This crate holds the graph, the engine that walks it,
//! versions and views, modes and hooks. It knows no op by name: what little algebra the engine
//! needs (adding gradients, undoing a broadcast) is handed in by the layer above as [`Algebra`].
//!
//! Invariants: no lock is held while a hook or any callback runs; a node's sequence number is larger
//! than those of all nodes its edges lead to; dropping a graph of any depth uses constant stack.
#![forbid(unsafe_code)]

mod algebra;
mod engine;
mod hooks;
mod inplace;
mod leaf;
mod mode;
mod node;
mod record;
mod saved;
mod tensor;
mod version;
mod view;

pub use algebra::{Algebra, algebra, install};
pub use engine::{Request, backward, gradients};
pub use hooks::{Hook, HookId, NodeHook, NodeHooks, PostHook, PreHook};
pub use inplace::{check_inplace, rebase_history};
pub use leaf::AccumulateGrad;
pub use mode::{
    PackHooks, Restore, Unpack, grad_enabled, inference_mode, pop_saved_hooks, push_saved_hooks,
    set_grad_enabled, set_inference_mode,
};
pub use node::{Backward, Context, Edge, Grads, Node, NodeRef, OutputMeta};
pub use record::{attach, needs_history, record, record_many, record_view};
pub use saved::{SavedInput, SavedOutput, again};
pub use tensor::{Tensor, WeakTensor, live_tensors};
pub use version::Version;
pub use view::{Creation, Replay, ViewMeta};
