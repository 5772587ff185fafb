//! Panics. Invariant: a panic costs the one request it happened in; and its message is not logged, since it may quote
//! the text that was being cut.

use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};

/// Runs a piece of work; none if it panicked.
pub(crate) fn contain<T>(work: impl FnOnce() -> T) -> Option<T> {
    // What the work was changing is either dropped with it or, for the session, made of values that are each valid at
    // every point; nothing is left half written that is read later.
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// Makes panics write one log line with thread and place instead of their message, which may hold code. For the process
/// that runs the server on standard input and output.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info: &PanicHookInfo<'_>| {
        let thread = std::thread::current();
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(thread = thread.name().unwrap_or("unnamed"), place, "panic");
    }));
}
