//! Messages between two ranks: a queue of sends and receives, and one thread that moves all of them.
//!
//! A message is a head (tag, dtype, length) and its bytes. It goes to the first posted receive of its
//! source and tag. Without one its bytes stay with the sender, unless they are few or a receive of
//! another tag waits behind them: then they are kept here until asked for.

use crate::control::{Control, lock};
use crate::frame::AbortKind;
use crate::handshake::waits;
use crate::mesh::Streams;
use crate::view::View;
use crate::work::Work;
use crate::{Error, Result};
use base::DType;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::any::Any;
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const HEAD: usize = 24;
const MAGIC: u32 = 0x5059_4d31;
/// Messages up to this length are received although nobody has asked for them yet.
const EAGER: u64 = 1 << 20;

/// A message to send or to receive, with its memory.
pub struct Post {
    /// The other rank; None to receive from anybody.
    pub peer: Option<usize>,
    /// What tells messages of one pair apart.
    pub tag: u32,
    /// The element type of both ends.
    pub dtype: DType,
    /// When it has taken too long.
    pub deadline: Instant,
    view: View,
    work: Arc<Work>,
    _keep: Box<dyn Any + Send>,
}

impl Post {
    /// A message in `view`.
    ///
    /// # Safety
    /// Until `keep` is dropped, the view is valid, for a receive also for writes.
    pub unsafe fn new(
        peer: Option<usize>,
        tag: u32,
        dtype: DType,
        view: View,
        deadline: Instant,
        keep: Box<dyn Any + Send>,
    ) -> Post {
        Post { peer, tag, dtype, deadline, view, work: Arc::default(), _keep: keep }
    }

    fn head(&self) -> [u8; HEAD] {
        let mut head = [0; HEAD];
        head[..4].copy_from_slice(&MAGIC.to_le_bytes());
        head[4..8].copy_from_slice(&self.tag.to_le_bytes());
        head[8] = self.dtype as u8;
        head[16..].copy_from_slice(&(self.view.len() as u64).to_le_bytes());
        head
    }

    fn takes(&self, source: usize, head: &Head) -> bool {
        self.peer.is_none_or(|peer| peer == source) && self.tag == head.tag
    }

    /// Ends a receive with a message that came before anybody asked for it.
    fn take_kept(self, source: usize, head: &Head, bytes: &[u8]) {
        self.view.write(bytes);
        self.work.note_source(source);
        let outcome = head.fits(&self, source);
        self.finish(outcome);
    }

    fn finish(self, outcome: Result<()>) {
        let work = self.work.clone();
        // The memory is released before anybody learns that it is free.
        drop(self);
        work.finish(outcome);
    }
}

#[derive(Clone, Copy)]
struct Head {
    tag: u32,
    dtype: DType,
    bytes: u64,
}

impl Head {
    fn decode(bytes: &[u8; HEAD]) -> Option<Head> {
        let word = |at: usize| Some(u32::from_le_bytes(bytes[at..at + 4].try_into().ok()?));
        (word(0)? == MAGIC).then_some(())?;
        let dtype = *DType::ALL.get(usize::from(bytes[8]))?;
        let bytes = u64::from_le_bytes(bytes[16..].try_into().ok()?);
        Some(Head { tag: word(4)?, dtype, bytes })
    }

    /// Whether a message fits a receive, in words if not.
    fn fits(&self, post: &Post, source: usize) -> Result<()> {
        if self.dtype == post.dtype && self.bytes == post.view.len() as u64 {
            return Ok(());
        }
        Err(Error::Mismatch(format!(
            "the message does not fit the tensor that receives it\n  rank {source} sent {} bytes of \
             {} (tag {}), recv expects {} bytes of {}",
            self.bytes,
            self.dtype,
            self.tag,
            post.view.len(),
            post.dtype
        )))
    }
}

/// The messages of a group.
pub struct Messages {
    shared: Arc<Shared>,
}

struct Shared {
    control: Arc<Control>,
    streams: Arc<Streams>,
    queue: Mutex<Queue>,
    bell: Bell,
}

