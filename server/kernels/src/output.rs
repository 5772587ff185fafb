//! The matrix that products are written to. Invariant: nothing outside of the matrix is written, whatever row and column the
//! products belong to.

use std::marker::PhantomData;
use std::ops::Range;

use crate::form::TILE_ROWS;

/// Where products go: a matrix [activation rows, weight rows] that several threads fill at once.
#[derive(Clone, Copy, Debug)]
pub struct Output<'a> {
    numbers: *mut f32,
    rows: usize,
    columns: usize,
    bias: Option<&'a [f32]>,
    /// Whether two rows of activations make one row of the matrix.
    in_pairs: bool,
    life: PhantomData<&'a mut [f32]>,
}

// SAFETY: `multiply` writes only the columns of the tiles that it is given, and its callers give no tile to two threads.
unsafe impl Send for Output<'_> {}
// SAFETY: as above.
unsafe impl Sync for Output<'_> {}

impl<'a> Output<'a> {
    /// A matrix whose rows have `columns` numbers, and what is added to each of its rows.
    #[must_use]
    pub fn new(numbers: &'a mut [f32], columns: usize, bias: Option<&'a [f32]>) -> Self {
        let rows = numbers.len().checked_div(columns).unwrap_or(0);
        let bias = bias.filter(|bias| bias.len() >= columns);
        Self { numbers: numbers.as_mut_ptr(), rows, columns, bias, in_pairs: false, life: PhantomData }
    }

    /// The same for activations in pairs of rows ([`crate::Activations::quantise_in_pairs`]), whose products are added.
    #[must_use]
    pub fn of_pairs(numbers: &'a mut [f32], columns: usize, bias: Option<&'a [f32]>) -> Self {
        Self { in_pairs: true, ..Self::new(numbers, columns, bias) }
    }

    /// Columns of the matrix: rows of the weights.
    #[must_use]
    pub fn n_columns(&self) -> usize {
        self.columns
    }

    /// A part of one row of the matrix.
    ///
    /// # Safety
    /// No other thread uses these columns meanwhile.
    ///
    /// # Panics
    /// The part does not lie in the matrix.
    #[must_use]
    pub unsafe fn part(&self, row: usize, columns: Range<usize>) -> &'a mut [f32] {
        assert!(row < self.rows && columns.start <= columns.end && columns.end <= self.columns);
        // SAFETY: row and columns lie in the matrix; the caller has them alone.
        unsafe {
            std::slice::from_raw_parts_mut(
                self.numbers.add(row * self.columns + columns.start),
                columns.len(),
            )
        }
    }

    /// Stores the products of one row of activations with a tile; what lies behind the last column is dropped. Of a pair the first
    /// row comes first.
    #[inline]
    pub(crate) fn put(&self, row: usize, first: usize, products: &[f32; TILE_ROWS]) {
        let (row, is_second) = if self.in_pairs { (row / 2, row % 2 == 1) } else { (row, false) };
        if row >= self.rows || first >= self.columns {
            return;
        }
        let n = (self.columns - first).min(TILE_ROWS);
        // SAFETY: row and columns lie in the matrix, and no other thread writes these columns.
        let target =
            unsafe { std::slice::from_raw_parts_mut(self.numbers.add(row * self.columns + first), n) };
        if is_second {
            for (number, product) in target.iter_mut().zip(products) {
                *number += product;
            }
            return;
        }
        match self.bias {
            Some(bias) => {
                for (index, number) in target.iter_mut().enumerate() {
                    *number = products[index] + bias[first + index];
                }
            }
            None => target.copy_from_slice(&products[..n]),
        }
    }
}
