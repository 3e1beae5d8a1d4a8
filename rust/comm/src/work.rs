//! A job that runs, and whoever waits for it.

use crate::control::lock;
use crate::{Error, Pause, Result};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The outcome of a job: nothing yet, success, or an error.
#[derive(Default)]
pub struct Work {
    outcome: Mutex<Option<Result<()>>>,
    done: Condvar,
    source: AtomicUsize,
}

impl Work {
    /// Notes the outcome and wakes everybody; the first one stays.
    pub fn finish(&self, outcome: Result<()>) {
        lock(&self.outcome).get_or_insert(outcome);
        self.done.notify_all();
    }

    /// The outcome, once there is one.
    pub fn outcome(&self) -> Option<Result<()>> {
        lock(&self.outcome).clone()
    }

    /// Notes which rank a message came from.
    pub fn note_source(&self, rank: usize) {
        self.source.store(rank, Ordering::Relaxed);
    }

    /// Which rank the message came from, once it has.
    pub fn source(&self) -> usize {
        self.source.load(Ordering::Relaxed)
    }

    /// Waits for the outcome; the job goes on when waiting ends early.
    pub fn wait(&self, timeout: Option<Duration>, pause: Pause<'_>) -> Result<()> {
        let start = Instant::now();
        loop {
            let mut outcome = lock(&self.outcome);
            if outcome.is_none() {
                let slice = self.done.wait_timeout(outcome, crate::wire::SLICE);
                outcome = slice.unwrap_or_else(PoisonError::into_inner).0;
            }
            if let Some(outcome) = outcome.clone() {
                return outcome;
            }
            drop(outcome);
            pause()?;
            if let Some(timeout) = timeout.filter(|&timeout| start.elapsed() > timeout) {
                let text = format!("the work did not finish within {} s", timeout.as_secs_f32());
                return Err(Error::Timeout(text));
            }
        }
    }
}
