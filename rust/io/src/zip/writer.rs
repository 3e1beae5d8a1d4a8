//! Writing archives front to back: nothing is sought, so the output may be a pipe.

use super::{
    ALIGNMENT, CENTRAL, END, END64, END64_LEN, EXTRA_PADDING, EXTRA_ZIP64, FLAG_UTF8, LOCAL,
    LOCAL_LEN, LOCATOR64, MAX16, MAX32,
};
use std::io::{Result, Write};

/// Writes records and, at [`Writer::finish`], the directory.
pub struct Writer<W: Write> {
    out: W,
    offset: u64,
    prefix: String,
    records: Vec<Record>,
    /// Sizes and offsets from here on take zip64 fields.
    zip64_from: u64,
}

struct Record {
    name: String,
    crc: u32,
    size: u64,
    offset: u64,
}

impl<W: Write> Writer<W> {
    /// An archive whose records lie in the folder `prefix`.
    pub fn new(out: W, prefix: &str) -> Writer<W> {
        Writer {
            out,
            offset: 0,
            prefix: prefix.to_string(),
            records: Vec::new(),
            zip64_from: MAX32,
        }
    }

    /// CRC-32 of each record so far, by name.
    pub fn checksums(&self) -> impl Iterator<Item = (&str, u32)> {
        self.records.iter().map(|record| (record.name.as_str(), record.crc))
    }

    /// Appends a record.
    pub fn add(&mut self, name: &str, data: &[u8]) -> Result<()> {
        let name = format!("{}/{name}", self.prefix);
        let size = data.len() as u64;
        let record = Record { name, crc: crc32fast::hash(data), size, offset: self.offset };
        let header = self.local_header(&record);
        self.write(&header)?;
        self.write(data)?;
        self.records.push(record);
        Ok(())
    }

    /// Writes the directory and gives the output back.
    pub fn finish(mut self) -> Result<W> {
        let start = self.offset;
        for record in std::mem::take(&mut self.records) {
            let header = self.central_header(&record);
            self.write(&header)?;
            self.records.push(record);
        }
        let end = self.end(start);
        self.write(&end)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes)?;
        self.offset += bytes.len() as u64;
        Ok(())
    }

    fn local_header(&self, record: &Record) -> Vec<u8> {
        let large = record.size >= self.zip64_from;
        let mut extra = Vec::new();
        if large {
            put(&mut extra, EXTRA_ZIP64);
            put(&mut extra, 16_u16);
            put(&mut extra, record.size);
            put(&mut extra, record.size);
        }
        let start = self.offset + (LOCAL_LEN + record.name.len() + extra.len() + 4) as u64;
        let padding = start.next_multiple_of(ALIGNMENT) - start;
        put(&mut extra, EXTRA_PADDING);
        put(&mut extra, padding as u16);
        extra.resize(extra.len() + padding as usize, b'Z');

        let mut header = Vec::with_capacity(LOCAL_LEN + record.name.len() + extra.len());
        put(&mut header, LOCAL);
        put_description(&mut header, record, if large { MAX32 } else { record.size });
        put(&mut header, extra.len() as u16);
        header.extend_from_slice(record.name.as_bytes());
        header.extend_from_slice(&extra);
        header
    }

    fn central_header(&self, record: &Record) -> Vec<u8> {
        let mut extra = Vec::new();
        let large = record.size >= self.zip64_from;
        let far = record.offset >= self.zip64_from;
        if large || far {
            put(&mut extra, EXTRA_ZIP64);
            put(&mut extra, 16 * u16::from(large) + 8 * u16::from(far));
        }
        if large {
            put(&mut extra, record.size);
            put(&mut extra, record.size);
        }
        if far {
            put(&mut extra, record.offset);
        }
        let mut header = Vec::new();
        put(&mut header, CENTRAL);
        put(&mut header, VERSION);
        put_description(&mut header, record, if large { MAX32 } else { record.size });
        put(&mut header, extra.len() as u16);
        // No comment, first disk, binary contents, no file attributes.
        header.extend_from_slice(&[0; 2 + 2 + 2 + 4]);
        put(&mut header, if far { u32::MAX } else { record.offset as u32 });
        header.extend_from_slice(record.name.as_bytes());
        header.extend_from_slice(&extra);
        header
    }

    fn end(&self, start: u64) -> Vec<u8> {
        let size = self.offset - start;
        let count = self.records.len() as u64;
        let large = count >= MAX16 || size >= self.zip64_from || start >= self.zip64_from;
        let mut end = Vec::new();
        if large {
            put(&mut end, END64);
            put(&mut end, END64_LEN as u64 - 12);
            put(&mut end, VERSION);
            put(&mut end, VERSION);
            put(&mut end, 0_u64); // this disk, the directory's disk
            for value in [count, count, size, start] {
                put(&mut end, value);
            }
            put(&mut end, LOCATOR64);
            put(&mut end, 0_u32); // the record's disk
            put(&mut end, self.offset);
            put(&mut end, 1_u32); // disks in all
        }
        put(&mut end, END);
        put(&mut end, 0_u32); // this disk, the directory's disk
        let count = if large { u16::MAX } else { count as u16 };
        put(&mut end, count);
        put(&mut end, count);
        put(&mut end, if large { u32::MAX } else { size as u32 });
        put(&mut end, if large { u32::MAX } else { start as u32 });
        put(&mut end, 0_u16); // no comment
        end
    }
}

/// The zip version these features need (4.4.3).
const VERSION: u16 = 45;

/// The fields local and central headers share, up to the length of the name.
fn put_description(header: &mut Vec<u8>, record: &Record, size: u64) {
    put(header, VERSION);
    put(header, FLAG_UTF8);
    put(header, 0_u16); // stored
    put(header, 0_u16); // midnight
    put(header, 0x21_u16); // 1980-01-01, so that equal contents give equal files
    put(header, record.crc);
    put(header, size as u32);
    put(header, size as u32);
    put(header, record.name.len() as u16);
}

trait LittleEndian {
    fn append(self, out: &mut Vec<u8>);
}

macro_rules! little_endian {
    ($($ty:ty)*) => {$(
        impl LittleEndian for $ty {
            fn append(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}
little_endian!(u16 u32 u64);

fn put(out: &mut Vec<u8>, value: impl LittleEndian) {
    value.append(out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zip::Archive;
    use crate::{Result, Source};

    /// Forces the fields of archives beyond 4 GiB onto a small one.
    #[test]
    fn zip64_fields_are_written_and_read() -> Result<()> {
        let records = [("data.pkl", vec![7; 10]), ("data/0", vec![1; 500]), ("data/1", vec![])];
        for limit in [0, 1, 300] {
            let mut writer = Writer::new(Vec::new(), "archive");
            writer.zip64_from = limit;
            for (name, data) in &records {
                writer.add(name, data)?;
            }
            let bytes = writer.finish()?;
            assert!(bytes.windows(4).any(|window| window == LOCATOR64.to_le_bytes()));
            let archive = Archive::new(Source::memory(bytes))?;
            for (name, data) in &records {
                assert_eq!(&archive.read(name)?, data);
            }
        }
        Ok(())
    }
}
