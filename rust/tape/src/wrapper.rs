//! The object that shows a tensor to users of the layer above, and which of the two keeps the other.
//!
//! The object always holds one handle of its tensor. While users hold the object, that is all. Once
//! they let go of it and something else (a saved value, a view, a leaf's node) holds the tensor,
//! the tensor keeps the object, with all that users hung on it; the drop of the last handle besides
//! the object's own gives it up. Two threads that drop the last two handles at the same time may
//! both miss that; what is left is a cycle that [`Tensor::keeps_itself`] shows to a collector.

use crate::Tensor;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Address of the object, with the state in the lowest bits.
#[derive(Default)]
pub(crate) struct Wrapper(AtomicUsize);

/// The tensor owns a reference to its object.
const KEPT: usize = 1;
/// A thread is about to give that reference up.
const LEAVING: usize = 2;
const STATE: usize = 3;

static GIVE_UP: OnceLock<fn(&Tensor)> = OnceLock::new();

/// Says how a tensor's reference to its object is given up: by [`Tensor::settle_wrapper`].
pub fn install_give_up(give_up: fn(&Tensor)) {
    let _ = GIVE_UP.set(give_up);
}

/// What to do about the reference of a tensor to its object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Settled {
    /// Others hold the tensor again: it goes on keeping the object.
    Kept,
    /// The caller must drop the reference.
    Given,
}

impl Wrapper {
    fn change(&self, from: usize, to: usize) -> bool {
        let word = self.0.load(Ordering::Acquire);
        let next = (word & !STATE) | to;
        word & STATE == from
            && self.0.compare_exchange(word, next, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    #[inline]
    fn is(&self, state: usize) -> bool {
        self.0.load(Ordering::Acquire) & STATE == state
    }
}

impl Tensor {
    /// The address of the object; 0 without one.
    pub fn wrapper(&self) -> usize {
        self.wrapper_slot().0.load(Ordering::Acquire) & !STATE
    }

    /// Notes the object made for this tensor.
    pub fn set_wrapper(&self, address: usize) {
        self.wrapper_slot().0.store(address, Ordering::Release);
    }

    /// Forgets the object at `address`, which is going, unless it has been replaced.
    pub fn forget_wrapper(&self, address: usize) {
        if self.wrapper() == address {
            self.set_wrapper(0);
        }
    }

    /// Nobody holds the object at `address` any more: keeps it, if it is this tensor's and somebody
    /// else holds the tensor. True gives the tensor a reference to it.
    pub fn keep_wrapper(&self, address: usize) -> bool {
        !self.is_last_handle() && self.wrapper() == address && self.wrapper_slot().change(0, KEPT)
    }

    /// Hands the reference to the object over to the caller, if the tensor has it.
    pub fn take_wrapper(&self) -> bool {
        self.wrapper_slot().change(KEPT, 0)
    }

    /// The tensor owns a reference to its object.
    pub fn keeps_wrapper(&self) -> bool {
        !self.wrapper_slot().is(0)
    }

    /// Nobody but the object it keeps holds the tensor.
    pub fn keeps_itself(&self) -> bool {
        self.is_last_handle() && self.wrapper_slot().is(KEPT)
    }

    /// Called back when all handles but the object's and this one are gone. `shown`: users hold the
    /// object too (they came to it without asking the tensor), so it lives on by itself.
    pub fn settle_wrapper(&self, shown: bool) -> Settled {
        if self.handles() > 2 {
            self.wrapper_slot().change(LEAVING, KEPT);
            return Settled::Kept;
        }
        if shown {
            self.wrapper_slot().change(LEAVING, 0);
        }
        Settled::Given
    }
}

impl Drop for Tensor {
    #[inline]
    fn drop(&mut self) {
        if self.wrapper_slot().is(KEPT) && self.handles() == 2 {
            give_up(self);
        }
    }
}

#[cold]
fn give_up(tensor: &Tensor) {
    if let Some(give_up) = GIVE_UP.get()
        && tensor.wrapper_slot().change(KEPT, LEAVING)
    {
        give_up(tensor);
    }
}
