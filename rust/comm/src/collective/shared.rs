//! All-reduce through shared memory. Small buffers meet in the ranks' slots and everybody folds all of
//! them; of large ones, chunk by chunk, every rank folds its own part and all copy the result.
//!
//! Two slots and two stages take turns: a rank that is one step ahead writes where nobody reads.

use super::share;
use crate::Result;
use crate::arena::{CHUNK, SMALL, meet};
use crate::call::Header;
use crate::reduce::{Reduce, fold};
use crate::view::View;
use crate::wire::Session;

/// Combines everybody's `buffer` in place.
pub fn all_reduce(session: &mut Session<'_>, buffer: View) -> Result<()> {
    let small = buffer.len() <= SMALL;
    let parts = introduce(session, if small { buffer } else { View::EMPTY })?;
    if small {
        combine_all(session, buffer, &parts);
        return Ok(());
    }
    for (turn, start) in (0..buffer.len()).step_by(CHUNK).enumerate() {
        staged(session, buffer.part(start, CHUNK.min(buffer.len() - start)), turn)?;
    }
    Ok(())
}

/// Folds the ranks' parts as the session's call says.
pub(super) fn combine_all(session: &Session<'_>, into: View, parts: &[View]) {
    let call = session.call;
    let average = (call.reduce == Reduce::Avg).then_some(session.world());
    fold(call.reduce, call.dtype, into, parts, average);
}

/// Shows all ranks this one's description and `payload`; compares theirs. All payloads, by rank.
pub(super) fn introduce(session: &mut Session<'_>, payload: View) -> Result<Vec<View>> {
    let (call, rank, world) = (session.call, session.rank(), session.world());
    let Some(arena) = &session.wire.arena else {
        return Ok(Vec::new());
    };
    let turn = arena.next();
    let slots: Vec<View> = (0..world).map(|peer| arena.slot(peer, turn)).collect();
    slots[rank].write(&Header { call, bytes: payload.len() as u64 }.encode());
    slots[rank].rest(SPACE).copy_from(payload);
    meet(session)?;
    for (peer, slot) in slots.iter().enumerate() {
        let mut header = Vec::with_capacity(Header::SIZE);
        slot.part(0, Header::SIZE).append_to(&mut header);
        let theirs = Header::decode(&header).map_or(call.numbered(0), |header| header.call);
        if !theirs.agrees(&call) {
            return Err(session.wire.control.mismatch(peer, call, theirs));
        }
    }
    Ok(slots.iter().map(|slot| slot.part(SPACE, payload.len())).collect())
}

/// Where a slot's payload begins: aligned for every dtype.
const SPACE: usize = Header::SIZE.next_multiple_of(64);

fn staged(session: &mut Session<'_>, chunk: View, turn: usize) -> Result<()> {
    let (rank, world, size) = (session.rank(), session.world(), session.call.dtype.size());
    let Some(arena) = &session.wire.arena else {
        return Ok(());
    };
    let stages: Vec<View> = (0..=world).map(|place| arena.stage(place, turn)).collect();
    let cut = |view: View, part: usize| share(view.part(0, chunk.len()), size, part, world);
    let others = || (1..world).map(|step| (rank + step) % world);
    for part in others() {
        cut(stages[rank], part).copy_from(cut(chunk, part));
    }
    meet(session)?;
    let own = cut(chunk, rank);
    let parts: Vec<View> =
        (0..world).map(|peer| if peer == rank { own } else { cut(stages[peer], rank) }).collect();
    let result = cut(stages[world], rank);
    combine_all(session, result, &parts);
    own.copy_from(result);
    meet(session)?;
    for part in others() {
        cut(chunk, part).copy_from(cut(stages[world], part));
    }
    Ok(())
}
