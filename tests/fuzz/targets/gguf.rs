//! Any bytes as a GGUF file: the reader reads all that the file claims to hold, and the tokenizer is converted. Invariant: nothing
//! panics, what is read lies within the bytes, and no block of memory is much larger than they are.

#![no_main]

use fimble_fuzz::LimitedAllocator;
use fimble_onnx::gguf::GgufFile;
use fimble_onnx::tokenizer;
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: LimitedAllocator = LimitedAllocator(1 << 20);

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = GgufFile::from_bytes("fuzzed.gguf", bytes.to_vec()) else { return };
    let mut rows = Vec::new();
    let mut n_read = 0;
    for tensor in file.tensors() {
        file.read_rows(tensor, 0..tensor.n_rows(), &mut rows).expect("the header was checked");
        assert_eq!(rows.len() as u64, tensor.n_bytes());
        n_read += rows.len();
    }
    assert!(n_read <= bytes.len());
    let _ = tokenizer::convert(file.metadata());
});
