//! What can go wrong between processes. Each kind is one Python exception; the binding maps them.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// The result of anything that can fail here.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call failed. Cheap to clone: one verdict ends the calls of many waiters.
#[derive(Clone)]
pub enum Error {
    /// A rank died, left, or cannot be reached any more.
    PeerLost(Arc<Loss>),
    /// Ranks called different collectives, or the same one with different arguments.
    Mismatch(String),
    /// Something took longer than its timeout.
    Timeout(String),
    /// A connection could not be made or kept.
    Network(String),
    /// A store has no such key in time, or refuses a request.
    Store(String),
    /// The group cannot be used any more: closed here, or ended by another rank.
    Closed(String),
    /// The request makes no sense (a rank that is not there, an op without a meaning for a dtype).
    Invalid(String),
    /// An exception of the layer above, raised while this one was waiting.
    Foreign(Arc<dyn Any + Send + Sync>),
}

/// A rank that is gone.
pub struct Loss {
    /// Which rank.
    pub rank: usize,
    /// The host it ran on.
    pub host: String,
    /// The collective that was running or had last finished here.
    pub last: String,
    /// The evidence.
    pub reason: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::PeerLost(loss) => write!(
                f,
                "rank {} on {} is lost: {}\n  last collective here: {}",
                loss.rank, loss.host, loss.reason, loss.last
            ),
            Error::Mismatch(text)
            | Error::Timeout(text)
            | Error::Network(text)
            | Error::Store(text)
            | Error::Closed(text)
            | Error::Invalid(text) => f.write_str(text),
            Error::Foreign(_) => f.write_str("interrupted by an exception"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}

/// What a waiting call does every few hundredths of a second, in the layer above: a Python signal
/// handler gets its turn there. An error ends the wait.
pub type Pause<'a> = &'a mut dyn FnMut() -> Result<()>;
