//! The product with AVX2: two times eight rows of weights at once, one in each lane. Without VNNI bytes are multiplied in pairs
//! whose sum must fit 16 bits: weights of eight bits are therefore taken with their sign on the side of the activations.
//! Invariant: nothing here runs on a processor without the instructions that its `target_feature` names.

use std::arch::x86_64::*;

use crate::activations::Activations;
use crate::form::{Form, HALVES, SUPER_UNITS, TILE_ROWS, UNIT};
use crate::output::Output;
use crate::tile_loop::tile_kernel;

/// Rows of weights in a vector.
const LANES: usize = 8;
/// Vectors of a tile.
const SIDES: usize = TILE_ROWS / LANES;
/// Weights are not fetched ahead.
const PREFETCH: usize = 0;

/// Whole numbers, one for each row of weights.
type Whole = __m256i;

tile_kernel!(
    /// Multiplies all rows of the activations with a tile, bytes in pairs.
    tile_pairs, pairs, "avx2,fma,f16c", groups: [4, 2], dot: dot_pairs, signed: true
);
tile_kernel!(
    /// Multiplies all rows of the activations with a tile, four bytes at once.
    tile_vnni, vnni, "avx2,fma,f16c,avxvnni", groups: [4, 2], dot: dot_vnni, signed: false
);

/// Adds the products of 32 weights with four activations, in pairs.
#[inline]
#[target_feature(enable = "avx2")]
fn dot_pairs(form: Form, sum: Whole, weights: Whole, four: Whole) -> Whole {
    let pairs = if form.bits() == 8 {
        let signed = _mm256_xor_si256(weights, _mm256_set1_epi8(-128));
        _mm256_maddubs_epi16(_mm256_abs_epi8(signed), _mm256_sign_epi8(four, signed))
    } else {
        _mm256_maddubs_epi16(weights, four)
    };
    _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
}

/// Adds the products of 32 weights with four activations, with the instruction that does so.
#[inline]
#[target_feature(enable = "avx2,avxvnni")]
fn dot_vnni(_: Form, sum: Whole, weights: Whole, four: Whole) -> Whole {
    _mm256_dpbusd_avx_epi32(sum, weights, four)
}

/// The number in every lane.
#[inline]
#[target_feature(enable = "avx2")]
fn splat(number: f32) -> __m256 {
    _mm256_set1_ps(number)
}

/// Four bytes in every lane.
#[inline]
#[target_feature(enable = "avx2")]
fn splat_four(four: i32) -> Whole {
    _mm256_set1_epi32(four)
}

#[inline]
#[target_feature(enable = "avx2")]
fn mul(left: __m256, right: __m256) -> __m256 {
    _mm256_mul_ps(left, right)
}

#[inline]
#[target_feature(enable = "avx2")]
fn sub(left: __m256, right: __m256) -> __m256 {
    _mm256_sub_ps(left, right)
}

#[inline]
#[target_feature(enable = "avx2")]
fn add_whole(left: Whole, right: Whole) -> Whole {
    _mm256_add_epi32(left, right)
}

/// Stores 8 floats.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn store(at: *mut f32, numbers: __m256) {
    // SAFETY: the caller has room for 8 floats there.
    unsafe { _mm256_storeu_ps(at, numbers) }
}

/// Adds scaled products, and the offset of the weights times the sum of the activations.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn add(total: &mut __m256, products: __m256i, scale: __m256, of_row: f32, offset: __m256, sum: f32) {
    let scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(products), _mm256_set1_ps(of_row));
    let with_offset = _mm256_fmadd_ps(offset, _mm256_set1_ps(sum), *total);
    *total = _mm256_fmadd_ps(scaled, scale, with_offset);
}

/// 32 weights of a step as bytes: those of the first or the last eight rows.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn step_of(form: Form, planes: *const u8, step: usize, side: usize) -> __m256i {
    // SAFETY: the planes of a unit have 64 bytes for each bit.
    unsafe {
        let planes = planes.add(32 * side);
        if form.bits() == 8 {
            return _mm256_loadu_si256(planes.add(64 * step).cast());
        }
        let nibbles = _mm256_loadu_si256(planes.add(64 * (step % 4)).cast());
        let nibbles = if step < 4 { nibbles } else { _mm256_srli_epi16::<4>(nibbles) };
        let low = _mm256_and_si256(nibbles, _mm256_set1_epi8(15));
        let (bits, right, mask) = match form.bits() {
            5 => (planes.add(256), step as i32 - 4, 0x10),
            6 => (planes.add(256 + step / 4 * 64), (step % 4 * 2) as i32 - 4, 0x30),
            _ => return low,
        };
        let bits = place(_mm256_loadu_si256(bits.cast()), right);
        _mm256_or_si256(low, _mm256_and_si256(bits, _mm256_set1_epi8(mask)))
    }
}

/// Bytes shifted to the right, or to the left for a negative number; bits of neighbours come in and are masked by the caller.
#[inline]
#[target_feature(enable = "avx2")]
fn place(bits: __m256i, right: i32) -> __m256i {
    match right {
        -4 => _mm256_slli_epi16::<4>(bits),
        -3 => _mm256_slli_epi16::<3>(bits),
        -2 => _mm256_slli_epi16::<2>(bits),
        -1 => _mm256_slli_epi16::<1>(bits),
        0 => bits,
        1 => _mm256_srli_epi16::<1>(bits),
        2 => _mm256_srli_epi16::<2>(bits),
        _ => _mm256_srli_epi16::<3>(bits),
    }
}

/// 8 half floats as floats.
#[inline]
#[target_feature(enable = "avx2,f16c")]
unsafe fn halves(at: *const u8) -> __m256 {
    // SAFETY: the caller's tile has 16 bytes there.
    unsafe { _mm256_cvtph_ps(_mm_loadu_si128(at.cast())) }
}

/// 8 bytes as floats.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn bytes(at: *const u8) -> __m256 {
    // SAFETY: the caller's tile has 8 bytes there.
    unsafe { _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(at.cast()))) }
}

/// 8 signed bytes as floats.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn signed_bytes(at: *const u8) -> __m256 {
    // SAFETY: the caller's tile has 8 bytes there.
    unsafe { _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(at.cast()))) }
}
