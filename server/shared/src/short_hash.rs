//! Short names from longer ones. Invariant: the same bytes have the same hash in every process of one version.

/// A hash of bytes (FNV-1a). It keeps apart what differs by chance, and is no guard against bytes that are chosen to collide.
pub(crate) fn short_hash(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum: u32, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}
