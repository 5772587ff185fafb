//! Activations in eight bits. Invariant: a row of numbers that are all 0, or too small to matter, becomes zeros; NaN and infinite
//! numbers come out as NaN, so that a fault upstream stays visible.

use crate::form::UNIT;
use crate::multiply::Kernel;

/// Rows of activations, each 32 numbers with a scale of their own.
#[derive(Clone, Debug, Default)]
pub struct Activations {
    columns: usize,
    rows: usize,
    /// [rows, columns]
    pub(crate) q: Vec<i8>,
    /// [rows, units]
    pub(crate) scales: Vec<f32>,
    /// Sums of 16 quantised numbers times their scale, [rows, 2 * units].
    pub(crate) sums_of_16: Vec<f32>,
    /// Sums of 32, [rows, units].
    pub(crate) sums: Vec<f32>,
}

impl Activations {
    /// Quantises `numbers`, [rows, columns], in the place of what was here. `columns` is a multiple of 32.
    pub fn quantise(&mut self, numbers: &[f32], columns: usize) {
        debug_assert!(columns.is_multiple_of(UNIT) && numbers.len().is_multiple_of(columns.max(1)));
        self.columns = columns;
        self.rows = numbers.len().checked_div(columns).unwrap_or(0);
        self.q.resize(numbers.len(), 0);
        self.scales.resize(numbers.len() / UNIT, 0.0);
        self.sums_of_16.resize(numbers.len() / UNIT * 2, 0.0);
        self.sums.resize(numbers.len() / UNIT, 0.0);
        match Kernel::best() {
            Kernel::Plain => self.fill(numbers),
            // SAFETY: these kernels are only chosen where the processor has AVX2.
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 | Kernel::AvxVnni | Kernel::Avx512Vnni => unsafe { self.fill_with_avx2(numbers) },
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn fill_with_avx2(&mut self, numbers: &[f32]) {
        self.fill(numbers);
    }

    #[inline(always)]
    fn fill(&mut self, numbers: &[f32]) {
        let units = numbers.as_chunks::<UNIT>().0.iter().zip(self.q.as_chunks_mut::<UNIT>().0);
        let sums = self.sums.iter_mut().zip(self.sums_of_16.as_chunks_mut::<2>().0);
        for ((numbers, q), (scale, (sum, halves))) in units.zip(self.scales.iter_mut().zip(sums)) {
            *scale = quantise_unit(numbers, q);
            let of = |q: &[i8]| q.iter().map(|q| i32::from(*q)).sum::<i32>();
            let (first, second) = (of(&q[..16]), of(&q[16..]));
            *halves = [first as f32 * *scale, second as f32 * *scale];
            *sum = (first + second) as f32 * *scale;
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.rows
    }

    /// Length of a row.
    #[must_use]
    pub fn n_columns(&self) -> usize {
        self.columns
    }

    /// Units of a row.
    pub(crate) fn n_units(&self) -> usize {
        self.columns / UNIT
    }
}

/// The nearest number with as many bits as a half float has. llama.cpp keeps scales of activations in half floats: with the same
/// scales, both come to the same sums and round what they make of these to the same whole numbers.
#[inline(always)]
fn to_eleven_bits(number: f32) -> f32 {
    let bits = number.to_bits();
    f32::from_bits((bits + 0xfff + (bits >> 13 & 1)) & !0x1fff)
}

/// Quantises 32 numbers and returns their scale.
#[inline(always)]
fn quantise_unit(numbers: &[f32; UNIT], q: &mut [i8; UNIT]) -> f32 {
    let mut largest = 0.0_f32;
    let mut sum = 0.0_f32;
    for number in numbers {
        largest = largest.max(number.abs());
        sum += number;
    }
    if !sum.is_finite() || largest == 0.0 {
        q.fill(0);
        return if sum.is_finite() { 0.0 } else { f32::NAN };
    }
    let scale = to_eleven_bits(largest / 127.0);
    let inverse = 127.0 / largest;
    if !inverse.is_finite() {
        q.fill(0);
        return 0.0;
    }
    for (number, q) in numbers.iter().zip(q) {
        // Rounds to the nearest without a call: the number is within 2^22 of 0.
        const MAGIC: f32 = 12_582_912.0;
        *q = ((number * inverse + MAGIC).to_bits() as i32).wrapping_sub(MAGIC.to_bits() as i32) as i8;
    }
    scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_within_about_half_a_step() {
        let numbers: Vec<f32> = (0..64).map(|index| ((index * 37 % 64) as f32 - 31.5) * 0.37).collect();
        let mut activations = Activations::default();
        activations.quantise(&numbers, 64);
        assert_eq!((activations.n_rows(), activations.n_units()), (1, 2));
        for (index, number) in numbers.iter().enumerate() {
            let scale = activations.scales[index / 32];
            let back = f32::from(activations.q[index]) * scale;
            // Half a step, and what the scale lost at 127 steps.
            assert!((back - number).abs() <= scale * 0.54, "{index}: {back} for {number}");
            assert_eq!(half::f16::from_f32(scale).to_f32(), scale, "a half float holds the scale");
        }
        let sum = |range: std::ops::Range<usize>| {
            activations.q[range].iter().map(|q| i32::from(*q)).sum::<i32>() as f32 * activations.scales[0]
        };
        assert_eq!(activations.sums_of_16[1], sum(16..32));
        assert_eq!(activations.sums[0], sum(0..32));
    }

    #[test]
    fn what_is_no_number_stays_none() {
        for (number, is_nan) in [(f32::NAN, true), (f32::INFINITY, true), (0.0, false), (1e-42, false)] {
            let mut numbers = vec![0.0; 32];
            numbers[5] = number;
            let mut activations = Activations::default();
            activations.quantise(&numbers, 32);
            assert_eq!(activations.scales[0].is_nan(), is_nan, "{number}");
        }
    }
}
