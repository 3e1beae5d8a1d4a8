//! The collectives through shared memory: what each rank shows, and what it reads.

use super::Buffers;
use super::shared::{all_reduce, combine_all, cut, unequal, walk};
use crate::Result;
use crate::call::Op;
use crate::view::View;
use crate::wire::Session;
use std::ops::Range;

/// Runs the collective that the session describes.
pub fn run(session: &mut Session<'_>, buffers: &Buffers) -> Result<()> {
    let Buffers { inputs, outputs } = buffers;
    let root = session.call.root as usize;
    match session.call.op {
        Op::Barrier => walk(session, 0, 1, |_, _| (), |_, _, _| ()),
        Op::AllReduce => all_reduce(session, outputs[0]),
        Op::Broadcast => broadcast(session, outputs[0], root),
        Op::Reduce => reduce(session, outputs[0], root),
        Op::AllGather | Op::Gather => gather(session, inputs[0], outputs),
        Op::ReduceScatter => reduce_scatter(session, inputs, outputs[0]),
        Op::Scatter => scatter(session, inputs, outputs[0], root),
        Op::AllToAll => all_to_all(session, inputs, outputs),
    }
}

/// Copies the root's `buffer` to all.
fn broadcast(session: &mut Session<'_>, buffer: View, root: usize) -> Result<()> {
    let at_root = session.rank() == root;
    let fill = |space: View, range: &Range<usize>| {
        if at_root {
            space.copy_from(cut(buffer, range));
        }
    };
    walk(session, buffer.len(), 1, fill, |_, spaces, range| {
        if !at_root {
            cut(buffer, range).copy_from(spaces[root]);
        }
    })
}

/// Combines everybody's `buffer` into the root's; the others keep what they have.
fn reduce(session: &mut Session<'_>, buffer: View, root: usize) -> Result<()> {
    let at_root = session.rank() == root;
    let fill = |space: View, range: &Range<usize>| {
        if !at_root {
            space.copy_from(cut(buffer, range));
        }
    };
    walk(session, buffer.len(), 1, fill, |session, spaces, range| {
        if at_root {
            let own = cut(buffer, range);
            let mut parts: Vec<View> =
                spaces.iter().map(|space| space.part(0, range.len())).collect();
            parts[root] = own;
            combine_all(session, own, &parts);
        }
    })
}

/// Copies every rank's `input` to whoever has outputs for them.
fn gather(session: &mut Session<'_>, input: View, outputs: &[View]) -> Result<()> {
    let fill = |space: View, range: &Range<usize>| space.copy_from(cut(input, range));
    walk(session, input.len(), 1, fill, |_, spaces, range| {
        for (output, space) in outputs.iter().zip(spaces) {
            cut(*output, range).copy_from(*space);
        }
    })
}

/// Combines the ranks' lists; this rank gets its own entry of the result.
fn reduce_scatter(session: &mut Session<'_>, inputs: &[View], output: View) -> Result<()> {
    let (rank, world) = (session.rank(), session.world());
    walk(session, output.len(), world, each(inputs, rank), |session, spaces, range| {
        let mut parts: Vec<View> = spaces.iter().map(|space| place(*space, rank, range)).collect();
        parts[rank] = cut(inputs[rank], range);
        // The output may be one of the inputs: this range of it is read already.
        combine_all(session, cut(output, range), &parts);
    })
}

/// The root's `inputs[j]` to rank j.
fn scatter(session: &mut Session<'_>, inputs: &[View], output: View, root: usize) -> Result<()> {
    let (rank, world) = (session.rank(), session.world());
    walk(session, output.len(), world, each(inputs, rank), |_, spaces, range| {
        let source =
            if rank == root { cut(inputs[rank], range) } else { place(spaces[root], rank, range) };
        cut(output, range).copy_from(source);
    })
}

/// Every rank's `inputs[j]` to rank j. Lengths may differ, so all learn all of them first.
fn all_to_all(session: &mut Session<'_>, inputs: &[View], outputs: &[View]) -> Result<()> {
    let (rank, world) = (session.rank(), session.world());
    let mut own: Vec<usize> = inputs.iter().map(|view| view.len()).collect();
    let mut all = vec![0; world * world];
    let bytes = size_of_val(own.as_slice());
    // SAFETY: the vectors outlive the views and are as long.
    let (own, table) = unsafe {
        (
            View::new(own.as_mut_ptr().cast(), bytes),
            View::new(all.as_mut_ptr().cast(), world * bytes),
        )
    };
    let rows: Vec<View> = (0..world).map(|peer| table.part(peer * bytes, bytes)).collect();
    gather(session, own, &rows)?;
    let fits = |peer: &usize| all[peer * world + rank] == outputs[*peer].len();
    if let Some(peer) = (0..world).find(|peer| !fits(peer)) {
        return Err(unequal(session, peer));
    }
    let longest = all.iter().copied().max().unwrap_or(0);
    walk(session, longest, world, each(inputs, rank), |_, spaces, range| {
        for (peer, output) in outputs.iter().enumerate() {
            let source = if peer == rank {
                cut(inputs[rank], range)
            } else {
                place(spaces[peer], rank, range)
            };
            cut(*output, range).copy_from(source);
        }
    })
}

/// Puts each other rank's entry in its place.
fn each(inputs: &[View], rank: usize) -> impl Fn(View, &Range<usize>) {
    move |space, range| {
        for (peer, input) in inputs.iter().enumerate().filter(|(peer, _)| *peer != rank) {
            place(space, peer, range).copy_from(cut(*input, range));
        }
    }
}

/// Where a rank's piece of this range lies.
fn place(space: View, peer: usize, range: &Range<usize>) -> View {
    space.part(peer * range.len(), range.len())
}
