//! Barrier, broadcast, all-gather and reduce-scatter through shared memory.
//!
//! What fits into a slot travels with the descriptions; the rest goes chunk by chunk through the
//! stages. Two stages take turns: a rank that writes one for the second time has met all others
//! after they had read the first.

use super::shared::{combine_all, introduce};
use crate::Result;
use crate::arena::{CHUNK, SMALL, meet};
use crate::view::View;
use crate::wire::Session;

/// Waits for everybody.
pub fn barrier(session: &mut Session<'_>) -> Result<()> {
    introduce(session, View::EMPTY).map(|_| ())
}

/// Copies the root's `buffer` to all.
pub fn broadcast(session: &mut Session<'_>, buffer: View, root: usize) -> Result<()> {
    let at_root = session.rank() == root;
    if buffer.len() <= SMALL {
        let parts = introduce(session, buffer)?;
        if let Some(part) = parts.get(root).filter(|_| !at_root) {
            buffer.copy_from(*part);
        }
        return Ok(());
    }
    introduce(session, View::EMPTY)?;
    for (turn, chunk) in cut(buffer, CHUNK).enumerate() {
        if at_root {
            stage(session, root, turn).copy_from(chunk);
        }
        meet(session)?;
        if !at_root {
            chunk.copy_from(stage(session, root, turn).part(0, chunk.len()));
        }
    }
    Ok(())
}

/// Copies every rank's `input` to all.
pub fn all_gather(session: &mut Session<'_>, input: View, outputs: &[View]) -> Result<()> {
    if input.len() <= SMALL {
        let parts = introduce(session, input)?;
        outputs.iter().zip(parts).for_each(|(output, part)| output.copy_from(part));
        return Ok(());
    }
    introduce(session, View::EMPTY)?;
    for (turn, chunk) in cut(input, CHUNK).enumerate() {
        stage(session, session.rank(), turn).copy_from(chunk);
        meet(session)?;
        for (peer, output) in outputs.iter().enumerate() {
            let part = stage(session, peer, turn).part(0, chunk.len());
            output.part(turn * CHUNK, chunk.len()).copy_from(part);
        }
    }
    Ok(())
}

/// Combines the ranks' lists; this rank gets its own entry of the result.
pub fn reduce_scatter(session: &mut Session<'_>, inputs: &[View], output: View) -> Result<()> {
    let (rank, world) = (session.rank(), session.world());
    // Whole elements of every dtype.
    let piece = CHUNK / world / 64 * 64;
    introduce(session, View::EMPTY)?;
    for (turn, target) in cut(output, piece).enumerate() {
        let place = |stage: View, peer: usize| stage.part(peer * piece, target.len());
        let entry = |peer: usize| inputs[peer].part(turn * piece, target.len());
        for peer in (0..world).filter(|&peer| peer != rank) {
            place(stage(session, rank, turn), peer).copy_from(entry(peer));
        }
        meet(session)?;
        let part = |peer| match peer {
            _ if peer == rank => entry(rank),
            _ => place(stage(session, peer, turn), rank),
        };
        let parts: Vec<View> = (0..world).map(part).collect();
        // The output may be one of the inputs.
        let result = place(stage(session, world, turn), rank);
        combine_all(session, result, &parts);
        target.copy_from(result);
    }
    Ok(())
}

/// A rank's stage (or for `world` the result's); empty without shared memory.
fn stage(session: &Session<'_>, rank: usize, turn: usize) -> View {
    session.wire.arena.as_ref().map_or(View::EMPTY, |arena| arena.stage(rank, turn))
}

fn cut(view: View, length: usize) -> impl Iterator<Item = View> {
    let starts = (0..view.len()).step_by(length);
    starts.map(move |start| view.part(start, length.min(view.len() - start)))
}
