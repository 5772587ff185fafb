//! Weights for ONNX Runtime's `MatMulNBits`. Invariant: `(q - zero) * scale + offset` is the number of the file for every weight;
//! the offsets, where a form has them, are a matrix of their own that is multiplied with the sums of activations.
//!
//! The zero is always the middle of the range, as where none is given: the operator rounds activations, and the offsets are multiplied
//! with sums of activations that are not rounded, so that a zero at the end of the range would let the rounding of activations count
//! several times as much.
//!
//! Source: the schemas of the operators in ONNX Runtime 1.32. Zero points of floats are 200 times slower there, so that a minimum
//! must not become one.

use fimble_kernels::{Form, Row};

use super::rounding::Loss;
use super::weights::{Matrix, WeightError, for_each_tile};
use crate::build::{DataFile, Region};
use crate::gguf::GgufFile;

/// A matrix as the operators read it.
pub(super) struct Regions {
    /// Bits of a weight: 4 or 8.
    pub(super) bits: u64,
    /// Weights that share a scale.
    pub(super) block: u64,
    /// [rows, columns / block, block * bits / 8]
    pub(super) weights: Region,
    /// [rows, columns / block]
    pub(super) scales: Region,
    /// [rows, columns / block]; only in forms with minimums.
    pub(super) offsets: Option<Region>,
}

struct Piece {
    weights: Vec<u8>,
    scales: Vec<f32>,
    offsets: Vec<f32>,
}

/// Bits that a form has here.
pub(super) fn bits(form: Form) -> u64 {
    if form.bits() == 4 { 4 } else { 8 }
}

/// Writes a matrix.
pub(super) fn write(
    file: &GgufFile,
    matrix: &Matrix,
    form: Form,
    data: &mut DataFile,
    progress: &mut dyn FnMut(u64),
) -> Result<(Regions, Loss), WeightError> {
    // Scales are small beside the weights: they wait in memory until the weights are written.
    let (mut scales, mut offsets) = (Vec::new(), Vec::new());
    data.begin()?;
    let loss = for_each_tile(file, matrix, form, progress, &|rows| piece(form, rows), &mut |piece| {
        scales.extend_from_slice(&piece.scales);
        offsets.extend_from_slice(&piece.offsets);
        Ok(data.write(&piece.weights)?)
    })?;
    let weights = data.end();
    let scales_region = data.put_f32(&scales)?;
    let offsets = if form.has_minimum() { Some(data.put_f32(&offsets)?) } else { None };
    let regions =
        Regions { bits: bits(form), block: form.block() as u64, weights, scales: scales_region, offsets };
    Ok((regions, loss))
}

fn piece(form: Form, rows: &[Row]) -> Piece {
    let mut piece = Piece { weights: Vec::new(), scales: Vec::new(), offsets: Vec::new() };
    // The zero of a form with minimums moves to its own middle, and then all move to that of 4 or 8 bits.
    let middle = if form.has_minimum() { 1 << (form.bits() - 1) } else { form.zero() };
    let shift = (1 << (bits(form) - 1)) - middle;
    for row in rows {
        let numbers = row.q.iter().map(|q| (i32::from(*q) + shift) as u8);
        if bits(form) == 4 {
            let numbers: Vec<u8> = numbers.collect();
            piece.weights.extend(numbers.as_chunks().0.iter().map(|[low, high]| low | high << 4));
        } else {
            piece.weights.extend(numbers);
        }
        for block in 0..row.q.len() / form.block() {
            piece.scales.push(row.scale(form, block));
            if form.has_minimum() {
                piece.offsets.push(row.offset(form, block) + middle as f32 * row.scale(form, block));
            }
        }
    }
    piece
}
