//! Python's pickle format, protocols 2 to 5, as data: a pickle is decoded ([`opcode`]), checked
//! against an allow-list and turned into a [`Plan`] ([`read`]); it is never executed.
//!
//! The plan is a list of steps in the order of the pickle, each naming earlier steps by index. Its
//! owner replays it front to back, so nesting costs no stack, shared and cyclic containers come out
//! shared and cyclic, and a plan's size is linear in the pickle's.
//!
//! Format: `Lib/pickletools.py` of Python 3.14.

mod opcode;
mod plan;
mod reader;
mod rename;

pub use plan::{Plan, Slot, Step};
pub use reader::read;
pub use rename::{Name, rename_globals};
