//! Modes of the current thread: gradients on or off, inference, packing of saved values.

use crate::Tensor;
use base::{Result, ensure};
use std::cell::{Cell, RefCell};
use std::sync::Arc;

thread_local! {
    static GRAD: Cell<bool> = const { Cell::new(true) };
    static INFERENCE: Cell<bool> = const { Cell::new(false) };
    static PACKERS: RefCell<Vec<Option<Arc<dyn PackHooks>>>> = const { RefCell::new(Vec::new()) };
}

/// Whether ops are recorded.
#[inline]
pub fn grad_enabled() -> bool {
    GRAD.get()
}

/// Turns recording on or off until the guard is dropped.
pub fn set_grad_enabled(on: bool) -> Restore {
    Restore { before: GRAD.replace(on) }
}

/// Puts the gradient mode back when dropped.
pub struct Restore {
    before: bool,
}

impl Restore {
    /// Leaves the mode as it is now.
    pub fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        GRAD.set(self.before);
    }
}

/// Whether new tensors are inference tensors.
#[inline]
pub fn inference_mode() -> bool {
    INFERENCE.get()
}

/// Turns inference mode on or off; returns what it was.
pub fn set_inference_mode(on: bool) -> bool {
    INFERENCE.replace(on)
}

/// Stores saved values elsewhere (`saved_tensors_hooks`): packs one and gives it back later.
pub trait PackHooks: Send + Sync {
    /// Takes a value that an op wants to keep.
    fn pack(&self, tensor: &Tensor) -> Result<Arc<dyn Unpack>>;
}

/// A packed value.
pub trait Unpack: Send + Sync {
    /// The value again.
    fn unpack(&self) -> Result<Tensor>;
}

pub(crate) type Packed = Arc<dyn Unpack>;

/// Pushes hooks (`None` disables those below); the guard pops them.
pub fn push_saved_hooks(hooks: Option<Arc<dyn PackHooks>>) {
    PACKERS.with(|p| p.borrow_mut().push(hooks));
}

/// Pops the hooks pushed last.
pub fn pop_saved_hooks() {
    PACKERS.with(|p| p.borrow_mut().pop());
}

/// Whether any hooks are active on this thread.
pub fn has_saved_hooks() -> bool {
    PACKERS.with(|p| !p.borrow().is_empty())
}

/// Packs a value to be saved when hooks are active. Hooks do not see what
/// they save themselves.
pub(crate) fn pack(tensor: impl FnOnce() -> Tensor) -> Result<Option<Packed>> {
    let top = PACKERS.with(|p| p.borrow().last().cloned().flatten());
    let Some(hooks) = top else {
        return Ok(None);
    };
    let tensor = tensor();
    let version = tensor.version_count();
    push_saved_hooks(None);
    let off = set_grad_enabled(false);
    let packed = hooks.pack(&tensor);
    drop(off);
    pop_saved_hooks();
    ensure!(
        packed.is_err() || tensor.version_count() == version,
        Runtime,
        "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook cannot be modified by in-place operations as this can lead to unexpected side-effects. Please open an issue if you need to perform in-place operations on the input to a pack hook."
    );
    packed.map(Some)
}
