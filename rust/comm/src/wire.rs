//! The data plane: moving bytes of one collective between ranks, without blocking on any of them.
//!
//! The first bytes that a rank sends to another in a collective follow a header with the sender's
//! description of it; a receiver compares before it takes a byte. A call that waits looks every
//! [`SLICE`] at the verdict, its deadline and the layer above.

use crate::call::{Call, Header};
use crate::control::Control;
use crate::frame::AbortKind;
use crate::handshake::waits;
use crate::mesh::Streams;
use crate::patience::Patience;
use crate::view::{Scratch, View};
use crate::{Error, Pause, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Payload that travels in one system call with its header.
const INLINE: usize = 4096;
/// Longest sleep of a waiting call.
pub const SLICE: Duration = Duration::from_millis(50);
/// A call that waits this long tells the others what it waits in.
const IMPATIENCE: Duration = Duration::from_millis(300);

/// The connections for data, and how far each has come.
pub struct Wire {
    /// This process's rank.
    pub rank: usize,
    /// How many ranks there are.
    pub world: usize,
    /// The control plane.
    pub control: Arc<Control>,
    /// Memory for what is received before it is combined.
    pub scratch: Scratch,
    /// How waiting begins.
    pub patience: Patience,
    /// Memory shared with all ranks, where they are on one host.
    #[cfg(target_os = "linux")]
    pub arena: Option<crate::arena::Arena>,
    streams: Arc<Streams>,
    links: Vec<Link>,
}

#[derive(Default, Clone)]
struct Link {
    /// The collective whose header has been sent, and the one whose header has been seen.
    sent: u64,
    seen: u64,
    /// Bytes that have to leave first, and a header that has not arrived whole.
    outbox: Vec<u8>,
    inbox: Vec<u8>,
}

impl Wire {
    /// The data plane over these connections.
    pub fn new(control: Arc<Control>, streams: Arc<Streams>, spin: bool) -> Wire {
        let world = streams.len();
        let links = vec![Link::default(); world];
        let scratch = Scratch::default();
        let patience = Patience::new(spin);
        Wire {
            rank: control.rank,
            world,
            control,
            scratch,
            patience,
            #[cfg(target_os = "linux")]
            arena: None,
            streams,
            links,
        }
    }
}

/// Bytes on their way to or from a rank.
#[derive(Clone, Copy)]
pub struct Transfer {
    peer: usize,
    view: View,
    done: usize,
}

impl Transfer {
    /// Nothing of `view` has been moved yet.
    pub fn new(peer: usize, view: View) -> Transfer {
        Transfer { peer, view, done: 0 }
    }
}

/// One collective on the wire.
pub struct Session<'a> {
    /// The data plane.
    pub wire: &'a mut Wire,
    /// What runs.
    pub call: Call,
    /// When it has taken too long.
    pub deadline: Instant,
    /// How long it may take, for the error's text.
    pub timeout: Duration,
    /// The layer above.
    pub pause: Pause<'a>,
}

/// How long a call has made no progress.
#[derive(Default)]
pub struct Idle {
    since: Option<Instant>,
    told: Option<Instant>,
}

