//! The first words on every connection: both ends prove that they know the group's secret before
//! anything else is read.
//!
//! `Hello -> Challenge -> Proof -> welcome`, all of fixed size. Each proof covers both nonces and the
//! whole hello (purpose, rank, world, group), and names the prover's side, so that no proof can be
//! replayed or reflected. The accepting side never waits for one stranger: [`Acceptor`] advances
//! all pending connections together, gives each [`PATIENCE`], and keeps at most [`PENDING`].

use crate::secret::{self, SIZE, Secret};
use crate::{Error, Pause, Result, address};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

const MAGIC: &[u8; 8] = b"PYRITE\0\x01";
const HELLO: usize = 24 + 2 * SIZE;
const WELCOME: u8 = 0x59;
/// How long a stranger has for the whole conversation.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many strangers are listened to at once.
const PENDING: usize = 64;

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Purpose {
    /// A client of the store.
    Store = 0,
    /// Heartbeats and verdicts.
    Control = 1,
    /// Bytes of collectives.
    Data = 2,
    /// Messages between two ranks.
    Message = 3,
}

impl Purpose {
    const ALL: [Purpose; 4] = [Purpose::Store, Purpose::Control, Purpose::Data, Purpose::Message];
}

/// Who connects to which group, and why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hello {
    /// What the connection is for.
    pub purpose: Purpose,
    /// The connecting rank.
    pub rank: usize,
    /// How many ranks it believes there are.
    pub world: usize,
    /// The group's name, hashed ([`secret::topic`]).
    pub topic: [u8; SIZE],
}

impl Hello {
    fn encode(&self, nonce: &[u8; SIZE]) -> [u8; HELLO] {
        let mut bytes = [0; HELLO];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&(self.purpose as u32).to_le_bytes());
        bytes[12..16].copy_from_slice(&(self.rank as u32).to_le_bytes());
        bytes[16..20].copy_from_slice(&(self.world as u32).to_le_bytes());
        bytes[24..24 + SIZE].copy_from_slice(&self.topic);
        bytes[24 + SIZE..].copy_from_slice(nonce);
        bytes
    }

    fn decode(bytes: &[u8; HELLO]) -> Option<Hello> {
        let word =
            |at: usize| Some(u32::from_le_bytes(bytes[at..at + 4].try_into().ok()?) as usize);
        let topic = bytes[24..24 + SIZE].try_into().ok()?;
        let purpose = Purpose::ALL.get(word(8)?).copied()?;
        (bytes[..8] == MAGIC[..]).then_some(())?;
        Some(Hello { purpose, rank: word(12)?, world: word(16)?, topic })
    }
}

/// Connects to `host:port` and proves itself; a server that is not up yet is tried again.
pub fn connect(
    (host, port): (&str, u16),
    hello: &Hello,
    secret: &Secret,
    deadline: Instant,
    pause: Pause<'_>,
) -> Result<TcpStream> {
    let mut stream = address::connect(host, port, deadline, pause)?;
    let local = stream.local_addr().ok().map(|a| a.ip());
    if !secret.portable && stream.peer_addr().ok().map(|a| a.ip()) != local {
        let loopback = stream.peer_addr().is_ok_and(|a| a.ip().is_loopback());
        if !loopback {
            return Err(Error::Network(format!(
                "{host} is another host, and this group has no key to prove itself there\n  set \
                 PYRITE_GROUP_KEY to the same secret text (16 characters or more) on every host"
            )));
        }
    }
    let refused = |what: &str| {
        Error::Network(format!(
            "the process at {host}:{port} {what}\n  both ends must have the same PYRITE_GROUP_KEY \
             (or be processes of one user on one host), the same world size and group"
        ))
    };
    let nonce = secret::nonce()?;
    let words = hello.encode(&nonce);
    let mut challenge = [0; 2 * SIZE];
    let said =
        stream.write_all(&words).is_ok() && fill(&mut stream, &mut challenge, deadline, pause)?;
    if !said {
        return Err(refused("closed the connection during the handshake"));
    }
    let (theirs, proof) = challenge.split_at(SIZE);
    if !secret.verify(&[b"server", &words, theirs], proof) {
        return Err(refused("did not prove that it knows the group's key"));
    }
    let mut welcome = [0; 1];
    let said = stream.write_all(&secret.sign(&[b"client", &words, theirs])).is_ok()
        && fill(&mut stream, &mut welcome, deadline, pause)?;
    if !said || welcome[0] != WELCOME {
        return Err(refused("refused the handshake"));
    }
    stream.set_read_timeout(None).map_err(address::broken)?;
    Ok(stream)
}

