//! How ops that take indices read them, and what they say about one that addresses nothing: the
//! same text on every device, at once where the host checks, at the next wait where a GPU does.

use crate::{Error, Kind};

/// How an op reads its indices and what it says about a bad one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IndexRule {
    /// Negative indices count from the end.
    pub wraps: bool,
    kind: Kind,
    text: Text,
}

/// Texts of a bad index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Text {
    Bounds,
    BoundsIn(&'static str),
    RangeInSelf,
    RangeOfElements,
    Target,
}

const fn rule(wraps: bool, kind: Kind, text: Text) -> IndexRule {
    IndexRule { wraps, kind, text }
}

impl IndexRule {
    /// Of `gather` and the scatters.
    pub const ALONG: IndexRule = rule(false, Kind::Runtime, Text::Bounds);
    /// Of rows: `index_select`, `embedding`, `index_add` to vectors, `index_reduce`.
    pub const ROWS: IndexRule = rule(false, Kind::Index, Text::RangeInSelf);
    /// Of `index_fill`.
    pub const FILL: IndexRule = rule(true, Kind::Index, Text::Bounds);
    /// Of `index_copy`.
    pub const COPY: IndexRule = rule(false, Kind::Index, Text::BoundsIn("index_copy_()"));
    /// Of `x[indices]`.
    pub const ADVANCED: IndexRule = rule(true, Kind::Index, Text::Bounds);
    /// Of `take` and `put`.
    pub const ELEMENTS: IndexRule = rule(true, Kind::Index, Text::RangeOfElements);
    /// Of class targets.
    pub const TARGETS: IndexRule = rule(false, Kind::Index, Text::Target);

    /// The rule of `index_add` to something of `rank` dimensions.
    pub const fn of_index_add(rank: usize) -> IndexRule {
        if rank <= 1 { Self::ROWS } else { Self::ALONG }
    }

    /// What is said about an index into a dimension of `size`.
    pub fn text(&self, index: i64, dim: usize, size: usize) -> String {
        let bounds = format!("index {index} is out of bounds for dimension {dim} with size {size}");
        match self.text {
            Text::Bounds => bounds,
            Text::BoundsIn(op) => format!("{op}: {bounds}"),
            Text::RangeInSelf => "index out of range in self".to_string(),
            Text::RangeOfElements => format!(
                "out of range: tried to access index {index} on a tensor of {size} elements."
            ),
            Text::Target => format!("Target {index} is out of bounds."),
        }
    }

    /// [`Self::text`] as an error.
    #[cold]
    pub fn error(&self, index: i64, dim: usize, size: usize) -> Error {
        Error::new(self.kind, self.text(index, dim, size))
    }

    /// The position an index means, if it is one.
    #[inline(always)]
    pub fn position(&self, index: i64, size: usize) -> Option<usize> {
        let wrapped = if self.wraps && index < 0 { index.wrapping_add(size as i64) } else { index };
        usize::try_from(wrapped).ok().filter(|&i| i < size)
    }
}
