//! Reductions in which rank j combines part j: everybody sends it that part, it folds all of them in
//! the order of ranks (16-bit floats in f32, rounded once) and hands the result on where needed.
//!
//! Works in segments, so that scratch memory stays small.

use super::direct::{all_gather, gather, others};
use super::share;
use crate::Result;
use crate::reduce::{Reduce, fold};
use crate::view::View;
use crate::wire::{Session, Transfer};

/// Bytes of each part that are combined at once.
const SEGMENT: usize = 128 << 10;

/// `inputs[j]` of all ranks, combined, in rank j's `output`.
pub fn reduce_scatter(session: &mut Session<'_>, inputs: &[View], output: View) -> Result<()> {
    let longest = inputs.iter().map(|view| view.len()).max().unwrap_or(0);
    let mut start = 0;
    loop {
        let piece = |view: View| {
            let start = start.min(view.len());
            view.part(start, (view.len() - start).min(SEGMENT))
        };
        let inputs: Vec<View> = inputs.iter().map(|view| piece(*view)).collect();
        combine_segment(session, &inputs, piece(output))?;
        start += SEGMENT;
        if start >= longest {
            return Ok(());
        }
    }
}

fn combine_segment(session: &mut Session<'_>, inputs: &[View], output: View) -> Result<()> {
    let (rank, world, length) = (session.rank(), session.world(), output.len());
    let all = session.wire.scratch.take(length * world);
    let mut parts: Vec<View> = (0..world).map(|peer| all.part(peer * length, length)).collect();
    let peers = others(session);
    let mut sends: Vec<_> = peers.iter().map(|&j| Transfer::new(j, inputs[j])).collect();
    let mut receives: Vec<_> = peers.iter().map(|&j| Transfer::new(j, parts[j])).collect();
    session.exchange(&mut sends, &mut receives)?;
    parts[rank] = inputs[rank];
    let call = session.call;
    let average = (call.reduce == Reduce::Avg).then_some(world);
    fold(call.reduce, call.dtype, output, &parts, average);
    Ok(())
}

/// Combines everybody's `buffer` in place, in two exchanges a segment.
pub fn all_reduce(session: &mut Session<'_>, buffer: View) -> Result<()> {
    let world = session.world();
    let mut start = 0;
    while start < buffer.len() {
        let piece = buffer.part(start, (buffer.len() - start).min(SEGMENT * world));
        let parts = shares(session, piece);
        let own = parts[session.rank()];
        combine_segment(session, &parts, own)?;
        all_gather(session, own, &parts)?;
        start += piece.len();
    }
    Ok(())
}

/// Combines everybody's `buffer` into the root's; the others keep what they have.
pub fn reduce(session: &mut Session<'_>, buffer: View, root: usize) -> Result<()> {
    let world = session.world();
    let mut start = 0;
    loop {
        let piece = buffer.part(start, (buffer.len() - start).min(SEGMENT * world));
        let parts = shares(session, piece);
        let own = parts[session.rank()];
        let mut result = vec![0u128; own.len().div_ceil(16)];
        // SAFETY: the vector outlives the view and is as long.
        let result = unsafe { View::new(result.as_mut_ptr().cast(), own.len()) };
        combine_segment(session, &parts, result)?;
        gather(session, result, &parts, root)?;
        start += piece.len();
        if start >= buffer.len() {
            return Ok(());
        }
    }
}

fn shares(session: &Session<'_>, view: View) -> Vec<View> {
    let (size, world) = (session.call.dtype.size(), session.world());
    (0..world).map(|part| share(view, size, part, world)).collect()
}