/// Reads exactly `bytes`, in slices of the pause; false when the other end closes.
fn fill(
    stream: &mut TcpStream,
    bytes: &mut [u8],
    deadline: Instant,
    pause: Pause<'_>,
) -> Result<bool> {
    stream.set_read_timeout(Some(Duration::from_millis(50))).map_err(address::broken)?;
    let mut filled = 0;
    while filled < bytes.len() {
        match stream.read(&mut bytes[filled..]) {
            Ok(0) => return Ok(false),
            Ok(count) => filled += count,
            Err(error) if waits(&error) => {
                pause()?;
                if Instant::now() > deadline {
                    let text = "a handshake took longer than the timeout: the other process \
                                accepts connections but does not answer";
                    return Err(Error::Timeout(text.to_string()));
                }
            }
            Err(_) => return Ok(false),
        }
    }
    Ok(true)
}

/// Whether an error of a non-blocking socket only says "not now".
pub fn waits(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// One connection whose other end has not proved itself yet.
struct Stranger {
    stream: TcpStream,
    deadline: Instant,
    words: [u8; HELLO],
    nonce: Option<[u8; SIZE]>,
    answer: [u8; SIZE],
    filled: usize,
}

enum Step {
    Wait,
    Refuse,
    Welcome(Hello),
}

impl Stranger {
    fn advance(&mut self, secret: &Secret) -> Step {
        loop {
            let space = match self.nonce {
                None => &mut self.words[self.filled..],
                Some(_) => &mut self.answer[self.filled..],
            };
            match self.stream.read(space) {
                Ok(count) if count > 0 => self.filled += count,
                Err(error) if waits(&error) => return Step::Wait,
                _ => return Step::Refuse,
            }
            let done = match (self.nonce, self.filled) {
                (None, HELLO) => self.challenge(secret),
                (Some(nonce), SIZE) => return self.judge(secret, &nonce),
                _ => true,
            };
            if !done {
                return Step::Refuse;
            }
        }
    }

    /// Answers a whole hello. Nothing of it is believed yet, but for its first bytes, which tell a
    /// speaker of another protocol.
    fn challenge(&mut self, secret: &Secret) -> bool {
        let Ok(nonce) = secret::nonce() else {
            return false;
        };
        let proof = secret.sign(&[b"server", &self.words, &nonce]);
        self.nonce = Some(nonce);
        self.filled = 0;
        self.words[..8] == MAGIC[..] && self.stream.write_all(&[nonce, proof].concat()).is_ok()
    }

    fn judge(&mut self, secret: &Secret, nonce: &[u8; SIZE]) -> Step {
        if !secret.verify(&[b"client", &self.words, nonce], &self.answer) {
            return Step::Refuse;
        }
        Hello::decode(&self.words).map_or(Step::Refuse, Step::Welcome)
    }
}

/// The accepting side: a listener, and everybody who has not proved himself yet.
pub struct Acceptor {
    /// The listener, non-blocking.
    pub listener: Arc<TcpListener>,
    secret: Secret,
    strangers: Vec<Stranger>,
    /// Connections that failed to prove themselves.
    pub refused: usize,
}

impl Acceptor {
    /// Listens for members of the group with this secret.
    pub fn new(listener: TcpListener, secret: Secret) -> Result<Acceptor> {
        listener.set_nonblocking(true).map_err(address::broken)?;
        Ok(Acceptor { listener: Arc::new(listener), secret, strangers: Vec::new(), refused: 0 })
    }

    /// The connections to wait on, beside the listener.
    pub fn pending(&self) -> impl Iterator<Item = &TcpStream> {
        self.strangers.iter().map(|stranger| &stranger.stream)
    }

    /// Takes every step that is possible now. `expected` looks at a proven hello; who is welcome is
    /// told so and returned, non-blocking.
    pub fn advance(&mut self, expected: &mut dyn FnMut(&Hello) -> bool) -> Vec<(Hello, TcpStream)> {
        self.accept();
        let now = Instant::now();
        let mut welcome = Vec::new();
        for mut stranger in std::mem::take(&mut self.strangers) {
            match stranger.advance(&self.secret) {
                Step::Wait if now < stranger.deadline => self.strangers.push(stranger),
                Step::Welcome(hello)
                    if expected(&hello) && stranger.stream.write_all(&[WELCOME]).is_ok() =>
                {
                    welcome.push((hello, stranger.stream));
                }
                _ => self.refused += 1,
            }
        }
        welcome
    }

    fn accept(&mut self) {
        while self.strangers.len() < PENDING {
            let Ok((stream, _)) = self.listener.accept() else {
                return;
            };
            if stream.set_nonblocking(true).is_ok() && stream.set_nodelay(true).is_ok() {
                self.strangers.push(Stranger {
                    stream,
                    deadline: Instant::now() + PATIENCE,
                    words: [0; HELLO],
                    nonce: None,
                    answer: [0; SIZE],
                    filled: 0,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello() -> Hello {
        Hello { purpose: Purpose::Data, rank: 3, world: 4, topic: secret::topic("g") }
    }

    /// An acceptor on a thread until `until`; what it welcomed and refused.
    fn served(key: &str, until: Duration) -> (u16, std::thread::JoinHandle<(Vec<Hello>, usize)>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut acceptor = Acceptor::new(listener, Secret::given(key).unwrap()).unwrap();
        let thread = std::thread::spawn(move || {
            let end = Instant::now() + until;
            let mut met = Vec::new();
            while Instant::now() < end && met.is_empty() {
                met.extend(acceptor.advance(&mut |_| true).into_iter().map(|(hello, _)| hello));
                std::thread::sleep(Duration::from_millis(2));
            }
            (met, acceptor.refused)
        });
        (port, thread)
    }

    fn dial(port: u16, key: &str) -> Result<TcpStream> {
        let secret = Secret::given(key).unwrap();
        let deadline = Instant::now() + Duration::from_secs(5);
        connect(("127.0.0.1", port), &hello(), &secret, deadline, &mut || Ok(()))
    }

    #[test]
    fn two_that_know_the_key_meet() {
        let (port, thread) = served("correct horse battery", Duration::from_secs(5));
        dial(port, "correct horse battery").unwrap();
        assert_eq!(thread.join().unwrap().0, [hello()]);
    }

    #[test]
    fn a_wrong_key_is_refused_on_both_sides() {
        let (port, thread) = served("correct horse battery", Duration::from_millis(300));
        let error = dial(port, "another horse battery").unwrap_err().to_string();
        assert!(error.contains("did not prove"), "{error}");
        assert_eq!(thread.join().unwrap(), (vec![], 1));
    }

    #[test]
    fn garbage_half_words_and_silence_do_not_disturb_a_member() {
        let (port, thread) = served("correct horse battery", Duration::from_secs(5));
        let mut garbage = TcpStream::connect(("127.0.0.1", port)).unwrap();
        garbage.write_all(&[0xff; 4096]).unwrap();
        let mut half = TcpStream::connect(("127.0.0.1", port)).unwrap();
        half.write_all(&MAGIC[..5]).unwrap();
        let _silent = TcpStream::connect(("127.0.0.1", port)).unwrap();
        drop(TcpStream::connect(("127.0.0.1", port)).unwrap());
        dial(port, "correct horse battery").unwrap();
        assert_eq!(thread.join().unwrap().0, [hello()]);
    }

    /// A caller that says the first `words` bytes of its side (hello, then a proof) and hangs up.
    fn hangs_up_after(port: u16, key: &str, words: usize) {
        let secret = Secret::given(key).unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let hello = hello().encode(&[7; SIZE]);
        stream.write_all(&hello[..words.min(HELLO)]).unwrap();
        if words >= HELLO {
            let mut challenge = [0; 2 * SIZE];
            stream.read_exact(&mut challenge).unwrap();
            let proof = secret.sign(&[b"client", &hello, &challenge[..SIZE]]);
            stream.write_all(&proof[..words - HELLO]).unwrap();
        }
    }

    #[test]
    fn callers_that_hang_up_at_any_step_do_not_disturb_a_member() {
        let key = "correct horse battery";
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut acceptor = Acceptor::new(listener, Secret::given(key).unwrap()).unwrap();
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let told = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut met = 0;
            while !told.load(std::sync::atomic::Ordering::SeqCst) {
                met += acceptor.advance(&mut |_| true).len();
                std::thread::sleep(Duration::from_millis(1));
            }
            (met, acceptor.refused, acceptor.strangers.len())
        });
        for words in [0, 7, HELLO - 1, HELLO, HELLO + 1, HELLO + SIZE - 1] {
            hangs_up_after(port, key, words);
            dial(port, key).unwrap();
        }
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(thread.join().unwrap(), (6, 6, 0));
    }

    #[test]
    fn a_server_that_hangs_up_at_any_step_is_said_so() {
        let key = "correct horse battery";
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = std::thread::spawn(move || {
            let secret = Secret::given(key).unwrap();
            // Bytes of the answer, and whether it reads the proof before it hangs up.
            for (words, reads) in [(0, false), (SIZE, false), (2 * SIZE, false), (2 * SIZE, true)] {
                let (mut stream, _) = listener.accept().unwrap();
                let mut hello = [0; HELLO];
                stream.read_exact(&mut hello).unwrap();
                let proof = secret.sign(&[b"server", &hello, &[7; SIZE]]);
                stream.write_all(&[[7; SIZE], proof].concat()[..words]).unwrap();
                if reads {
                    stream.read_exact(&mut [0; SIZE]).unwrap();
                }
            }
        });
        for what in ["closed the connection", "closed the connection", "refused", "refused"] {
            let start = Instant::now();
            let error = dial(port, key).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
            assert!(start.elapsed() < Duration::from_secs(2));
        }
        thread.join().unwrap();
    }

    #[test]
    fn a_hello_survives_its_encoding() {
        assert_eq!(Hello::decode(&hello().encode(&[7; SIZE])), Some(hello()));
    }
}
