//! The store's client: one request at a time, answered within a timeout.

use super::{LIMIT, Request, framed, unframed};
use crate::control::lock;
use crate::handshake::{self, Hello, Purpose, waits};
use crate::secret::{Secret, topic};
use crate::{Error, Pause, Result, address};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A way to a store's server: a connection for every thread that asks at the same time.
pub struct Client {
    server: (String, u16),
    secret: Secret,
    timeout: Duration,
    idle: Mutex<Vec<TcpStream>>,
    local: SocketAddr,
}

impl Client {
    /// Connects to the server at `host:port`, which may start later than this.
    pub fn connect(
        host: &str,
        port: u16,
        secret: &Secret,
        timeout: Duration,
        pause: Pause<'_>,
    ) -> Result<Client> {
        let server = (host.to_string(), port);
        let stream = dial(&server, secret, timeout, pause)?;
        let local = stream.local_addr().map_err(address::broken)?;
        let idle = Mutex::new(vec![stream]);
        Ok(Client { server, secret: secret.clone(), timeout, idle, local })
    }

    /// This end's address: where other ranks can reach this host.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// The reply to a request, and for [`Request::Wait`] the moment it comes.
    pub fn ask(&self, request: &Request, timeout: Duration, pause: Pause<'_>) -> Result<Vec<u8>> {
        let length = request.encode().len();
        if length > LIMIT {
            let text = format!("a store holds values up to {LIMIT} bytes; got {length}");
            return Err(Error::Store(text));
        }
        let free = lock(&self.idle).pop();
        let mut stream = match free {
            Some(stream) => stream,
            None => dial(&self.server, &self.secret, self.timeout, pause)?,
        };
        let answer = converse(&mut stream, request, timeout, pause);
        // After an error of the connection, later requests say so as well.
        lock(&self.idle).push(stream);
        answer
    }

    /// In a forked child: gives up the copies of the connections; the child's next request makes
    /// one of its own.
    #[cfg(unix)]
    pub fn abandon(&self) {
        if let (Ok(nothing), Ok(mut idle)) =
            (std::fs::File::open("/dev/null"), self.idle.try_lock())
        {
            idle.drain(..).for_each(|stream| address::replace(&stream, &nothing));
        }
    }
}

fn dial(
    (host, port): &(String, u16),
    secret: &Secret,
    timeout: Duration,
    pause: Pause<'_>,
) -> Result<TcpStream> {
    let hello = Hello { purpose: Purpose::Store, rank: 0, world: 0, topic: topic("store") };
    handshake::connect((host, *port), &hello, secret, Instant::now() + timeout, pause)
}

fn lost(error: std::io::Error) -> Error {
    Error::Network(format!("the connection to the store broke: {error}"))
}

fn converse(
    stream: &mut TcpStream,
    request: &Request,
    timeout: Duration,
    pause: Pause<'_>,
) -> Result<Vec<u8>> {
    stream.write_all(&framed(&request.encode())).map_err(lost)?;
    stream.set_read_timeout(Some(Duration::from_millis(50))).map_err(lost)?;
    let start = Instant::now();
    let (mut arrived, mut bytes, mut stopped) = (Vec::new(), [0; 16384], None);
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => return Err(lost(std::io::ErrorKind::UnexpectedEof.into())),
            Ok(count) => arrived.extend(&bytes[..count]),
            Err(error) if waits(&error) => {
                let reason = match pause() {
                    Err(error) => Some(error),
                    Ok(()) => (start.elapsed() > timeout).then(|| late_reply(request, timeout)),
                };
                if stopped.is_none() && reason.is_some() {
                    if !matches!(request, Request::Wait(_)) {
                        // The reply may come later, to the next request: end the conversation.
                        let _ = stream.shutdown(std::net::Shutdown::Both);
                        return Err(reason.unwrap_or_else(|| late_reply(request, timeout)));
                    }
                    stream.write_all(&framed(&Request::Cancel.encode())).map_err(lost)?;
                    stopped = reason;
                }
            }
            Err(error) => return Err(lost(error)),
        }
        if let Some(content) =
            unframed(&mut arrived).map_err(|what| Error::Network(what.to_string()))?
        {
            return match stopped {
                Some(error) if !content.is_empty() => Err(error),
                _ => Ok(content),
            };
        }
    }
}

fn late_reply(request: &Request, timeout: Duration) -> Error {
    let milliseconds = timeout.as_millis();
    Error::Store(match request {
        Request::Wait(keys) => {
            format!("wait timeout after {milliseconds}ms, keys: {}", keys.join(", "))
        }
        _ => format!("the store did not answer within {milliseconds}ms"),
    })
}
