//! The product with AVX-512 VNNI: 16 rows of weights at once, one in each lane, so that no sum runs across lanes. A step multiplies
//! four columns of all 16 rows with four activations, which the instruction reads from memory into every lane. Invariant: nothing
//! here runs on a processor without the instructions that its `target_feature` names.

use std::arch::x86_64::*;

use crate::activations::Activations;
use crate::form::{Form, HALVES, SUPER_UNITS, TILE_ROWS, UNIT};
use crate::output::Output;
use crate::tile_loop::tile_kernel;

/// Rows of weights in a vector.
const LANES: usize = 16;
/// Vectors of a tile.
const SIDES: usize = TILE_ROWS / LANES;
/// How far ahead weights are fetched, in bytes.
const PREFETCH: usize = 1024;

/// Whole numbers, one for each row of weights.
type Whole = __m512i;

tile_kernel!(
    /// Multiplies all rows of the activations with a tile.
    tile, kernel, "avx512f,avx512bw,avx512vnni,f16c", groups: [10, 5, 3, 2], dot: dot, signed: false
);

/// Adds the products of 64 weights with four activations.
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
fn dot(_: Form, sum: Whole, weights: Whole, four: Whole) -> Whole {
    _mm512_dpbusd_epi32(sum, weights, four)
}

/// Adds scaled products, and the offset of the weights times the sum of the activations.
#[inline]
#[target_feature(enable = "avx512f")]
fn add(total: &mut __m512, products: Whole, scale: __m512, of_row: f32, offset: __m512, sum: f32) {
    let scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(products), _mm512_set1_ps(of_row));
    let with_offset = _mm512_fmadd_ps(offset, _mm512_set1_ps(sum), *total);
    *total = _mm512_fmadd_ps(scaled, scale, with_offset);
}

/// The number in every lane.
#[inline]
#[target_feature(enable = "avx512f")]
fn splat(number: f32) -> __m512 {
    _mm512_set1_ps(number)
}

/// Four bytes in every lane.
#[inline]
#[target_feature(enable = "avx512f")]
fn splat_four(four: i32) -> Whole {
    _mm512_set1_epi32(four)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn mul(left: __m512, right: __m512) -> __m512 {
    _mm512_mul_ps(left, right)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn sub(left: __m512, right: __m512) -> __m512 {
    _mm512_sub_ps(left, right)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn add_whole(left: Whole, right: Whole) -> Whole {
    _mm512_add_epi32(left, right)
}

/// Stores 16 floats.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn store(at: *mut f32, numbers: __m512) {
    // SAFETY: the caller has room for 16 floats there.
    unsafe { _mm512_storeu_ps(at, numbers) }
}

/// 16 half floats as floats.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn halves(at: *const u8) -> __m512 {
    // SAFETY: the caller's tile has 32 bytes there.
    unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(at.cast())) }
}

/// The 64 weights of a step as bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,f16c")]
unsafe fn step_of(form: Form, planes: *const u8, step: usize, _: usize) -> __m512i {
    // SAFETY: the planes of a unit have 64 bytes for each bit.
    unsafe {
        if form.bits() == 8 {
            return _mm512_loadu_si512(planes.add(64 * step).cast());
        }
        let nibbles = _mm512_loadu_si512(planes.add(64 * (step % 4)).cast());
        let nibbles = if step < 4 { nibbles } else { _mm512_srli_epi16::<4>(nibbles) };
        let low = _mm512_and_si512(nibbles, _mm512_set1_epi8(15));
        match form.bits() {
            5 => {
                let bits = _mm512_loadu_si512(planes.add(256).cast());
                low_with(low, place(bits, step as i32 - 4), 0x10)
            }
            6 => {
                let bits = _mm512_loadu_si512(planes.add(256 + step / 4 * 64).cast());
                low_with(low, place(bits, (step % 4 * 2) as i32 - 4), 0x30)
            }
            _ => low,
        }
    }
}

/// Bytes shifted to the right, or to the left for a negative number; bits of neighbours come in and are masked by the caller.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn place(bits: __m512i, right: i32) -> __m512i {
    match right {
        -4 => _mm512_slli_epi16::<4>(bits),
        -3 => _mm512_slli_epi16::<3>(bits),
        -2 => _mm512_slli_epi16::<2>(bits),
        -1 => _mm512_slli_epi16::<1>(bits),
        0 => bits,
        1 => _mm512_srli_epi16::<1>(bits),
        2 => _mm512_srli_epi16::<2>(bits),
        _ => _mm512_srli_epi16::<3>(bits),
    }
}

/// `low`, with the bits of `mask` from `high`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn low_with(low: __m512i, high: __m512i, mask: i8) -> __m512i {
    // a | (b & c)
    _mm512_ternarylogic_epi32::<0xF8>(low, high, _mm512_set1_epi8(mask))
}

/// 16 bytes as floats.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn bytes(at: *const u8) -> __m512 {
    // SAFETY: the caller's tile has 16 bytes there.
    unsafe { _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(at.cast()))) }
}

/// 16 signed bytes as floats.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn signed_bytes(at: *const u8) -> __m512 {
    // SAFETY: the caller's tile has 16 bytes there.
    unsafe { _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(at.cast()))) }
}
