//! Shared by the fuzz targets: an allocator with a limit. Invariant: a target that asks for a larger block than the limit ends
//! with a message, which the fuzzer reports as a crash.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write as _;

/// The system's allocator, which ends the process instead of handing out a block of more than this many bytes.
#[derive(Debug)]
pub struct LimitedAllocator(pub usize);

impl LimitedAllocator {
    fn check(&self, n_bytes: usize) {
        if n_bytes > self.0 {
            // Neither the message nor the end may allocate: this is the allocator.
            let _ = std::io::stderr().write_all(b"a block over the limit of this target was asked for\n");
            std::process::abort();
        }
    }
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for LimitedAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.check(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.check(layout.size());
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, n_bytes: usize) -> *mut u8 {
        self.check(n_bytes);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(block, layout, n_bytes) }
    }
}
