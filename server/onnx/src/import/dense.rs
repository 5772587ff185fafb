//! Weights as floats, and kinds of GGUF that are kept in a wider form. Invariant: `widen` loses nothing.
//!
//! Source of the layouts: the quantisation formats of the GGUF project.

use fimble_kernels::{Form, Row};
use half::{bf16, f16};

use crate::gguf::TensorKind;

/// The 16 values of IQ4_NL and IQ4_XS.
const FOUR_BIT_VALUES: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// The numbers of whole blocks; nothing for kinds that are not read.
pub(super) fn numbers(kind: TensorKind, bytes: &[u8], into: &mut Vec<f32>) {
    into.clear();
    let form = match kind {
        TensorKind::F32 => {
            into.extend(bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)));
            return;
        }
        TensorKind::F16 => {
            into.extend(bytes.as_chunks().0.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()));
            return;
        }
        TensorKind::Bf16 => {
            into.extend(bytes.as_chunks().0.iter().map(|bytes| bf16::from_le_bytes(*bytes).to_f32()));
            return;
        }
        TensorKind::Q2K => return bytes.chunks_exact(84).for_each(|block| two_bits(block, into)),
        TensorKind::Iq4Xs => return bytes.chunks_exact(136).for_each(|block| four_bit_values(block, into)),
        TensorKind::Q4_0 => Form::Q4_0,
        TensorKind::Q4_1 => Form::Q4_1,
        TensorKind::Q5_0 => Form::Q5_0,
        TensorKind::Q5_1 => Form::Q5_1,
        TensorKind::Q8_0 | TensorKind::Iq4Nl => Form::Q8_0,
        TensorKind::Q4K => Form::Q4K,
        TensorKind::Q5K => Form::Q5K,
        TensorKind::Q6K | TensorKind::Q3K => Form::Q6K,
        _ => return,
    };
    let mut row = Row::default();
    match kind {
        TensorKind::Iq4Nl | TensorKind::Q3K => widen(kind, bytes, &mut row),
        _ => row.read(form, bytes),
    }
    row.weights(form, into);
}

/// Reads Q3_K as Q6_K, and IQ4_NL as Q8_0.
pub(super) fn widen(kind: TensorKind, bytes: &[u8], row: &mut Row) {
    *row = Row::default();
    match kind {
        TensorKind::Q3K => bytes.chunks_exact(110).for_each(|block| three_bits(block, row)),
        TensorKind::Iq4Nl => {
            for block in bytes.chunks_exact(18) {
                row.d.push(u16::from_le_bytes([block[0], block[1]]));
                let low = block[2..].iter().map(|byte| byte & 15);
                let high = block[2..].iter().map(|byte| byte >> 4);
                let values = low.chain(high).map(|index| FOUR_BIT_VALUES[usize::from(index)] as u8 ^ 0x80);
                row.q.extend(values);
            }
        }
        _ => {}
    }
}

/// A block of 256 with 3 bits: 32 bytes of high bits, 64 of low pairs, 12 of scales with 6 bits, a half float.
fn three_bits(block: &[u8], row: &mut Row) {
    let (high, low, packed) = (&block[..32], &block[32..96], &block[96..108]);
    for index in 0..16 {
        let nibble = if index < 8 { packed[index] & 15 } else { packed[index - 8] >> 4 };
        let upper = packed[8 + index % 4] >> (index / 4 * 2) & 3;
        row.sc.push((nibble | upper << 4).wrapping_sub(32));
    }
    for group in 0..8 {
        for column in 0..32 {
            let pair = low[group / 4 * 32 + column] >> (group % 4 * 2) & 3;
            let bit = high[column] >> group & 1;
            // The stored number is 4 too high; that of Q6_K is 32 too high.
            row.q.push(pair + 4 * bit + 28);
        }
    }
    row.d.push(u16::from_le_bytes([block[108], block[109]]));
}

