//! Work on a model's files that may ask for any amount of memory, such as the rendering of its chat template. Such work runs
//! on a thread of its own, whose allocations are counted.
//!
//! Invariant: a thread without a bound allocates as ever; a thread that would go past its bound reports that and then stands
//! still for good. An allocator can neither refuse memory nor unwind without ending the process, so that the thread, and
//! what it holds, is given up. Callers must not run such work a second time.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};
use std::sync::mpsc;
use std::time::Duration;

/// Allocations below this size are counted, but do not stop a thread: it might hold a lock of the standard library there.
const SMALL: usize = 4 * 1024;

thread_local! {
    /// Bytes that this thread may still allocate; none is any number.
    static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
    static REPORT: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// The allocator of the whole program: the system's, with a count for threads that have a bound.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(bytes: usize) {
    // What is freed is not given back to the count: what is bounded is short work.
    let is_over = LEFT.try_with(|left| match left.get() {
        None => false,
        Some(n) => {
            left.set(Some(n.saturating_sub(bytes)));
            // A panic holds locks while it is printed, and comes to an end.
            n < bytes && bytes >= SMALL && !std::thread::panicking()
        }
    });
    if is_over == Ok(true) {
        give_up();
    }
}

#[cold]
fn give_up() {
    LEFT.set(None);
    if let Ok(Some(report)) = REPORT.try_with(RefCell::take) {
        report();
    }
    loop {
        std::thread::park();
    }
}

// SAFETY: everything is done by the system's allocator; counting allocates nothing and does not unwind.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps to the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size.saturating_sub(layout.size()));
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, new_size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Why work came to no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unbounded {
    /// It asked for more than it may.
    Memory,
    /// It took longer than it may.
    Time,
    /// It panicked, or no thread could be started.
    Failed,
}

/// Runs work that may allocate at most `max_bytes` in all, and may take this long.
pub(crate) fn run<T: Send + 'static>(
    max_bytes: usize,
    time: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Unbounded> {
    let (sender, receiver) = mpsc::channel();
    let report = sender.clone();
    let started = std::thread::Builder::new().name("fimble-bounded".to_owned()).spawn(move || {
        REPORT.set(Some(Box::new(move || {
            let _ = report.send(Err(Unbounded::Memory));
        })));
        LEFT.set(Some(max_bytes));
        let result = work();
        LEFT.set(None);
        let _ = sender.send(Ok(result));
    });
    if started.is_err() {
        return Err(Unbounded::Failed);
    }
    match receiver.recv_timeout(time) {
        Ok(outcome) => outcome,
        Err(mpsc::RecvTimeoutError::Timeout) => Err(Unbounded::Time),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(Unbounded::Failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn work_within_its_bound_ends_and_work_beyond_it_is_given_up() {
        assert_eq!(run(1 << 20, MINUTE, || vec![1_u8; 100_000].len()), Ok(100_000));
        assert_eq!(run(1 << 20, MINUTE, || vec![1_u8; 2 << 20].len()), Err(Unbounded::Memory));
        let doubled = run(1 << 20, MINUTE, || {
            let mut text = "a".to_owned();
            for _ in 0..60 {
                text = format!("{text}{text}");
            }
            text.len()
        });
        assert_eq!(doubled, Err(Unbounded::Memory));
        // Other threads have no bound.
        assert_eq!(vec![0_u8; 8 << 20].len(), 8 << 20);
    }

    #[test]
    fn a_panic_is_a_failure() {
        assert_eq!(run(1 << 20, MINUTE, || -> u8 { panic!("on purpose") }), Err(Unbounded::Failed));
    }
}
