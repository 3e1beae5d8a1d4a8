//! The store: a table of keys in rank 0, where ranks find each other before they are connected.
//!
//! [`server`] answers many clients from one thread; [`client`] asks and waits. Requests and replies
//! are a length and content, both bounded, and only exchanged after the handshake.

pub mod client;
pub mod server;

pub use client::Client;
pub use server::Server;

/// Bytes of a request or reply at most.
const LIMIT: usize = 64 << 20;

/// What a client asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request {
    /// Sets a key.
    Set(String, Vec<u8>),
    /// The value of a key, or an empty list.
    Get(String),
    /// Adds to a counter; its new value.
    Add(String, i64),
    /// Sets a key if it holds this (or is absent and this is empty); its value afterwards.
    CompareSet(String, Vec<u8>, Vec<u8>),
    /// Appends to a value.
    Append(String, Vec<u8>),
    /// Whether all keys are there: `[1]` or `[0]`.
    Check(Vec<String>),
    /// Removes a key: `[1]` if it was there.
    Delete(String),
    /// How many keys there are.
    Count,
    /// Answers once all keys are there.
    Wait(Vec<String>),
    /// Ends a wait that has not been answered: `[0]`. Nothing when it has.
    Cancel,
}

impl Request {
    /// Its bytes: kind, then every part with its length.
    pub fn encode(&self) -> Vec<u8> {
        let (kind, parts): (u8, Vec<&[u8]>) = match self {
            Request::Set(key, value) => (0, vec![key.as_bytes(), value]),
            Request::Get(key) => (1, vec![key.as_bytes()]),
            Request::Add(key, amount) => {
                let amount = amount.to_le_bytes();
                return encode(2, &[key.as_bytes(), &amount]);
            }
            Request::CompareSet(key, old, new) => (3, vec![key.as_bytes(), old, new]),
            Request::Append(key, value) => (4, vec![key.as_bytes(), value]),
            Request::Check(keys) => (5, keys.iter().map(|key| key.as_bytes()).collect()),
            Request::Delete(key) => (6, vec![key.as_bytes()]),
            Request::Count => (7, vec![]),
            Request::Wait(keys) => (8, keys.iter().map(|key| key.as_bytes()).collect()),
            Request::Cancel => (9, vec![]),
        };
        encode(kind, &parts)
    }

    fn decode(bytes: &[u8]) -> Option<Request> {
        let (&kind, mut rest) = bytes.split_first()?;
        let mut parts = Vec::new();
        while !rest.is_empty() {
            let (length, tail) = rest.split_first_chunk::<4>()?;
            let length = u32::from_le_bytes(*length) as usize;
            parts.push(tail.get(..length)?.to_vec());
            rest = &tail[length..];
        }
        let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).ok();
        let keys = || parts.iter().map(text).collect::<Option<Vec<String>>>();
        Some(match (kind, &parts[..]) {
            (0, [key, value]) => Request::Set(text(key)?, value.clone()),
            (1, [key]) => Request::Get(text(key)?),
            (2, [key, amount]) => {
                Request::Add(text(key)?, i64::from_le_bytes(amount[..].try_into().ok()?))
            }
            (3, [key, old, new]) => Request::CompareSet(text(key)?, old.clone(), new.clone()),
            (4, [key, value]) => Request::Append(text(key)?, value.clone()),
            (5, _) => Request::Check(keys()?),
            (6, [key]) => Request::Delete(text(key)?),
            (7, []) => Request::Count,
            (8, _) => Request::Wait(keys()?),
            (9, []) => Request::Cancel,
            _ => return None,
        })
    }
}

fn encode(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![kind];
    for part in parts {
        bytes.extend((part.len() as u32).to_le_bytes());
        bytes.extend(*part);
    }
    bytes
}

/// A length, then the content.
fn framed(content: &[u8]) -> Vec<u8> {
    let mut bytes = (content.len() as u32).to_le_bytes().to_vec();
    bytes.extend(content);
    bytes
}

/// Takes the first whole message out of what has arrived.
fn unframed(arrived: &mut Vec<u8>) -> Result<Option<Vec<u8>>, &'static str> {
    let Some(length) = arrived.first_chunk::<4>() else {
        return Ok(None);
    };
    let length = u32::from_le_bytes(*length) as usize;
    if length > LIMIT {
        return Err("oversize message");
    }
    if arrived.len() < 4 + length {
        return Ok(None);
    }
    let content = arrived[4..4 + length].to_vec();
    arrived.drain(..4 + length);
    Ok(Some(content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_survive_their_encoding() {
        let (key, value) = ("key".to_string(), vec![0, 1, 255]);
        let requests = [
            Request::Set(key.clone(), value.clone()),
            Request::Get(key.clone()),
            Request::Add(key.clone(), -5),
            Request::CompareSet(key.clone(), vec![], value.clone()),
            Request::Append(key.clone(), value),
            Request::Check(vec![key.clone(), String::new()]),
            Request::Delete(key.clone()),
            Request::Count,
            Request::Wait(vec![key]),
            Request::Cancel,
        ];
        for request in requests {
            assert_eq!(Request::decode(&request.encode()), Some(request));
        }
    }

    #[test]
    fn damaged_requests_are_refused() {
        let good = Request::Set("key".to_string(), vec![1, 2]).encode();
        for end in 0..good.len() {
            assert_eq!(Request::decode(&good[..end]), None);
        }
        assert_eq!(Request::decode(&[200]), None);
        assert!(unframed(&mut vec![0xff; 4]).is_err());
    }
}
