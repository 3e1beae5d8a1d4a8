//! Notices that this process is a fork of one that had opened a device: drivers do not survive it.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

static FORKED: AtomicBool = AtomicBool::new(false);
static WATCH: Once = Once::new();

/// From now on a fork is noticed in the child.
pub fn watch() {
    WATCH.call_once(|| {
        #[cfg(unix)]
        {
            extern "C" fn child() {
                FORKED.store(true, Ordering::Relaxed);
            }
            // SAFETY: the handler is a plain function that stores one atomic flag, which is allowed
            // in a child between fork and exec.
            unsafe { libc::pthread_atfork(None, None, Some(child)) };
        }
    });
}

/// This process inherited an opened device.
pub fn happened() -> bool {
    FORKED.load(Ordering::Relaxed)
}
