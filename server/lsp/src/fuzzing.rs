//! Entry points for the fuzz targets in tests/fuzz: bytes in, nothing out. Invariant: a fault is a panic; the server calls nothing
//! here.

use crate::settings::SettingsLayers;
use crate::transport::framing::FrameDecoder;

/// Up to this many bytes, a header without an end is kept however its bytes arrive. A longer one is given up sooner if it
/// comes in pieces.
const KEPT_HEADER_BYTES: usize = 4096;

/// Decodes a stream of messages: at once and in pieces, whose size the first byte says. Panics if they differ. Every piece is
/// searched for the end of a header, so a long stream comes in larger ones.
pub fn decode_frames(bytes: &[u8]) {
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

/// Resolves JSON as the settings of a client; of a list, the first value as those at the start and the second as a change.
pub fn resolve_settings(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice(bytes) else { return };
    let mut layers = SettingsLayers::default();
    match &value {
        serde_json::Value::Array(values) if values.len() == 2 => {
            layers.set_initialization(&values[0]);
            layers.set_configuration(&values[1]);
        }
        value => layers.set_initialization(value),
    }
    let (_, problems) = layers.resolve();
    for problem in problems {
        assert!(!problem.to_string().is_empty());
    }
}
