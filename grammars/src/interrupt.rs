//! Interrupts parses that neither allocate nor ask whether to stop: tree-sitter can merge the readings of an ambiguous text for hours
//! without a call of ours. One thread watches the deadlines of running parses and sends their threads a signal, whose handler leaves
//! the parse. On Windows nothing does it.
//!
//! Invariant: a handler leaves only the parse that the signal was sent for, and only out of tree-sitter's own code, which
//! holds no lock: while a callback, an allocation or a scanner runs, it does nothing, and the signal is sent again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::blocks::leave_if_due;

/// Time until a signal that found the parse in a callback is sent again.
const AGAIN: Duration = Duration::from_millis(20);

/// The signal: ignored by programs that do not handle it.
const SIGNAL: libc::c_int = libc::SIGURG;

/// A running parse.
struct Watched {
    number: u64,
    thread: libc::pthread_t,
    deadline: Instant,
    is_due: Arc<AtomicBool>,
}

#[derive(Default)]
struct Watch {
    parses: Vec<Watched>,
    n_watched: u64,
    /// When the thread looks again by itself; none while it waits for a parse.
    looks_at: Option<Instant>,
}

static WATCH: Mutex<Watch> = Mutex::new(Watch { parses: Vec::new(), n_watched: 0, looks_at: None });
static NEWS: Condvar = Condvar::new();

fn watch() -> MutexGuard<'static, Watch> {
    WATCH.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Watches the parse of this thread while it lives.
pub(crate) struct Watching(u64);

impl Watching {
    /// Begins to watch a parse of this thread that has to end at `deadline`; then `is_due` is set. None if nothing can interrupt it.
    pub(crate) fn start(deadline: Instant, is_due: &Arc<AtomicBool>) -> Option<Self> {
        static RUNS: OnceLock<bool> = OnceLock::new();
        if !RUNS.get_or_init(|| install_handler() && start_thread()) {
            return None;
        }
        let mut watch = watch();
        watch.n_watched += 1;
        let number = watch.n_watched;
        // SAFETY: it may be called at any time.
        let thread = unsafe { libc::pthread_self() };
        watch.parses.push(Watched { number, thread, deadline, is_due: Arc::clone(is_due) });
        if watch.looks_at.is_none_or(|looks_at| deadline < looks_at) {
            NEWS.notify_one();
        }
        Some(Self(number))
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        watch().parses.retain(|parse| parse.number != self.0);
    }
}

fn start_thread() -> bool {
    std::thread::Builder::new().name("fimble-parse-watch".to_owned()).spawn(look).is_ok()
}

/// Sends signals when deadlines pass.
fn look() {
    let mut watch = watch();
    loop {
        let now = Instant::now();
        for parse in watch.parses.iter().filter(|parse| parse.deadline <= now) {
            parse.is_due.store(true, Ordering::Relaxed);
            // SAFETY: the thread is in the parse, or waits for the lock that is held here to end it.
            unsafe { libc::pthread_kill(parse.thread, SIGNAL) };
        }
        watch.looks_at = watch.parses.iter().map(|parse| parse.deadline.max(now + AGAIN)).min();
        watch = match watch.looks_at {
            None => NEWS.wait(watch).unwrap_or_else(PoisonError::into_inner),
            Some(at) => NEWS.wait_timeout(watch, at - now).unwrap_or_else(PoisonError::into_inner).0,
        };
    }
}

/// Installs the handler; not if the program has one for this signal.
fn install_handler() -> bool {
    // SAFETY: the structures are valid, and zero is a valid state of each.
    unsafe {
        let mut known: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(SIGNAL, std::ptr::null(), &raw mut known) != 0
            || !matches!(known.sa_sigaction, libc::SIG_DFL | libc::SIG_IGN)
        {
            return false;
        }
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_signal as *const () as libc::sighandler_t;
        // A handler that is left must not keep the signal blocked, and calls of the system go on behind it.
        action.sa_flags = libc::SA_RESTART | libc::SA_NODEFER;
        libc::sigemptyset(&raw mut action.sa_mask);
        libc::sigaction(SIGNAL, &raw const action, std::ptr::null_mut()) == 0
    }
}

extern "C" fn on_signal(_: libc::c_int) {
    leave_if_due();
}
