//! The loop over a tile that all kernels with vector instructions share. Invariant: every kernel adds in the same order, unit after
//! unit; what differs from one processor to another is in the functions that the kernel's own file has.

/// Defines a kernel: the function `$tile`, which multiplies all rows of the activations with a tile, and its parts in `$module`.
///
/// Rows of activations are taken in groups of the sizes in `$group`, largest first: the more at once, the less often weights are
/// unpacked. `$dot` adds the products of a step. `$signed` says whether `$dot` takes weights of eight bits with their sign.
///
/// The file of the kernel has, in its own vectors: `SIDES` vectors of `LANES` rows of weights make a tile, `PREFETCH` is how many
/// bytes ahead weights are fetched (0 for not at all), and functions load and compute.
macro_rules! tile_kernel {
    (
        $(#[$doc:meta])*
        $tile:ident, $module:ident, $features:literal, groups: [$($group:literal),+], dot: $dot:ident, signed: $signed:literal
    ) => {
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
                    while row < n_rows {
                        let left = n_rows - row;
                        row += $(if left >= $group {
                            group::<FORM, $group>(tile, activations, out, first, row)
                        } else)+ {
                            group::<FORM, 1>(tile, activations, out, first, row)
                        };
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
            ) -> usize {
                const { assert!(FORM < Form::ALL.len()) };
                let form = Form::ALL[FORM];
                let units = activations.n_units();
                let has_super = form.has_super_blocks();
                // Stored numbers are multiplied without their zero, which is made up for with the sums of activations, as a
                // minimum is. Signed weights carry their zero themselves.
                let zero = if $signed && form.bits() == 8 { 0 } else { form.zero() };
                let zero = splat(-zero as f32);
                // SAFETY: `at` stays within the tile and the pointers into the activations within their rows, by the lengths
                // that both have. Prefetching may name any address.
                unsafe {
                    let mut at = tile.as_ptr();
                    let q = activations.q.as_ptr().add(row * units * UNIT);
                    let scales = activations.scales.as_ptr().add(row * units);
                    let sums = activations.sums.as_ptr().add(row * units);
                    let sums_of_16 = activations.sums_of_16.as_ptr().add(row * units * 2);
                    let mut totals = [[splat(0.0); SIDES]; N];
                    let mut d = [splat(0.0); SIDES];
                    let mut m = [splat(0.0); SIDES];
                    for unit in 0..units {
                        if !has_super || unit % SUPER_UNITS == 0 {
                            for side in 0..SIDES {
                                d[side] = halves(at.add(2 * LANES * side));
                                if form.has_minimum() {
                                    m[side] = halves(at.add(HALVES + 2 * LANES * side));
                                }
                            }
                            at = at.add(form.halves_bytes());
                        }
                        let small = at;
                        at = at.add(form.small_scales_bytes());
                        if PREFETCH > 0 && N <= 2 {
                            // Few rows leave memory as the limit, and the processor's own prefetching ends with each page.
                            let mut line = 0;
                            while line < form.unit_bytes() {
                                _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(PREFETCH + line).cast());
                                line += 64;
                            }
                        }
                        let q = q.add(unit * UNIT);
                        for side in 0..SIDES {
                            if form == Form::Q6K {
                                for half in 0..2 {
                                    let small = signed_bytes(small.add(half * TILE_ROWS + LANES * side));
                                    let scale = mul(d[side], small);
                                    let offset = mul(scale, zero);
                                    let steps = 4 * half..4 * half + 4;
                                    let products = products::<FORM, N>(at, q, units * UNIT, side, steps);
                                    for n in 0..N {
                                        let of_row = *scales.add(n * units + unit);
                                        let sum = *sums_of_16.add((n * units + unit) * 2 + half);
                                        add(&mut totals[n][side], products[n], scale, of_row, offset, sum);
                                    }
                                }
                            } else {
                                let (scale, offset) = match form {
                                    Form::Q4K | Form::Q5K => {
                                        let minimum = mul(m[side], bytes(small.add(TILE_ROWS + LANES * side)));
                                        (mul(d[side], bytes(small.add(LANES * side))), sub(splat(0.0), minimum))
                                    }
                                    Form::Q4_1 | Form::Q5_1 => (d[side], m[side]),
                                    _ => (d[side], mul(d[side], zero)),
                                };
                                let products = products::<FORM, N>(at, q, units * UNIT, side, 0..8);
                                for n in 0..N {
                                    let of_row = *scales.add(n * units + unit);
                                    let sum = *sums.add(n * units + unit);
                                    add(&mut totals[n][side], products[n], scale, of_row, offset, sum);
                                }
                            }
                        }
                        at = at.add(64 * form.bits());
                    }
                    for (n, total) in totals.iter().enumerate() {
                        let mut products = [0.0; TILE_ROWS];
                        for (side, total) in total.iter().enumerate() {
                            store(products.as_mut_ptr().add(LANES * side), *total);
                        }
                        out.put(row + n, first, &products);
                    }
                }
                N
            }

            /// Sums of the products of some steps of a unit, for the rows of weights of one side and `N` rows of activations,
            /// which are `stride` bytes apart.
            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn products<const FORM: usize, const N: usize>(
                planes: *const u8,
                q: *const i8,
                stride: usize,
                side: usize,
                steps: std::ops::Range<usize>,
            ) -> [Whole; N] {
                let form = Form::ALL[FORM];
                let mut products = [splat_four(0); N];
                // One row of activations alone would wait for each product before the next.
                let mut odd = splat_four(0);
                for step in steps {
                    // SAFETY: the planes are those of a unit, and each row of activations has its 32 numbers.
                    unsafe {
                        let weights = step_of(form, planes, step, side);
                        for (n, product) in products.iter_mut().enumerate() {
                            let four = splat_four(q.add(n * stride + 4 * step).cast::<i32>().read_unaligned());
                            if N == 1 && step % 2 == 1 {
                                odd = $dot(form, odd, weights, four);
                            } else {
                                *product = $dot(form, *product, weights, four);
                            }
                        }
                    }
                }
                if N == 1 {
                    products[0] = add_whole(products[0], odd);
                }
                products
            }
        }
    };
}

pub(crate) use tile_kernel;
