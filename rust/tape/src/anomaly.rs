//! Anomaly mode: nodes remember where they were recorded, and gradients are searched for NaN.
//!
//! The switch is the process's, as in PyTorch. What "where" means belongs to the layer above, which
//! installs an [`Observer`]; without one only the search takes place.

use crate::node::NodeRef;
use crate::{Grads, algebra, sparse};
use base::{Result, bail};
use std::any::Any;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

const RECORD: u8 = 1;
const CHECK: u8 = 2;

static MODE: AtomicU8 = AtomicU8::new(0);
static OBSERVER: OnceLock<&'static dyn Observer> = OnceLock::new();

/// Remembers and reports the place where a node was recorded.
pub trait Observer: Send + Sync {
    /// A description of the present place in the program.
    fn place(&self) -> Option<Arc<dyn Any + Send + Sync>>;
    /// Tells the user that this node failed in backward.
    fn report(&self, node: &NodeRef);
}

/// Installs the process's observer; later calls are ignored.
pub fn observe_anomalies(observer: &'static dyn Observer) {
    let _ = OBSERVER.set(observer);
}

/// Turns anomaly mode on or off, with or without the search for NaN.
pub fn set_anomaly_mode(on: bool, check_nan: bool) {
    let mode = if on { RECORD | if check_nan { CHECK } else { 0 } } else { 0 };
    MODE.store(mode, Ordering::Relaxed);
}

/// Whether the mode is on, and whether it searches for NaN.
pub fn anomaly_mode() -> (bool, bool) {
    let mode = MODE.load(Ordering::Relaxed);
    (mode & RECORD != 0, mode & CHECK != 0)
}

/// The note of a node recorded now.
#[inline]
pub(crate) fn note() -> Option<Arc<dyn Any + Send + Sync>> {
    if MODE.load(Ordering::Relaxed) == 0 {
        return None;
    }
    OBSERVER.get().and_then(|observer| observer.place())
}

/// Fails when a gradient that left `node` holds a NaN.
pub(crate) fn check(node: &NodeRef, grads: &Grads) -> Result<()> {
    if MODE.load(Ordering::Relaxed) & CHECK == 0 {
        return Ok(());
    }
    for (i, grad) in grads.iter().enumerate() {
        if let Some(grad) = grad
            && algebra()?.has_nan(sparse::dense(grad)?.as_ref())?
        {
            bail!(
                Runtime,
                "Function '{}' returned nan values in its {i}th output.",
                node.body.name()
            );
        }
    }
    Ok(())
}

/// Tells the observer about a failed node.
pub(crate) fn report(node: &NodeRef) {
    if MODE.load(Ordering::Relaxed) != 0
        && let Some(observer) = OBSERVER.get()
    {
        observer.report(node);
    }
}
