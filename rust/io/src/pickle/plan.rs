//! What a pickle says to build, without building it.

/// The index of an earlier step whose value is meant.
pub type Slot = u32;

/// One step. Those of the first group make a value; those of the second change one made before.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Step<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// An integer beyond 64 bits: little-endian two's complement.
    BigInt(&'a [u8]),
    Float(f64),
    Str(&'a str),
    Bytes(&'a [u8]),
    ByteArray(&'a [u8]),
    /// An empty list, filled by `Append`.
    List,
    /// An empty dict, filled by `SetItems`.
    Dict,
    /// An empty set, filled by `AddItems`.
    Set,
    FrozenSet(Vec<Slot>),
    Tuple(Vec<Slot>),
    /// An allowed class or function. The only values that may be called.
    Global {
        module: &'a str,
        name: &'a str,
    },
    /// What the file's owner keeps under this id: a storage.
    Persistent(Slot),
    /// `function(*args)`.
    Call {
        function: Slot,
        args: Slot,
    },
    /// `class.__new__(class, *args, **kwargs)`.
    New {
        class: Slot,
        args: Slot,
        kwargs: Option<Slot>,
    },

    /// Appends to a list, or to an object made by `Call` or `New`.
    Append {
        list: Slot,
        items: Vec<Slot>,
    },
    /// Sets keys and values, alternating, of a dict or of an object.
    SetItems {
        target: Slot,
        pairs: Vec<Slot>,
    },
    /// Adds to a set.
    AddItems {
        set: Slot,
        items: Vec<Slot>,
    },
    /// Gives an object made by `Call` or `New` its state.
    Build {
        object: Slot,
        state: Slot,
    },
}

/// The steps of one pickle, and which of them is the result.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan<'a> {
    /// The steps, in order.
    pub steps: Vec<Step<'a>>,
    /// The result.
    pub root: Slot,
    /// Bytes the pickle took; more may follow it in a stream.
    pub end: usize,
}
