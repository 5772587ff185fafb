//! The socket between windows and the engine process: the only code of this crate that opens one. Invariant: it is a socket file
//! with mode 0600, on Windows a named pipe that is open to its user alone; a peer that is another user is refused before a byte is
//! read.

#[cfg(any(windows, test))]
mod name;
#[cfg(windows)]
mod pipe;
#[cfg(test)]
mod tests;
#[cfg(windows)]
mod win32;

#[cfg(unix)]
pub use of_unix::User;
#[cfg(unix)]
pub(crate) use of_unix::{Listener, Stream, address, own_user};
#[cfg(windows)]
pub use pipe::User;
#[cfg(windows)]
pub(crate) use pipe::{Listener, Stream, address};

#[cfg(unix)]
mod of_unix {
    use std::fs;
    use std::io::{self, Read, Write};
    use std::net::Shutdown;
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    /// A peer that reads nothing for so long is taken to be gone.
    const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

    /// A user, by its number.
    pub type User = u32;

    /// What peers connect to: the file itself.
    #[expect(clippy::unnecessary_wraps, reason = "it may be unknown on Windows")]
    pub(crate) fn address(path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_owned())
    }

    /// The user of this process.
    pub(crate) fn own_user() -> User {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        return rustix::process::geteuid().as_raw();
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        // SAFETY: it takes nothing and cannot fail.
        return unsafe { libc::geteuid() };
    }

    /// The user at the other end.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn peer_user(stream: &UnixStream) -> io::Result<User> {
        Ok(rustix::net::sockopt::socket_peercred(stream)?.uid.as_raw())
    }

    /// The user at the other end.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn peer_user(stream: &UnixStream) -> io::Result<User> {
        use std::os::fd::AsRawFd as _;

        let (mut user, mut group) = (0, 0);
        // SAFETY: the descriptor is open as long as the stream lives, and both pointers are valid for a write.
        let outcome = unsafe { libc::getpeereid(stream.as_raw_fd(), &raw mut user, &raw mut group) };
        if outcome == 0 { Ok(user) } else { Err(io::Error::last_os_error()) }
    }

    /// One end of a connection.
    pub(crate) struct Stream(UnixStream);

    impl Stream {
        /// Connects to the process that listens at this file.
        #[expect(clippy::disallowed_methods, reason = "the one place of this crate that opens sockets")]
        pub(crate) fn connect(path: &Path) -> io::Result<Self> {
            Self::checked(UnixStream::connect(path)?, own_user())
        }

        /// Refuses a peer that is not this user.
        fn checked(stream: UnixStream, user: User) -> io::Result<Self> {
            let peer = peer_user(&stream)?;
            if peer != user {
                let reason = format!("the process at the other end belongs to user {peer}, not to {user}");
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
            }
            stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
            Ok(Self(stream))
        }

        /// Limits the time that a read takes; none lifts the limit.
        pub(crate) fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
            self.0.set_read_timeout(timeout)
        }

        /// Ends the connection: both sides read the end of the stream.
        pub(crate) fn shut_down(&self) {
            // It may be at its end already.
            let _ = self.0.shutdown(Shutdown::Both);
        }
    }

    impl Read for &Stream {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            (&self.0).read(buffer)
        }
    }

    impl Write for &Stream {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            (&self.0).write(buffer)
        }

        fn flush(&mut self) -> io::Result<()> {
            (&self.0).flush()
        }
    }

    /// The engine process's end. The file goes with it.
    pub(crate) struct Listener {
        listener: UnixListener,
        path: PathBuf,
        /// The user that may connect.
        user: User,
    }

    impl Listener {
        /// Listens at this file, in place of what a process that was killed left there. The caller holds the lock of the place. No
        /// user means the own one.
        pub(crate) fn bind(path: &Path, user: Option<User>) -> io::Result<Self> {
            let staged = path.with_extension("new");
            for left in [&staged, &path.to_owned()] {
                match fs::remove_file(left) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            #[expect(clippy::disallowed_methods, reason = "the one place of this crate that opens sockets")]
            let listener = UnixListener::bind(&staged)?;
            // The folder is closed to others. Under its name the file appears with its mode only.
            fs::set_permissions(&staged, fs::Permissions::from_mode(0o600))?;
            fs::rename(&staged, path)?;
            Ok(Self { listener, path: path.to_owned(), user: user.unwrap_or_else(own_user) })
        }

        /// Waits for the next peer. A peer that is refused is an error of its own.
        pub(crate) fn accept(&self) -> io::Result<Stream> {
            Stream::checked(self.listener.accept()?.0, self.user)
        }

        /// Lets nobody connect any more, and wakes the thread that waits.
        #[expect(clippy::disallowed_methods, reason = "the one place of this crate that opens sockets")]
        pub(crate) fn close(&self) {
            let waker = UnixStream::connect(&self.path);
            let _ = fs::remove_file(&self.path);
            drop(waker);
        }
    }
}
