//! Any bytes as an ONNX file: both edits read its wire format. Invariant: nothing panics, no block of memory is much larger than
//! the bytes, and an edited file is read again without an error.

#![no_main]

use fimble_fuzz::LimitedAllocator;
use fimble_onnx::edit::{Edit, keep_last_logits, name_reshaped_weights};
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: LimitedAllocator = LimitedAllocator(1 << 20);

fuzz_target!(|bytes: &[u8]| {
    if let Ok(Some(edited)) = name_reshaped_weights(bytes) {
        let again = name_reshaped_weights(&edited).expect("an edited file is whole");
        assert_eq!(again, None, "nothing is left to edit");
    }
    if let Ok(Edit::Made(edited)) = keep_last_logits(bytes) {
        let again = keep_last_logits(&edited).expect("an edited file is whole");
        assert!(matches!(again, Edit::NotNeeded(_)), "nothing is left to edit");
    }
});
