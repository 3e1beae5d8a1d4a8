//! Stored zip archives as PyTorch writes them: no compression, one top folder, every record's data
//! at a multiple of 64 bytes, CRC-32 of each, zip64 where sizes or offsets need it.
//!
//! Format: PKWARE APPNOTE 6.3.10, sections in brackets.

mod reader;
mod writer;

pub use reader::Archive;
pub use writer::Writer;

/// Records start at multiples of this, so that mapped tensors are aligned.
pub const ALIGNMENT: u64 = 64;

/// Local file header (4.3.7).
const LOCAL: u32 = 0x0403_4B50;
const LOCAL_LEN: usize = 30;
/// Central directory header (4.3.12).
const CENTRAL: u32 = 0x0201_4B50;
const CENTRAL_LEN: usize = 46;
/// End of central directory (4.3.16).
const END: u32 = 0x0605_4B50;
const END_LEN: usize = 22;
/// Zip64 end of central directory record (4.3.14) and its locator (4.3.15).
const END64: u32 = 0x0606_4B50;
const END64_LEN: usize = 56;
const LOCATOR64: u32 = 0x0706_4B50;
const LOCATOR64_LEN: usize = 20;
/// Extra fields: zip64 sizes (4.5.3), and the padding PyTorch aligns with.
const EXTRA_ZIP64: u16 = 0x0001;
const EXTRA_PADDING: u16 = u16::from_le_bytes(*b"FB");
/// General purpose flags (4.4.4).
const FLAG_ENCRYPTED: u16 = 1;
const FLAG_UTF8: u16 = 1 << 11;
/// Values that say "see the zip64 field".
const MAX16: u64 = u16::MAX as u64;
const MAX32: u64 = u32::MAX as u64;
