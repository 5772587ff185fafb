//! The socket on Windows: a named pipe. Invariant: one name has one process that listens; a connection that is shut down is closed as
//! soon as no thread reads or writes, and threads that wait for it end at once.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::windows::fs::OpenOptionsExt as _;
use std::os::windows::io::OwnedHandle;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use windows_sys::Win32::Foundation::{ERROR_PIPE_BUSY, ERROR_PIPE_NOT_CONNECTED};
use windows_sys::Win32::Storage::FileSystem::{FILE_FLAG_OVERLAPPED, SECURITY_IDENTIFICATION};

use super::name::pipe_name;
use super::win32::{self, Event};

/// A peer that reads nothing for so long is taken to be gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a window waits until the engine process has an instance for it, and a new engine process until the windows of one that was
/// killed have closed theirs.
const RETRY_TIMEOUT: Duration = Duration::from_secs(2);
/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(5);

/// A user, by its SID as text: `S-1-5-…`.
pub type User = String;

fn own_user() -> io::Result<User> {
    win32::user_of_process(std::process::id())
}

/// What peers connect to: the name of the pipe that stands for this socket file.
pub(crate) fn address(path: &Path) -> io::Result<PathBuf> {
    Ok(pipe_name(&own_user()?, path))
}

/// Tries again for a while, as long as the error is of this kind.
fn retry_while<T>(
    is_passing: impl Fn(&io::Error) -> bool,
    work: impl Fn() -> io::Result<T>,
) -> io::Result<T> {
    let start = Instant::now();
    loop {
        match work() {
            Err(error) if is_passing(&error) && start.elapsed() < RETRY_TIMEOUT => std::thread::sleep(PAUSE),
            outcome => return outcome,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One end of a connection.
pub(crate) struct Stream {
    /// None once it is shut down. A thread that reads or writes has it a moment longer.
    pipe: Mutex<Option<Arc<OwnedHandle>>>,
    /// Ends what waits.
    stop: Event,
    read_timeout: Mutex<Option<Duration>>,
}

impl Stream {
    /// Connects to the process that listens at this file.
    pub(crate) fn connect(path: &Path) -> io::Result<Self> {
        let user = own_user()?;
        let name = pipe_name(&user, path);
        let is_busy = |error: &io::Error| error.raw_os_error() == Some(ERROR_PIPE_BUSY.cast_signed());
        let pipe = retry_while(is_busy, || {
            // The other side may learn who this is, but not act as this user.
            let mut options = OpenOptions::new();
            options.read(true).write(true).custom_flags(FILE_FLAG_OVERLAPPED);
            options.security_qos_flags(SECURITY_IDENTIFICATION).open(&name)
        })?;
        let pipe = OwnedHandle::from(pipe);
        // Nobody can give a pipe to another user.
        Self::checked(win32::owner(&pipe)?, &user)?;
        Self::new(pipe)
    }

    fn new(pipe: OwnedHandle) -> io::Result<Self> {
        let pipe = Mutex::new(Some(Arc::new(pipe)));
        Ok(Self { pipe, stop: Event::new()?, read_timeout: Mutex::default() })
    }

    /// Refuses a peer that is not this user.
    fn checked(peer: User, user: &User) -> io::Result<()> {
        if peer == *user {
            return Ok(());
        }
        let reason = format!("the process at the other end belongs to user {peer}, not to {user}");
        Err(io::Error::new(io::ErrorKind::PermissionDenied, reason))
    }

    /// Limits the time that a read takes; none lifts the limit.
    #[expect(clippy::unnecessary_wraps, reason = "it may fail on Unix")]
    pub(crate) fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        *lock(&self.read_timeout) = timeout;
        Ok(())
    }

    /// Ends the connection: both sides read the end of the stream.
    pub(crate) fn shut_down(&self) {
        self.stop.set();
        drop(lock(&self.pipe).take());
    }

    fn pipe(&self) -> io::Result<Arc<OwnedHandle>> {
        lock(&self.pipe).clone().ok_or_else(|| io::ErrorKind::ConnectionAborted.into())
    }

    fn read_some(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let timeout = *lock(&self.read_timeout);
        win32::read(&*self.pipe()?, buffer, &self.stop, timeout)
    }
}

/// Whether an error says that a connection has ended, on this side or on the other one.
fn is_end(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted)
        || error.raw_os_error() == Some(ERROR_PIPE_NOT_CONNECTED.cast_signed())
}

impl Read for &Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.read_some(buffer) {
            Err(error) if is_end(&error) => Ok(0),
            outcome => outcome,
        }
    }
}

impl Write for &Stream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        win32::write(&*self.pipe()?, buffer, &self.stop, WRITE_TIMEOUT)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The engine process's end. The name goes with it.
pub(crate) struct Listener {
    name: PathBuf,
    /// The user of this process, to whom the pipe belongs.
    owner: User,
    /// The user that may connect.
    user: User,
    /// The instance that the next peer gets. None while one waits for a peer at it, and where none could be made.
    next: Mutex<Option<OwnedHandle>>,
    stop: Event,
}

impl Listener {
    /// Listens under the name that stands for this file. The caller holds the lock of the place. No user means the own one.
    pub(crate) fn bind(path: &Path, user: Option<User>) -> io::Result<Self> {
        let owner = own_user()?;
        let name = pipe_name(&owner, path);
        // The name of a process that was killed is taken until its windows have closed the connections.
        let is_taken = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
        let next = Mutex::new(Some(retry_while(is_taken, || win32::create(&name, &owner, true))?));
        let user = user.unwrap_or_else(|| owner.clone());
        Ok(Self { name, owner, user, next, stop: Event::new()? })
    }

    /// Waits for the next peer. A peer that is refused is an error of its own.
    pub(crate) fn accept(&self) -> io::Result<Stream> {
        let create = || win32::create(&self.name, &self.owner, false);
        let known = lock(&self.next).take();
        let pipe = known.map_or_else(create, Ok)?;
        let connected = win32::connect(&pipe, &self.stop);
        if matches!(&connected, Err(error) if error.kind() == io::ErrorKind::ConnectionAborted) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        // There is another instance before this one can end, so that nobody else gets the name.
        *lock(&self.next) = create().ok();
        connected?;
        Stream::checked(win32::user_of_process(win32::client_process(&pipe)?)?, &self.user)?;
        Stream::new(pipe)
    }

    /// Lets nobody connect any more, and wakes the thread that waits.
    pub(crate) fn close(&self) {
        self.stop.set();
        drop(lock(&self.next).take());
    }
}
