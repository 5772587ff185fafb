//! The engine process: it listens, serves each window on a thread of its own, and ends a while after the last window. Invariant: one
//! engine process at most listens at a place, because it holds the lock of the place from before it listens until after it ended; a
//! window that was welcomed is served until it leaves.

mod documents;
mod hub;
mod models;
mod pieces;
mod turns;
mod window;

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use models::{HostLoader, HostedModel};

use crate::identity::Identity;
use crate::place::EnginePlace;
pub use crate::socket::User;
use crate::socket::{Listener, Stream};
use hub::Hub;

/// How long an engine process that is ending may take to release the lock.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(10);

/// What an engine process is made of.
pub struct HostOptions {
    /// Where it listens.
    pub place: EnginePlace,
    /// What windows must be.
    pub identity: Identity,
    /// Loads a model.
    pub loader: HostLoader,
    /// It ends so long after its last window.
    pub idle: Duration,
    /// The user whose windows are served; none means the own one.
    pub user: Option<User>,
}

/// How an engine process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostEnd {
    /// No window used it any more.
    Idle,
    /// Another one serves the place.
    OtherServes,
}

/// Serves the windows of a user until none is left.
///
/// # Errors
/// The folder, the lock or the socket cannot be made.
pub fn run(options: HostOptions) -> io::Result<HostEnd> {
    let HostOptions { place, identity, loader, idle, user } = options;
    place.prepare()?;
    let files = place.files();
    let Some(lock) = lock(&files.lock, &files.socket)? else { return Ok(HostEnd::OtherServes) };
    let listener = Arc::new(Listener::bind(&files.socket, user)?);
    let hub = Arc::new(Hub::new(identity, loader));
    let (theirs, their_hub) = (Arc::clone(&listener), Arc::clone(&hub));
    std::thread::Builder::new()
        .name("fimble-accept".to_owned())
        .spawn(move || accept(&theirs, &their_hub))?;
    hub.wait_until_idle(idle);
    listener.close();
    drop(lock);
    Ok(HostEnd::Idle)
}

/// Locks the place; none if another engine process serves it.
fn lock(path: &Path, socket: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    let deadline = Instant::now() + LOCK_TIMEOUT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // One that is ending has the lock for a moment longer than its socket.
        if Stream::connect(socket).is_ok() || Instant::now() >= deadline {
            return Ok(None);
        }
        std::thread::sleep(PAUSE);
    }
}

fn accept(listener: &Listener, hub: &Arc<Hub>) {
    loop {
        let accepted = listener.accept();
        if hub.has_ended() {
            return;
        }
        let started = accepted.and_then(|stream| {
            let hub = Arc::clone(hub);
            let thread = std::thread::Builder::new().name("fimble-window".to_owned());
            thread.spawn(move || window::serve(stream, &hub))
        });
        if let Err(error) = started {
            tracing::warn!(%error, "a window could not be served");
            // Where the system has no more files or threads, the next try may fail as well.
            std::thread::sleep(PAUSE);
        }
    }
}
