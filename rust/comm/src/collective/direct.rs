//! Collectives in which ranks talk to each other directly: one exchange with everybody concerned.

use crate::Result;
use crate::reduce::{Reduce, fold};
use crate::view::View;
use crate::wire::{Session, Transfer};

/// All other ranks, each starting with its own neighbour, so that nobody is everybody's first.
pub fn others(session: &Session<'_>) -> Vec<usize> {
    let (rank, world) = (session.rank(), session.world());
    (1..world).map(|step| (rank + step) % world).collect()
}

/// Everybody's buffer to everybody, folded in the order of ranks.
pub fn all_reduce(session: &mut Session<'_>, buffer: View) -> Result<()> {
    let (rank, world, length) = (session.rank(), session.world(), buffer.len());
    let all = session.wire.scratch.take(length * world);
    let mut parts: Vec<View> = (0..world).map(|peer| all.part(peer * length, length)).collect();
    let peers = others(session);
    let mut sends: Vec<_> = peers.iter().map(|&peer| Transfer::new(peer, buffer)).collect();
    let mut receives: Vec<_> = peers.iter().map(|&peer| Transfer::new(peer, parts[peer])).collect();
    session.exchange(&mut sends, &mut receives)?;
    parts[rank] = buffer;
    let call = session.call;
    let average = (call.reduce == Reduce::Avg).then_some(world);
    fold(call.reduce, call.dtype, buffer, &parts, average);
    Ok(())
}

/// Nobody leaves before everybody has entered: in round k, a word to the rank 2^k further on.
pub fn barrier(session: &mut Session<'_>) -> Result<()> {
    let (rank, world) = (session.rank(), session.world());
    let mut step = 1;
    while step < world {
        let to = Transfer::new((rank + step) % world, View::EMPTY);
        let from = Transfer::new((rank + world - step) % world, View::EMPTY);
        session.exchange(&mut [to], &mut [from])?;
        step *= 2;
    }
    Ok(())
}

/// A binomial tree: in round k the ranks that have the data pass it 2^k further on.
pub fn tree(session: &mut Session<'_>, buffer: View, root: usize) -> Result<()> {
    let world = session.world();
    let place = (session.rank() + world - root) % world;
    let rank_at = |place: usize| (place + root) % world;
    let mut step = 1;
    while step < world {
        if place < step && place + step < world {
            session.exchange(&mut [Transfer::new(rank_at(place + step), buffer)], &mut [])?;
        } else if (step..2 * step).contains(&place) {
            session.exchange(&mut [], &mut [Transfer::new(rank_at(place - step), buffer)])?;
        }
        step *= 2;
    }
    Ok(())
}

/// Every rank's input to every rank.
pub fn all_gather(session: &mut Session<'_>, input: View, outputs: &[View]) -> Result<()> {
    let inputs = vec![input; session.world()];
    all_to_all(session, &inputs, outputs)
}

/// `inputs[j]` to rank j, `outputs[j]` from it.
pub fn all_to_all(session: &mut Session<'_>, inputs: &[View], outputs: &[View]) -> Result<()> {
    let (rank, peers) = (session.rank(), others(session));
    outputs[rank].copy_from(inputs[rank]);
    let mut sends: Vec<_> = peers.iter().map(|&j| Transfer::new(j, inputs[j])).collect();
    let mut receives: Vec<_> = peers.iter().map(|&j| Transfer::new(j, outputs[j])).collect();
    session.exchange(&mut sends, &mut receives)
}

/// Every rank's input to the root.
pub fn gather(session: &mut Session<'_>, input: View, outputs: &[View], root: usize) -> Result<()> {
    if session.rank() != root {
        return session.exchange(&mut [Transfer::new(root, input)], &mut []);
    }
    outputs[root].copy_from(input);
    let mut receives: Vec<_> =
        others(session).into_iter().map(|peer| Transfer::new(peer, outputs[peer])).collect();
    session.exchange(&mut [], &mut receives)
}

/// The root's `inputs[j]` to rank j.
pub fn scatter(
    session: &mut Session<'_>,
    inputs: &[View],
    output: View,
    root: usize,
) -> Result<()> {
    if session.rank() != root {
        return session.exchange(&mut [], &mut [Transfer::new(root, output)]);
    }
    output.copy_from(inputs[root]);
    let mut sends: Vec<_> =
        others(session).into_iter().map(|peer| Transfer::new(peer, inputs[peer])).collect();
    session.exchange(&mut sends, &mut [])
}
