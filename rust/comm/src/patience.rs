//! How a wait begins before it sleeps: sleeping and being woken costs more than most waits between
//! ranks take.
//!
//! Where every local rank has a core, a waiting one spins. Where ranks share cores, the one that is
//! waited for may need this core: the waiting one yields it, and gets it back as soon as nobody else
//! can run. Beside a computation a yield lasts until that has used up its turn, some milliseconds:
//! after one that took long, none is tried again for so much longer that they cost little.

use std::time::{Duration, Instant};

/// Spinning longer than this takes time from threads that compute.
const SPIN: Duration = Duration::from_micros(5);
/// What waking a sleeper costs, with a margin: where waits are shorter, sleeping only adds to them.
const WAKE: Duration = Duration::from_micros(100);
/// Within a collective the others work on the same chunk: they come, unless something else has their
/// core. Sleeping here makes the next wait a long one as well, for everybody.
const CHUNK_TIME: Duration = Duration::from_micros(500);
/// A yield to other ranks ends within this; one that took longer is repaid by as many times its
/// length without.
const TURN: Duration = Duration::from_micros(500);
const REPAY: u32 = 30;

/// How long a wait goes on without sleeping, if at all.
#[derive(Default)]
pub struct Patience {
    /// Spinning takes nobody's core.
    pub spins: bool,
    /// The thread that waits has nothing else to do: no computation goes on beside it.
    pub alone: bool,
    /// All ranks are known to be in the collective.
    pub inside: bool,
    /// The last wait was shorter than a sleep and a waking.
    short: bool,
    /// Until then no core is yielded.
    keeps_core: Option<Instant>,
}

impl Patience {
    /// With nothing learnt yet; `spins` where every local rank has a core.
    pub fn new(spins: bool) -> Patience {
        Patience { spins, ..Patience::default() }
    }

    /// Passes a moment of a wait that has taken this long; false if it is time to sleep.
    pub fn pass(&mut self, waited: Duration) -> bool {
        let limit = match self {
            // A computation beside it gets the core that is yielded.
            Patience { alone: true, inside: true, .. }
            | Patience { spins: false, inside: true, .. } => CHUNK_TIME,
            Patience { alone: true, short: true, .. } => WAKE,
            _ => SPIN,
        };
        if waited >= limit {
            return false;
        }
        if self.spins {
            (0..16).for_each(|_| std::hint::spin_loop());
            return true;
        }
        let start = Instant::now();
        if self.keeps_core.is_some_and(|end| start < end) {
            return false;
        }
        std::thread::yield_now();
        self.yielded(start, start.elapsed());
        true
    }

    /// Notes how long the core was away.
    fn yielded(&mut self, start: Instant, away: Duration) {
        self.keeps_core = (away > TURN).then(|| start + away * REPAY);
    }

    /// Notes how long a wait took in the end.
    pub fn learn(&mut self, waited: Duration) {
        self.short = waited < WAKE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_that_came_back_late_is_kept_for_a_while() {
        let mut patience = Patience { alone: true, inside: true, ..Patience::default() };
        let now = Instant::now();
        patience.yielded(now, TURN / 2);
        assert_eq!(patience.keeps_core, None);
        patience.yielded(now, Duration::from_secs(1));
        assert!(!patience.pass(Duration::ZERO), "it sleeps instead");
        patience.keeps_core = Some(now);
        assert!(patience.pass(Duration::ZERO), "it tries again in the end");
        assert!(!patience.pass(CHUNK_TIME));
    }

    #[test]
    fn a_wait_beside_a_computation_is_short() {
        let mut patience = Patience { spins: true, inside: true, ..Patience::default() };
        assert!(patience.pass(Duration::ZERO) && !patience.pass(SPIN));
        patience.alone = true;
        assert!(patience.pass(SPIN));
        let mut patience = Patience { inside: true, ..Patience::new(false) };
        assert!(patience.pass(SPIN), "yielding takes nothing from it");
    }
}
