//! The control plane of a group: one thread that hears every rank's heartbeat, notices who is gone,
//! and carries verdicts.
//!
//! A verdict ends the group: the first one stays, is told to every rank *before* any connection is
//! closed (or distant ranks would blame the wrong peer), and then all data connections are shut, so
//! that every waiting call wakes up. Hard evidence (a closed connection) counts at once, but for a
//! short grace: what the lost rank had sent may still complete the running collective.

use crate::call::{Call, Header};
use crate::error::Loss;
use crate::frame::{Abort, AbortKind, Frame};
use crate::handshake::waits;
use crate::mesh::Streams;
use crate::{Error, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Time between two heartbeats.
const BEAT: Duration = Duration::from_millis(200);
/// How long the bytes that a lost rank has sent may still be used.
const GRACE: Duration = Duration::from_millis(700);
/// How long the reason of a closed data connection may take to arrive on the control connection.
const REASON: Duration = Duration::from_millis(300);
/// Past collectives that a late rank's may be compared with.
const HISTORY: usize = 64;

/// The lock's content, also when a thread panicked while holding it: all changes are single steps.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The control plane, shared by the control thread and everybody who waits.
pub struct Control {
    /// This process's rank.
    pub rank: usize,
    /// The ranks' hosts.
    pub hosts: Vec<String>,
    peers: Vec<Option<Peer>>,
    data: Vec<Arc<Streams>>,
    state: Mutex<State>,
    changed: Condvar,
    verdict: OnceLock<Error>,
    stop: AtomicBool,
    silence: Duration,
    on_timeout: fn(),
}

struct Peer {
    stream: TcpStream,
    unsent: Mutex<Vec<u8>>,
}

#[derive(Default)]
struct State {
    history: VecDeque<Call>,
    active: bool,
    finished: u64,
    gone: Vec<Option<Gone>>,
    waiting: Vec<Option<Call>>,
}

#[derive(Clone)]
struct Gone {
    since: Instant,
    /// The last collective it completed, if it said goodbye.
    goodbye: Option<u64>,
    reason: String,
}

/// How a group watches over itself.
#[derive(Clone, Copy)]
pub struct Watch {
    /// Silence after which a rank counts as lost.
    pub silence: Duration,
    /// Called once when a collective takes too long (to show where everybody is).
    pub on_timeout: fn(),
}

impl Control {
    /// Starts watching over the ranks at the other ends of `streams`; a verdict shuts `data`.
    pub fn start(
        rank: usize,
        hosts: Vec<String>,
        streams: Streams,
        data: Vec<Arc<Streams>>,
        watch: Watch,
    ) -> Result<Arc<Control>> {
        let world = streams.len();
        let peer = |stream| Peer { stream, unsent: Mutex::new(Vec::new()) };
        let gone = vec![None; world];
        let control = Arc::new(Control {
            rank,
            hosts,
            peers: streams.into_iter().map(|stream| stream.map(peer)).collect(),
            data,
            state: Mutex::new(State { gone, waiting: vec![None; world], ..State::default() }),
            changed: Condvar::new(),
            verdict: OnceLock::new(),
            stop: AtomicBool::new(false),
            silence: watch.silence,
            on_timeout: watch.on_timeout,
        });
        let watched = control.clone();
        std::thread::Builder::new()
            .name("pyrite-control".to_string())
            .spawn(move || Thread::new(&watched).run())
            .map_err(|error| Error::Network(format!("no control thread: {error}")))?;
        Ok(control)
    }

    /// The verdict, if there is one.
    pub fn check(&self) -> Result<()> {
        self.verdict.get().map_or(Ok(()), |verdict| Err(verdict.clone()))
    }

    /// Notes that a collective begins.
    pub fn begin(&self, call: Call) -> Result<()> {
        self.check()?;
        let mut state = lock(&self.state);
        if state.history.len() == HISTORY {
            state.history.pop_front();
        }
        state.history.push_back(call);
        state.active = true;
        Ok(())
    }

    /// Notes that it is over.
    pub fn end(&self, call: &Call) {
        let mut state = lock(&self.state);
        state.active = false;
        state.finished = call.sequence;
    }

    /// The collective that runs here, or the last one.
    pub fn last(&self) -> String {
        lock(&self.state).history.back().map_or("none".to_string(), ToString::to_string)
    }

    /// Tells everybody what this rank has been waiting in, so that ranks that wait for each other in
    /// different collectives find out.
    pub fn tell_waiting(&self, call: Call) {
        self.broadcast(&Frame::Waiting(Header { call, bytes: 0 }));
    }

    /// What is known of a rank that did not answer: for the text of a timeout.
    pub fn describe(&self, rank: usize) -> String {
        match lock(&self.state).waiting[rank] {
            Some(call) => format!("rank {rank} (waiting in {call})"),
            None => format!("rank {rank} (not waiting in any collective)"),
        }
    }

    /// Ends the group for everybody, unless that has happened already; the verdict that stands.
    pub fn abort(&self, kind: AbortKind, subject: usize, text: &str) -> Error {
        self.settle(Abort { kind, subject: subject as u32, text: text.to_string() })
    }

    /// Takes a verdict, of this rank or of another, if it is the first. It is passed on in any case:
    /// whoever hears this rank leave because of it must have heard of it before.
    fn settle(&self, abort: Abort) -> Error {
        let mut first = false;
        let verdict = self.verdict.get_or_init(|| {
            first = true;
            self.verdict_of(&abort)
        });
        if first {
            self.broadcast(&Frame::Abort(abort));
            self.wake(verdict);
        }
        verdict.clone()
    }

    /// The verdict on a rank whose data connection closed: its own words, if they arrive soon.
    pub fn lost(&self, rank: usize, reason: &str) -> Error {
        let mut state = lock(&self.state);
        let end = Instant::now() + REASON;
        while self.verdict.get().is_none() && state.gone[rank].is_none() && Instant::now() < end {
            let slice = Duration::from_millis(20);
            let waited = self.changed.wait_timeout(state, slice);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let reason = state.gone[rank].as_ref().map_or(reason.to_string(), |g| g.reason.clone());
        drop(state);
        self.abort(AbortKind::PeerLost, rank, &reason)
    }

    /// Leaves the group: later calls here fail, and the others know that it was on purpose.
    pub fn close(&self) {
        if self.stop.swap(true, Ordering::SeqCst) {
            return;
        }
        let finished = lock(&self.state).finished;
        self.broadcast(&Frame::Goodbye(finished));
        let closed = Error::Closed("the process group has been destroyed".to_string());
        if self.verdict.set(closed.clone()).is_ok() {
            self.wake(&closed);
        }
    }

    /// Gives up a forked child's copies of the connections.
    #[cfg(unix)]
    pub fn abandon(&self, nothing: &std::fs::File) {
        let streams = self.peers.iter().flatten().map(|peer| &peer.stream);
        streams.for_each(|stream| crate::address::replace(stream, nothing));
    }

    fn verdict_of(&self, abort: &Abort) -> Error {
        let text = abort.text.clone();
        match abort.kind {
            AbortKind::PeerLost => {
                let rank = abort.subject as usize;
                let host = self.hosts.get(rank).cloned().unwrap_or_default();
                Error::PeerLost(Arc::new(Loss { rank, host, last: self.last(), reason: text }))
            }
            AbortKind::Mismatch => Error::Mismatch(text),
            AbortKind::Timeout => Error::Timeout(text),
            AbortKind::Closed => Error::Closed(text),
        }
    }

    fn wake(&self, verdict: &Error) {
        for stream in self.data.iter().flat_map(|streams| streams.iter()).flatten() {
            // A connection that is closed already needs no shutting.
            let _ = stream.shutdown(Shutdown::Both);
        }
        drop(lock(&self.state));
        self.changed.notify_all();
        if matches!(verdict, Error::Timeout(_)) {
            (self.on_timeout)();
        }
    }

    fn broadcast(&self, frame: &Frame) {
        let bytes = frame.encode();
        for peer in self.peers.iter().flatten() {
            peer.say(&bytes);
        }
    }

    fn compare(&self, peer: usize, theirs: Call) {
        let mut state = lock(&self.state);
        state.waiting[peer] = Some(theirs);
        let ours = state.history.iter().find(|call| call.sequence == theirs.sequence).copied();
        drop(state);
        if let Some(ours) = ours.filter(|ours| !ours.agrees(&theirs)) {
            self.mismatch(peer, ours, theirs);
        }
    }

    /// Ends the group over two descriptions that do not fit.
    pub fn mismatch(&self, peer: usize, ours: Call, theirs: Call) -> Error {
        // A rank that is ahead still owes the other part of the earlier call.
        let same = |call: &&Call| call.sequence == theirs.sequence && !call.agrees(&theirs);
        let ours = lock(&self.state).history.iter().find(same).copied().unwrap_or(ours);
        let ((a, x), (b, y)) = if peer < self.rank {
            ((peer, theirs), (self.rank, ours))
        } else {
            ((self.rank, ours), (peer, theirs))
        };
        let text = format!(
            "the ranks' collectives do not match\n  rank {a}: {x}\n  rank {b}: {y}\n  every rank \
             must call the same collectives, in the same order, with tensors of one dtype and size"
        );
        self.abort(AbortKind::Mismatch, peer, &text)
    }
}

impl Peer {
    /// Sends what fits, keeps the rest for the control thread.
    fn say(&self, bytes: &[u8]) {
        let mut unsent = lock(&self.unsent);
        unsent.extend(bytes);
        self.flush(&mut unsent);
    }

    fn flush(&self, unsent: &mut Vec<u8>) {
        // Errors show when the control thread reads from the same connection.
        if let Ok(count) = (&self.stream).write(unsent) {
            unsent.drain(..count);
        }
    }
}

/// What only the control thread knows.
struct Thread<'a> {
    control: &'a Control,
    arrived: Vec<Vec<u8>>,
    heard: Vec<Instant>,
    open: Vec<bool>,
    next_beat: Instant,
}

impl<'a> Thread<'a> {
    fn new(control: &'a Control) -> Thread<'a> {
        let now = Instant::now();
        let world = control.peers.len();
        let arrived = (0..world).map(|_| Vec::new()).collect();
        let open = control.peers.iter().map(Option::is_some).collect();
        Thread { control, arrived, heard: vec![now; world], open, next_beat: now }
    }

    fn run(mut self) {
        while !self.control.stop.load(Ordering::SeqCst) {
            self.wait();
            for rank in 0..self.control.peers.len() {
                self.hear(rank);
            }
            self.beat();
            self.judge();
        }
        self.leave();
    }

    fn wait(&self) {
        let mut fds = Vec::new();
        for (peer, open) in self.control.peers.iter().zip(&self.open) {
            if let Some(peer) = peer.as_ref().filter(|_| *open) {
                let more = !lock(&peer.unsent).is_empty();
                let write = if more { PollFlags::OUT } else { PollFlags::empty() };
                fds.push(PollFd::new(&peer.stream, PollFlags::IN | write));
            }
        }
        let limit = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
        // An interrupted wait is a short one.
        let _ = poll(&mut fds, Some(&limit));
    }

    fn hear(&mut self, rank: usize) {
        let Some(peer) = self.control.peers[rank].as_ref().filter(|_| self.open[rank]) else {
            return;
        };
        let mut bytes = [0; 4096];
        let mut end = None;
        while end.is_none() {
            match (&peer.stream).read(&mut bytes) {
                Ok(0) => end = Some("its process ended (connection closed)".to_string()),
                Ok(count) => {
                    self.heard[rank] = Instant::now();
                    self.arrived[rank].extend(&bytes[..count]);
                }
                Err(error) if waits(&error) => break,
                Err(error) => end = Some(format!("its connection broke ({error})")),
            }
        }
        // Last words come before the end: they may say whose fault it is.
        loop {
            match Frame::take(&mut self.arrived[rank]) {
                Ok(Some(frame)) => self.obey(rank, frame),
                Ok(None) => break,
                Err(what) => return self.ended(rank, what),
            }
        }
        if let Some(reason) = end {
            self.ended(rank, &reason);
        }
    }

    fn obey(&self, rank: usize, frame: Frame) {
        match frame {
            Frame::Beat => {}
            Frame::Waiting(header) => self.control.compare(rank, header.call),
            Frame::Goodbye(finished) => {
                let reason = "it left the group (destroy_process_group, or the end of its program)";
                self.note(rank, reason, Some(finished));
            }
            Frame::Abort(abort) => {
                self.control.settle(abort);
            }
        }
    }

    fn ended(&mut self, rank: usize, reason: &str) {
        self.open[rank] = false;
        self.note(rank, reason, None);
    }

    /// Notes that a rank is gone; the end of a connection after a goodbye says nothing new.
    fn note(&self, rank: usize, reason: &str, goodbye: Option<u64>) {
        let mut state = lock(&self.control.state);
        if state.gone[rank].is_none() {
            let reason = reason.to_string();
            state.gone[rank] = Some(Gone { since: Instant::now(), goodbye, reason });
        }
        drop(state);
        self.control.changed.notify_all();
    }

    fn beat(&mut self) {
        let now = Instant::now();
        for peer in self.control.peers.iter().flatten() {
            let mut unsent = lock(&peer.unsent);
            if now >= self.next_beat && unsent.is_empty() {
                unsent.extend(Frame::Beat.encode());
            }
            if !unsent.is_empty() {
                peer.flush(&mut unsent);
            }
        }
        if now >= self.next_beat {
            self.next_beat = now + BEAT;
        }
    }

    /// Passes the verdict on ranks that are gone while a collective needs them, and on silent ones.
    fn judge(&self) {
        let control = self.control;
        if control.verdict.get().is_some() {
            return;
        }
        let now = Instant::now();
        for rank in (0..control.peers.len()).filter(|&rank| rank != control.rank) {
            let state = lock(&control.state);
            let (gone, active) = (state.gone[rank].clone(), state.active);
            let running = state.history.back().map_or(0, |call| call.sequence);
            drop(state);
            match gone {
                Some(gone) => {
                    let needed = active && gone.goodbye.is_none_or(|done| done < running);
                    if needed && now > gone.since + GRACE {
                        control.abort(AbortKind::PeerLost, rank, &gone.reason);
                    }
                }
                None if now > self.heard[rank] + control.silence => {
                    let silence = control.silence.as_secs_f32();
                    let reason = format!("no sign of life for {silence} s (host or link down?)");
                    control.abort(AbortKind::PeerLost, rank, &reason);
                }
                None => {}
            }
        }
    }

    /// Sends what is left and reads what is there, so that closing does not reset the connection
    /// and lose our last words.
    fn leave(&mut self) {
        for peer in self.control.peers.iter().flatten() {
            peer.flush(&mut lock(&peer.unsent));
            let _ = peer.stream.shutdown(Shutdown::Write);
        }
        let end = Instant::now() + Duration::from_secs(1);
        while Instant::now() < end && self.open.contains(&true) {
            self.wait();
            for rank in 0..self.control.peers.len() {
                self.hear(rank);
            }
        }
    }
}
