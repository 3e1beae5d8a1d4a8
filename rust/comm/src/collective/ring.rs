//! All-reduce on a ring, for large buffers: n-1 steps in which each chunk travels once around and is
//! combined on the way, n-1 in which the finished chunks travel on. Every rank sends and receives
//! 2(n-1)/n of the buffer, whatever n is.
//!
//! Steps are not separated: a byte is passed on as soon as it is combined, in segments that stay in
//! the cache. Both cursors only move forward, so progress is two comparisons.

use super::share;
use crate::Result;
use crate::reduce::combine;
use crate::view::View;
use crate::wire::{Idle, Session};
use rustix::event::PollFlags;

/// Bytes combined or sent at once.
const SEGMENT: usize = 256 << 10;

/// How far one direction has come.
#[derive(Clone, Copy, Default)]
struct Cursor {
    step: usize,
    offset: usize,
}

struct Ring<'r, 's> {
    session: &'r mut Session<'s>,
    buffer: View,
    stage: View,
    /// Bytes in the stage that are no whole element yet.
    partial: usize,
    sent: Cursor,
    got: Cursor,
}

/// Combines everybody's `buffer` in place.
pub fn all_reduce(session: &mut Session<'_>, buffer: View) -> Result<()> {
    let stage = session.wire.scratch.take(SEGMENT);
    let (sent, got) = (Cursor::default(), Cursor::default());
    let mut ring = Ring { session, buffer, stage, partial: 0, sent, got };
    let mut idle = Idle::default();
    while !ring.done() {
        let moved = ring.send()?;
        if ring.receive()? || moved {
            ring.session.went_on(&mut idle);
        } else {
            let wanted = ring.wanted();
            ring.session.wait(&mut idle, &wanted)?;
        }
    }
    Ok(())
}

impl Ring<'_, '_> {
    fn steps(&self) -> usize {
        2 * self.session.world() - 2
    }

    fn next(&self) -> usize {
        (self.session.rank() + 1) % self.session.world()
    }

    fn previous(&self) -> usize {
        (self.session.rank() + self.session.world() - 1) % self.session.world()
    }

    /// The chunk that is sent in a step; what is received is the one sent in the step after.
    fn chunk(&self, step: usize) -> View {
        let (rank, world) = (self.session.rank(), self.session.world());
        let size = self.session.call.dtype.size();
        share(self.buffer, size, (rank + 2 * world - step) % world, world)
    }

    fn done(&self) -> bool {
        self.sent.step == self.steps()
            && self.got.step == self.steps()
            && self.session.flushed(self.next())
    }

    /// Bytes of the current step's chunk that may leave: all of our own, later what has arrived.
    fn ready(&self) -> usize {
        match self.sent.step {
            0 => self.chunk(0).len(),
            step if self.got.step >= step => self.chunk(step).len(),
            step if self.got.step + 1 == step => self.got.offset,
            _ => 0,
        }
    }

    fn send(&mut self) -> Result<bool> {
        let next = self.next();
        if self.sent.step == self.steps() {
            return Ok(!self.session.flushed(next) && self.session.send(next, View::EMPTY, 0)?.1);
        }
        let chunk = self.chunk(self.sent.step);
        let ready = self.ready().min(self.sent.offset + SEGMENT);
        let part = chunk.part(self.sent.offset, ready - self.sent.offset);
        let mut moved = false;
        if !part.is_empty() {
            let (count, any) = self.session.send(next, part, chunk.len())?;
            self.sent.offset += count;
            moved = any;
        }
        if self.sent.offset == chunk.len() {
            self.sent = Cursor { step: self.sent.step + 1, offset: 0 };
            moved = true;
        }
        Ok(moved)
    }

    fn receive(&mut self) -> Result<bool> {
        if self.got.step == self.steps() {
            return Ok(false);
        }
        let chunk = self.chunk(self.got.step + 1);
        let moved = if self.got.step + 1 < self.session.world() {
            self.receive_and_combine(chunk)?
        } else {
            let rest = chunk.rest(self.got.offset);
            let (count, any) = self.session.receive(self.previous(), rest, chunk.len())?;
            self.got.offset += count;
            any
        };
        if self.got.offset == chunk.len() {
            self.got = Cursor { step: self.got.step + 1, offset: 0 };
            return Ok(true);
        }
        Ok(moved)
    }

    fn receive_and_combine(&mut self, chunk: View) -> Result<bool> {
        let missing = chunk.len() - self.got.offset - self.partial;
        let space = self.stage.part(self.partial, missing.min(SEGMENT - self.partial));
        let (count, moved) = self.session.receive(self.previous(), space, chunk.len())?;
        let held = self.partial + count;
        let (reduce, dtype) = (self.session.call.reduce, self.session.call.dtype);
        let whole = held - held % dtype.size();
        let ours = chunk.part(self.got.offset, whole);
        combine(reduce, dtype, ours, self.stage.part(0, whole), ours);
        self.stage.copy_from(self.stage.part(whole, held - whole));
        self.partial = held - whole;
        self.got.offset += whole;
        Ok(moved)
    }

    fn wanted(&self) -> Vec<(usize, PollFlags)> {
        let mut wanted = Vec::new();
        if self.got.step < self.steps() {
            wanted.push((self.previous(), PollFlags::IN));
        }
        let more = self.sent.step < self.steps() && self.sent.offset < self.ready();
        if more || (self.sent.step > 0 && !self.session.flushed(self.next())) {
            wanted.push((self.next(), PollFlags::OUT));
        }
        wanted
    }
}
