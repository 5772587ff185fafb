//! Packing rows into tiles, and reading them back. Invariant: `unpack_row` gives exactly the numbers that were packed.

use crate::form::{Form, HALVES, SUPER_UNITS, TILE_ROWS, UNIT};
use crate::row::Row;

/// Packs up to 16 rows of the same length into a tile, which is appended. Rows that are missing are zeros.
pub fn pack_tile(form: Form, rows: &[Row], columns: usize, into: &mut Vec<u8>) {
    let start = into.len();
    into.resize(start + form.tile_bytes(columns), 0);
    let tile = &mut into[start..];
    for (index, row) in rows.iter().enumerate().take(TILE_ROWS) {
        for unit in 0..columns / UNIT {
            let (halves, own) = form.offsets(unit);
            if !form.has_super_blocks() || unit % SUPER_UNITS == 0 {
                let from = if form.has_super_blocks() { unit / SUPER_UNITS } else { unit };
                put_half(tile, halves + 2 * index, row.d[from]);
                if form.has_minimum() {
                    put_half(tile, halves + HALVES + 2 * index, row.m[from]);
                }
            }
            match form {
                Form::Q6K => {
                    tile[own + index] = row.sc[2 * unit];
                    tile[own + TILE_ROWS + index] = row.sc[2 * unit + 1];
                }
                Form::Q4K | Form::Q5K => {
                    tile[own + index] = row.sc[unit];
                    tile[own + TILE_ROWS + index] = row.mn[unit];
                }
                _ => {}
            }
            let planes = &mut tile[own + form.small_scales_bytes()..][..64 * form.bits()];
            for column in 0..UNIT {
                put_bits(form, planes, index, column, row.q[unit * UNIT + column]);
            }
        }
    }
}

/// The row of a number as floats, read from packed weights.
pub fn unpack_row(form: Form, packed: &[u8], row: usize, columns: usize, into: &mut [f32]) {
    let tile = &packed[row / TILE_ROWS * form.tile_bytes(columns)..][..form.tile_bytes(columns)];
    let index = row % TILE_ROWS;
    for unit in 0..columns / UNIT {
        let (halves, own) = form.offsets(unit);
        let d = half(tile, halves + 2 * index);
        let m = if form.has_minimum() { half(tile, halves + HALVES + 2 * index) } else { 0.0 };
        let planes = &tile[own + form.small_scales_bytes()..][..64 * form.bits()];
        for column in 0..UNIT {
            let (scale, offset) = match form {
                Form::Q6K => {
                    let sc = tile[own + column / 16 * TILE_ROWS + index] as i8;
                    (d * f32::from(sc), 0.0)
                }
                Form::Q4K | Form::Q5K => {
                    (d * f32::from(tile[own + index]), -(m * f32::from(tile[own + TILE_ROWS + index])))
                }
                _ => (d, m),
            };
            let q = i32::from(bits(form, planes, index, column)) - form.zero();
            into[unit * UNIT + column] = q as f32 * scale + offset;
        }
    }
}

/// Stores a weight in the planes of its unit, which hold zeros there.
fn put_bits(form: Form, planes: &mut [u8], row: usize, column: usize, q: u8) {
    let (step, byte) = (column / 4, 4 * row + column % 4);
    if form.bits() == 8 {
        planes[64 * step + byte] = q;
        return;
    }
    planes[64 * (step % 4) + byte] |= (q & 15) << (step / 4 * 4);
    match form.bits() {
        5 => planes[256 + byte] |= (q >> 4 & 1) << step,
        6 => planes[256 + step / 4 * 64 + byte] |= (q >> 4 & 3) << (step % 4 * 2),
        _ => {}
    }
}

/// A weight from the planes of its unit.
pub(crate) fn bits(form: Form, planes: &[u8], row: usize, column: usize) -> u8 {
    let (step, byte) = (column / 4, 4 * row + column % 4);
    if form.bits() == 8 {
        return planes[64 * step + byte];
    }
    let low = planes[64 * (step % 4) + byte] >> (step / 4 * 4) & 15;
    match form.bits() {
        5 => low | (planes[256 + byte] >> step & 1) << 4,
        6 => low | (planes[256 + step / 4 * 64 + byte] >> (step % 4 * 2) & 3) << 4,
        _ => low,
    }
}

fn put_half(bytes: &mut [u8], at: usize, half: u16) {
    bytes[at..at + 2].copy_from_slice(&half.to_le_bytes());
}

/// A half float at a place, as a float.
pub(crate) fn half(bytes: &[u8], at: usize) -> f32 {
    half::f16::from_le_bytes([bytes[at], bytes[at + 1]]).to_f32()
}
