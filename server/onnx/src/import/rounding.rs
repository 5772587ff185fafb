//! Rounding to fewer bits. Invariant: of the scales that are tried for a block, the one with the smallest sum of squared errors is
//! taken, computed with the half float that is stored.

use fimble_kernels::{Form, Row};
use half::f16;

use super::weights::Loss;

/// Weights that share a scale.
const BLOCK: usize = 32;

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
    const STEPS: i32 = 9;
    let largest = block
        .iter()
        .copied()
        .fold(0.0_f32, |largest, number| if number.abs() > largest.abs() { number } else { largest });
    let mut best = (f16::ZERO, [0; BLOCK]);
    let mut least = f32::MAX;
    for step in -STEPS..=STEPS {
        let divisor = -8.0 + 0.1 * step as f32;
        let mut scale = f16::from_f32(largest / divisor);
        let q = quantised(block, scale.to_f32(), -8.0, 7.0);
        // The scale that fits these whole numbers best.
        let (mut products, mut squares) = (0.0, 0.0);
        for (number, q) in block.iter().zip(&q) {
            products += number * f32::from(*q);
            squares += f32::from(*q) * f32::from(*q);
        }
        if squares > 0.0 {
            scale = f16::from_f32(products / squares);
        }
        let q = quantised(block, scale.to_f32(), -8.0, 7.0);
        let error: f32 =
            block.iter().zip(&q).map(|(number, q)| (number - f32::from(*q) * scale.to_f32()).powi(2)).sum();
        if error < least {
            least = error;
            best = (scale, q);
        }
    }
    best
}

fn quantised(block: &[f32], scale: f32, least: f32, most: f32) -> [i8; BLOCK] {
    let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    let mut q = [0; BLOCK];
    for (number, q) in block.iter().zip(&mut q) {
        *q = (number * inverse).round_ties_even().clamp(least, most) as i8;
    }
    q
}
