//! Broadcast of large buffers along a chain: every rank passes on what has arrived, so that all links
//! work at once and the time hardly depends on the number of ranks.

use crate::Result;
use crate::view::View;
use crate::wire::{Idle, Session};
use rustix::event::PollFlags;

/// The root's `buffer` to everybody.
pub fn broadcast(session: &mut Session<'_>, buffer: View, root: usize) -> Result<()> {
    let (rank, world, length) = (session.rank(), session.world(), buffer.len());
    let place = (rank + world - root) % world;
    let previous = (rank + world - 1) % world;
    let next = (place + 1 < world).then_some((rank + 1) % world);
    let mut got = if place == 0 { length } else { 0 };
    let mut sent = if next.is_some() { 0 } else { length };
    let mut idle = Idle::default();
    loop {
        let (mut moved, mut wanted) = (false, Vec::new());
        if got < length {
            let (count, any) = session.receive(previous, buffer.rest(got), length)?;
            got += count;
            moved |= any;
            wanted.push((previous, PollFlags::IN));
        }
        if let Some(next) = next.filter(|&next| sent < got || (sent > 0 && !session.flushed(next)))
        {
            let (count, any) = session.send(next, buffer.part(sent, got - sent), length)?;
            sent += count;
            moved |= any;
            wanted.push((next, PollFlags::OUT));
        }
        if got == length && sent == length && next.is_none_or(|next| session.flushed(next)) {
            return Ok(());
        }
        if moved {
            session.went_on(&mut idle);
        } else {
            session.wait(&mut idle, &wanted)?;
        }
    }
}
