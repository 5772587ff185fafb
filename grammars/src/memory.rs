//! The memory of tree-sitter, counted. Invariant: tree-sitter gets its memory from the system's allocator, so that it does
//! not matter which of its objects were made before the counting began; each thread counts for itself.

use std::cell::Cell;
use std::ffi::c_void;
use std::sync::Once;

use crate::blocks::{self, kept};

thread_local! {
    /// Bytes that this thread got for tree-sitter and did not free. Negative where it freed what another thread got.
    static LIVE: Cell<isize> = const { Cell::new(0) };
}

/// Counts what tree-sitter takes on this thread while it lives. One inside of another is counted for both.
#[derive(Debug)]
pub struct MemoryMeter {
    at_start: isize,
}

impl MemoryMeter {
    /// Begins to count.
    #[must_use]
    pub fn start() -> Self {
        install();
        Self { at_start: LIVE.get() }
    }

    /// Bytes that were taken since the start and are still held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        usize::try_from(LIVE.get().saturating_sub(self.at_start)).unwrap_or_default()
    }
}

/// Bytes that this thread holds for tree-sitter now.
pub(crate) fn live() -> isize {
    LIVE.get()
}

/// Has the allocator give back to the system what it keeps of memory that was freed. Takes milliseconds.
pub fn give_back_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it may be called at any time, by any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Makes tree-sitter use the functions below. Called before the first of its objects is made.
pub(crate) fn install() {
    static INSTALLED: Once = Once::new();
    // SAFETY: no object of tree-sitter is made before, so that no other thread is inside of its allocator; and the
    // functions keep to the contracts of those of the C library, which they call.
    INSTALLED.call_once(|| unsafe {
        tree_sitter::set_allocator(Some(malloc), Some(calloc), Some(realloc), Some(free));
    });
}

/// Size of an allocation, as the allocator rounded it; 0 for none, and where the system does not say.
fn size_of(pointer: *mut c_void) -> isize {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: the pointer is null or an allocation of the C library.
    let size = unsafe { libc::malloc_usable_size(pointer) };
    #[cfg(target_vendor = "apple")]
    let size = {
        unsafe extern "C" {
            fn malloc_size(pointer: *const c_void) -> usize;
        }
        // SAFETY: as above.
        unsafe { malloc_size(pointer) }
    };
    #[cfg(windows)]
    let size = {
        unsafe extern "C" {
            fn _msize(pointer: *mut c_void) -> usize;
        }
        // SAFETY: as above, and not null.
        if pointer.is_null() { 0 } else { unsafe { _msize(pointer) } }
    };
    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple", windows)))]
    let size = {
        let _ = pointer;
        0
    };
    isize::try_from(size).unwrap_or(isize::MAX)
}

/// Returns the bytes that this thread holds after it.
fn add(bytes: isize) -> isize {
    // A thread that ends frees its parser after its counter was freed.
    let counted = LIVE.try_with(|live| {
        live.set(live.get().saturating_add(bytes));
        live.get()
    });
    counted.unwrap_or_default()
}

/// Counts a new allocation. Tree-sitter never looks whether it got one.
fn counted(pointer: *mut c_void) -> *mut c_void {
    if pointer.is_null() {
        std::process::abort();
    }
    let live = add(size_of(pointer));
    // May not return: nothing here has a destructor.
    blocks::took(pointer, live);
    pointer
}

unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    // SAFETY: any size may be asked for.
    kept(|| counted(unsafe { libc::malloc(size.max(1)) }))
}

unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    // SAFETY: as above.
    kept(|| counted(unsafe { libc::calloc(count.max(1), size.max(1)) }))
}

unsafe extern "C" fn realloc(pointer: *mut c_void, size: usize) -> *mut c_void {
    kept(|| {
        add(-size_of(pointer));
        blocks::gave(pointer);
        // SAFETY: the caller owns the allocation.
        counted(unsafe { libc::realloc(pointer, size.max(1)) })
    })
}

pub(crate) unsafe extern "C" fn free(pointer: *mut c_void) {
    kept(|| {
        add(-size_of(pointer));
        blocks::gave(pointer);
        // SAFETY: the caller owns the allocation, or it is null.
        unsafe { libc::free(pointer) }
    });
}
