//! Addresses: connecting with patience, listening on one address, and the options of each socket.

use crate::{Error, Pause, Result};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// A connection that broke for a reason the system gives.
pub fn broken(error: io::Error) -> Error {
    Error::Network(format!("a connection broke: {error}"))
}

fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((host, port).to_socket_addrs()?.collect())
}

/// Connects, trying again until the deadline: the other process may not have started yet.
pub fn connect(host: &str, port: u16, deadline: Instant, pause: Pause<'_>) -> Result<TcpStream> {
    let start = Instant::now();
    let mut wait = Duration::from_millis(5);
    loop {
        let error = match attempt(host, port) {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(broken)?;
                return Ok(stream);
            }
            Err(error) => error,
        };
        if Instant::now() + wait > deadline {
            return Err(Error::Network(format!(
                "The client socket has timed out after {}ms while trying to connect to ({host}, \
                 {port}).\n  last error: {error}; is rank 0 running there, and can it be reached?",
                start.elapsed().as_millis()
            )));
        }
        pause()?;
        std::thread::sleep(wait);
        wait = (wait * 2).min(Duration::from_millis(100));
    }
}

fn attempt(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = io::Error::other("the host name has no address");
    for address in resolve(host, port)? {
        match TcpStream::connect_timeout(&address, Duration::from_secs(1)) {
            // A port of this very socket, met by chance: nobody is listening.
            Ok(stream) if stream.local_addr().ok() == stream.peer_addr().ok() => {}
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Listens on one address of `host`, not on all interfaces.
pub fn listen(host: &str, port: u16) -> Result<TcpListener> {
    let found = resolve(host, port)
        .map_err(|error| Error::Network(format!("{host}: no such address: {error}")))?;
    let mut last = io::Error::other("the host name has no address");
    for address in found {
        match TcpListener::bind(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(Error::Network(format!(
        "The server socket has failed to listen on any local network address. port: {port}, \
         useIpv6: false, code: {}, name: {}, message: {last}\n  address: {host}",
        -last.raw_os_error().unwrap_or(0),
        if last.kind() == io::ErrorKind::AddrInUse { "EADDRINUSE" } else { "?" },
    )))
}

/// Options of a socket for bulk data. Buffer sizes stay the system's: fixed ones are slower.
pub fn tune_data(stream: &TcpStream) -> Result<()> {
    stream.set_nonblocking(true).map_err(broken)?;
    stream.set_nodelay(true).map_err(broken)?;
    // BBR, the default of some hosts, halves the rate of loopback and of local networks. A host
    // that does not allow the choice keeps its own.
    #[cfg(target_os = "linux")]
    let _ = rustix::net::sockopt::set_tcp_congestion(stream, "cubic");
    Ok(())
}

/// Options of a control socket: a link that is cut silently has to show within seconds.
pub fn tune_control(stream: &TcpStream) -> Result<()> {
    stream.set_nonblocking(true).map_err(broken)?;
    stream.set_nodelay(true).map_err(broken)?;
    #[cfg(target_os = "linux")]
    {
        use rustix::net::sockopt;
        let second = Duration::from_secs(1);
        let options = [
            sockopt::set_socket_keepalive(stream, true),
            sockopt::set_tcp_keepidle(stream, second),
            sockopt::set_tcp_keepintvl(stream, second),
            sockopt::set_tcp_keepcnt(stream, 1),
            sockopt::set_tcp_user_timeout(stream, 1000),
        ];
        for option in options {
            option.map_err(|errno| broken(errno.into()))?;
        }
    }
    Ok(())
}

/// Makes the descriptor of `stream` name `nothing` instead; its connection stays with the process
/// that shares it.
#[cfg(unix)]
pub fn replace(stream: &impl std::os::fd::AsRawFd, nothing: &std::fs::File) {
    use std::mem::ManuallyDrop;
    use std::os::fd::{FromRawFd, OwnedFd};
    // SAFETY: the descriptor stays open and owned by `stream`: `dup2` replaces what it names, and
    // the second owner made here is never dropped.
    let mut fd = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(stream.as_raw_fd()) });
    // If it fails the connection is merely kept longer.
    let _ = rustix::io::dup2(nothing, &mut fd);
}
