//! The allocations of one running parse, and the way out of it. Invariant: the log says what the parse of this thread allocated
//! and did not free; no function on the way to [`leave`] has a destructor that is still to run.

use std::cell::Cell;
use std::collections::HashSet;
use std::ffi::c_void;
#[cfg(unix)]
use std::sync::Arc;
#[cfg(unix)]
use std::sync::atomic::AtomicBool;
use std::sync::atomic::{Ordering, compiler_fence};
use std::time::Instant;

/// Allocations between two looks at the clock.
const ALLOCATIONS_PER_LOOK: u32 = 256;
/// Marks a freed block. Addresses of blocks are even.
const FREED: usize = 1;
/// Entries, of 8 bytes each.
const LONGEST_LOG: usize = 1 << 20;

thread_local! {
    /// The parse that this thread is in; null while one of its callbacks runs.
    static CURRENT: Cell<*mut Allocations> = const { Cell::new(std::ptr::null_mut()) };
    /// The functions of ours and of scanners that the parse of this thread is in: an interrupt does not leave them.
    static N_KEPT: Cell<u32> = const { Cell::new(0) };
}

/// Which bound was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overrun {
    Memory,
    Time,
}

/// What a parse may take, and what it has taken.
pub(crate) struct Allocations {
    /// Where `fimble_leave` of leave.c goes to; set by `fimble_run`.
    pub(crate) place: *mut c_void,
    /// Bytes that this thread may hold, as [`crate::memory`] counts them.
    pub(crate) most_live: isize,
    pub(crate) deadline: Option<Instant>,
    pub(crate) overrun: Option<Overrun>,
    /// Set once the deadline has passed, by another thread.
    #[cfg(unix)]
    pub(crate) is_due: Arc<AtomicBool>,
    /// Addresses in the order of what was done with them: those of new blocks, and those of freed ones with [`FREED`] set. A
    /// set would be asked a million times a second for an answer that few parses need.
    log: Vec<usize>,
    /// The length of the log at which what was freed leaves it.
    longest_log: usize,
    until_look: u32,
}

impl Allocations {
    pub(crate) fn new(most_live: isize, deadline: Option<Instant>) -> Self {
        Self {
            place: std::ptr::null_mut(),
            most_live,
            deadline,
            overrun: None,
            #[cfg(unix)]
            is_due: Arc::default(),
            log: Vec::new(),
            longest_log: LONGEST_LOG,
            until_look: ALLOCATIONS_PER_LOOK,
        }
    }

    /// The addresses of the blocks that are not freed.
    pub(crate) fn blocks(&self) -> HashSet<usize> {
        let mut blocks = HashSet::new();
        for entry in &self.log {
            if entry & FREED == 0 {
                blocks.insert(*entry);
            } else {
                blocks.remove(&(entry & !FREED));
            }
        }
        blocks
    }

    fn write(&mut self, entry: usize) {
        self.log.push(entry);
        if self.log.len() >= self.longest_log {
            self.log = self.blocks().into_iter().collect();
            self.longest_log = LONGEST_LOG.max(2 * self.log.len());
        }
    }

    fn overrun(&mut self, live: isize) -> Option<Overrun> {
        if live > self.most_live {
            return Some(Overrun::Memory);
        }
        self.until_look -= 1;
        if self.until_look > 0 {
            return None;
        }
        self.until_look = ALLOCATIONS_PER_LOOK;
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline).then_some(Overrun::Time)
    }
}

/// Makes a parse the current one, or none; returns the one before it.
pub(crate) fn replace_current(allocations: *mut Allocations) -> *mut Allocations {
    CURRENT.try_with(|current| current.replace(allocations)).unwrap_or(std::ptr::null_mut())
}

/// Called for every allocation, after it, with the bytes that this thread holds. Does not return if a bound is passed.
pub(crate) fn took(pointer: *mut c_void, live: isize) {
    // A thread that ends frees its parser after its state was freed.
    let Ok(current) = CURRENT.try_with(Cell::get) else { return };
    if current.is_null() {
        return;
    }
    // SAFETY: the parse sets it to an object that outlives it, and only this thread uses it.
    let overrun = unsafe {
        (*current).write(pointer as usize);
        (*current).overrun = (*current).overrun(live);
        (*current).overrun
    };
    if overrun.is_some() {
        leave(current);
    }
}

/// Called for every block that is freed or moved, before it is.
pub(crate) fn gave(pointer: *mut c_void) {
    let Ok(current) = CURRENT.try_with(Cell::get) else { return };
    if !current.is_null() && !pointer.is_null() {
        // SAFETY: as above.
        unsafe { (*current).write(pointer as usize | FREED) };
    }
}

/// Runs what an interrupt must not leave: it holds locks of the system's allocator, or changes what outlives the parse.
pub(crate) fn kept<T>(run: impl FnOnce() -> T) -> T {
    let change = |by: u32| N_KEPT.try_with(|n_kept| n_kept.set(n_kept.get().wrapping_add(by)));
    let _ = change(1);
    compiler_fence(Ordering::SeqCst);
    let result = run();
    compiler_fence(Ordering::SeqCst);
    let _ = change(u32::MAX);
    result
}

/// Sets how many functions are kept; returns how many were.
pub(crate) fn replace_kept(n_kept: u32) -> u32 {
    N_KEPT.replace(n_kept)
}

/// Leaves the parse of this thread if its deadline has passed and it is in tree-sitter's own code. For a signal handler: it takes
/// no lock and allocates nothing.
#[cfg(unix)]
pub(crate) fn leave_if_due() {
    let current = CURRENT.try_with(Cell::get).unwrap_or(std::ptr::null_mut());
    if current.is_null() || N_KEPT.try_with(Cell::get) != Ok(0) {
        return;
    }
    // SAFETY: as above.
    let is_due = unsafe { (*current).is_due.load(Ordering::Relaxed) };
    if is_due {
        // SAFETY: as above.
        unsafe { (*current).overrun = Some(Overrun::Time) };
        leave(current);
    }
}

fn leave(current: *mut Allocations) -> ! {
    unsafe extern "C" {
        fn fimble_leave(place: *mut c_void) -> !;
    }
    replace_current(std::ptr::null_mut());
    // SAFETY: the call that `place` names is running on this thread: the parse is current.
    unsafe { fimble_leave((*current).place) }
}
