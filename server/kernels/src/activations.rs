//! Activations in eight bits. Invariant: a row of numbers that are all 0, or too small to matter, becomes zeros; NaN and infinite
//! numbers come out as NaN, so that a fault upstream stays visible.

use crate::form::{Form, UNIT};
use crate::kernel::Kernel;

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

/// How exact the scale of 32 activations and their sum are. For forms without super blocks it follows llama.cpp, so that both compute
/// the same. With super blocks llama.cpp has one scale for 256 activations, which loses about twice as much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// A half float as the scale.
    Blocks,
    /// The same, with a half float as their sum, too.
    BlocksWithSums,
}

impl Form {
    /// How activations are rounded that are multiplied with weights of this form.
    #[must_use]
    pub fn rounding(self) -> Rounding {
        match self {
            Self::Q4_1 | Self::Q5_1 => Rounding::BlocksWithSums,
            Self::Q4_0 | Self::Q5_0 | Self::Q8_0 | Self::Q4K | Self::Q5K | Self::Q6K => Rounding::Blocks,
        }
    }
}

impl Activations {
    /// Quantises `numbers`, [rows, columns], and replaces the content. `columns` is a multiple of 32.
    pub fn quantise(&mut self, rounding: Rounding, numbers: &[f32], columns: usize) {
        self.resize(numbers.len(), columns);
        self.put(rounding, numbers, 0);
    }

    /// Quantises `numbers` as [`Self::quantise`] does, and puts behind each row another one with what the rounding left of it. The
    /// sums of both products have about twice as many bits of the activations: see [`Output::of_pairs`](crate::Output::of_pairs).
    pub fn quantise_in_pairs(&mut self, rounding: Rounding, numbers: &[f32], columns: usize) {
        self.resize(2 * numbers.len(), columns);
        let mut left = vec![0.0; columns];
        for (row, numbers) in numbers.chunks_exact(columns.max(1)).enumerate() {
            let at = 2 * row * columns;
            self.put(rounding, numbers, at);
            let units = self.q[at..at + columns].as_chunks::<UNIT>().0.iter().zip(&self.scales[at / UNIT..]);
            let of_units = numbers.as_chunks::<UNIT>().0.iter().zip(left.as_chunks_mut::<UNIT>().0);
            for ((q, scale), (numbers, left)) in units.zip(of_units) {
                for ((q, number), left) in q.iter().zip(numbers).zip(left) {
                    *left = number - f32::from(*q) * scale;
                }
            }
            self.put(rounding, &left, at + columns);
        }
    }

    /// Makes room for so many numbers.
    fn resize(&mut self, n_numbers: usize, columns: usize) {
        debug_assert!(columns.is_multiple_of(UNIT) && n_numbers.is_multiple_of(columns.max(1)));
        self.columns = columns;
        self.rows = n_numbers.checked_div(columns).unwrap_or(0);
        self.q.resize(n_numbers, 0);
        self.scales.resize(n_numbers / UNIT, 0.0);
        self.sums_of_16.resize(n_numbers / UNIT * 2, 0.0);
        self.sums.resize(n_numbers / UNIT, 0.0);
    }

