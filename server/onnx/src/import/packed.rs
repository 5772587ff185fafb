//! Weights for Fimble's own kernels. Invariant: one region of bytes for each matrix, tile after tile.

use fimble_kernels::{Form, pack_tile};

use super::rounding::Loss;
use super::weights::{Matrix, WeightError, for_each_tile};
use crate::build::{DataFile, Region};
use crate::gguf::GgufFile;

/// Writes a matrix in packed form.
pub(super) fn write(
    file: &GgufFile,
    matrix: &Matrix,
    form: Form,
    data: &mut DataFile,
    progress: &mut dyn FnMut(u64),
) -> Result<(Region, Loss), WeightError> {
    let columns = usize::try_from(matrix.info.row_length()).unwrap_or(usize::MAX);
    data.begin()?;
    let loss = for_each_tile(
        file,
        matrix,
        form,
        progress,
        &|rows| {
            let mut tile = Vec::new();
            pack_tile(form, rows, columns, &mut tile);
            tile
        },
        &mut |tile| Ok(data.write(&tile)?),
    )?;
    Ok((data.end(), loss))
}
