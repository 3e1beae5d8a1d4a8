//! What happens to this crate's global state in a forked child: it is forgotten, not repaired.
//!
//! State that other threads may have held locked at the time of the fork lives behind an atomic
//! pointer; the child finds that pointer null and makes new state when it first needs some.

/// Registers a handler for forked children. It may only store to atomics.
pub(crate) fn in_child(handler: extern "C" fn()) {
    #[cfg(unix)]
    // SAFETY: the handler is a plain function that does nothing but store to atomics.
    unsafe {
        let handler: unsafe extern "C" fn() = handler;
        libc::pthread_atfork(None, None, Some(handler));
    }
    #[cfg(not(unix))]
    let _ = handler;
}
