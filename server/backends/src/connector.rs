//! The only code of the program that opens a connection to a model server. Invariant: connections go to exactly the addresses that the guard allowed; no
//! environment variable, redirect or proxy can lead elsewhere, because nothing here reads them.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use crate::address::Endpoint;
use crate::error::ServerError;
use crate::guard::{Guard, Reach};
use crate::tls;

/// How long reading and writing block at most before cancellation is checked.
const TICK: Duration = Duration::from_millis(10);

/// Bytes in both directions.
pub(crate) trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// An open connection. Dropping it closes it, which tells the server that the request was cancelled.
pub(crate) struct Connection {
    pub(crate) stream: Box<dyn Stream>,
    /// Whether it leads to another machine.
    pub(crate) is_remote: bool,
}

/// Connects, if the rules allow it.
pub(crate) fn connect(
    guard: &Guard,
    endpoint: &Endpoint,
    timeout: Duration,
) -> Result<Connection, ServerError> {
    let (host, tls) = match endpoint {
        Endpoint::Unix { path } => {
            let stream =
                open_unix(path, timeout).map_err(|error| ServerError::unreachable(endpoint, error))?;
            return Ok(Connection { stream, is_remote: false });
        }
        Endpoint::Tcp { host, tls, .. } => (host, *tls),
    };
    let (addresses, reach) = addresses(guard, endpoint)?;
    let deadline = Instant::now() + timeout;
    let mut last = None;
    for address in addresses {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        match open_tcp(address, left) {
            Ok(stream) => {
                let stream: Box<dyn Stream> = if tls {
                    Box::new(tls::encrypt(guard.roots.as_ref(), endpoint, host, stream)?)
                } else {
                    Box::new(stream)
                };
                return Ok(Connection { stream, is_remote: reach == Reach::Listed });
            }
            Err(error) => last = Some(error),
        }
    }
    let reason = last.map_or_else(|| "it did not answer in time".to_owned(), |error| error.to_string());
    Err(ServerError::unreachable(endpoint, reason))
}

/// The addresses of a host, each of which may be connected to.
pub(crate) fn addresses(guard: &Guard, endpoint: &Endpoint) -> Result<(Vec<SocketAddr>, Reach), ServerError> {
    guard.addresses(endpoint, &|host, port| Ok((host, port).to_socket_addrs()?.collect()))
}

#[expect(clippy::disallowed_methods, reason = "the connector")]
fn open_tcp(address: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TICK))?;
    stream.set_write_timeout(Some(TICK))?;
    Ok(stream)
}

/// Opens a socket file. The connection is opened on a thread of its own, because it has no timeout.
#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "the connector")]
fn open_unix(path: &str, timeout: Duration) -> io::Result<Box<dyn Stream>> {
    let path = path.to_owned();
    let (sender, connected) = std::sync::mpsc::sync_channel(1);
    let thread = std::thread::Builder::new().name("fimble-connect".to_owned());
    thread.spawn(move || {
        // After the timeout this fails, and the connection closes.
        let _ = sender.send(std::os::unix::net::UnixStream::connect(path));
    })?;
    let in_time = connected.recv_timeout(timeout);
    let stream =
        in_time.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "it accepts no connections"))??;
    stream.set_read_timeout(Some(TICK))?;
    stream.set_write_timeout(Some(TICK))?;
    Ok(Box::new(stream))
}

#[cfg(not(unix))]
fn open_unix(_: &str, _: Duration) -> io::Result<Box<dyn Stream>> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "socket files are not used on this system"))
}
