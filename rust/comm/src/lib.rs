//! Layer 1: processes that compute together. Knows bytes and dtypes; no tensor, no Python.
//!
//! From the bottom: [`secret`] and [`handshake`] (who may connect), [`address`] and [`mesh`] (the
//! connections), [`frame`] and [`control`] (heartbeats, verdicts), [`call`], [`view`], [`patience`] and [`wire`]
//! (bytes of a collective), [`message`] (between two ranks), [`collective`] and [`reduce`] (algorithms), [`group`] and [`work`]
//! (queue and threads), [`store`] (where ranks find each other).
//!
//! Invariant: nothing waits without a deadline, and everything that waits ends when a rank is lost.

pub mod address;
#[cfg(target_os = "linux")]
mod arena;
pub mod call;
pub mod collective;
pub mod control;
mod error;
pub mod frame;
pub mod group;
pub mod handshake;
pub mod mesh;
pub mod message;
pub mod patience;
pub mod reduce;
pub mod secret;
pub mod store;
pub mod view;
pub mod wire;
pub mod work;

pub use error::{Error, Loss, Pause, Result};