impl Session<'_> {
    /// This rank.
    pub fn rank(&self) -> usize {
        self.wire.rank
    }

    /// How many ranks there are.
    pub fn world(&self) -> usize {
        self.wire.world
    }

    fn stream(&self, peer: usize) -> Result<&TcpStream> {
        self.wire.streams[peer]
            .as_ref()
            .ok_or_else(|| Error::Invalid(format!("rank {peer} has no connection to itself")))
    }

    /// Whether everything handed to [`Session::send`] for this rank has left.
    pub fn flushed(&self, peer: usize) -> bool {
        let link = &self.wire.links[peer];
        link.sent == self.call.sequence && link.outbox.is_empty()
    }

    /// Whether the rank's header has arrived, and so the rank has entered this collective.
    pub fn met(&self, peer: usize) -> bool {
        self.wire.links[peer].seen == self.call.sequence
    }

    /// Sends what fits now of `view`, which belongs to a message of `message` bytes. How many bytes
    /// of it are done with, and whether anything moved.
    pub fn send(&mut self, peer: usize, view: View, message: usize) -> Result<(usize, bool)> {
        let header = Header { call: self.call, bytes: message as u64 };
        let link = &mut self.wire.links[peer];
        let mut taken = 0;
        if link.sent != self.call.sequence {
            link.sent = self.call.sequence;
            link.outbox.extend(header.encode());
            let first = view.part(0, view.len().min(INLINE));
            first.append_to(&mut link.outbox);
            taken = first.len();
        }
        let mut moved = taken > 0;
        if !link.outbox.is_empty() {
            let mut outbox = std::mem::take(&mut link.outbox);
            let count = {
                // SAFETY: the vector outlives the view, which is read only.
                let all = unsafe { View::new(outbox.as_mut_ptr(), outbox.len()) };
                self.sent(peer, all)?
            };
            outbox.drain(..count);
            moved |= count > 0;
            let blocked = !outbox.is_empty();
            self.wire.links[peer].outbox = outbox;
            if blocked {
                return Ok((taken, moved));
            }
        }
        if taken < view.len() {
            let count = self.sent(peer, view.rest(taken))?;
            taken += count;
            moved |= count > 0;
        }
        Ok((taken, moved))
    }

    fn sent(&self, peer: usize, view: View) -> Result<usize> {
        match view.send(self.stream(peer)?) {
            Ok(count) => Ok(count),
            Err(error) if waits(&error) => Ok(0),
            Err(error) => Err(self.broken(peer, &error.to_string())),
        }
    }

    fn broken(&self, peer: usize, reason: &str) -> Error {
        self.wire.control.lost(peer, &format!("its connection broke ({reason})"))
    }

    fn received(&self, peer: usize, view: View) -> Result<usize> {
        match view.receive(self.stream(peer)?) {
            Ok(0) => Err(self.broken(peer, "closed by the other side")),
            Ok(count) => Ok(count),
            Err(error) if waits(&error) => Ok(0),
            Err(error) => Err(self.broken(peer, &error.to_string())),
        }
    }

    /// Receives what is there into `view`, which belongs to a message of `message` bytes. How many
    /// bytes of it arrived, and whether anything moved.
    pub fn receive(&mut self, peer: usize, view: View, message: usize) -> Result<(usize, bool)> {
        if self.met(peer) {
            let count = if view.is_empty() { 0 } else { self.received(peer, view)? };
            return Ok((count, count > 0));
        }
        let mut space = [0; Header::SIZE + INLINE];
        let missing = Header::SIZE - self.wire.links[peer].inbox.len();
        let want = missing + view.len().min(INLINE);
        let count = {
            // SAFETY: the array outlives the view.
            let all = unsafe { View::new(space.as_mut_ptr(), want) };
            self.received(peer, all)?
        };
        if count < missing {
            self.wire.links[peer].inbox.extend(&space[..count]);
            return Ok((0, count > 0));
        }
        let mut header = std::mem::take(&mut self.wire.links[peer].inbox);
        header.extend(&space[..missing]);
        self.accept(peer, &header, message)?;
        view.write(&space[missing..count]);
        Ok((count - missing, true))
    }

    /// Compares the other rank's description with ours.
    fn accept(&mut self, peer: usize, header: &[u8], message: usize) -> Result<()> {
        let Some(header) = Header::decode(header) else {
            let reason = "it sent bytes that belong to no collective";
            return Err(self.wire.control.abort(AbortKind::PeerLost, peer, reason));
        };
        if !header.call.agrees(&self.call) || header.bytes != message as u64 {
            return Err(self.wire.control.mismatch(peer, self.call, header.call));
        }
        self.wire.links[peer].seen = self.call.sequence;
        Ok(())
    }

    /// Moves all transfers, in both directions at once; at most one a rank and direction.
    pub fn exchange(&mut self, sends: &mut [Transfer], receives: &mut [Transfer]) -> Result<()> {
        let mut idle = Idle::default();
        loop {
            let (mut moved, mut wanted) = (false, Vec::new());
            for t in sends.iter_mut() {
                if t.done < t.view.len() || !self.flushed(t.peer) {
                    let (count, any) = self.send(t.peer, t.view.rest(t.done), t.view.len())?;
                    t.done += count;
                    moved |= any;
                    if t.done < t.view.len() || !self.flushed(t.peer) {
                        wanted.push((t.peer, PollFlags::OUT));
                    }
                }
            }
            for t in receives.iter_mut() {
                if t.done < t.view.len() || !self.met(t.peer) {
                    let (count, any) = self.receive(t.peer, t.view.rest(t.done), t.view.len())?;
                    t.done += count;
                    moved |= any;
                    if t.done < t.view.len() || !self.met(t.peer) {
                        wanted.push((t.peer, PollFlags::IN));
                    }
                }
            }
            if wanted.is_empty() {
                return Ok(());
            }
            if moved {
                self.went_on(&mut idle);
            } else {
                self.wait(&mut idle, &wanted)?;
            }
        }
    }

    /// Something moved.
    pub fn went_on(&mut self, idle: &mut Idle) {
        if let Some(since) = idle.since.take() {
            self.wire.patience.learn(since.elapsed());
        }
    }

    /// Sleeps until one of these connections is ready, at most a slice.
    pub fn wait(&mut self, idle: &mut Idle, wanted: &[(usize, PollFlags)]) -> Result<()> {
        let now = Instant::now();
        let since = *idle.since.get_or_insert(now);
        if self.wire.patience.pass(now - since) {
            return Ok(());
        }
        let mut fds = Vec::with_capacity(wanted.len());
        for &(peer, flags) in wanted {
            fds.push(PollFd::new(self.stream(peer)?, flags));
        }
        let slice = Timespec::try_from(SLICE).ok();
        if poll(&mut fds, slice.as_ref()).is_ok_and(|ready| ready > 0) {
            return Ok(());
        }
        let peers: Vec<usize> = wanted.iter().map(|(peer, _)| *peer).collect();
        self.look_around(idle, &peers)
    }

    /// What every waiting call does between its slices.
    pub fn look_around(&mut self, idle: &mut Idle, peers: &[usize]) -> Result<()> {
        let control = self.wire.control.clone();
        control.check()?;
        let call = self.call;
        if let Err(error) = (self.pause)() {
            let text = format!("rank {} was interrupted in {call}", control.rank);
            control.abort(AbortKind::Closed, control.rank, &text);
            return Err(error);
        }
        let now = Instant::now();
        let since = *idle.since.get_or_insert(now);
        let told = idle.told.unwrap_or(since);
        if now - told > if idle.told.is_some() { 4 * IMPATIENCE } else { IMPATIENCE } {
            control.tell_waiting(call);
            idle.told = Some(now);
        }
        if now > self.deadline {
            return Err(self.too_late(peers));
        }
        Ok(())
    }

    fn too_late(&self, peers: &[usize]) -> Error {
        let control = &self.wire.control;
        let mut late: Vec<usize> = peers.to_vec();
        late.sort_unstable();
        late.dedup();
        let late: Vec<String> = late.into_iter().map(|rank| control.describe(rank)).collect();
        let text = format!(
            "{} did not finish within {} s\n  rank {} waits for {}",
            self.call,
            self.timeout.as_secs_f32(),
            control.rank,
            late.join(", ")
        );
        control.abort(AbortKind::Timeout, control.rank, &text)
    }
}
