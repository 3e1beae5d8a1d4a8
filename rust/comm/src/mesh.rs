//! The full mesh of a group: between every two ranks one connection for control, one for
//! collectives, one for messages. The larger rank connects, the smaller accepts.

use crate::handshake::{self, Acceptor, Hello, Purpose};
use crate::secret::{self, Secret};
use crate::{Error, Pause, Result, address};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A connection to every other rank; none to oneself.
pub type Streams = Vec<Option<TcpStream>>;

/// What each connection of a pair is for.
const PURPOSES: [Purpose; 3] = [Purpose::Control, Purpose::Data, Purpose::Message];

/// All connections of one rank.
pub struct Mesh {
    /// Heartbeats and verdicts.
    pub control: Streams,
    /// Bytes of collectives.
    pub data: Streams,
    /// Messages between two ranks.
    pub message: Streams,
}

/// Who forms the mesh.
pub struct Members<'a> {
    /// This process's rank.
    pub rank: usize,
    /// Where every rank listens.
    pub addresses: &'a [SocketAddr],
    /// The group's name.
    pub name: &'a str,
    /// Its secret.
    pub secret: &'a Secret,
}

impl Mesh {
    fn new(world: usize) -> Mesh {
        let none = || (0..world).map(|_| None).collect();
        Mesh { control: none(), data: none(), message: none() }
    }

    fn place(&mut self, purpose: Purpose) -> &mut Streams {
        match purpose {
            Purpose::Control => &mut self.control,
            Purpose::Message => &mut self.message,
            Purpose::Data | Purpose::Store => &mut self.data,
        }
    }

    /// Connects this rank to all others; `listener` is the one at its own address.
    pub fn form(
        members: &Members<'_>,
        listener: TcpListener,
        deadline: Instant,
        pause: Pause<'_>,
    ) -> Result<Mesh> {
        let mut mesh = Mesh::new(members.addresses.len());
        let acceptor = Acceptor::new(listener, members.secret.clone())?;
        let stop = AtomicBool::new(false);
        let (send, accepted) = mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| send.send(accept(members, acceptor, &stop)));
            let all = mesh
                .dial(members, deadline, pause)
                .and_then(|()| mesh.collect(&accepted, deadline, pause));
            stop.store(true, Ordering::Relaxed);
            all
        })?;
        mesh.tune()?;
        Ok(mesh)
    }

    fn dial(&mut self, members: &Members<'_>, deadline: Instant, pause: Pause<'_>) -> Result<()> {
        for (peer, at) in members.addresses[..members.rank].iter().enumerate() {
            for purpose in PURPOSES {
                let hello = members.hello(purpose);
                let host = at.ip().to_string();
                let end = (host.as_str(), at.port());
                let stream = handshake::connect(end, &hello, members.secret, deadline, pause)?;
                self.place(purpose)[peer] = Some(stream);
            }
        }
        Ok(())
    }

    fn collect(
        &mut self,
        accepted: &mpsc::Receiver<Vec<(Hello, TcpStream)>>,
        deadline: Instant,
        pause: Pause<'_>,
    ) -> Result<()> {
        loop {
            match accepted.recv_timeout(Duration::from_millis(50)) {
                Ok(streams) => {
                    for (hello, stream) in streams {
                        self.place(hello.purpose)[hello.rank] = Some(stream);
                    }
                    return Ok(());
                }
                Err(_) if Instant::now() < deadline => pause()?,
                Err(_) => {
                    let text = "not all ranks of the group connected within the timeout";
                    return Err(Error::Timeout(text.to_string()));
                }
            }
        }
    }

    fn tune(&self) -> Result<()> {
        self.control.iter().flatten().try_for_each(address::tune_control)?;
        self.data.iter().chain(&self.message).flatten().try_for_each(address::tune_data)
    }
}

impl Members<'_> {
    fn hello(&self, purpose: Purpose) -> Hello {
        let topic = secret::topic(self.name);
        Hello { purpose, rank: self.rank, world: self.addresses.len(), topic }
    }

    fn missing(&self) -> usize {
        PURPOSES.len() * (self.addresses.len() - 1 - self.rank)
    }
}

/// Accepts the connections of all larger ranks, or what came before `stop`.
fn accept(
    members: &Members<'_>,
    mut acceptor: Acceptor,
    stop: &AtomicBool,
) -> Vec<(Hello, TcpStream)> {
    let mut met: Vec<(Hello, TcpStream)> = Vec::new();
    while met.len() < members.missing() && !stop.load(Ordering::Relaxed) {
        wait(&acceptor, Duration::from_millis(50));
        let known: Vec<Hello> = met.iter().map(|(hello, _)| *hello).collect();
        met.extend(acceptor.advance(&mut |hello| {
            *hello == Hello { rank: hello.rank, ..members.hello(hello.purpose) }
                && PURPOSES.contains(&hello.purpose)
                && (members.rank + 1..members.addresses.len()).contains(&hello.rank)
                && !known.contains(hello)
        }));
    }
    met
}

/// Sleeps until a connection or its next bytes arrive.
fn wait(acceptor: &Acceptor, limit: Duration) {
    let mut fds = vec![PollFd::new(&*acceptor.listener, PollFlags::IN)];
    fds.extend(acceptor.pending().map(|stream| PollFd::new(stream, PollFlags::IN)));
    let limit = Timespec::try_from(limit).ok();
    // An interrupted wait is a short one; the caller looks again in any case.
    let _ = poll(&mut fds, limit.as_ref());
}
