//! Any JSON as the settings of a client. Invariant: nothing panics, and every problem can be shown.

#![no_main]

use fimble_fuzz::LimitedAllocator;
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: LimitedAllocator = LimitedAllocator(1 << 20);

fuzz_target!(|bytes: &[u8]| fimble_lsp::fuzzing::resolve_settings(bytes));
