//! Steps through shared memory, and the all-reduce.
//!
//! In a step every rank fills memory of its own, posts, waits for the ranks that it reads, and reads
//! theirs. Two slots and two stages a rank take turns, and nobody fills one before all others have
//! posted the step in between, so have read what it held. Who reads nothing waits for nobody else: a
//! root leaves when its data is there. The first step of a collective shows its description.

use super::direct::others;
use super::share;
use crate::arena::{SMALL, meet, ready};
use crate::call::{Call, Header, Op};
use crate::reduce::{Reduce, fold};
use crate::view::View;
use crate::wire::Session;
use crate::{Error, Result};
use std::ops::Range;

/// Where a slot's payload begins: aligned for every dtype.
const SPACE: usize = Header::SIZE.next_multiple_of(64);

/// Combines everybody's `buffer` in place. Small ones are folded by everybody; of large ones every
/// rank folds its own share of a chunk, in the step that brings the next one to the stages.
pub fn all_reduce(session: &mut Session<'_>, buffer: View) -> Result<()> {
    let length = buffer.len();
    if length <= SMALL {
        let fill = |space: View, _: &Range<usize>| space.copy_from(buffer);
        return walk(session, length, 1, fill, |session, spaces, _| {
            let parts: Vec<View> = spaces.iter().map(|space| space.part(0, length)).collect();
            combine_all(session, buffer, &parts);
        });
    }
    let (rank, world, everybody) = (session.rank(), session.world(), others(session));
    let chunk = chunk(session);
    let piece = |start: usize| cut(buffer, &(start..start + chunk));
    for start in (0..length + chunk).step_by(chunk) {
        let (next, staged) = (piece(start), piece(start.saturating_sub(chunk)));
        let number = step(session, &everybody, start == 0, |session, number| {
            if start > 0 {
                fold_share(session, staged, number);
            }
            copy_shares(session, stage(session, rank, number), next, next.len());
        })?;
        if start > 0 {
            copy_shares(session, staged, stage(session, world, number), staged.len());
        }
    }
    Ok(())
}

/// Combines this rank's share of a chunk that the step before has brought to the stages.
fn fold_share(session: &Session<'_>, chunk: View, number: u32) {
    let (rank, world, size) = (session.rank(), session.world(), session.call.dtype.size());
    let share = |view: View| share(view.part(0, chunk.len()), size, rank, world);
    let staged = |peer| share(stage(session, peer, number.wrapping_sub(1)));
    let own = share(chunk);
    let part = |peer| if peer == rank { own } else { staged(peer) };
    combine_all(session, own, &(0..world).map(part).collect::<Vec<View>>());
    share(stage(session, world, number)).copy_from(own);
}

/// Copies what the other ranks fold of the first `length` bytes.
fn copy_shares(session: &Session<'_>, to: View, from: View, length: usize) {
    let (world, size) = (session.world(), session.call.dtype.size());
    for peer in others(session) {
        let share = |view: View| share(view.part(0, length), size, peer, world);
        share(to).copy_from(share(from));
    }
}

/// Moves `length` bytes of each of `parts` that lie side by side in a rank's memory, as many at once
/// as fit: `fill` puts this rank's there, `read` finds the sources' (by rank).
pub(super) fn walk(
    session: &mut Session<'_>,
    length: usize,
    parts: usize,
    fill: impl Fn(View, &Range<usize>),
    read: impl Fn(&Session<'_>, &[View], &Range<usize>),
) -> Result<()> {
    let small = length * parts <= SMALL;
    // Whole elements of every dtype.
    let piece = if small { length } else { chunk(session) / parts / 64 * 64 };
    let sources = sources(session);
    let mut range = 0..piece.min(length);
    loop {
        let space = |session: &Session<'_>, peer, number| {
            if small {
                slot(session, peer, number).rest(SPACE)
            } else {
                stage(session, peer, number)
            }
        };
        let number = step(session, &sources, range.start == 0, |session, number| {
            fill(space(session, session.rank(), number), &range);
        })?;
        let spaces: Vec<View> =
            (0..session.world()).map(|peer| space(session, peer, number)).collect();
        read(session, &spaces, &range);
        if range.end == length {
            return Ok(());
        }
        range = range.end..length.min(range.end + piece);
    }
}

