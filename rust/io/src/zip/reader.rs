//! Reading archives: the directory when opened, records by name on demand.
//!
//! Invariant: an [`Archive`]'s entries are stored, unencrypted, uniquely named, and their headers lie
//! before the directory; the place of the data is checked when a record is read.

use super::{
    CENTRAL, CENTRAL_LEN, END, END_LEN, END64, END64_LEN, EXTRA_ZIP64, FLAG_ENCRYPTED, LOCAL,
    LOCAL_LEN, LOCATOR64, LOCATOR64_LEN, MAX16, MAX32,
};
use crate::error::bail;
use crate::{Mapping, Result, Source};
use std::collections::HashMap;

/// An open archive.
#[derive(Debug)]
pub struct Archive {
    source: Source,
    prefix: String,
    names: Vec<String>,
    entries: HashMap<String, Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    header: u64,
    size: u64,
    crc: u32,
}

/// Where the directory lies.
struct Directory {
    count: u64,
    start: u64,
    size: u64,
}

impl Archive {
    /// Reads the directory.
    pub fn new(source: Source) -> Result<Archive> {
        let directory = find_directory(&source)?;
        let bytes = source.read_vec(directory.start, directory.size)?;
        let mut names = Vec::new();
        let mut entries = HashMap::new();
        let mut rest = Fields(&bytes);
        for _ in 0..directory.count {
            let (path, entry) = read_entry(&mut rest, directory.start)?;
            if entries.insert(path.clone(), entry).is_some() {
                bail!(Corrupt, "{FAILED}: record '{path}' is there twice");
            }
            names.push(path);
        }
        let prefix = names.first().and_then(|name| name.split_once('/')).map_or("", |(dir, _)| dir);
        Ok(Archive { source, prefix: prefix.to_string(), names, entries })
    }

    /// The records of the top folder, named without it, in the order of the file.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let inside = |name: &'_ String| name.len() > self.prefix.len();
        let names = self.names.iter().filter(move |name| inside(name));
        names.filter_map(|name| name.strip_prefix(&self.prefix)?.strip_prefix('/'))
    }

    /// True when the record exists.
    pub fn contains(&self, name: &str) -> bool {
        self.entry(name).is_ok()
    }

    /// Bytes of a record.
    pub fn size(&self, name: &str) -> Result<u64> {
        Ok(self.entry(name)?.size)
    }

    /// A record, its checksum verified.
    pub fn read(&self, name: &str) -> Result<Vec<u8>> {
        let entry = self.entry(name)?;
        let bytes = self.source.read_vec(self.data(name, entry)?, entry.size)?;
        verify(name, &bytes, entry)?;
        Ok(bytes)
    }

    /// Fills `out` with a record of that length, its checksum verified.
    pub fn read_into(&self, name: &str, out: &mut [u8]) -> Result<()> {
        let entry = self.entry(name)?;
        if out.len() as u64 != entry.size {
            bail!(Corrupt, "record '{name}' has {} bytes, expected {}", entry.size, out.len());
        }
        self.source.read_at(self.data(name, entry)?, out)?;
        verify(name, out, entry)
    }

    /// The mapping and the range of a record in it; `None` unless the source is mapped. The checksum
    /// is not verified: that would read every page the caller wants to leave on disk.
    pub fn map(&self, name: &str) -> Result<Option<(Mapping, std::ops::Range<usize>)>> {
        let entry = self.entry(name)?;
        let Some(mapping) = self.source.mapping() else {
            return Ok(None);
        };
        let start = self.data(name, entry)? as usize;
        Ok(Some((mapping.clone(), start..start + entry.size as usize)))
    }

    fn entry(&self, name: &str) -> Result<Entry> {
        match self.entries.get(&format!("{}/{name}", self.prefix)) {
            Some(entry) => Ok(*entry),
            None => bail!(
                Corrupt,
                "PytorchStreamReader failed locating file {name}: file not found\n  archive '{}' \
                 holds {} records",
                self.prefix,
                self.names.len()
            ),
        }
    }

    /// Where a record's data starts; all of it lies inside the file.
    fn data(&self, name: &str, entry: Entry) -> Result<u64> {
        let header = self.source.read_vec(entry.header, LOCAL_LEN as u64)?;
        let mut fields = Fields(&header);
        if fields.u32()? != LOCAL {
            bail!(Corrupt, "{FAILED}: the header of record '{name}' is damaged");
        }
        fields.skip(22)?;
        let path = u64::from(fields.u16()?);
        let start = entry.header + LOCAL_LEN as u64 + path + u64::from(fields.u16()?);
        let end = start.checked_add(entry.size);
        if end.is_none_or(|end| end > self.source.len()) {
            bail!(
                Corrupt,
                "{FAILED}: record '{name}' is cut off; it needs {} bytes at {start}, the file has {}",
                entry.size,
                self.source.len()
            );
        }
        Ok(start)
    }
}

const FAILED: &str = "PytorchStreamReader failed reading zip archive";

fn verify(name: &str, bytes: &[u8], entry: Entry) -> Result<()> {
    let crc = crc32fast::hash(bytes);
    if crc != entry.crc {
        bail!(
            Corrupt,
            "{FAILED}: record '{name}' is damaged; its checksum is {crc:08x}, the directory says {:08x}",
            entry.crc
        );
    }
    Ok(())
}

