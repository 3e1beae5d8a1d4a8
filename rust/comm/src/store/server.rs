//! The store's server: one thread, one table, any number of clients.
//!
//! The thread owns the table; its sockets can be found from outside as well, because a forked child
//! has copies of them but no such thread, and must not keep the connections alive.

use super::{Request, framed, unframed};
use crate::control::lock;
use crate::handshake::{Acceptor, Hello, Purpose, waits};
use crate::secret::{Secret, topic};
use crate::{Error, Result, address};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

/// A running server; dropping it ends the thread and closes the port.
pub struct Server {
    address: SocketAddr,
    #[cfg(unix)]
    listener: Weak<TcpListener>,
    shared: Arc<Shared>,
    process: u32,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    stopped: Mutex<Option<std::thread::JoinHandle<()>>>,
    clients: Mutex<Vec<Weak<TcpStream>>>,
    refused: AtomicUsize,
}

impl Server {
    /// Serves on `host:port` (0 for any port), for processes that know the secret.
    pub fn start(host: &str, port: u16, secret: Secret) -> Result<Server> {
        let listener = address::listen(host, port)?;
        let address = listener.local_addr().map_err(address::broken)?;
        Server::serve(listener, address, secret)
    }

    fn serve(listener: TcpListener, address: SocketAddr, secret: Secret) -> Result<Server> {
        let acceptor = Acceptor::new(listener, secret)?;
        #[cfg(unix)]
        let listener = Arc::downgrade(&acceptor.listener);
        let shared = Arc::new(Shared::default());
        let inside = shared.clone();
        let thread = std::thread::Builder::new()
            .name("pyrite-store".to_string())
            .spawn(move || Service::new(acceptor).run(&inside))
            .map_err(|error| Error::Network(format!("no store thread: {error}")))?;
        *lock(&shared.stopped) = Some(thread);
        let process = std::process::id();
        Ok(Server {
            address,
            #[cfg(unix)]
            listener,
            shared,
            process,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// In a forked child: gives up the copies of the listener and of the connections, so that the
    /// parent's end shows and its port is free then.
    #[cfg(unix)]
    pub fn abandon(&self) {
        // A list that was being changed at the moment of the fork stays locked in the child: its
        // connections are then merely kept longer.
        if let (Ok(nothing), Ok(clients)) =
            (std::fs::File::open("/dev/null"), self.shared.clients.try_lock())
        {
            let streams = clients.iter().filter_map(Weak::upgrade);
            streams.for_each(|stream| address::replace(&*stream, &nothing));
            if let Some(listener) = self.listener.upgrade() {
                address::replace(&*listener, &nothing);
            }
        }
    }

    /// Connections that did not prove that they belong here.
    pub fn refused(&self) -> usize {
        self.shared.refused.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // The port is free again when the thread has ended; a forked child has no such thread.
        if self.process == std::process::id()
            && let Some(thread) = lock(&self.shared.stopped).take()
        {
            // A panic in the thread has been reported by its hook.
            let _ = thread.join();
        }
    }
}

struct Client {
    stream: Arc<TcpStream>,
    arrived: Vec<u8>,
    unsent: Vec<u8>,
    waits_for: Option<Vec<String>>,
}

struct Service {
    acceptor: Acceptor,
    clients: Vec<Client>,
    table: HashMap<String, Vec<u8>>,
}

impl Service {
    fn new(acceptor: Acceptor) -> Service {
        Service { acceptor, clients: Vec::new(), table: HashMap::new() }
    }

    fn run(mut self, shared: &Shared) {
        while !shared.stop.load(Ordering::Relaxed) {
            self.wait();
            let here = topic("store");
            let mut welcome =
                |hello: &Hello| hello.purpose == Purpose::Store && hello.topic == here;
            for (_, stream) in self.acceptor.advance(&mut welcome) {
                let stream = Arc::new(stream);
                let mut known = lock(&shared.clients);
                known.retain(|client| client.strong_count() > 0);
                known.push(Arc::downgrade(&stream));
                drop(known);
                let (arrived, unsent) = (Vec::new(), Vec::new());
                self.clients.push(Client { stream, arrived, unsent, waits_for: None });
            }
            shared.refused.store(self.acceptor.refused, Ordering::Relaxed);
            let mut clients = std::mem::take(&mut self.clients);
            clients.retain_mut(|client| client.listen(&mut self.table));
            // What one client has set may be what another waits for.
            clients.retain_mut(|client| client.answer(&self.table));
            self.clients = clients;
        }
    }

    fn wait(&self) {
        let mut fds = vec![PollFd::new(&*self.acceptor.listener, PollFlags::IN)];
        fds.extend(self.acceptor.pending().map(|stream| PollFd::new(stream, PollFlags::IN)));
        fds.extend(self.clients.iter().map(|client| {
            let more = !client.unsent.is_empty();
            let write = if more { PollFlags::OUT } else { PollFlags::empty() };
            PollFd::new(&*client.stream, PollFlags::IN | write)
        }));
        let limit = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
        // An interrupted wait is a short one.
        let _ = poll(&mut fds, Some(&limit));
    }
}

impl Client {
    /// Reads and answers what has arrived; false when the client is gone or makes no sense.
    fn listen(&mut self, table: &mut HashMap<String, Vec<u8>>) -> bool {
        let mut bytes = [0; 16384];
        loop {
            match (&*self.stream).read(&mut bytes) {
                Ok(0) => return false,
                Ok(count) => self.arrived.extend(&bytes[..count]),
                Err(error) if waits(&error) => break,
                Err(_) => return false,
            }
        }
        loop {
            match unframed(&mut self.arrived) {
                Ok(None) => return true,
                Ok(Some(content)) => match Request::decode(&content) {
                    Some(Request::Wait(keys)) => self.waits_for = Some(keys),
                    Some(Request::Cancel) => {
                        if self.waits_for.take().is_some() {
                            self.unsent.extend(framed(&[0]));
                        }
                    }
                    Some(request) => self.unsent.extend(framed(&apply(request, table))),
                    None => return false,
                },
                Err(_) => return false,
            }
        }
    }

    fn answer(&mut self, table: &HashMap<String, Vec<u8>>) -> bool {
        if self.waits_for.as_ref().is_some_and(|keys| keys.iter().all(|k| table.contains_key(k))) {
            self.waits_for = None;
            self.unsent.extend(framed(&[]));
        }
        if self.unsent.is_empty() {
            return true;
        }
        match (&*self.stream).write(&self.unsent) {
            Ok(count) => {
                self.unsent.drain(..count);
                true
            }
            Err(error) => waits(&error),
        }
    }
}

/// The reply to a request that needs no waiting.
fn apply(request: Request, table: &mut HashMap<String, Vec<u8>>) -> Vec<u8> {
    match request {
        Request::Set(key, value) => {
            table.insert(key, value);
            vec![]
        }
        Request::Get(key) => table.get(&key).cloned().unwrap_or_default(),
        Request::Add(key, amount) => {
            let old = table.get(&key).and_then(|value| std::str::from_utf8(value).ok());
            let new = old.and_then(|text| text.parse::<i64>().ok()).unwrap_or(0) + amount;
            table.insert(key, new.to_string().into_bytes());
            new.to_string().into_bytes()
        }
        Request::CompareSet(key, old, new) => match table.get(&key) {
            Some(value) if *value != old => value.clone(),
            None if !old.is_empty() => old,
            _ => {
                table.insert(key, new.clone());
                new
            }
        },
        Request::Append(key, value) => {
            table.entry(key).or_default().extend(value);
            vec![]
        }
        Request::Check(keys) => vec![u8::from(keys.iter().all(|key| table.contains_key(key)))],
        Request::Delete(key) => vec![u8::from(table.remove(&key).is_some())],
        Request::Count => table.len().to_string().into_bytes(),
        Request::Wait(_) | Request::Cancel => vec![],
    }
}
