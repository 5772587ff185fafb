//! Any bytes as a stream of framed messages. Invariant: nothing panics, and the messages do not depend on how the bytes are cut
//! into pieces.

#![no_main]

use fimble_fuzz::LimitedAllocator;
use fimble_lsp::FrameDecoder;
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: LimitedAllocator = LimitedAllocator(1 << 20);

fuzz_target!(|bytes: &[u8]| decode_frames(bytes));

/// Up to this many bytes, a header without an end is kept however its bytes arrive. A longer one is given up sooner if it
/// comes in pieces.
const KEPT_HEADER_BYTES: usize = 4096;

/// Decodes a stream of messages: at once and in pieces, whose size the first byte says. Panics if they differ. Every piece is
/// searched for the end of a header, so a long stream comes in larger ones.
fn decode_frames(bytes: &[u8]) {
    let Some((size, stream)) = bytes.split_first() else { return };
    let in_pieces = decoded(stream.chunks(usize::from(*size) + 1 + stream.len() / 64));
    if stream.len() <= KEPT_HEADER_BYTES {
        assert_eq!(in_pieces, decoded(std::iter::once(stream)));
    }
}

fn decoded<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Option<Vec<u8>>> {
    let mut decoder = FrameDecoder::default();
    let mut found = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        while let Some(frame) = decoder.next_frame() {
            found.push(frame.ok().map(<[u8]>::to_vec));
        }
    }
    found
}
