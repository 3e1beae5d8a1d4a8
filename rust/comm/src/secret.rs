//! The secret of a group: given by the user for several hosts, or a file that the processes of one
//! user on one host share. A group proves it on every connection (see `handshake`).

use crate::{Error, Result};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

/// Bytes of a key, a nonce and a proof.
pub const SIZE: usize = 32;

/// A key, and whether other hosts can know it.
#[derive(Clone)]
pub struct Secret {
    key: [u8; SIZE],
    /// True for a key from the user: without one, a group stays on one host.
    pub portable: bool,
}

impl Secret {
    /// The key that a user's text means.
    pub fn given(text: &str) -> Result<Secret> {
        if text.len() < 16 {
            return Err(Error::Invalid(format!(
                "PYRITE_GROUP_KEY: the key must have at least 16 characters; got {}",
                text.len()
            )));
        }
        let key = Sha256::new().chain_update(b"pyrite group key").chain_update(text).finalize();
        Ok(Secret { key: key.into(), portable: true })
    }

    /// The key in `folder`, made on first use with mode 0600.
    pub fn of_user(folder: &Path) -> Result<Secret> {
        let path = folder.join("group.key");
        let fail = |error: std::io::Error| {
            Error::Invalid(format!(
                "the group's key file {} cannot be used: {error}\n  set PYRITE_GROUP_KEY to the \
                 same text for every rank instead",
                path.display()
            ))
        };
        let key = match read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                make(folder, &path).map_err(fail)?;
                read(&path)
            }
            found => found,
        };
        Ok(Secret { key: key.map_err(fail)?, portable: false })
    }

    /// The proof of knowing the key, for these parts of a conversation.
    pub fn sign(&self, parts: &[&[u8]]) -> [u8; SIZE] {
        self.mac(parts).finalize().into_bytes().into()
    }

    /// Whether `proof` is [`Secret::sign`] of `parts`; takes the same time for every wrong proof.
    pub fn verify(&self, parts: &[&[u8]], proof: &[u8]) -> bool {
        self.mac(parts).verify_slice(proof).is_ok()
    }

    fn mac(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        // A key shorter than the hash's block is padded with zeros by definition.
        let mut block = [0; 2 * SIZE];
        block[..SIZE].copy_from_slice(&self.key);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        for part in parts {
            mac.update(part);
        }
        mac
    }
}

/// Fresh random bytes.
pub fn nonce() -> Result<[u8; SIZE]> {
    let mut bytes = [0; SIZE];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::Network(format!("no random numbers for a handshake: {error}")))?;
    Ok(bytes)
}

/// The name of a group in handshakes: connections of one group mean nothing to another.
pub fn topic(name: &str) -> [u8; SIZE] {
    Sha256::digest(name.as_bytes()).into()
}

fn read(path: &Path) -> std::io::Result<[u8; SIZE]> {
    let mut file = fs::File::open(path)?;
    private(&file)?;
    let mut key = [0; SIZE];
    file.read_exact(&mut key)?;
    Ok(key)
}

/// Refuses a file that others can read, or that others own.
#[cfg(unix)]
fn private(file: &fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let facts = file.metadata()?;
    if facts.mode() & 0o077 != 0 || facts.uid() != rustix::process::geteuid().as_raw() {
        return Err(std::io::Error::other("it must be yours, with mode 0600"));
    }
    Ok(())
}

#[cfg(not(unix))]
fn private(_file: &fs::File) -> std::io::Result<()> {
    Ok(())
}

/// Writes a whole new key beside `path` and links it there: no reader sees half a key, and of two
/// processes that start together one wins.
fn make(folder: &Path, path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let name = nonce().map_err(std::io::Error::other)?;
    let hex: String = name[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let draft = folder.join(format!("group.key.{hex}"));
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&draft).and_then(|mut file| {
        file.write_all(&nonce().map_err(std::io::Error::other)?)?;
        fs::hard_link(&draft, path)
    });
    fs::remove_file(&draft)?;
    match written {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_made_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let first = Secret::of_user(folder.path()).unwrap();
        let second = Secret::of_user(folder.path()).unwrap();
        assert_eq!(first.key, second.key);
        assert!(!first.portable);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_key_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        Secret::of_user(folder.path()).unwrap();
        let path = folder.path().join("group.key");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Secret::of_user(folder.path()).is_err());
    }

    #[test]
    fn only_the_same_key_and_words_verify() {
        let secret = Secret::given("correct horse battery").unwrap();
        let proof = secret.sign(&[b"a", b"b"]);
        assert!(secret.verify(&[b"a", b"b"], &proof));
        assert!(!secret.verify(&[b"a", b"c"], &proof));
        assert!(!Secret::given("another horse battery").unwrap().verify(&[b"a", b"b"], &proof));
        assert!(Secret::given("short").is_err());
    }
}
