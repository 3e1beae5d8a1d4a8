//! Decoding: one instruction at a time, its operand checked against the bytes that are left.

use crate::Result;
use crate::error::bail;

/// An instruction with its operand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Op<'a> {
    Proto(u8),
    Frame,
    Stop,
    Mark,
    Pop,
    PopMark,
    Dup,
    None,
    Bool(bool),
    Int(i64),
    BigInt(&'a [u8]),
    Float(f64),
    Str(&'a str),
    Bytes(&'a [u8]),
    ByteArray(&'a [u8]),
    EmptyTuple,
    EmptyList,
    EmptyDict,
    EmptySet,
    /// A tuple of the last n values.
    TupleOf(usize),
    /// Containers of the values since the mark.
    Tuple,
    List,
    Dict,
    FrozenSet,
    Append,
    Appends,
    SetItem,
    SetItems,
    AddItems,
    Get(u64),
    Put(u64),
    Memoize,
    Global(&'a str, &'a str),
    StackGlobal,
    Reduce,
    Build,
    New,
    NewWithKeywords,
    Persistent,
    /// Instructions this reader knows and does not carry out.
    Other(u8),
}

/// The instructions of a pickle, front to back.
pub(super) struct Ops<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Ops<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Ops<'a> {
        Ops { bytes, at: 0 }
    }

    /// The offset of the next instruction.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// The next instruction.
    pub(super) fn next(&mut self) -> Result<Op<'a>> {
        let start = self.at;
        let code = self.take(1)?[0];
        if let Some(op) = bare(code) {
            return Ok(op);
        }
        Ok(match code {
            0x80 => Op::Proto(self.take(1)?[0]),
            0x95 => self.frame()?,
            b'K' => Op::Int(self.take(1)?[0].into()),
            b'M' => Op::Int(u16::from_le_bytes(self.array()?).into()),
            b'J' => Op::Int(i32::from_le_bytes(self.array()?).into()),
            0x8A => integer(self.sized::<1>()?),
            0x8B => integer(self.sized::<4>()?),
            b'G' => Op::Float(f64::from_be_bytes(self.array()?)),
            b'X' | b'T' => Op::Str(self.text::<4>()?),
            0x8C | b'U' => Op::Str(self.text::<1>()?),
            0x8D => Op::Str(self.text::<8>()?),
            b'B' => Op::Bytes(self.sized::<4>()?),
            b'C' => Op::Bytes(self.sized::<1>()?),
            0x8E => Op::Bytes(self.sized::<8>()?),
            0x96 => Op::ByteArray(self.sized::<8>()?),
            b'h' => Op::Get(self.unsigned::<1>()?),
            b'j' => Op::Get(self.unsigned::<4>()?),
            b'q' => Op::Put(self.unsigned::<1>()?),
            b'r' => Op::Put(self.unsigned::<4>()?),
            b'c' => Op::Global(self.line()?, self.line()?),
            0x82..=0x84 => {
                self.take(1 << (code - 0x82))?;
                Op::Other(code)
            }
            _ => bail!(
                Pickle,
                "Unsupported operand {code}: unknown instruction at byte {start} of the pickle"
            ),
        })
    }

    fn frame(&mut self) -> Result<Op<'a>> {
        let len = self.unsigned::<8>()?;
        let left = (self.bytes.len() - self.at) as u64;
        if len > left {
            bail!(Pickle, "pickle exhausted before end of frame: {} bytes are missing", len - left);
        }
        Ok(Op::Frame)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let Some(bytes) = rest.get(..len) else {
            bail!(
                Pickle,
                "pickle data was truncated: {} bytes are missing after its {} bytes",
                len - rest.len(),
                self.bytes.len()
            );
        };
        self.at += len;
        Ok(bytes)
    }

    fn array<const LEN: usize>(&mut self) -> Result<[u8; LEN]> {
        let mut array = [0; LEN];
        array.copy_from_slice(self.take(LEN)?);
        Ok(array)
    }

    /// A little-endian number of `LEN` bytes.
    fn unsigned<const LEN: usize>(&mut self) -> Result<u64> {
        let bytes = self.array::<LEN>()?;
        Ok(bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    /// Bytes behind a length of `LEN` bytes.
    fn sized<const LEN: usize>(&mut self) -> Result<&'a [u8]> {
        let len = self.unsigned::<LEN>()?;
        self.take(usize::try_from(len).unwrap_or(usize::MAX))
    }

    fn text<const LEN: usize>(&mut self) -> Result<&'a str> {
        let start = self.at;
        utf8(self.sized::<LEN>()?, start)
    }

    fn line(&mut self) -> Result<&'a str> {
        let start = self.at;
        let rest = &self.bytes[start..];
        let Some(len) = rest.iter().position(|&byte| byte == b'\n') else {
            bail!(Pickle, "pickle data was truncated: the name at byte {start} does not end");
        };
        self.at += len + 1;
        utf8(&rest[..len], start)
    }
}

fn utf8(bytes: &[u8], start: usize) -> Result<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(_) => bail!(Pickle, "the text at byte {start} of the pickle is not UTF-8"),
    }
}

/// The instruction of a code that takes no argument.
fn bare<'a>(code: u8) -> Option<Op<'a>> {
    Some(match code {
        b'.' => Op::Stop,
        b'(' => Op::Mark,
        b'0' => Op::Pop,
        b'1' => Op::PopMark,
        b'2' => Op::Dup,
        b'N' => Op::None,
        0x88 => Op::Bool(true),
        0x89 => Op::Bool(false),
        b')' => Op::EmptyTuple,
        b']' => Op::EmptyList,
        b'}' => Op::EmptyDict,
        0x8F => Op::EmptySet,
        0x85..=0x87 => Op::TupleOf(usize::from(code - 0x84)),
        b't' => Op::Tuple,
        b'l' => Op::List,
        b'd' => Op::Dict,
        0x91 => Op::FrozenSet,
        b'a' => Op::Append,
        b'e' => Op::Appends,
        b's' => Op::SetItem,
        b'u' => Op::SetItems,
        0x90 => Op::AddItems,
        0x94 => Op::Memoize,
        0x93 => Op::StackGlobal,
        b'R' => Op::Reduce,
        b'b' => Op::Build,
        0x81 => Op::New,
        0x92 => Op::NewWithKeywords,
        b'Q' => Op::Persistent,
        b'o' | 0x97 | 0x98 => Op::Other(code),
        _ => return None,
    })
}

/// A little-endian two's complement number of any length.
fn integer(bytes: &[u8]) -> Op<'_> {
    if bytes.len() > 8 {
        return Op::BigInt(bytes);
    }
    let negative = bytes.last().is_some_and(|&byte| byte >= 0x80);
    let mut wide = [if negative { 0xFF } else { 0 }; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    Op::Int(i64::from_le_bytes(wide))
}
