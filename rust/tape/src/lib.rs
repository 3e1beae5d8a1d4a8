//! Layer 3: a tensor is an array with history. This crate holds the graph, the engine that walks it,
//! versions and views, modes and hooks. It knows no op by name: what little algebra the engine
//! needs (adding gradients, undoing a broadcast) is handed in by the layer above as [`Algebra`].
//!
//! Invariants: no lock is held while a hook or any callback runs; a node's sequence number is larger
//! than those of all nodes its edges lead to; dropping a graph of any depth uses constant stack.
#![forbid(unsafe_code)]

mod algebra;
mod anomaly;
mod engine;
mod gc;
mod hooks;
mod inplace;
mod leaf;
mod mode;
mod node;
mod record;
mod running;
mod saved;
mod sparse;
mod tensor;
mod version;
mod view;
mod wrapper;

pub use algebra::{Algebra, algebra, install};
pub use anomaly::{Observer, anomaly_mode, observe_anomalies, set_anomaly_mode};
pub use engine::{Request, backward, gradients};
pub use hooks::{Hook, HookId, HookPlace, NodeHook, NodeHooks, PostHook, PreHook};
pub use inplace::{check_inplace, rebase_history};
pub use leaf::AccumulateGrad;
pub use mode::{
    PackHooks, Restore, Unpack, grad_enabled, has_saved_hooks, inference_mode, pop_saved_hooks,
    push_saved_hooks, set_grad_enabled, set_inference_mode,
};
pub use node::{Backward, Context, Edge, Grads, Node, NodeRef, OutputMeta};
pub use record::{
    alias, attach, needs_history, record, record_many, record_view, record_write, share,
};
pub use running::{Callback, current_walk, queue_callback, runs_everything, will_run};
pub use saved::{SavedInput, SavedOutput, again};
pub use sparse::{SparseAlgebra, install_sparse};
pub use tensor::{Tensor, WeakTensor, live_tensors};
pub use version::Version;
pub use view::{Creation, Replay, ViewMeta};
pub use wrapper::{Settled, install_give_up};
