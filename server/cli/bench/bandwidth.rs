//! How fast this machine reads its memory, which limits how fast a model decodes. Invariant: what is read is larger than
//! any cache; no page is the shared page of zeros.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Far more than the caches of any machine, in bytes.
const BUFFER_BYTES: usize = 512 << 20;

/// Passes; the fastest counts, because what slows the others down is other work.
const N_PASSES: usize = 6;

/// Bytes per second that all processors together read from memory.
pub fn measure() -> f64 {
    let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
    // Written once, so that every page is there.
    let buffer = vec![1_u64; BUFFER_BYTES / size_of::<u64>()];
    let part = buffer.len().div_ceil(n_threads);
    let fastest = (0..N_PASSES).map(|_| pass(&buffer, part)).min().unwrap_or(Duration::MAX);
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let bytes = BUFFER_BYTES as f64;
    bytes / fastest.as_secs_f64()
}

fn pass(buffer: &[u64], part: usize) -> Duration {
    let started = Instant::now();
    std::thread::scope(|scope| {
        for part in buffer.chunks(part) {
            scope.spawn(move || black_box(sum(part)));
        }
    });
    started.elapsed()
}

/// Independent sums, so that no addition waits for the one before.
fn sum(numbers: &[u64]) -> u64 {
    const LANES: usize = 16;
    let mut sums = [0_u64; LANES];
    let (lines, rest) = numbers.as_chunks::<LANES>();
    for line in lines {
        for (sum, number) in sums.iter_mut().zip(line) {
            *sum = sum.wrapping_add(*number);
        }
    }
    rest.iter().chain(&sums).fold(0, |sum, number| sum.wrapping_add(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_read_once() {
        for count in [0, 1, 15, 16, 1000] {
            let numbers: Vec<u64> = (1..=count).collect();
            assert_eq!(sum(&numbers), count * (count + 1) / 2);
        }
    }
}
