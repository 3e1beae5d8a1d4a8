//! Modes of the current thread: gradients on or off, inference, packing of saved values.

use crate::Tensor;
use base::Result;
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
    fn pack(&self, tensor: &Tensor) -> Result<Box<dyn Unpack>>;
}

/// A packed value.
pub trait Unpack: Send + Sync {
    /// The value again.
    fn unpack(&self) -> Result<Tensor>;
}

pub(crate) type Packed = Box<dyn Unpack>;

/// Pushes hooks (`None` disables those below); the guard pops them.
pub fn push_saved_hooks(hooks: Option<Arc<dyn PackHooks>>) {
    PACKERS.with(|p| p.borrow_mut().push(hooks));
}

/// Pops the hooks pushed last.
pub fn pop_saved_hooks() {
    PACKERS.with(|p| p.borrow_mut().pop());
}

/// Packs a value to be saved when hooks are active. Hooks do not see what they save themselves.
pub(crate) fn pack(tensor: &Tensor) -> Result<Option<Packed>> {
    let top = PACKERS.with(|p| p.borrow().last().cloned().flatten());
    let Some(hooks) = top else {
        return Ok(None);
    };
    push_saved_hooks(None);
    let packed = hooks.pack(tensor);
    pop_saved_hooks();
    packed.map(Some)
}
