//! Rewriting the globals a pickle names: what Pyrite's pickler wrote as `pyrite._utils` becomes the
//! name PyTorch's reader looks for. Everything else is copied as it stands.

use super::opcode::{Op, Ops};
use crate::Result;
use std::collections::HashMap;

/// A global's module and name.
pub type Name = (String, String);

/// The pickle with each global `(module, name)` replaced by `rename` where it answers. Frames are
/// left out, since their lengths may change and no reader needs them.
pub fn rename_globals(
    pickle: &[u8],
    rename: &dyn Fn(&str, &str) -> Option<Name>,
) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(pickle.len());
    let mut ops = Ops::new(pickle);
    let mut texts = Texts::default();
    loop {
        let start = ops.offset();
        let op = ops.next()?;
        let renamed = match op {
            Op::Global(module, name) => rename(module, name),
            Op::StackGlobal => texts.last_two().and_then(|(module, name)| rename(module, name)),
            _ => None,
        };
        match renamed {
            Some((module, name)) => {
                if op == Op::StackGlobal {
                    out.extend_from_slice(b"00"); // drops the two texts on the stack
                }
                out.extend_from_slice(format!("c{module}\n{name}\n").as_bytes());
            }
            None if op == Op::Frame => {}
            None => out.extend_from_slice(&pickle[start..ops.offset()]),
        }
        if op == Op::Stop {
            return Ok(out);
        }
        texts.follow(op);
    }
}

/// The texts on top of the stack, as far as they can be told without running the machine: a pickler
/// pushes the two names of a global right before it, afresh or from the memo.
#[derive(Default)]
struct Texts<'a> {
    top: Option<&'a str>,
    below: Option<&'a str>,
    memo: HashMap<u64, &'a str>,
    memoized: u64,
}

impl<'a> Texts<'a> {
    fn last_two(&self) -> Option<(&'a str, &'a str)> {
        self.below.zip(self.top)
    }

    fn follow(&mut self, op: Op<'a>) {
        match op {
            Op::Str(text) => self.push(Some(text)),
            Op::Get(index) => self.push(self.memo.get(&index).copied()),
            Op::Put(index) => self.remember(index),
            Op::Memoize => {
                self.remember(self.memoized);
                self.memoized += 1;
            }
            Op::Frame => {}
            _ => (self.below, self.top) = (None, None),
        }
    }

    fn push(&mut self, text: Option<&'a str>) {
        self.below = self.top;
        self.top = text;
    }

    fn remember(&mut self, index: u64) {
        if let Some(text) = self.top {
            self.memo.insert(index, text);
        }
    }
}