/// Whose memory this rank reads.
fn sources(session: &Session<'_>) -> Vec<usize> {
    let root = session.call.root as usize;
    let at_root = session.rank() == root;
    match session.call.op {
        Op::Broadcast | Op::Scatter if at_root => vec![],
        Op::Broadcast | Op::Scatter => vec![root],
        Op::Reduce | Op::Gather if !at_root => vec![],
        _ => others(session),
    }
}

/// One step, and its number. The first one of a collective shows this rank's description.
fn step(
    session: &mut Session<'_>,
    sources: &[usize],
    first: bool,
    fill: impl FnOnce(&Session<'_>, u32),
) -> Result<u32> {
    session.wire.patience.inside = !first;
    let number = ready(session)?;
    if let Some(call) = session.wire.arena.as_mut().and_then(|arena| arena.unread.take()) {
        compare(session, call, &others(session), number.wrapping_sub(1))?;
    }
    let call = session.call;
    if first {
        slot(session, session.rank(), number).write(&Header { call, bytes: 0 }.encode());
    }
    fill(session, number);
    meet(session, sources)?;
    if first {
        compare(session, call, sources, number)?;
        let all = sources.len() + 1 == session.world();
        if let Some(arena) = session.wire.arena.as_mut().filter(|_| !all) {
            arena.unread = Some(call);
        }
    }
    Ok(number)
}

/// Compares the descriptions that these ranks have shown in a step.
fn compare(session: &Session<'_>, call: Call, peers: &[usize], number: u32) -> Result<()> {
    for &peer in peers {
        let theirs = shown(session, peer, number).unwrap_or(call.numbered(0));
        if !theirs.agrees(&call) {
            return Err(session.wire.control.mismatch(peer, call, theirs));
        }
    }
    Ok(())
}

/// The description that a rank has shown in a step.
fn shown(session: &Session<'_>, peer: usize, number: u32) -> Option<Call> {
    let mut header = Vec::with_capacity(Header::SIZE);
    slot(session, peer, number).part(0, Header::SIZE).append_to(&mut header);
    Header::decode(&header).map(|header| header.call)
}

/// Ends the group over a rank whose part of this collective has another length.
pub(super) fn unequal(session: &Session<'_>, peer: usize) -> Error {
    let number = session.wire.arena.as_ref().map_or(0, |arena| arena.next().wrapping_sub(1));
    let theirs = shown(session, peer, number).unwrap_or(session.call.numbered(0));
    session.wire.control.mismatch(peer, session.call, theirs)
}

/// Folds the ranks' parts as the session's call says.
pub(super) fn combine_all(session: &Session<'_>, into: View, parts: &[View]) {
    let call = session.call;
    let average = (call.reduce == Reduce::Avg).then_some(session.world());
    fold(call.reduce, call.dtype, into, parts, average);
}

/// What of `view` lies in the range.
pub(super) fn cut(view: View, range: &Range<usize>) -> View {
    let start = range.start.min(view.len());
    view.part(start, range.end.min(view.len()) - start)
}

/// What is staged at once.
fn chunk(session: &Session<'_>) -> usize {
    session.wire.arena.as_ref().map_or(SMALL, |arena| arena.chunk)
}

/// A rank's slot; empty without shared memory.
fn slot(session: &Session<'_>, rank: usize, number: u32) -> View {
    session.wire.arena.as_ref().map_or(View::EMPTY, |arena| arena.slot(rank, number))
}

/// A rank's stage (or for `world` the result's); empty without shared memory.
fn stage(session: &Session<'_>, rank: usize, number: u32) -> View {
    session.wire.arena.as_ref().map_or(View::EMPTY, |arena| arena.stage(rank, number))
}
