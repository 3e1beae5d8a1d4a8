//! Frames of the control connections: length, kind, content. Small and bounded; a peer that sends
//! anything else is broken, and treated as lost.

use crate::call::Header;

/// Bytes of a frame's content at most.
const LIMIT: usize = 2048;

/// What ranks tell each other outside collectives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Frame {
    /// "I live."
    Beat,
    /// "This is the collective I have been waiting in."
    Waiting(Header),
    /// "I leave; my last whole collective had this number."
    Goodbye(u64),
    /// "It is over for all of us."
    Abort(Abort),
}

/// A verdict on the group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Abort {
    /// The kind of end.
    pub kind: AbortKind,
    /// The rank it is about.
    pub subject: u32,
    /// In words.
    pub text: String,
}

/// The kinds of end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum AbortKind {
    PeerLost,
    Mismatch,
    Timeout,
    Closed,
}

impl AbortKind {
    const ALL: [AbortKind; 4] =
        [AbortKind::PeerLost, AbortKind::Mismatch, AbortKind::Timeout, AbortKind::Closed];
}

impl Frame {
    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let (kind, content) = match self {
            Frame::Beat => (0, Vec::new()),
            Frame::Waiting(header) => (1, header.encode().to_vec()),
            Frame::Goodbye(sequence) => (2, sequence.to_le_bytes().to_vec()),
            Frame::Abort(abort) => {
                let mut content = vec![abort.kind as u8];
                content.extend(abort.subject.to_le_bytes());
                let mut end = abort.text.len().min(LIMIT - content.len());
                while !abort.text.is_char_boundary(end) {
                    end -= 1;
                }
                content.extend(&abort.text.as_bytes()[..end]);
                (3, content)
            }
        };
        let mut bytes = Vec::with_capacity(3 + content.len());
        bytes.push(kind);
        bytes.extend((content.len() as u16).to_le_bytes());
        bytes.extend(content);
        bytes
    }

    /// Takes the first whole frame out of what has arrived: `Ok(None)` when it is not whole yet.
    ///
    /// # Errors
    /// The bytes are no frame.
    pub fn take(arrived: &mut Vec<u8>) -> Result<Option<Frame>, &'static str> {
        let [kind, low, high, ..] = arrived[..] else {
            return Ok(None);
        };
        let length = usize::from(u16::from_le_bytes([low, high]));
        if length > LIMIT {
            return Err("it sent an oversize control frame");
        }
        if arrived.len() < 3 + length {
            return Ok(None);
        }
        let frame = Frame::decode(kind, &arrived[3..3 + length]);
        arrived.drain(..3 + length);
        frame.map(Some).ok_or("it sent a control frame without meaning")
    }

    fn decode(kind: u8, content: &[u8]) -> Option<Frame> {
        match kind {
            0 if content.is_empty() => Some(Frame::Beat),
            1 => Header::decode(content).map(Frame::Waiting),
            2 => Some(Frame::Goodbye(u64::from_le_bytes(content.try_into().ok()?))),
            3 => Some(Frame::Abort(Abort {
                kind: *AbortKind::ALL.get(usize::from(*content.first()?))?,
                subject: u32::from_le_bytes(content.get(1..5)?.try_into().ok()?),
                text: String::from_utf8_lossy(&content[5..]).into_owned(),
            })),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Call, Op};
    use base::DType;

    fn frames() -> Vec<Frame> {
        let call = Call::new(Op::Broadcast, DType::I64, 4, &[4]);
        let text = "rank 2 is late".to_string();
        vec![
            Frame::Beat,
            Frame::Waiting(Header { call, bytes: 0 }),
            Frame::Goodbye(41),
            Frame::Abort(Abort { kind: AbortKind::Timeout, subject: 2, text }),
        ]
    }

    #[test]
    fn frames_survive_any_cut_of_the_stream() {
        let stream: Vec<u8> = frames().iter().flat_map(Frame::encode).collect();
        for step in [1, 2, 3, 7, stream.len()] {
            let (mut arrived, mut met) = (Vec::new(), Vec::new());
            for piece in stream.chunks(step) {
                arrived.extend(piece);
                while let Some(frame) = Frame::take(&mut arrived).unwrap() {
                    met.push(frame);
                }
            }
            assert_eq!(met, frames());
        }
    }

    #[test]
    fn oversize_and_unknown_frames_are_refused() {
        assert!(Frame::take(&mut vec![0, 0xff, 0xff]).is_err());
        assert!(Frame::take(&mut vec![9, 0, 0]).is_err());
        assert!(Frame::take(&mut vec![2, 1, 0, 5]).is_err());
        assert!(Frame::take(&mut vec![3, 2, 0, 0, 0]).is_err());
    }

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        let text = "ü".repeat(LIMIT);
        let abort = Abort { kind: AbortKind::Closed, subject: 0, text };
        let mut bytes = Frame::Abort(abort).encode();
        assert!(bytes.len() <= 3 + LIMIT);
        assert!(matches!(Frame::take(&mut bytes), Ok(Some(Frame::Abort(_)))));
    }
}
