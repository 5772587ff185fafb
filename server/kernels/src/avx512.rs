//! The product with AVX-512 VNNI: 16 rows of weights at once, one in each lane, so that no sum runs across lanes. A step multiplies
//! four columns of all 16 rows with four activations, which the instruction reads from memory into every lane.

use std::arch::x86_64::*;

use crate::activations::Activations;
use crate::form::{Form, HALVES, SUPER_UNITS, TILE_ROWS, UNIT};
use crate::multiply::Output;

/// Multiplies all rows of the activations with a tile.
///
/// # Safety
/// The processor has the instructions; the tile has `form.tile_bytes(activations.n_columns())` bytes.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,f16c")]
pub(crate) unsafe fn tile(
    form: Form,
    tile: &[u8],
    activations: &Activations,
    out: &Output<'_>,
    first: usize,
) {
    // SAFETY: as for this function; each form goes with its own constant.
    unsafe {
        match form {
            Form::Q4_0 => rows::<0>(tile, activations, out, first),
            Form::Q4_1 => rows::<1>(tile, activations, out, first),
            Form::Q5_0 => rows::<2>(tile, activations, out, first),
            Form::Q5_1 => rows::<3>(tile, activations, out, first),
            Form::Q8_0 => rows::<4>(tile, activations, out, first),
            Form::Q4K => rows::<5>(tile, activations, out, first),
            Form::Q5K => rows::<6>(tile, activations, out, first),
            Form::Q6K => rows::<7>(tile, activations, out, first),
        }
    }
}

/// Takes the rows of activations in groups: the more at once, the less often weights are unpacked.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,f16c")]
unsafe fn rows<const FORM: usize>(tile: &[u8], activations: &Activations, out: &Output<'_>, first: usize) {
    let n_rows = activations.n_rows();
    let mut row = 0;
    // SAFETY: as for `tile`; the groups end with the last row.
    unsafe {
        while row < n_rows {
            row += match n_rows - row {
                10.. => group::<FORM, 10>(tile, activations, out, first, row),
                5..10 => group::<FORM, 5>(tile, activations, out, first, row),
                3..5 => group::<FORM, 3>(tile, activations, out, first, row),
                2 => group::<FORM, 2>(tile, activations, out, first, row),
                _ => group::<FORM, 1>(tile, activations, out, first, row),
            };
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni,f16c")]
unsafe fn group<const FORM: usize, const N: usize>(
    tile: &[u8],
    activations: &Activations,
    out: &Output<'_>,
    first: usize,
    row: usize,
) -> usize {
    const { assert!(FORM < Form::ALL.len()) };
    let form = Form::ALL[FORM];
    let units = activations.n_units();
    let is_six = matches!(form, Form::Q6K);
    let has_super = form.has_super_blocks();
    // SAFETY: `at` stays within the tile and the pointers into the activations within their rows, by the lengths that both have.
    unsafe {
        let mut at = tile.as_ptr();
        let q = activations.q.as_ptr().add(row * units * UNIT);
        let scales = activations.scales.as_ptr().add(row * units);
        let sums = activations.sums.as_ptr().add(row * units * 2);
        let mut totals = [_mm512_setzero_ps(); N];
        let mut d = _mm512_setzero_ps();
        let mut m = _mm512_setzero_ps();
        for unit in 0..units {
            if !has_super || unit % SUPER_UNITS == 0 {
                d = _mm512_cvtph_ps(_mm256_loadu_si256(at.cast()));
                if form.has_minimum() {
                    m = _mm512_cvtph_ps(_mm256_loadu_si256(at.add(HALVES).cast()));
                }
                at = at.add(form.halves_bytes());
            }
            // Scale and minimum of the unit; of six bits the scales of its two halves.
            let (scale, other) = match form {
                Form::Q6K => {
                    (_mm512_mul_ps(d, signed_bytes(at)), _mm512_mul_ps(d, signed_bytes(at.add(TILE_ROWS))))
                }
                Form::Q4K | Form::Q5K => {
                    (_mm512_mul_ps(d, bytes(at)), _mm512_mul_ps(m, bytes(at.add(TILE_ROWS))))
                }
                _ => (d, m),
            };
            at = at.add(form.small_scales_bytes());
            let mut products = [_mm512_setzero_si512(); N];
            // One row of activations alone would wait for each product before the next.
            let mut odd_products = [_mm512_setzero_si512(); N];
            if form.zero() != 0 {
                for (n, product) in products.iter_mut().enumerate() {
                    let sums = sums.add((n * units + unit) * 2);
                    let sum = if is_six { *sums } else { *sums + *sums.add(1) };
                    *product = _mm512_set1_epi32(-form.zero() * sum);
                }
            }
            for step in 0..8 {
                if is_six && step == 4 {
                    for n in 0..N {
                        let of_row = _mm512_set1_ps(*scales.add(n * units + unit));
                        let first_half = _mm512_cvtepi32_ps(_mm512_add_epi32(products[n], odd_products[n]));
                        totals[n] = _mm512_fmadd_ps(first_half, _mm512_mul_ps(scale, of_row), totals[n]);
                        let sum = *sums.add((n * units + unit) * 2 + 1);
                        products[n] = _mm512_set1_epi32(-form.zero() * sum);
                        odd_products[n] = _mm512_setzero_si512();
                    }
                }
                let weights = step_of(form, at, step);
                for n in 0..N {
                    let four = q.add((n * units + unit) * UNIT + 4 * step).cast::<i32>().read_unaligned();
                    let four = _mm512_set1_epi32(four);
                    if N == 1 && step % 2 == 1 {
                        odd_products[n] = _mm512_dpbusd_epi32(odd_products[n], weights, four);
                    } else {
                        products[n] = _mm512_dpbusd_epi32(products[n], weights, four);
                    }
                }
            }
            at = at.add(64 * form.bits());
            for n in 0..N {
                let of_row = _mm512_set1_ps(*scales.add(n * units + unit));
                let product =
                    if N == 1 { _mm512_add_epi32(products[n], odd_products[n]) } else { products[n] };
                let scale = if is_six { other } else { scale };
                totals[n] =
                    _mm512_fmadd_ps(_mm512_cvtepi32_ps(product), _mm512_mul_ps(scale, of_row), totals[n]);
                if form.has_minimum() {
                    let sums = sums.add((n * units + unit) * 2);
                    let sum = (*sums + *sums.add(1)) as f32 * *scales.add(n * units + unit);
                    let sum = _mm512_set1_ps(sum);
                    totals[n] = if has_super {
                        _mm512_fnmadd_ps(other, sum, totals[n])
                    } else {
                        _mm512_fmadd_ps(other, sum, totals[n])
                    };
                }
            }
        }
        for (n, total) in totals.iter().enumerate() {
            let mut products = [0.0; TILE_ROWS];
            _mm512_storeu_ps(products.as_mut_ptr(), *total);
            out.put(row + n, first, &products);
        }
    }
    N
}

/// The 64 weights of a step as bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,f16c")]
unsafe fn step_of(form: Form, planes: *const u8, step: usize) -> __m512i {
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
