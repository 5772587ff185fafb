//! Any bytes as a stream of framed messages. Invariant: nothing panics, and the messages do not depend on how the bytes are cut
//! into pieces.

#![no_main]

use fimble_fuzz::LimitedAllocator;
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: LimitedAllocator = LimitedAllocator(1 << 20);

fuzz_target!(|bytes: &[u8]| fimble_lsp::fuzzing::decode_frames(bytes));
