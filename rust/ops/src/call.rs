//! The choke point: every op enters through [`call`], whatever the spelling. In-place and `out=`
//! spellings are derived here from the plain op, by one rule for all.

use crate::autocast::Cast;
use crate::value::{Arg, Value};
use crate::{report, write};
use base::Result;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use tape::Tensor;

/// Where the result goes.
#[derive(Clone, Copy)]
pub enum Dest<'a> {
    /// A new tensor.
    New,
    /// Back into the first argument.
    InPlace(&'a Tensor),
    /// Into a tensor the user gave.
    Out(&'a Tensor),
}

/// The arguments of a call, in the order of the schema, with defaults filled in.
pub struct Args<'a> {
    /// The values.
    pub values: &'a [Value],
    /// Where the result goes; only rows marked `fills` look at it.
    pub dest: Dest<'a>,
}

impl<'a> Args<'a> {
    /// Argument `i` as the type the row's function takes.
    pub fn get<T: Arg<'a>>(&self, i: usize) -> Result<T> {
        T::from_value(&self.values[i])
    }
}

/// Which spellings an op has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spellings {
    /// `pyrite.op(x)`.
    pub function: bool,
    /// `x.op()`.
    pub method: bool,
    /// `x.op_()`.
    pub inplace: bool,
    /// `op(x, out=y)`.
    pub out: bool,
    /// The function has a Python signature of its own, such as `op(*tensors)`: `pyrite.functional`
    /// calls this one.
    pub wrapped: bool,
}

impl Spellings {
    /// From letters: f(unction) m(ethod) i(nplace) o(ut) w(rapped).
    pub const fn letters(text: &str) -> Spellings {
        let mut s = Spellings {
            function: false,
            method: false,
            inplace: false,
            out: false,
            wrapped: false,
        };
        let bytes = text.as_bytes();
        let mut i = 0;
        while i < bytes.len() {
            match bytes[i] {
                b'f' => s.function = true,
                b'm' => s.method = true,
                b'i' => s.inplace = true,
                b'w' => s.wrapped = true,
                _ => s.out = true,
            }
            i += 1;
        }
        s
    }

    /// The function's name in the native module: what Python wraps is not public there.
    pub fn attribute(self, op: &str) -> String {
        if self.wrapped { format!("_{op}") } else { op.to_string() }
    }
}

/// A public op: its signature, spellings, and the function that checks, computes and records.
pub struct OpDef {
    /// The signature in PyTorch's notation.
    pub schema: &'static str,
    /// What it computes, for people.
    pub doc: &'static str,
    /// Its spellings.
    pub spellings: Spellings,
    /// The row honours `dest` itself instead of being copied from a fresh result.
    pub fills: bool,
    /// What autocast does with its operands.
    pub cast: Cast,
    /// The op.
    pub run: fn(&Args<'_>) -> Result<Value>,
}

/// Intercepts calls: autocast, tracing, default devices. `None` lets the call go on.
pub trait Mode {
    /// Sees a call before it is carried out.
    fn enter(&self, op: &'static OpDef, values: &[Value], dest: Dest<'_>) -> Option<Result<Value>>;
}

thread_local! {
    static ACTIVE: Cell<u32> = const { Cell::new(0) };
    static MODES: RefCell<Vec<Rc<dyn Mode>>> = const { RefCell::new(Vec::new()) };
}

/// Pushes a mode onto this thread's stack.
pub fn push_mode(mode: Rc<dyn Mode>) {
    MODES.with_borrow_mut(|modes| modes.push(mode));
    ACTIVE.set(ACTIVE.get() + 1);
}

/// Puts a mode below all others: it sees what they let through.
pub(crate) fn push_mode_below(mode: Rc<dyn Mode>) {
    MODES.with_borrow_mut(|modes| modes.insert(0, mode));
    ACTIVE.set(ACTIVE.get() + 1);
}

/// Pops the mode pushed last.
pub fn pop_mode() -> Option<Rc<dyn Mode>> {
    let mode = MODES.with_borrow_mut(Vec::pop)?;
    ACTIVE.set(ACTIVE.get() - 1);
    Some(mode)
}

/// Takes the mode below all others away.
pub(crate) fn pop_mode_below() {
    MODES.with_borrow_mut(|modes| modes.remove(0));
    ACTIVE.set(ACTIVE.get() - 1);
}

/// Calls an op.
#[inline]
pub fn call(op: &'static OpDef, values: &[Value], dest: Dest<'_>) -> Result<Value> {
    if ACTIVE.get() != 0
        && let Some(result) = through_modes(op, values, dest)
    {
        return result;
    }
    let result = match dest {
        Dest::InPlace(target) if !op.fills => write::in_place(op, values, target),
        Dest::Out(target) if !op.fills => write::into_out(op, values, target),
        dest => (op.run)(&Args { values, dest }),
    };
    result.map_err(|error| report::explain(error, op, values))
}

/// The innermost mode sees the call first, with itself switched off meanwhile; what it lets through
/// goes to the next.
#[cold]
fn through_modes(op: &'static OpDef, values: &[Value], dest: Dest<'_>) -> Option<Result<Value>> {
    let mode = pop_mode()?;
    let result = mode.enter(op, values, dest).or_else(|| through_modes(op, values, dest));
    push_mode(mode);
    result
}

/// Declares rows: letters of the spellings, what autocast does if anything, the schema, and the Rust
/// call it stands for.
#[macro_export]
macro_rules! ops {
    ($(#[$attr:meta])* $table:ident: $(
        $(#[doc = $doc:literal])* $letters:ident $($cast:ident)? $schema:literal => |$($arg:ident),* $(,)?| $body:expr;
    )*) => {
        $(#[$attr])*
        pub static $table: &[$crate::call::OpDef] = &[$($crate::call::OpDef {
            schema: $schema,
            doc: concat!($($doc, "\n"),*),
            spellings: $crate::call::Spellings::letters(stringify!($letters)),
            fills: false,
            cast: $crate::autocast_policy!($($cast)?),
            run: |args| {
                let mut values = args.values.iter();
                $( let $arg = $crate::call::next(&mut values)?; )*
                Ok($crate::value::Value::from($body?))
            },
        }),*];
    };
}

/// Rows that honour `dest` themselves, because they end in an elementwise row.
#[macro_export]
macro_rules! filling_ops {
    ($(#[$attr:meta])* $table:ident: $(
        $(#[doc = $doc:literal])* $letters:ident $($cast:ident)? $schema:literal =>
            |$dest:ident $(, $arg:ident)* $(,)?| $body:expr;
    )*) => {
        $(#[$attr])*
        pub static $table: &[$crate::call::OpDef] = &[$($crate::call::OpDef {
            schema: $schema,
            doc: concat!($($doc, "\n"),*),
            spellings: $crate::call::Spellings::letters(stringify!($letters)),
            fills: true,
            cast: $crate::autocast_policy!($($cast)?),
            run: |args| {
                let $dest = args.dest;
                let mut values = args.values.iter();
                $( let $arg = $crate::call::next(&mut values)?; )*
                Ok($crate::value::Value::from($body?))
            },
        }),*];
    };
}

/// The next argument as the type its user wants.
pub fn next<'a, T: Arg<'a>>(values: &mut std::slice::Iter<'a, Value>) -> Result<T> {
    T::take(values)
}