    /// Quantises `numbers`, whole rows, into the rows that begin with the number `at`.
    fn put(&mut self, rounding: Rounding, numbers: &[f32], at: usize) {
        match Kernel::best() {
            Kernel::Plain => self.fill(rounding, numbers, at),
            // SAFETY: these kernels are only chosen where the processor has AVX2.
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 | Kernel::AvxVnni | Kernel::Avx512Vnni => unsafe {
                self.fill_with_avx2(rounding, numbers, at);
            },
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn fill_with_avx2(&mut self, rounding: Rounding, numbers: &[f32], at: usize) {
        self.fill(rounding, numbers, at);
    }

    #[inline(always)]
    fn fill(&mut self, rounding: Rounding, numbers: &[f32], at: usize) {
        let unit = at / UNIT;
        let q = self.q[at..].as_chunks_mut::<UNIT>().0.iter_mut();
        let sums = self.sums[unit..].iter_mut().zip(self.sums_of_16[2 * unit..].as_chunks_mut::<2>().0);
        let units = numbers.as_chunks::<UNIT>().0.iter().zip(q).zip(&mut self.scales[unit..]).zip(sums);
        for (((numbers, q), scale), (sum, halves)) in units {
            let exact = quantise_block(numbers, q);
            *scale = to_eleven_bits(exact);
            let of = |q: &[i8]| q.iter().map(|q| i32::from(*q)).sum::<i32>();
            let (first, second) = (of(&q[..16]), of(&q[16..]));
            *halves = [first as f32 * *scale, second as f32 * *scale];
            *sum = match rounding {
                Rounding::BlocksWithSums => to_eleven_bits((first + second) as f32 * exact),
                Rounding::Blocks => (first + second) as f32 * *scale,
            };
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

/// The nearest number with as many bits as a half float has.
#[inline(always)]
fn to_eleven_bits(number: f32) -> f32 {
    let bits = number.to_bits();
    f32::from_bits((bits.wrapping_add(0xfff + (bits >> 13 & 1))) & !0x1fff)
}

/// Quantises numbers that share a scale, and returns it.
#[inline(always)]
fn quantise_block(numbers: &[f32; UNIT], q: &mut [i8; UNIT]) -> f32 {
    let (mut most, mut least, mut sum) = (0.0_f32, 0.0_f32, 0.0_f32);
    for number in numbers {
        most = most.max(*number);
        least = least.min(*number);
        sum += number;
    }
    let largest = most.max(-least);
    let inverse = 127.0 / largest;
    if !sum.is_finite() || largest == 0.0 || !inverse.is_finite() {
        q.fill(0);
        return if sum.is_finite() { 0.0 } else { f32::NAN };
    }
    for (number, q) in numbers.iter().zip(q) {
        // Rounds to the nearest without a call: the number is within 2^22 of 0.
        const MAGIC: f32 = 12_582_912.0;
        let whole = ((number * inverse + MAGIC).to_bits() as i32).wrapping_sub(MAGIC.to_bits() as i32);
        *q = whole.min(127) as i8;
    }
    largest / 127.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_within_about_half_a_step() {
        let numbers: Vec<f32> = (0..64).map(|index| ((index * 37 % 64) as f32 - 31.5) * 0.37).collect();
        let mut activations = Activations::default();
        activations.quantise(Rounding::Blocks, &numbers, 64);
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
    fn a_second_row_holds_what_the_first_one_left() {
        for (rounding, columns) in [(Rounding::Blocks, 32), (Rounding::BlocksWithSums, 64)] {
            let numbers: Vec<f32> =
                (0..2 * columns).map(|index| ((index * 37 % 101) as f32 - 50.5) * 0.37).collect();
            let mut pairs = Activations::default();
            pairs.quantise_in_pairs(rounding, &numbers, columns);
            assert_eq!((pairs.n_rows(), pairs.n_columns()), (4, columns));
            let back = |row: usize, column: usize| {
                let at = row * columns + column;
                f32::from(pairs.q[at]) * pairs.scales[at / UNIT]
            };
            for (index, number) in numbers.iter().enumerate() {
                let (row, column) = (index / columns, index % columns);
                let found = back(2 * row, column) + back(2 * row + 1, column);
                let step = pairs.scales[2 * row * columns / UNIT].abs();
                assert!((found - number).abs() <= step / 200.0, "{rounding:?} {index}: {found} for {number}");
            }
        }
    }

    #[test]
    fn what_is_no_number_stays_none() {
        for (number, is_nan) in [(f32::NAN, true), (f32::INFINITY, true), (0.0, false), (1e-42, false)] {
            let mut numbers = vec![0.0; 32];
            numbers[5] = number;
            let mut activations = Activations::default();
            activations.quantise(Rounding::Blocks, &numbers, 32);
            assert_eq!(activations.scales[0].is_nan(), is_nan, "{number}");
        }
    }
}
