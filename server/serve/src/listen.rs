//! Where requests come from: a port of the loopback interface or a socket file. Invariant: this is the only file of the crate that
//! opens a socket; no address beyond this machine is accepted; a socket file belongs to its user alone.

#![expect(clippy::disallowed_methods, reason = "the one place where this machine's own programs can connect")]

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};

/// An address of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// A port of the loopback interface; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// A socket file.
    Unix(PathBuf),
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return if cfg!(not(unix)) {
                Err("socket files are not supported on this system; write 127.0.0.1:PORT".to_owned())
            } else if path.is_absolute() {
                Ok(Self::Unix(path))
            } else {
                Err(format!("{text}: the path of a socket file must be absolute: unix:/PATH"))
            };
        }
        let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
        let port: u16 = port.parse().map_err(|_| {
            format!("{text} is no address: write 127.0.0.1:PORT with a port from 0 to 65535, or unix:/PATH")
        })?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let ip: IpAddr = match host {
            "localhost" => Ipv4Addr::LOCALHOST.into(),
            host => host.parse().map_err(|_| beyond_this_machine(host, port))?,
        };
        if ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST {
            Ok(Self::Tcp(SocketAddr::new(ip, port)))
        } else {
            Err(beyond_this_machine(host, port))
        }
    }
}

fn beyond_this_machine(host: &str, port: u16) -> String {
    let port = if port == 0 { 7373 } else { port };
    format!(
        "{host} is not the loopback address of this machine, and Fimble listens on nothing else. For another machine open a tunnel \
         there: ssh -L {port}:127.0.0.1:{port} USER@THIS-MACHINE, and use 127.0.0.1:{port}"
    )
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "http://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl ListenAddress {
    /// Listens. What is left of a socket file without a listener is removed. Needs a runtime of tokio.
    ///
    /// # Errors
    /// The address is in use, or the file cannot be made: in words for people.
    pub fn bind(&self) -> Result<Listener, String> {
        match self {
            Self::Tcp(address) => bind_tcp(*address).map_err(|error| match error.kind() {
                io::ErrorKind::AddrInUse => {
                    format!("another program listens on {address}. Choose another port with --listen 127.0.0.1:PORT")
                }
                _ => format!("cannot listen on {address}: {error}"),
            }),
            #[cfg(unix)]
            Self::Unix(path) => bind_unix(path),
            #[cfg(not(unix))]
            Self::Unix(path) => Err(format!("cannot listen on {}: this system has no socket files", path.display())),
        }
    }
}

fn bind_tcp(address: SocketAddr) -> io::Result<Listener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok(Listener { kind: Kind::Tcp(TcpListener::from_std(listener)?), address: ListenAddress::Tcp(address) })
}

#[cfg(unix)]
fn bind_unix(path: &std::path::Path) -> Result<Listener, String> {
    use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};

    let failed = |error: io::Error| format!("cannot listen on {}: {error}", path.display());
    if let Ok(found) = std::fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            return Err(format!("{} is there and is no socket. Choose another path", path.display()));
        }
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(format!("another program listens on {}. Choose another path", path.display()));
        }
        std::fs::remove_file(path).map_err(failed)?;
    }
    // Under a private name until it is private: nobody else can connect between the two steps.
    let folder = path.parent().unwrap_or(path);
    let hidden = folder.join(format!(".fimble-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&hidden);
    let listener = std::os::unix::net::UnixListener::bind(&hidden).map_err(failed)?;
    let made = std::fs::set_permissions(&hidden, std::fs::Permissions::from_mode(0o600))
        .and_then(|()| std::fs::rename(&hidden, path))
        .and_then(|()| listener.set_nonblocking(true))
        .and_then(|()| UnixListener::from_std(listener));
    match made {
        Ok(listener) => {
            Ok(Listener { kind: Kind::Unix(listener), address: ListenAddress::Unix(path.to_owned()) })
        }
        Err(error) => {
            let _ = std::fs::remove_file(&hidden);
            Err(failed(error))
        }
    }
}

/// A place where programs connect. A socket file is removed with it.
#[derive(Debug)]
pub struct Listener {
    kind: Kind,
    address: ListenAddress,
}

#[derive(Debug)]
enum Kind {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

/// A connection of a program of this machine.
#[derive(Debug)]
pub(crate) enum Connection {
    /// Over the loopback interface.
    Tcp(TcpStream),
    /// Over a socket file.
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Listener {
    /// The address, with the port that the system chose.
    #[must_use]
    pub fn address(&self) -> &ListenAddress {
        &self.address
    }

    /// Waits for the next connection. One of another user is closed.
    pub(crate) async fn accept(&self) -> io::Result<Connection> {
        match &self.kind {
            Kind::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // Pieces of an answer are small, and each is waited for.
                stream.set_nodelay(true)?;
                Ok(Connection::Tcp(stream))
            }
            #[cfg(unix)]
            Kind::Unix(listener) => loop {
                let (stream, _) = listener.accept().await?;
                if is_of_this_user(&stream) {
                    return Ok(Connection::Unix(stream));
                }
            },
        }
    }
}

/// Whether the other end is a process of this user: of the one whom this process's own files belong to.
#[cfg(unix)]
fn is_of_this_user(stream: &UnixStream) -> bool {
    use std::os::unix::net::UnixStream as Pair;

    // The credentials of a pair that this process made are its own.
    let own = Pair::pair().and_then(|(one, _other)| {
        one.set_nonblocking(true)?;
        UnixStream::from_std(one)?.peer_cred()
    });
    matches!((stream.peer_cred(), own), (Ok(peer), Ok(own)) if peer.uid() == own.uid())
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let ListenAddress::Unix(path) = &self.address {
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_this_machine_are_accepted() {
        for (text, expected) in [
            ("127.0.0.1:8012", "http://127.0.0.1:8012"),
            ("localhost:0", "http://127.0.0.1:0"),
            ("[::1]:80", "http://[::1]:80"),
            ("unix:/run/a.sock", "unix:/run/a.sock"),
        ] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), expected);
        }
        for (text, words) in [
            ("0.0.0.0:8012", "ssh -L 8012:127.0.0.1:8012"),
            ("[::]:8012", "ssh -L"),
            ("192.168.1.5:1", "not the loopback"),
            ("127.0.0.2:1", "not the loopback"),
            ("example.org:80", "not the loopback"),
            ("8012", "no address"),
            ("127.0.0.1:70000", "no address"),
            ("unix:a.sock", "absolute"),
        ] {
            let error = text.parse::<ListenAddress>().unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_socket_file_is_private_and_goes_with_its_listener() {
        use std::os::unix::fs::PermissionsExt as _;

        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _inside = runtime.enter();

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fimble.sock");
        let address = ListenAddress::Unix(path.clone());
        let listener = address.bind().unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(address.bind().unwrap_err().contains("another program"));
        drop(listener);
        assert!(!path.exists());
        // One that a killed process left.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        drop(address.bind().unwrap());
        std::fs::write(&path, "text").unwrap();
        assert!(address.bind().unwrap_err().contains("no socket"));
        assert_eq!(std::fs::read(&path).unwrap(), b"text");
    }
}
