//! The product of activations with packed weights, by the best kernel that the processor has. Invariant: tiles are independent of
//! each other, so that threads may share them out in any way with the same result.

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::OnceLock;

use crate::activations::Activations;
use crate::form::{Form, TILE_ROWS};
use crate::plain;

/// Which instructions compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// None but those that every processor has.
    Plain,
    /// AVX2, with which eight bits are multiplied in pairs.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX2 with the products of four bytes (AVX-VNNI).
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    /// AVX-512 with the products of four bytes.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
}

impl Kernel {
    /// The fastest one of this processor.
    #[must_use]
    pub fn best() -> Self {
        static BEST: OnceLock<Kernel> = OnceLock::new();
        *BEST.get_or_init(|| Self::all().last().copied().unwrap_or(Self::Plain))
    }

    /// All that this processor can run, the fastest last.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::Plain];
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("f16c");
            if avx2 {
                all.push(Self::Avx2);
            }
            if avx2 && is_x86_feature_detected!("avxvnni") {
                all.push(Self::AvxVnni);
            }
            if avx2
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vnni")
            {
                all.push(Self::Avx512Vnni);
            }
        }
        all
    }

    /// Whether it is made for this kind of work: packed weights are worth while only then.
    #[must_use]
    pub fn is_fast(self) -> bool {
        self != Self::Plain
    }
}

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

    /// The same for activations in pairs of rows ([`Activations::quantise_in_pairs`]), whose products are added.
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

/// Multiplies activations with tiles of packed weights; each tile gives 16 columns of the output. Several threads may work on
/// one output, each on tiles of its own.
///
/// # Panics
/// The packed weights are shorter than the tiles need.
pub fn multiply(
    kernel: Kernel,
    form: Form,
    packed: &[u8],
    activations: &Activations,
    tiles: Range<usize>,
    out: &Output<'_>,
) {
    let tile_bytes = form.tile_bytes(activations.n_columns());
    for index in tiles {
        let tile = &packed[index * tile_bytes..(index + 1) * tile_bytes];
        let first = index * TILE_ROWS;
        match kernel {
            Kernel::Plain => plain::tile(form, tile, activations, out, first),
            // SAFETY: a kernel is only chosen where the processor has its instructions (`Kernel::all`), the tile has the bytes
            // that the form and the columns need, and columns are whole units, or super blocks where the form has them.
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 => unsafe { crate::avx2::tile_pairs(form, tile, activations, out, first) },
            #[cfg(target_arch = "x86_64")]
            Kernel::AvxVnni => unsafe { crate::avx2::tile_vnni(form, tile, activations, out, first) },
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512Vnni => unsafe { crate::avx512::tile(form, tile, activations, out, first) },
        }
    }
}