#[derive(Default)]
struct Queue {
    sends: Vec<Post>,
    receives: Vec<Post>,
    started: bool,
    ended: bool,
}

impl Messages {
    /// The messages over these connections.
    pub fn new(control: Arc<Control>, streams: Arc<Streams>) -> Result<Messages> {
        let shared = Shared { control, streams, queue: Mutex::default(), bell: Bell::new()? };
        Ok(Messages { shared: Arc::new(shared) })
    }

    /// Starts sending.
    pub fn send(&self, post: Post) -> Result<Arc<Work>> {
        self.post(post, |queue, post| queue.sends.push(post))
    }

    /// Starts receiving; the work's source is known when it is over.
    pub fn receive(&self, post: Post) -> Result<Arc<Work>> {
        self.post(post, |queue, post| queue.receives.push(post))
    }

    fn post(&self, post: Post, push: fn(&mut Queue, Post)) -> Result<Arc<Work>> {
        let shared = &self.shared;
        if let Some(peer) = post.peer
            && shared.streams.get(peer).is_none_or(Option::is_none)
        {
            return Err(Error::Invalid(format!("no messages to or from rank {peer}")));
        }
        shared.control.check()?;
        let work = post.work.clone();
        let mut queue = lock(&shared.queue);
        if queue.ended {
            drop(queue);
            shared.control.check()?;
            return Err(Error::Closed("the group's messages have ended".to_string()));
        }
        push(&mut queue, post);
        let start = !std::mem::replace(&mut queue.started, true);
        drop(queue);
        if start {
            let inside = shared.clone();
            std::thread::Builder::new()
                .name("pyrite-message".to_string())
                .spawn(move || Mover::new(&inside).run())
                .map_err(|error| Error::Network(format!("no message thread: {error}")))?;
        }
        shared.bell.ring();
        Ok(work)
    }
}

/// Wakes the thread out of its wait.
struct Bell {
    #[cfg(unix)]
    ends: (std::os::unix::net::UnixStream, std::os::unix::net::UnixStream),
}

impl Bell {
    #[cfg(unix)]
    fn new() -> Result<Bell> {
        let ends = std::os::unix::net::UnixStream::pair().map_err(crate::address::broken)?;
        ends.0.set_nonblocking(true).map_err(crate::address::broken)?;
        ends.1.set_nonblocking(true).map_err(crate::address::broken)?;
        Ok(Bell { ends })
    }

    #[cfg(not(unix))]
    fn new() -> Result<Bell> {
        Ok(Bell {})
    }

    fn ring(&self) {
        // A full pipe wakes as well.
        #[cfg(unix)]
        let _ = (&self.ends.0).write(&[1]);
    }

    fn hush(&self) {
        // Nothing to read means that nobody rang.
        #[cfg(unix)]
        let _ = (&self.ends.1).read(&mut [0; 64]);
    }
}

/// What the thread knows of one rank.
#[derive(Default)]
struct Pair {
    sends: VecDeque<(Post, usize)>,
    head: [u8; HEAD],
    filled: usize,
    body: Option<Body>,
    kept: VecDeque<(Head, Vec<u8>)>,
    closed: bool,
}

/// A message on its way in.
struct Body {
    head: Head,
    place: Place,
    done: usize,
}

enum Place {
    Posted(Post),
    Kept(Vec<u8>),
}

struct Mover<'a> {
    shared: &'a Shared,
    pairs: Vec<Pair>,
    receives: Vec<Post>,
}

impl<'a> Mover<'a> {
    fn new(shared: &'a Shared) -> Mover<'a> {
        let pairs = shared.streams.iter().map(|_| Pair::default()).collect();
        Mover { shared, pairs, receives: Vec::new() }
    }

    fn run(mut self) {
        loop {
            let verdict = self.step().err();
            if let Some(verdict) = verdict {
                return self.fail(&verdict);
            }
        }
    }

    fn step(&mut self) -> Result<()> {
        self.shared.control.check()?;
        self.take_posts();
        let mut moved = false;
        for rank in 0..self.pairs.len() {
            if self.shared.streams[rank].is_some() && !self.pairs[rank].closed {
                moved |= self.push(rank)?;
                moved |= self.pull(rank)?;
            }
        }
        self.check_pending()?;
        if !moved {
            self.wait();
        }
        Ok(())
    }

    fn stream(&self, rank: usize) -> Result<&'a TcpStream> {
        let stream = self.shared.streams[rank].as_ref();
        stream.ok_or_else(|| Error::Invalid(format!("no connection to rank {rank}")))
    }

