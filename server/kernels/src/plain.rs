//! The product without vector instructions: what every other kernel is compared with, and what runs on other processors.

use crate::activations::Activations;
use crate::form::{Form, HALVES, SUPER_UNITS, TILE_ROWS, UNIT};
use crate::output::Output;
use crate::pack::{bits, half};

/// Multiplies all rows of the activations with a tile.
pub(crate) fn tile(form: Form, tile: &[u8], activations: &Activations, out: &Output<'_>, first: usize) {
    let units = activations.n_units();
    for m in 0..activations.n_rows() {
        let mut sums = [0.0_f32; TILE_ROWS];
        for unit in 0..units {
            let (halves, own) = form.offsets(unit);
            let planes = &tile[own + form.small_scales_bytes()..][..64 * form.bits()];
            let scale = activations.scales[m * units + unit];
            let q = &activations.q[(m * units + unit) * UNIT..][..UNIT];
            for (row, sum) in sums.iter_mut().enumerate() {
                let d = half(tile, halves + 2 * row);
                for part in 0..2 {
                    let columns = 16 * part..16 * (part + 1);
                    let product: i32 = columns
                        .map(|column| {
                            (i32::from(bits(form, planes, row, column)) - form.zero()) * i32::from(q[column])
                        })
                        .sum();
                    let sc = match form {
                        Form::Q6K => f32::from(tile[own + part * TILE_ROWS + row] as i8),
                        Form::Q4K | Form::Q5K => f32::from(tile[own + row]),
                        _ => 1.0,
                    };
                    *sum += product as f32 * (d * sc) * scale;
                    // The minimum holds for the whole unit.
                    if form.has_minimum() && part == 0 {
                        let m_half = half(tile, halves + HALVES + 2 * row);
                        let minimum = match form {
                            Form::Q4K | Form::Q5K => -(m_half * f32::from(tile[own + TILE_ROWS + row])),
                            _ => m_half,
                        };
                        *sum += minimum * activations.sums[m * units + unit];
                    }
                }
            }
        }
        out.put(m, first, &sums);
    }
    debug_assert!(!form.has_super_blocks() || units.is_multiple_of(SUPER_UNITS));
}