/// The end record is the last 22 bytes plus a comment of at most 65,535.
fn find_directory(source: &Source) -> Result<Directory> {
    let tail_len = source.len().min((END_LEN as u64) + MAX16);
    let tail_start = source.len() - tail_len;
    let tail = source.read_vec(tail_start, tail_len)?;
    let last = tail.len().checked_sub(END_LEN);
    let found = last.and_then(|last| {
        (0..=last).rev().find(|&at| {
            tail[at..].starts_with(&END.to_le_bytes())
                && at + END_LEN + usize::from(u16::from_le_bytes([tail[at + 20], tail[at + 21]]))
                    == tail.len()
        })
    });
    let Some(at) = found else {
        bail!(
            Corrupt,
            "{FAILED}: failed finding central directory\n  the file ends after {} bytes without the \
             directory that closes an archive: it was not written completely or is damaged",
            source.len()
        );
    };
    let mut fields = Fields(&tail[at + 8..]);
    let count = u64::from(fields.u16()?);
    fields.skip(2)?;
    let (size, start) = (u64::from(fields.u32()?), u64::from(fields.u32()?));
    let end = tail_start + at as u64;
    let mut directory = Directory { count, start, size };
    if count == MAX16 || size == MAX32 || start == MAX32 {
        directory = find_directory64(source, end)?.unwrap_or(directory);
    }
    let Directory { count, start, size } = directory;
    let inside = start.checked_add(size).is_some_and(|last| last <= end);
    if !inside || count > size / CENTRAL_LEN as u64 {
        bail!(
            Corrupt,
            "{FAILED}: the directory of {count} records at {start} ({size} bytes) does not fit the \
             file of {} bytes",
            source.len()
        );
    }
    Ok(directory)
}

fn find_directory64(source: &Source, end: u64) -> Result<Option<Directory>> {
    let Some(at) = end.checked_sub(LOCATOR64_LEN as u64) else {
        return Ok(None);
    };
    let locator = source.read_vec(at, LOCATOR64_LEN as u64)?;
    let mut fields = Fields(&locator);
    if fields.u32()? != LOCATOR64 {
        return Ok(None);
    }
    fields.skip(4)?;
    let record = source.read_vec(fields.u64()?, END64_LEN as u64)?;
    let mut fields = Fields(&record);
    if fields.u32()? != END64 {
        bail!(Corrupt, "{FAILED}: the zip64 end record is damaged");
    }
    fields.skip(28)?;
    let count = fields.u64()?;
    let size = fields.u64()?;
    let start = fields.u64()?;
    Ok(Some(Directory { count, start, size }))
}

/// One directory entry: its full path and where it lies.
fn read_entry(fields: &mut Fields<'_>, directory: u64) -> Result<(String, Entry)> {
    if fields.u32()? != CENTRAL {
        bail!(Corrupt, "{FAILED}: a directory entry is damaged");
    }
    fields.skip(4)?;
    let flags = fields.u16()?;
    let method = fields.u16()?;
    fields.skip(4)?;
    let crc = fields.u32()?;
    let stored = u64::from(fields.u32()?);
    let size = u64::from(fields.u32()?);
    let path_len = fields.u16()?;
    let extra_len = fields.u16()?;
    let comment_len = fields.u16()?;
    fields.skip(8)?;
    let header = u64::from(fields.u32()?);
    let path = String::from_utf8_lossy(fields.take(path_len.into())?).into_owned();
    let extra = fields.take(extra_len.into())?;
    fields.skip(comment_len.into())?;
    let [size, stored, header] = widen([size, stored, header], extra)?;
    if flags & FLAG_ENCRYPTED != 0 {
        bail!(Corrupt, "{FAILED}: record '{path}' is encrypted");
    }
    if method != 0 || stored != size {
        bail!(
            Corrupt,
            "{FAILED}: record '{path}' is compressed (method {method}); only stored records are read"
        );
    }
    if header.checked_add(LOCAL_LEN as u64).is_none_or(|end| end > directory) {
        bail!(Corrupt, "{FAILED}: record '{path}' lies outside the file");
    }
    Ok((path, Entry { header, size, crc }))
}

/// Replaces the values that point to the zip64 extra field by what stands there, in its order.
fn widen<const N: usize>(mut values: [u64; N], extra: &[u8]) -> Result<[u64; N]> {
    let mut extra = Fields(extra);
    while extra.0.len() >= 4 {
        let tag = extra.u16()?;
        let len = extra.u16()?;
        let mut field = Fields(extra.take(len.into())?);
        if tag == EXTRA_ZIP64 {
            for value in values.iter_mut().filter(|value| **value == MAX32) {
                *value = field.u64()?;
            }
        }
    }
    Ok(values)
}

/// Little-endian fields, front to back.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let Some((head, tail)) = self.0.split_at_checked(len) else {
            bail!(Corrupt, "{FAILED}: the directory ends in the middle of an entry");
        };
        self.0 = tail;
        Ok(head)
    }

    fn skip(&mut self, len: usize) -> Result<()> {
        self.take(len).map(drop)
    }

    fn array<const LEN: usize>(&mut self) -> Result<[u8; LEN]> {
        let mut bytes = [0; LEN];
        bytes.copy_from_slice(self.take(LEN)?);
        Ok(bytes)
    }

    fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }
}
