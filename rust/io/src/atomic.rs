//! Replacing a file whole: written beside it, flushed to the disk, then renamed over it.
//!
//! Whoever reads, and whenever the writer is killed, the file is the old one or the new one; at worst
//! a `.pyrite-*.tmp` stays beside it. Symbolic links are followed and the mode is kept. What is no
//! regular file (a pipe, a device) is written in place.

use crate::{Error, Result};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Writes `path` through `write`. When it fails, the old file is untouched and nothing is left behind.
pub fn write<T>(path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<T>) -> Result<T> {
    let target = follow_links(path)?;
    let old = match fs::metadata(&target) {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(Error::at(path)(error)),
    };
    match old {
        Some(metadata) if !metadata.is_file() => write_in_place(&target, write),
        old => replace(&target, old.as_ref(), write),
    }
}

fn write_in_place<T>(path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<T>) -> Result<T> {
    let file = OpenOptions::new().write(true).open(path).map_err(Error::at(path))?;
    let mut out = BufWriter::new(file);
    let value = write(&mut out)?;
    out.flush().map_err(Error::at(path))?;
    Ok(value)
}

fn replace<T>(
    path: &Path,
    old: Option<&Metadata>,
    write: impl FnOnce(&mut dyn Write) -> Result<T>,
) -> Result<T> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let at = Error::at(path);
    let mut builder = tempfile::Builder::new();
    builder.prefix(".pyrite-").suffix(".tmp");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let temporary = builder.tempfile_in(folder).map_err(&at)?;
    let mut out = BufWriter::with_capacity(1 << 16, temporary);
    let value = write(&mut out)?;
    let temporary = out.into_inner().map_err(|error| at(error.into_error()))?;
    if let Some(old) = old {
        temporary.as_file().set_permissions(old.permissions()).map_err(&at)?;
    }
    temporary.as_file().sync_all().map_err(&at)?;
    temporary.persist(path).map_err(|error| at(error.error))?;
    sync_folder(folder).map_err(Error::at(folder))?;
    Ok(value)
}

/// A rename is on the disk once its folder is; only Unix lets a folder be flushed.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// The file a chain of symbolic links ends at, which need not exist yet.
fn follow_links(path: &Path) -> Result<PathBuf> {
    let mut target = path.to_path_buf();
    // As many links as the system itself follows.
    for _ in 0..40 {
        match fs::symlink_metadata(&target) {
            Ok(metadata) if metadata.is_symlink() => {
                let link = fs::read_link(&target).map_err(Error::at(path))?;
                target = target.parent().unwrap_or(Path::new("")).join(link);
            }
            _ => return Ok(target),
        }
    }
    let looped = std::io::Error::new(ErrorKind::InvalidInput, "too many symbolic links");
    Err(Error::at(path)(looped))
}