/// A block of 256 with 2 bits: 16 bytes with a scale and a minimum of 4 bits, 64 of pairs, two half floats.
fn two_bits(block: &[u8], into: &mut Vec<f32>) {
    let half = |at: usize| f16::from_le_bytes([block[at], block[at + 1]]).to_f32();
    let (d, m) = (half(80), half(82));
    for group in 0..8 {
        for column in 0..32 {
            let scales = block[group * 2 + column / 16];
            let pair = block[16 + group / 4 * 32 + column] >> (group % 4 * 2) & 3;
            into.push(d * f32::from(scales & 15) * f32::from(pair) - m * f32::from(scales >> 4));
        }
    }
}

/// A block of 256 with indices of 4 bits: a half float, scales of 6 bits for 32 in 2 and 4 bytes, 128 of indices.
fn four_bit_values(block: &[u8], into: &mut Vec<f32>) {
    let d = f16::from_le_bytes([block[0], block[1]]).to_f32();
    let upper = u16::from_le_bytes([block[2], block[3]]);
    for group in 0..8 {
        let lower = block[4 + group / 2] >> (group % 2 * 4) & 15;
        let scale = i32::from(lower) | i32::from(upper >> (2 * group) & 3) << 4;
        let d = d * (scale - 32) as f32;
        let indices = &block[8 + 16 * group..][..16];
        for shift in [0, 4] {
            into.extend(
                indices.iter().map(|byte| d * f32::from(FOUR_BIT_VALUES[usize::from(byte >> shift & 15)])),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that do not repeat, the same each time.
    fn bytes(n: usize) -> Vec<u8> {
        let mut state = 7_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u8
        };
        (0..n).map(|_| next()).collect()
    }

    /// Sums over 512 weights as GGUF's own Python package (gguf 0.19) reads them: of each times its place, and of its square
    /// times its place.
    #[test]
    fn blocks_stand_for_the_numbers_that_gguf_reads() {
        // The kind, where its half floats are, and the sums.
        let expected: [(TensorKind, &[usize], f64, f64); 12] = [
            (TensorKind::Q4_0, &[0], -1123.9060974121094, 447.9456589622423),
            (TensorKind::Q4_1, &[0, 2], 17530.446380615234, 2780.41757464502),
            (TensorKind::Q5_0, &[0], -1453.495849609375, 1793.7637760397047),
            (TensorKind::Q5_1, &[0, 2], 30676.882446289062, 8933.491095036268),
            (TensorKind::Q8_0, &[0], -6601.8798828125, 106274.14806381986),
            (TensorKind::Q2K, &[80, 82], -18663.434204101562, 10352.989580523223),
            (TensorKind::Q3K, &[108], 6595.2386474609375, 35792.64663756639),
            (TensorKind::Q4K, &[0, 2], 92475.89199829102, 1117218.0952904886),
            (TensorKind::Q5K, &[0, 2], 328795.4592285156, 5298352.700677779),
            (TensorKind::Q6K, &[208], -235577.48223876953, 39875510.69796795),
            (TensorKind::Iq4Nl, &[0], -14363.934387207031, 94450.05270577781),
            (TensorKind::Iq4Xs, &[0], -62970.06594848633, 13445944.609984893),
        ];
        for (kind, halves, by_place, squares) in expected {
            let mut blocks = bytes((512 / kind.block_length() * kind.block_bytes()) as usize);
            for block in blocks.chunks_exact_mut(kind.block_bytes() as usize) {
                for (at, number) in halves.iter().zip([0.0123, 0.0456]) {
                    block[*at..*at + 2].copy_from_slice(&f16::from_f32(number).to_le_bytes());
                }
            }
            let mut found = Vec::new();
            numbers(kind, &blocks, &mut found);
            assert_eq!(found.len(), 512);
            let sum = |of: fn(f64) -> f64| -> f64 {
                found.iter().zip(1..).map(|(number, place)| of(f64::from(*number)) * f64::from(place)).sum()
            };
            let [difference, of_squares] = [sum(|n| n) - by_place, sum(|n| n * n) - squares];
            assert!(difference.abs() < 1e-4 * by_place.abs(), "{kind:?}: {difference}");
            assert!(of_squares.abs() < 1e-4 * squares, "{kind:?}: {of_squares}");
        }
    }
}
