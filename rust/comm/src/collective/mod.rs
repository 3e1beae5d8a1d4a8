//! The collectives: which algorithm for which size (thresholds measured against Gloo on one host).
//!
//! Invariant: the result has the same bits on all ranks.

mod chain;
mod direct;
mod doubling;
mod ring;
#[cfg(target_os = "linux")]
mod shared;
#[cfg(target_os = "linux")]
mod shared_moves;
mod split;

use crate::Result;
use crate::call::Op;
use crate::reduce::{self, Reduce};
use crate::view::View;
use crate::wire::Session;

/// All-reduce of two ranks, in one exchange, below this.
const PAIR: usize = 64 << 10;
/// All-reduce by recursive doubling below this, by the ring above.
const DOUBLING: usize = 64 << 10;
/// 16-bit floats are exchanged whole (and folded in f32) below this.
const NARROW: usize = 16 << 10;
/// A broadcast is a tree below this, a pipeline above.
const TREE: usize = 64 << 10;

/// The memory of a collective on one rank. In-place ones have it in `outputs[0]`; lists are by rank.
#[derive(Default)]
pub struct Buffers {
    /// What is read.
    pub inputs: Vec<View>,
    /// What is written.
    pub outputs: Vec<View>,
}

/// Runs the collective that the session describes.
pub fn run(session: &mut Session<'_>, buffers: &Buffers) -> Result<()> {
    let Buffers { inputs, outputs } = buffers;
    let root = session.call.root as usize;
    #[cfg(target_os = "linux")]
    if session.wire.arena.is_some() {
        return shared_moves::run(session, buffers);
    }
    match session.call.op {
        Op::Barrier => direct::barrier(session),
        Op::AllReduce => all_reduce(session, outputs[0]),
        Op::Broadcast if outputs[0].len() < TREE || session.world() == 2 => {
            direct::tree(session, outputs[0], root)
        }
        Op::Broadcast => chain::broadcast(session, outputs[0], root),
        Op::Reduce => split::reduce(session, outputs[0], root),
        Op::AllGather => direct::all_gather(session, inputs[0], outputs),
        Op::ReduceScatter => split::reduce_scatter(session, inputs, outputs[0]),
        Op::Gather => direct::gather(session, inputs[0], outputs, root),
        Op::Scatter => direct::scatter(session, inputs, outputs[0], root),
        Op::AllToAll => direct::all_to_all(session, inputs, outputs),
    }
}

fn all_reduce(session: &mut Session<'_>, buffer: View) -> Result<()> {
    let (world, call) = (session.world(), session.call);
    let average = (call.reduce == Reduce::Avg).then_some(world);
    let narrow = reduce::is_narrow(call.dtype);
    if world == 1 {
        return Ok(());
    }
    if buffer.len()
        < if narrow {
            NARROW
        } else if world == 2 {
            PAIR
        } else {
            0
        }
    {
        return direct::all_reduce(session, buffer);
    }
    if narrow {
        return split::all_reduce(session, buffer);
    }
    if buffer.len() < DOUBLING {
        doubling::all_reduce(session, buffer)?;
    } else {
        ring::all_reduce(session, buffer)?;
    }
    if average.is_some() {
        reduce::fold(call.reduce, call.dtype, buffer, &[buffer], average);
    }
    Ok(())
}

/// The elements of `view` that belong to part `index` of `parts`.
fn share(view: View, size: usize, index: usize, parts: usize) -> View {
    let count = view.len() / size;
    let cut = |index: usize| index * count / parts * size;
    view.part(cut(index), cut(index + 1) - cut(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_cover_everything_once_at_element_boundaries() {
        for count in [0, 1, 5, 64, 1000] {
            for parts in [1, 2, 3, 7] {
                let mut memory = vec![0u32; count];
                // SAFETY: the vector outlives the view.
                let view = unsafe { View::new(memory.as_mut_ptr().cast(), 4 * count) };
                let lengths: Vec<usize> =
                    (0..parts).map(|index| share(view, 4, index, parts).len()).collect();
                assert_eq!(lengths.iter().sum::<usize>(), 4 * count);
                assert!(lengths.iter().all(|length| length % 4 == 0));
            }
        }
    }
}
