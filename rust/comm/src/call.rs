//! What a collective is: the description that every rank must agree on, and its form on the wire.

use crate::reduce::Reduce;
use base::DType;
use std::fmt;

/// The collectives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Op {
    Barrier,
    AllReduce,
    Broadcast,
    Reduce,
    AllGather,
    ReduceScatter,
    Gather,
    Scatter,
    AllToAll,
}

impl Op {
    const ALL: [(Op, &'static str); 9] = [
        (Op::Barrier, "barrier"),
        (Op::AllReduce, "all_reduce"),
        (Op::Broadcast, "broadcast"),
        (Op::Reduce, "reduce"),
        (Op::AllGather, "all_gather"),
        (Op::ReduceScatter, "reduce_scatter"),
        (Op::Gather, "gather"),
        (Op::Scatter, "scatter"),
        (Op::AllToAll, "all_to_all"),
    ];

    /// Its name in Python.
    pub fn name(self) -> &'static str {
        Op::ALL[self as usize].1
    }

    /// The collective of that name.
    pub fn from_name(name: &str) -> Option<Op> {
        Op::ALL.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// Whether it combines values.
    pub fn reduces(self) -> bool {
        matches!(self, Op::AllReduce | Op::Reduce | Op::ReduceScatter)
    }

    /// Whether one rank has a special part.
    pub fn is_rooted(self) -> bool {
        matches!(self, Op::Broadcast | Op::Reduce | Op::Gather | Op::Scatter)
    }
}

/// Dimensions that a description shows at most.
const DIMS: usize = 8;
const MAGIC: u32 = 0x5059_4331;

/// One collective on one rank.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Call {
    /// The group's collectives are numbered from 1.
    pub sequence: u64,
    /// Which collective.
    pub op: Op,
    /// How values are combined, where they are.
    pub reduce: Reduce,
    /// The element type.
    pub dtype: DType,
    /// The special rank, where there is one.
    pub root: u32,
    /// Elements that every rank contributes or gets.
    pub count: u64,
    rank: u8,
    dims: [u64; DIMS],
}

impl Call {
    /// A description without a number yet; `dims` are those of the caller's tensor.
    pub fn new(op: Op, dtype: DType, count: usize, dims: &[usize]) -> Call {
        let mut shown = [0; DIMS];
        for (shown, &dim) in shown.iter_mut().zip(dims) {
            *shown = dim as u64;
        }
        let rank = dims.len().min(DIMS) as u8;
        let count = count as u64;
        Call { sequence: 0, op, reduce: Reduce::Sum, dtype, root: 0, count, rank, dims: shown }
    }

    /// The call with its reduction and special rank.
    pub fn with(self, reduce: Reduce, root: u32) -> Call {
        Call { reduce, root, ..self }
    }

    /// The call with its number in the group.
    pub fn numbered(self, sequence: u64) -> Call {
        Call { sequence, ..self }
    }

    /// Whether another rank's call is the other part of this one. All-to-all may be uneven, so each
    /// pair compares its own lengths instead of counts.
    pub fn agrees(&self, other: &Call) -> bool {
        self.sequence == other.sequence
            && self.op == other.op
            && self.dtype == other.dtype
            && (!self.op.reduces() || self.reduce == other.reduce)
            && (!self.op.is_rooted() || self.root == other.root)
            && (self.op == Op::AllToAll || self.count == other.count)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} #{}", self.op.name(), self.sequence)?;
        if self.op == Op::Barrier {
            return Ok(());
        }
        write!(f, " of {:?} {}", &self.dims[..self.rank as usize], self.dtype)?;
        if self.op.reduces() {
            write!(f, " ({})", self.reduce.name())?;
        }
        if self.op.is_rooted() {
            write!(f, " with rank {}", self.root)?;
        }
        Ok(())
    }
}

/// What precedes the first bytes that a rank sends to another in a collective.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// The sender's call.
    pub call: Call,
    /// Bytes of the first message that follows.
    pub bytes: u64,
}

impl Header {
    /// Length of every header.
    pub const SIZE: usize = 40 + 8 * DIMS;

    /// Its bytes.
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let call = &self.call;
        let mut out = [0; Self::SIZE];
        out[..4].copy_from_slice(&MAGIC.to_le_bytes());
        out[4..8].copy_from_slice(&[call.op as u8, call.reduce as u8, call.dtype as u8, call.rank]);
        out[8..16].copy_from_slice(&call.sequence.to_le_bytes());
        out[16..20].copy_from_slice(&call.root.to_le_bytes());
        out[24..32].copy_from_slice(&call.count.to_le_bytes());
        out[32..40].copy_from_slice(&self.bytes.to_le_bytes());
        for (dim, place) in call.dims.iter().zip(out[40..].chunks_exact_mut(8)) {
            place.copy_from_slice(&dim.to_le_bytes());
        }
        out
    }

    /// The header of these bytes, unless they are none.
    pub fn decode(bytes: &[u8]) -> Option<Header> {
        if bytes.len() != Self::SIZE || bytes[..4] != MAGIC.to_le_bytes() {
            return None;
        }
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(word)
        };
        let mut dims = [0; DIMS];
        for (place, dim) in dims.iter_mut().enumerate() {
            *dim = word(40 + 8 * place);
        }
        let call = Call {
            sequence: word(8),
            op: Op::ALL.get(bytes[4] as usize)?.0,
            reduce: Reduce::ALL.get(bytes[5] as usize)?.0,
            dtype: *DType::ALL.get(bytes[6] as usize)?,
            root: word(16) as u32,
            count: word(24),
            rank: (bytes[7] as usize <= DIMS).then_some(bytes[7])?,
            dims,
        };
        Some(Header { call, bytes: word(32) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> Call {
        let call = Call::new(Op::Reduce, DType::BF16, 6, &[2, 3]);
        Call { sequence: 7, reduce: Reduce::Max, root: 2, ..call }
    }

    #[test]
    fn a_header_survives_its_encoding() {
        let header = Header { call: call(), bytes: 12 };
        assert_eq!(Header::decode(&header.encode()), Some(header));
    }

    #[test]
    fn bytes_that_are_no_header_are_refused() {
        let good = Header { call: call(), bytes: 12 }.encode();
        for place in [0, 4, 5, 6, 7] {
            let mut bad = good;
            bad[place] = 0xee;
            assert_eq!(Header::decode(&bad), None, "byte {place}");
        }
        assert_eq!(Header::decode(&good[1..]), None);
    }

    #[test]
    fn calls_agree_on_what_their_op_depends_on() {
        let other_root = Call { root: 1, ..call() };
        assert!(call().agrees(&call()) && !call().agrees(&other_root));
        let rootless = Call { op: Op::AllReduce, ..call() };
        assert!(rootless.agrees(&Call { root: 1, ..rootless }));
        assert!(!rootless.agrees(&Call { reduce: Reduce::Min, ..rootless }));
        let uneven = Call { op: Op::AllToAll, ..call() };
        assert!(uneven.agrees(&Call { count: 1, ..uneven }));
    }

    #[test]
    fn a_description_reads_like_the_call() {
        assert_eq!(call().to_string(), "reduce #7 of [2, 3] bfloat16 (max) with rank 2");
    }
}