    fn take_posts(&mut self) {
        self.shared.bell.hush();
        let mut queue = lock(&self.shared.queue);
        let sends = std::mem::take(&mut queue.sends);
        let receives = std::mem::take(&mut queue.receives);
        drop(queue);
        for post in sends {
            if let Some(peer) = post.peer {
                self.pairs[peer].sends.push_back((post, 0));
            }
        }
        for post in receives {
            self.receive_kept(post);
        }
    }

    /// Serves a new receive from what is here already, or queues it.
    fn receive_kept(&mut self, post: Post) {
        for (source, pair) in self.pairs.iter_mut().enumerate() {
            let found = pair.kept.iter().position(|(head, _)| post.takes(source, head));
            if let Some((head, bytes)) = found.and_then(|place| pair.kept.remove(place)) {
                return post.take_kept(source, &head, &bytes);
            }
        }
        self.receives.push(post);
    }

    fn push(&mut self, rank: usize) -> Result<bool> {
        let stream = self.stream(rank)?;
        let Some((post, done)) = self.pairs[rank].sends.front_mut() else {
            return Ok(false);
        };
        let sent = if *done < HEAD {
            (&*stream).write(&post.head()[*done..])
        } else {
            post.view.rest(*done - HEAD).send(stream)
        };
        match sent {
            Ok(count) => *done += count,
            Err(error) if waits(&error) => return Ok(false),
            Err(error) => return Err(self.lost(rank, &format!("its connection broke ({error})"))),
        }
        if *done == HEAD + post.view.len()
            && let Some((post, _)) = self.pairs[rank].sends.pop_front()
        {
            post.finish(Ok(()));
        }
        Ok(true)
    }

    fn pull(&mut self, rank: usize) -> Result<bool> {
        let stream = self.stream(rank)?;
        let pair = &mut self.pairs[rank];
        if pair.body.is_none() && pair.filled == HEAD {
            return self.place(rank);
        }
        let read = match &mut pair.body {
            None => (&*stream).read(&mut pair.head[pair.filled..]),
            Some(Body { place: Place::Posted(post), done, .. }) => {
                post.view.rest(*done).receive(stream)
            }
            Some(Body { place: Place::Kept(bytes), done, .. }) => {
                (&*stream).read(&mut bytes[*done..])
            }
        };
        match read {
            Ok(0) => {
                pair.closed = true;
                return Ok(false);
            }
            Ok(count) => match &mut pair.body {
                None => pair.filled += count,
                Some(body) => body.done += count,
            },
            Err(error) if waits(&error) => return Ok(false),
            Err(_) => {
                pair.closed = true;
                return Ok(false);
            }
        }
        self.deliver(rank);
        Ok(true)
    }

    /// Finds the memory for a message whose head has arrived; false when it has to wait.
    fn place(&mut self, rank: usize) -> Result<bool> {
        let Some(head) = Head::decode(&self.pairs[rank].head) else {
            return Err(self.lost(rank, "it sent bytes that are no message"));
        };
        let place = match self.receives.iter().position(|post| post.takes(rank, &head)) {
            Some(at) => {
                let post = self.receives.remove(at);
                post.work.note_source(rank);
                match head.fits(&post, rank) {
                    Ok(()) => Place::Posted(post),
                    Err(error) => {
                        post.finish(Err(error.clone()));
                        return Err(self.shared.control.abort(
                            AbortKind::Mismatch,
                            rank,
                            &error.to_string(),
                        ));
                    }
                }
            }
            None if head.bytes <= EAGER || self.wanted(rank) => {
                Place::Kept(vec![0; head.bytes as usize])
            }
            None => return Ok(false),
        };
        self.pairs[rank].filled = 0;
        self.pairs[rank].body = Some(Body { head, place, done: 0 });
        self.deliver(rank);
        Ok(true)
    }

