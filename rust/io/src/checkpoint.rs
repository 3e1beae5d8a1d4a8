//! The records of a `.pt` file: `data.pkl` names storages by key, `data/<key>` holds their bytes.

use crate::error::bail;
use crate::zip::{ALIGNMENT, Archive, Writer};
use crate::{Result, Source};
use std::io::Write;

/// The format version every release since 1.6 writes.
const VERSION: &str = "3";

/// Writes a checkpoint whose pickle names the storages `0`, `1`, ... in order. `folder` is the top
/// folder of the archive: the file's stem, `archive` when there is none.
pub fn write(out: &mut dyn Write, folder: &str, pickle: &[u8], storages: &[&[u8]]) -> Result<()> {
    let mut writer = Writer::new(out, folder);
    writer.add("data.pkl", pickle)?;
    writer.add(".format_version", b"1")?;
    writer.add(".storage_alignment", ALIGNMENT.to_string().as_bytes())?;
    writer.add("byteorder", b"little")?;
    for (key, bytes) in storages.iter().enumerate() {
        writer.add(&format!("data/{key}"), bytes)?;
    }
    writer.add("version", format!("{VERSION}\n").as_bytes())?;
    let id = serialization_id(&writer);
    writer.add(".data/serialization_id", id.as_bytes())?;
    writer.finish()?;
    Ok(())
}

/// Forty decimal digits that identify the contents: a hash of the names, one of the checksums.
fn serialization_id<W: Write>(writer: &Writer<W>) -> String {
    let (mut names, mut sums) = (FNV_START, FNV_START);
    for (name, crc) in writer.checksums() {
        names = name.bytes().fold(names, fnv);
        sums = crc.to_le_bytes().into_iter().fold(sums, fnv);
    }
    format!("{names:020}{sums:020}")
}

const FNV_START: u64 = 0xCBF2_9CE4_8422_2325;

/// One step of the FNV-1a hash.
fn fnv(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
}

/// Opens a checkpoint and refuses what it cannot represent: TorchScript and big-endian files.
pub fn open(source: Source) -> Result<Archive> {
    let archive = Archive::new(source)?;
    if archive.contains("constants.pkl") {
        bail!(Corrupt, "load: the file is a TorchScript archive, which only PyTorch can run");
    }
    if archive.contains("byteorder") && archive.read("byteorder")? != b"little" {
        bail!(Corrupt, "load: the file was written on a big-endian machine");
    }
    Ok(archive)
}
