//! Properties of packing and of every kernel, on weights of every form: packed weights come back as they were, and products are
//! those of the numbers that the weights stand for.

use fimble_kernels::{
    Activations, Form, Kernel, Output, Rounding, Row, TILE_ROWS, multiply, pack_tile, unpack_row,
};
use half::f16;
use proptest::prelude::*;

/// Bytes of GGUF blocks with scales of a usual size.
fn blocks(form: Form, columns: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    let block_bytes = form.gguf_block_bytes();
    let weights = if form.has_super_blocks() { 256 } else { 32 };
    let mut bytes: Vec<u8> = (0..columns / weights * block_bytes).map(|_| next()).collect();
    for block in bytes.chunks_exact_mut(block_bytes) {
        let halves: &[usize] = match form {
            Form::Q6K => &[208],
            _ if form.has_minimum() => &[0, 2],
            _ => &[0],
        };
        for at in halves {
            let half = f16::from_f32(f32::from(block[*at]) / 255.0 * 0.02 - 0.005);
            block[*at..*at + 2].copy_from_slice(&half.to_le_bytes());
        }
    }
    bytes
}

fn rows(form: Form, n: usize, columns: usize, seed: u64) -> Vec<Row> {
    (0..n)
        .map(|row| {
            let mut read = Row::default();
            read.read(form, &blocks(form, columns, seed.wrapping_add(row as u64 * 977)));
            read
        })
        .collect()
}

fn packed(form: Form, rows: &[Row], columns: usize) -> Vec<u8> {
    let mut packed = Vec::new();
    for tile in rows.chunks(TILE_ROWS) {
        pack_tile(form, tile, columns, &mut packed);
    }
    assert_eq!(packed.len(), form.packed_bytes(rows.len(), columns));
    packed
}

#[test]
fn packed_weights_come_back_as_they_were() {
    for form in Form::ALL {
        let columns = 512;
        let rows = rows(form, 21, columns, 7);
        let packed = packed(form, &rows, columns);
        let (mut expected, mut found) = (Vec::new(), vec![0.0; columns]);
        for (index, row) in rows.iter().enumerate() {
            row.weights(form, &mut expected);
            unpack_row(form, &packed, index, columns, &mut found);
            assert_eq!(found, expected, "{form:?}, row {index}");
        }
    }
}

#[test]
fn codes_name_their_forms() {
    for form in Form::ALL {
        assert_eq!(Form::of_code(form.code()), Some(form));
    }
    assert_eq!(Form::of_code(-1), None);
    assert_eq!(Form::of_code(8), None);
}

/// The products by definition, with the activations as they are after they were quantised.
fn expected(form: Form, rows: &[Row], numbers: &[f32], columns: usize) -> Vec<f64> {
    let mut weights = Vec::new();
    let mut products = vec![0.0; numbers.len() / columns * rows.len()];
    for (n, row) in rows.iter().enumerate() {
        row.weights(form, &mut weights);
        for (m, activations) in numbers.chunks(columns).enumerate() {
            let product = weights.iter().zip(activations).map(|(w, a)| f64::from(*w) * f64::from(*a));
            products[m * rows.len() + n] = product.sum();
        }
    }
    products
}

/// Where sums are kept as half floats, they lose a part in 2,048.
fn tolerance(form: Form) -> f64 {
    if form.rounding() == Rounding::BlocksWithSums { 2e-2 } else { 2e-4 }
}

/// Numbers that eight bits hold exactly, so that only the order of additions differs.
fn exact_numbers(n: usize, seed: u64) -> Vec<f32> {
    (0..n)
        .map(|index| {
            let value = (index as u64 * 2_654_435_761 + seed * 40_503) >> 7 & 0xff;
            // The largest of each 32 is 127, so that the scale is a power of two.
            let value = if index % 32 == 0 { 127 } else { value as i64 % 255 - 127 };
            value as f32 / 64.0
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn every_kernel_computes_the_products(
        form in prop::sample::select(Form::ALL.to_vec()),
        n_rows in 1_usize..40,
        super_blocks in 1_usize..4,
        n_activations in 1_usize..24,
        seed in any::<u32>(),
    ) {
        let columns = 256 * super_blocks;
        let rows = rows(form, n_rows, columns, u64::from(seed));
        let packed = packed(form, &rows, columns);
        let numbers = exact_numbers(n_activations * columns, u64::from(seed));
        let bias: Vec<f32> = (0..n_rows).map(|row| row as f32).collect();
        let mut activations = Activations::default();
        activations.quantise(form.rounding(), &numbers, columns);
        let expected = expected(form, &rows, &numbers, columns);
        for kernel in Kernel::all() {
            let mut out = vec![f32::NAN; n_activations * n_rows];
            let output = Output::new(&mut out, n_rows, Some(&bias));
            let n_tiles = n_rows.div_ceil(TILE_ROWS);
            multiply(kernel, form, &packed, &activations, 0..n_tiles / 2, &output);
            multiply(kernel, form, &packed, &activations, n_tiles / 2..n_tiles, &output);
            for (index, (found, expected)) in out.iter().zip(&expected).enumerate() {
                let expected = expected + (index % n_rows) as f64;
                let error = (f64::from(*found) - expected).abs();
                prop_assert!(error <= tolerance(form) * (1.0 + expected.abs()), "{:?} {:?} {}: {} for {}", kernel, form, index, found, expected);
            }
        }
    }
}

#[test]
fn pairs_of_rows_lose_a_hundredth_of_what_one_row_loses() {
    let (n_rows, n_activations, columns) = (37, 11, 512);
    let numbers: Vec<f32> =
        (0..n_activations * columns).map(|index| (index as f32 * 0.37).sin() * 3.0).collect();
    let bias: Vec<f32> = (0..n_rows).map(|row| row as f32).collect();
    for form in Form::ALL {
        let rows = rows(form, n_rows, columns, 7);
        let packed = packed(form, &rows, columns);
        let expected = expected(form, &rows, &numbers, columns);
        let error = |out: &[f32]| {
            let of_one = |(index, found): (usize, &f32)| {
                (f64::from(*found) - expected[index] - (index % n_rows) as f64).powi(2)
            };
            out.iter().enumerate().map(of_one).sum::<f64>().sqrt()
        };
        for kernel in Kernel::all() {
            let mut activations = Activations::default();
            let mut out = [vec![f32::NAN; n_activations * n_rows], vec![f32::NAN; n_activations * n_rows]];
            let [single, pairs] = &mut out;
            let n_tiles = n_rows.div_ceil(TILE_ROWS);
            activations.quantise(form.rounding(), &numbers, columns);
            let output = Output::new(single, n_rows, Some(&bias));
            multiply(kernel, form, &packed, &activations, 0..n_tiles, &output);
            activations.quantise_in_pairs(form.rounding(), &numbers, columns);
            let output = Output::of_pairs(pairs, n_rows, Some(&bias));
            multiply(kernel, form, &packed, &activations, 0..n_tiles, &output);
            let (single, pairs) = (error(single), error(pairs));
            assert!(100.0 * pairs < single, "{kernel:?} {form:?}: {pairs}, and {single} without pairs");
        }
    }
}
