//! The product with AVX2: two times eight rows of weights at once, one in each lane. Without VNNI bytes are multiplied in pairs
//! whose sum must fit 16 bits: weights of eight bits are therefore taken with their sign on the side of the activations.

use std::arch::x86_64::*;

use crate::activations::Activations;
use crate::form::{Form, HALVES, SUPER_UNITS, TILE_ROWS, UNIT};
use crate::multiply::Output;

macro_rules! add_products {
    (true, $form:ident, $sum:ident, $weights:ident, $four:ident) => {{
        let _ = $form;
        _mm256_dpbusd_avx_epi32($sum, $weights, $four)
    }};
    (false, $form:ident, $sum:ident, $weights:ident, $four:ident) => {{
        let pairs = if $form.bits() == 8 {
            let signed = _mm256_xor_si256($weights, _mm256_set1_epi8(-128));
            _mm256_maddubs_epi16(_mm256_abs_epi8(signed), _mm256_sign_epi8($four, signed))
        } else {
            _mm256_maddubs_epi16($weights, $four)
        };
        _mm256_add_epi32($sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
    }};
}

macro_rules! kernel {
    ($(#[$doc:meta])* $tile:ident, $module:ident, $features:literal, $vnni:tt) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// The processor has the instructions; the tile has `form.tile_bytes(activations.n_columns())` bytes.
        #[target_feature(enable = $features)]
        pub(crate) unsafe fn $tile(
            form: Form,
            tile: &[u8],
            activations: &Activations,
            out: &Output<'_>,
            first: usize,
        ) {
            // SAFETY: as for this function; each form goes with its own constant.
            unsafe {
                match form {
                    Form::Q4_0 => $module::rows::<0>(tile, activations, out, first),
                    Form::Q4_1 => $module::rows::<1>(tile, activations, out, first),
                    Form::Q5_0 => $module::rows::<2>(tile, activations, out, first),
                    Form::Q5_1 => $module::rows::<3>(tile, activations, out, first),
                    Form::Q8_0 => $module::rows::<4>(tile, activations, out, first),
                    Form::Q4K => $module::rows::<5>(tile, activations, out, first),
                    Form::Q5K => $module::rows::<6>(tile, activations, out, first),
                    Form::Q6K => $module::rows::<7>(tile, activations, out, first),
                }
            }
        }

        mod $module {
            use super::*;

            /// Takes the rows of activations two by two: 16 registers hold no more.
            #[target_feature(enable = $features)]
            pub(super) unsafe fn rows<const FORM: usize>(
                tile: &[u8],
                activations: &Activations,
                out: &Output<'_>,
                first: usize,
            ) {
                let n_rows = activations.n_rows();
                let mut row = 0;
                // SAFETY: as for the tile; the groups end with the last row.
                unsafe {
                    while row + 2 <= n_rows {
                        group::<FORM, 2>(tile, activations, out, first, row);
                        row += 2;
                    }
                    if row < n_rows {
                        group::<FORM, 1>(tile, activations, out, first, row);
                    }
                }
            }

            #[target_feature(enable = $features)]
            unsafe fn group<const FORM: usize, const N: usize>(
                tile: &[u8],
                activations: &Activations,
                out: &Output<'_>,
                first: usize,
                row: usize,
            ) {
                const { assert!(FORM < Form::ALL.len()) };
                let form = Form::ALL[FORM];
                let units = activations.n_units();
                let is_six = matches!(form, Form::Q6K);
                let has_super = form.has_super_blocks();
                // Signed weights carry their zero themselves.
                let zero = if !$vnni && form.bits() == 8 { 0 } else { form.zero() };
                // SAFETY: `at` stays within the tile and the pointers into the activations within their rows, by the lengths
                // that both have.
                unsafe {
                    let mut at = tile.as_ptr();
                    let q = activations.q.as_ptr().add(row * units * UNIT);
                    let scales = activations.scales.as_ptr().add(row * units);
                    let sums = activations.sums.as_ptr().add(row * units * 2);
                    let mut totals = [[_mm256_setzero_ps(); 2]; N];
                    let mut d = [_mm256_setzero_ps(); 2];
                    let mut m = [_mm256_setzero_ps(); 2];
                    for unit in 0..units {
                        if !has_super || unit % SUPER_UNITS == 0 {
                            for side in 0..2 {
                                d[side] = halves(at.add(16 * side));
                                if form.has_minimum() {
                                    m[side] = halves(at.add(HALVES + 16 * side));
                                }
                            }
                            at = at.add(form.halves_bytes());
                        }
                        let small = at;
                        at = at.add(form.small_scales_bytes());
                        let mut products = [[_mm256_setzero_si256(); 2]; N];
                        if zero != 0 {
                            for n in 0..N {
                                let sums = sums.add((n * units + unit) * 2);
                                let sum = if is_six { *sums } else { *sums + *sums.add(1) };
                                products[n] = [_mm256_set1_epi32(-zero * sum); 2];
                            }
                        }
                        for step in 0..8 {
                            if is_six && step == 4 {
                                for n in 0..N {
                                    let of_row = _mm256_set1_ps(*scales.add(n * units + unit));
                                    for side in 0..2 {
                                        let scale = _mm256_mul_ps(d[side], signed_bytes(small.add(8 * side)));
                                        totals[n][side] = _mm256_fmadd_ps(
                                            _mm256_cvtepi32_ps(products[n][side]),
                                            _mm256_mul_ps(scale, of_row),
                                            totals[n][side],
                                        );
                                    }
                                    let sum = *sums.add((n * units + unit) * 2 + 1);
                                    products[n] = [_mm256_set1_epi32(-zero * sum); 2];
                                }
                            }
                            for side in 0..2 {
                                let weights = step_of(form, at, step, side);
                                for n in 0..N {
                                    let four =
                                        q.add((n * units + unit) * UNIT + 4 * step).cast::<i32>().read_unaligned();
                                    let four = _mm256_set1_epi32(four);
                                    products[n][side] = dot(form, products[n][side], weights, four);
                                }
                            }
                        }
                        at = at.add(64 * form.bits());
                        for n in 0..N {
                            let of_row = *scales.add(n * units + unit);
                            for side in 0..2 {
                                let scale = match form {
                                    Form::Q6K => {
                                        _mm256_mul_ps(d[side], signed_bytes(small.add(TILE_ROWS + 8 * side)))
                                    }
                                    Form::Q4K | Form::Q5K => {
                                        _mm256_mul_ps(d[side], bytes(small.add(8 * side)))
                                    }
                                    _ => d[side],
                                };
                                totals[n][side] = _mm256_fmadd_ps(
                                    _mm256_cvtepi32_ps(products[n][side]),
                                    _mm256_mul_ps(scale, _mm256_set1_ps(of_row)),
                                    totals[n][side],
                                );
                                if form.has_minimum() {
                                    let sums = sums.add((n * units + unit) * 2);
                                    let sum = _mm256_set1_ps((*sums + *sums.add(1)) as f32 * of_row);
                                    totals[n][side] = if has_super {
                                        let minimum =
                                            _mm256_mul_ps(m[side], bytes(small.add(TILE_ROWS + 8 * side)));
                                        _mm256_fnmadd_ps(minimum, sum, totals[n][side])
                                    } else {
                                        _mm256_fmadd_ps(m[side], sum, totals[n][side])
                                    };
                                }
                            }
                        }
                    }
                    for (n, total) in totals.iter().enumerate() {
                        let mut products = [0.0; TILE_ROWS];
                        _mm256_storeu_ps(products.as_mut_ptr(), total[0]);
                        _mm256_storeu_ps(products.as_mut_ptr().add(8), total[1]);
                        out.put(row + n, first, &products);
                    }
                }
            }

            /// Adds the products of 32 weights with four activations.
            #[inline]
            #[target_feature(enable = $features)]
            fn dot(form: Form, sum: __m256i, weights: __m256i, four: __m256i) -> __m256i {
                add_products!($vnni, form, sum, weights, four)
            }
        }
    };
}

kernel!(
    /// Multiplies all rows of the activations with a tile, bytes in pairs.
    tile_pairs,
    pairs,
    "avx2,fma,f16c",
    false
);
kernel!(
    /// Multiplies all rows of the activations with a tile, four bytes at once.
    tile_vnni,
    vnni,
    "avx2,fma,f16c,avxvnni",
    true
);

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
