//! Where the bytes of an archive come from: memory, a file read by position, or a private mapping.

use crate::error::bail;
use crate::{Error, Result};
use memmap2::{MmapOptions, MmapRaw};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes that can be read by position.
#[derive(Debug)]
pub struct Source {
    bytes: Bytes,
    len: u64,
}

#[derive(Debug)]
enum Bytes {
    Memory(Vec<u8>),
    File { file: Mutex<File>, path: PathBuf, mapping: Option<Mapping> },
}

/// A whole file mapped privately: writes to it stay in this process and never reach the file.
///
/// Only its address is given out, never a slice: views of it may be written while others read.
#[derive(Clone, Debug)]
pub struct Mapping(Arc<MmapRaw>);

impl Mapping {
    #[allow(unsafe_code)]
    fn new(file: &File) -> std::io::Result<Mapping> {
        // SAFETY: the mapping is copy-on-write, lives as long as any clone of the returned value,
        // and no reference into it is ever made here. What remains is another process truncating
        // the file meanwhile: the documented risk of asking for a mapping, as in PyTorch.
        let map = unsafe { MmapOptions::new().map_copy(file)? };
        Ok(Mapping(Arc::new(map.into())))
    }

    /// The address of the file's first byte; readable and writable for [`Mapping::len`] bytes.
    pub fn as_mut_ptr(&self) -> *mut u8 {
        self.0.as_mut_ptr()
    }

    /// Bytes of the file.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True for an empty file, which is never mapped.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Source {
    /// Bytes in memory.
    pub fn memory(bytes: Vec<u8>) -> Source {
        Source { len: bytes.len() as u64, bytes: Bytes::Memory(bytes) }
    }

    /// A file, mapped or read by position.
    pub fn open(path: &Path, mapped: bool) -> Result<Source> {
        let file = File::open(path).map_err(Error::at(path))?;
        let metadata = file.metadata().map_err(Error::at(path))?;
        if !metadata.is_file() {
            return Source::stream(file, path);
        }
        let len = metadata.len();
        let mapping = if mapped && len > 0 {
            Some(Mapping::new(&file).map_err(Error::at(path))?)
        } else {
            None
        };
        let bytes = Bytes::File { file: Mutex::new(file), path: path.to_path_buf(), mapping };
        Ok(Source { bytes, len })
    }

    /// A pipe or device: it has no positions, so all of it is read now.
    fn stream(mut file: File, path: &Path) -> Result<Source> {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(Error::at(path))?;
        Ok(Source::memory(bytes))
    }

    /// Number of bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The mapping, where there is one.
    pub fn mapping(&self) -> Option<&Mapping> {
        match &self.bytes {
            Bytes::File { mapping, .. } => mapping.as_ref(),
            Bytes::Memory(_) => None,
        }
    }

    /// Fills `out` with the bytes at `offset`.
    pub fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        self.check(offset, out.len() as u64)?;
        match &self.bytes {
            Bytes::Memory(bytes) => {
                let start = offset as usize;
                out.copy_from_slice(&bytes[start..start + out.len()]);
            }
            Bytes::File { file, path, .. } => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(offset)).map_err(Error::at(path))?;
                file.read_exact(out).map_err(Error::at(path))?;
            }
        }
        Ok(())
    }

    /// The `len` bytes at `offset`. The range is checked before memory is taken.
    pub fn read_vec(&self, offset: u64, len: u64) -> Result<Vec<u8>> {
        self.check(offset, len)?;
        let mut bytes = vec![0; len as usize];
        self.read_at(offset, &mut bytes)?;
        Ok(bytes)
    }

    fn check(&self, offset: u64, len: u64) -> Result<()> {
        let end = offset.saturating_add(len);
        if end > self.len {
            bail!(
                Corrupt,
                "file is truncated: {} bytes are missing after its {} bytes",
                end - self.len,
                self.len
            );
        }
        Ok(())
    }
}
