//! Rounding to fewer bits. Invariant: of the scales that are tried for a block, the one with the smallest sum of squared errors is
//! taken, computed with the half float that is stored.

use fimble_kernels::{Form, Row};
use half::f16;

/// Weights that share a scale.
const BLOCK: usize = 32;

/// How far rounded weights are from those of the file: sums of squares.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Loss {
    pub(super) error: f64,
    pub(super) total: f64,
}

/// Rounds a row to Q8_0 or Q4_0; other forms are not rounded to.
pub(super) fn round(form: Form, numbers: &[f32], row: &mut Row, loss: &mut Loss) {
    *row = Row::default();
    for block in numbers.chunks(BLOCK) {
        let (scale, q) = if form == Form::Q4_0 { four_bits(block) } else { eight_bits(block) };
        row.d.push(scale.to_bits());
        let zero = form.zero();
        for (number, q) in block.iter().zip(&q) {
            let error = f64::from(number - f32::from(*q) * scale.to_f32());
            loss.error += error * error;
            loss.total += f64::from(*number) * f64::from(*number);
        }
        row.q.extend(q.iter().take(block.len()).map(|q| (i32::from(*q) + zero) as u8));
    }
}

fn eight_bits(block: &[f32]) -> (f16, [i8; BLOCK]) {
    let largest = block.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
    let scale = f16::from_f32(largest / 127.0);
    (scale, quantised(block, scale.to_f32(), -127.0, 127.0))
}

/// Tries scales around the one that maps the largest number to the end of the range, with either sign, and refines each by least
/// squares.
fn four_bits(block: &[f32]) -> (f16, [i8; BLOCK]) {
    const STEPS: i32 = 8;
    let largest = block
        .iter()
        .copied()
        .fold(0.0_f32, |largest, number| if number.abs() > largest.abs() { number } else { largest });
    let sum_of_squares: f32 = block.iter().map(|number| number * number).sum();
    let mut best = f16::ZERO;
    let mut least = f32::MAX;
    for step in -STEPS..=STEPS {
        let divisor = -8.0 + 0.1 * step as f32;
        let q = quantised(block, largest / divisor, -8.0, 7.0);
        // The scale that fits these whole numbers best, and how far they are then.
        let (mut products, mut squares) = (0.0, 0.0);
        for (number, q) in block.iter().zip(&q) {
            products += number * f32::from(*q);
            squares += f32::from(*q) * f32::from(*q);
        }
        if squares > 0.0 {
            let scale = f16::from_f32(products / squares);
            let stored = scale.to_f32();
            let error = sum_of_squares - 2.0 * stored * products + stored * stored * squares;
            if error < least {
                (least, best) = (error, scale);
            }
        }
    }
    (best, quantised(block, best.to_f32(), -8.0, 7.0))
}

fn quantised(block: &[f32], scale: f32, least: f32, most: f32) -> [i8; BLOCK] {
    let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    // Rounds to the nearest without a call, so that the loop runs in vector registers: what is beyond the ends is cut first.
    const MAGIC: f32 = 12_582_912.0;
    let mut q = [0; BLOCK];
    for (number, q) in block.iter().zip(&mut q) {
        let limited = (number * inverse).max(least).min(most);
        *q = ((limited + MAGIC).to_bits() as i32).wrapping_sub(MAGIC.to_bits() as i32) as i8;
    }
    q
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_that_fits_best_is_found() {
        // Whole numbers times a scale come back exactly, with either sign at the end of the range.
        for sign in [1.0, -1.0] {
            let numbers: Vec<f32> = (0..32).map(|index| sign * 0.25 * (index % 16 - 8) as f32).collect();
            let (mut row, mut loss, mut back) = (Row::default(), Loss::default(), Vec::new());
            round(Form::Q4_0, &numbers, &mut row, &mut loss);
            row.weights(Form::Q4_0, &mut back);
            assert_eq!(back, numbers);
            assert_eq!(loss.error, 0.0);
        }
    }

    #[test]
    fn four_bits_are_closer_than_the_plain_largest_value() {
        let numbers: Vec<f32> = (0..4096_u32)
            .map(|index| ((index.wrapping_mul(2_654_435_761) >> 8) as f32 / 8_388_608.0 - 1.0).powi(3))
            .collect();
        let (mut row, mut loss) = (Row::default(), Loss::default());
        round(Form::Q4_0, &numbers, &mut row, &mut loss);
        let plain: f64 = numbers
            .chunks(BLOCK)
            .flat_map(|block| {
                let largest = block.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
                let scale = largest / 7.0;
                block.iter().map(move |number| f64::from(number - (number / scale).round() * scale).powi(2))
            })
            .sum();
        assert!(loss.error < 0.8 * plain, "{} against {plain}", loss.error);
    }
}