    /// Whether a receive waits for another message of this rank.
    fn wanted(&self, rank: usize) -> bool {
        self.receives.iter().any(|post| post.peer.is_none_or(|peer| peer == rank))
    }

    /// Hands over a message that has arrived whole. A receive may have been posted since its head
    /// found none.
    fn deliver(&mut self, rank: usize) {
        let pair = &mut self.pairs[rank];
        let Some(body) = pair.body.take_if(|body| body.done as u64 == body.head.bytes) else {
            return;
        };
        match body.place {
            Place::Posted(post) => post.finish(Ok(())),
            Place::Kept(bytes) => {
                let takes = |post: &Post| post.takes(rank, &body.head);
                match self.receives.iter().position(takes) {
                    Some(at) => self.receives.remove(at).take_kept(rank, &body.head, &bytes),
                    None => pair.kept.push_back((body.head, bytes)),
                }
            }
        }
    }

    /// Ends the group over a rank that is gone although a message needs it, or over lateness.
    fn check_pending(&mut self) -> Result<()> {
        for (rank, pair) in self.pairs.iter().enumerate() {
            let arriving = matches!(pair.body, Some(Body { place: Place::Posted(_), .. }));
            let named = self.receives.iter().any(|post| post.peer == Some(rank));
            if pair.closed && (arriving || named || !pair.sends.is_empty()) {
                return Err(self.lost(rank, "its connection was closed by the other side"));
            }
        }
        let now = Instant::now();
        let sends = self.pairs.iter().flat_map(|pair| pair.sends.iter().map(|(post, _)| post));
        if let Some(late) = self.receives.iter().chain(sends).find(|post| now > post.deadline) {
            let peer = late.peer.map_or("any rank".to_string(), |peer| format!("rank {peer}"));
            let text = format!(
                "a message between rank {} and {peer} (tag {}) did not pass within its timeout",
                self.shared.control.rank, late.tag
            );
            let kind = AbortKind::Timeout;
            return Err(self.shared.control.abort(kind, self.shared.control.rank, &text));
        }
        Ok(())
    }

    fn lost(&self, rank: usize, reason: &str) -> Error {
        self.shared.control.lost(rank, reason)
    }

    fn wait(&self) {
        let mut fds = Vec::new();
        #[cfg(unix)]
        fds.push(PollFd::new(&self.shared.bell.ends.1, PollFlags::IN));
        for (pair, stream) in self.pairs.iter().zip(self.shared.streams.iter()) {
            let Some(stream) = stream.as_ref().filter(|_| !pair.closed) else {
                continue;
            };
            let mut flags = PollFlags::empty();
            if pair.filled < HEAD || pair.body.is_some() {
                flags |= PollFlags::IN;
            }
            if !pair.sends.is_empty() {
                flags |= PollFlags::OUT;
            }
            if !flags.is_empty() {
                fds.push(PollFd::new(stream, flags));
            }
        }
        let slice = if cfg!(unix) { 50 } else { 2 };
        let slice = Timespec::try_from(Duration::from_millis(slice)).ok();
        // An interrupted wait is a short one.
        let _ = poll(&mut fds, slice.as_ref());
    }

    /// Ends everything that is under way.
    fn fail(mut self, verdict: &Error) {
        let mut queue = lock(&self.shared.queue);
        queue.ended = true;
        let mut posts = std::mem::take(&mut queue.sends);
        posts.append(&mut queue.receives);
        drop(queue);
        posts.append(&mut self.receives);
        for pair in self.pairs {
            posts.extend(pair.sends.into_iter().map(|(post, _)| post));
            if let Some(Body { place: Place::Posted(post), .. }) = pair.body {
                posts.push(post);
            }
        }
        for post in posts {
            post.finish(Err(verdict.clone()));
        }
    }
}

#[cfg(test)]
mod tests;
