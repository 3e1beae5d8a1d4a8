//! All-reduce by recursive doubling: log2(n) exchanges of the whole buffer with partners 1, 2, 4...
//! ranks away. Ranks beyond the largest power of two give their part to a partner first and get the
//! result from it. Both partners compute `lower . upper`, so all ranks end with the same bits.

use crate::Result;
use crate::reduce::combine;
use crate::view::View;
use crate::wire::{Session, Transfer};

/// Combines everybody's `buffer` in place.
pub fn all_reduce(session: &mut Session<'_>, buffer: View) -> Result<()> {
    let (rank, world) = (session.rank(), session.world());
    let power = 1 << world.ilog2();
    let theirs = session.wire.scratch.take(buffer.len());
    let (reduce, dtype) = (session.call.reduce, session.call.dtype);
    if rank >= power {
        session.exchange(&mut [Transfer::new(rank - power, buffer)], &mut [])?;
        return session.exchange(&mut [], &mut [Transfer::new(rank - power, buffer)]);
    }
    let guest = Some(rank + power).filter(|&guest| guest < world);
    if let Some(guest) = guest {
        session.exchange(&mut [], &mut [Transfer::new(guest, theirs)])?;
        combine(reduce, dtype, buffer, buffer, theirs);
    }
    let mut step = 1;
    while step < power {
        let partner = rank ^ step;
        let (to, from) = (Transfer::new(partner, buffer), Transfer::new(partner, theirs));
        session.exchange(&mut [to], &mut [from])?;
        let (lower, upper) = if rank < partner { (buffer, theirs) } else { (theirs, buffer) };
        combine(reduce, dtype, buffer, lower, upper);
        step *= 2;
    }
    match guest {
        Some(guest) => session.exchange(&mut [Transfer::new(guest, buffer)], &mut []),
        None => Ok(()),
    }
}
