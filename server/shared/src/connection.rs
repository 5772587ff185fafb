//! The window's end of the connection to the engine process. Invariant: requests are told apart by their numbers; when the
//! connection breaks, every request that waits ends, and every later one ends at once.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fimble_model::{CancelToken, TokenObserver};

use crate::call::{Call, Outcome, call};
use crate::frames;
use crate::identity::Identity;
use crate::socket::Stream;
use crate::wire::{CallId, Hello, ToEngine, ToWindow, Welcome};

/// How long the other side may take to greet.
const GREETING: Duration = Duration::from_secs(5);
/// How often a waiting caller looks whether its request was cancelled.
const TICK: Duration = Duration::from_millis(2);
/// After so long without a message the engine process is asked whether it answers, and after as long again it counts as hung.
const SILENCE: Duration = Duration::from_secs(5);

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum ConnectError {
    /// Nobody listens, or the connection broke in the greeting.
    Absent(io::Error),
    /// The engine process is one of another version; this is what it answered.
    OtherVersion(Welcome),
}

/// A connection. Dropping it ends it.
pub(crate) struct Connection(Arc<Shared>);

struct Shared {
    stream: Stream,
    /// Held while a message is written, so that messages do not mix.
    writing: Mutex<()>,
    calls: Mutex<HashMap<CallId, Call>>,
    next_call: AtomicU64,
    is_broken: AtomicBool,
    /// The engine process.
    process: u32,
    /// When the last message came, in milliseconds since the start.
    heard: AtomicU64,
    start: Instant,
}

impl Connection {
    /// Connects, and compares the versions.
    pub(crate) fn open(socket: &Path, identity: &Identity, is_window: bool) -> Result<Self, ConnectError> {
        let stream = Stream::connect(socket).map_err(ConnectError::Absent)?;
        let greet = || -> io::Result<Welcome> {
            stream.set_read_timeout(Some(GREETING))?;
            frames::write(&mut &stream, &Hello { identity: identity.clone(), is_window })?;
            let welcome = frames::read(&mut &stream)?;
            stream.set_read_timeout(None)?;
            Ok(welcome)
        };
        let welcome = greet().map_err(ConnectError::Absent)?;
        if welcome.identity != *identity {
            return Err(ConnectError::OtherVersion(welcome));
        }
        let shared = Arc::new(Shared {
            stream,
            writing: Mutex::new(()),
            calls: Mutex::default(),
            next_call: AtomicU64::new(0),
            is_broken: AtomicBool::new(false),
            process: welcome.process,
            heard: AtomicU64::new(0),
            start: Instant::now(),
        });
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("fimble-attached".to_owned());
        thread.spawn(move || theirs.listen()).map_err(ConnectError::Absent)?;
        Ok(Self(shared))
    }

    /// The number of the engine process.
    pub(crate) fn process(&self) -> u32 {
        self.0.process
    }

    /// Whether it broke.
    pub(crate) fn is_broken(&self) -> bool {
        self.0.is_broken.load(Ordering::SeqCst)
    }

    /// Sends a message that has no answer. A connection that is broken takes none.
    pub(crate) fn send(&self, message: &ToEngine) {
        self.0.send(message);
    }

    /// Sends a request and waits for its outcome.
    pub(crate) fn request(
        &self,
        message: impl FnOnce(CallId) -> ToEngine,
        cancel: Option<&CancelToken>,
        observer: Option<TokenObserver>,
    ) -> Outcome {
        let shared = &self.0;
        let id = shared.next_call.fetch_add(1, Ordering::Relaxed);
        let (call, waiter) = call(observer);
        shared.calls().insert(id, call);
        shared.send(&message(id));
        // The thread of the connection ends all requests that it sees when the connection breaks, and this one may have come later.
        if self.is_broken() {
            shared.break_off_calls();
        }
        let (mut is_cancelled, mut asked) = (false, None);
        shared.heard.store(shared.elapsed(), Ordering::Relaxed);
        let tick = if cancel.is_some() { TICK } else { SILENCE };
        loop {
            if let Some(outcome) = waiter.wait(tick) {
                return outcome;
            }
            if !is_cancelled && cancel.is_some_and(CancelToken::is_cancelled) {
                is_cancelled = true;
                shared.send(&ToEngine::Cancel { call: id });
            }
            let heard = shared.heard.load(Ordering::Relaxed);
            let silence = Duration::from_millis(shared.elapsed().saturating_sub(heard));
            match asked {
                None if silence >= SILENCE => {
                    let ping = shared.next_call.fetch_add(1, Ordering::Relaxed);
                    shared.send(&ToEngine::Ping { call: ping });
                    asked = Some(heard);
                }
                Some(before) if before != heard => asked = None,
                Some(_) if silence >= SILENCE * 2 => {
                    tracing::warn!(process = shared.process, "the engine process does not answer");
                    shared.break_off();
                }
                _ => {}
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.break_off();
    }
}

impl Shared {
    fn calls(&self) -> MutexGuard<'_, HashMap<CallId, Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn send(&self, message: &ToEngine) {
        if self.is_broken.load(Ordering::SeqCst) {
            return;
        }
        let guard = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let written = frames::write(&mut &self.stream, message);
        drop(guard);
        if let Err(error) = written {
            tracing::debug!(%error, "the engine process takes no message");
            self.break_off();
        }
    }

    /// Reads messages until the connection ends.
    fn listen(&self) {
        while let Ok(message) = frames::read::<ToWindow>(&mut &self.stream) {
            self.heard.store(self.elapsed(), Ordering::Relaxed);
            match message {
                ToWindow::Piece { call: id, text, tokens } => {
                    // Taken out while its observer runs, which may take a moment.
                    let Some(mut call) = self.calls().remove(&id) else { continue };
                    let ends = call.observe(&text, &tokens);
                    self.calls().insert(id, call);
                    self.send(&ToEngine::Verdict { call: id, ends });
                }
                ToWindow::Last { call: id, answer } => {
                    let call = self.calls().remove(&id);
                    if let Some(call) = call {
                        call.answer(answer);
                    }
                }
            }
        }
        self.break_off();
    }

    fn break_off(&self) {
        self.is_broken.store(true, Ordering::SeqCst);
        self.stream.shut_down();
        self.break_off_calls();
    }

    fn break_off_calls(&self) {
        let calls: Vec<Call> = self.calls().drain().map(|(_, call)| call).collect();
        calls.into_iter().for_each(Call::break_off);
    }
}
