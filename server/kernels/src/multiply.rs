//! The product of activations with packed weights. Invariant: tiles are independent of each other, so that threads may divide
//! them in any way with the same result.

use std::ops::Range;

use crate::activations::Activations;
use crate::form::{Form, TILE_ROWS};
use crate::kernel::Kernel;
use crate::output::Output;
use crate::plain;

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
