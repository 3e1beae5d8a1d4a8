//! Atomic replacement: what a reader sees, what is kept, what is left behind.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may end where its expectation does not hold

use io::{Error, atomic};
use std::fs;
use std::path::Path;

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    atomic::write(path, |out| Ok(out.write_all(bytes)?))
}

fn entries(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[test]
fn files_are_made_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bin");
    put(&path, b"one").unwrap();
    put(&path, b"two").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"two");
    assert_eq!(entries(folder.path()), 1);
}

#[test]
fn a_failed_write_leaves_the_old_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bin");
    put(&path, b"old").unwrap();
    let failed: io::Result<()> = atomic::write(&path, |out| {
        out.write_all(&vec![0; 1 << 20])?;
        Err(Error::Corrupt("stop".into()))
    });
    assert!(failed.is_err());
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(entries(folder.path()), 1);
}

#[test]
fn errors_carry_the_systems_number_and_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let Err(Error::Os { error, .. }) = put(&folder.path().join("no/such"), b"") else {
        panic!("a file was made in a folder that is not there");
    };
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    assert!(matches!(put(folder.path(), b""), Err(Error::Os { .. })), "a folder is no file");
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_mode_is_kept_and_a_new_file_has_the_usual_one() {
        let folder = tempfile::tempdir().unwrap();
        let (path, usual) = (folder.path().join("a.bin"), folder.path().join("b.bin"));
        fs::write(&usual, b"").unwrap();
        put(&path, b"one").unwrap();
        assert_eq!(mode(&path), mode(&usual));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        put(&path, b"two").unwrap();
        assert_eq!(mode(&path), 0o640);
    }

    #[test]
    fn links_are_followed() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let (link, second) = (folder.path().join("link"), folder.path().join("second"));
        symlink("inner/target", &link).unwrap();
        symlink("link", &second).unwrap();
        put(&second, b"through a dangling link").unwrap();
        put(&second, b"through two links").unwrap();
        assert_eq!(fs::read(inner.join("target")).unwrap(), b"through two links");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(fs::symlink_metadata(&second).unwrap().is_symlink());

        let looped = folder.path().join("loop");
        symlink("loop", &looped).unwrap();
        assert!(put(&looped, b"").is_err());
    }

    #[test]
    fn devices_are_written_in_place() {
        put(Path::new("/dev/null"), b"gone").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
