//! Tables of the rotation of positions. Invariant: they are computed in double precision and rounded once.

use super::decoder::Decoder;

/// Cosines or sines, row after row: one row for each position, with one number for each pair.
pub(super) fn table(
    decoder: &Decoder,
    factors: &[f32],
    function: fn(f64) -> f64,
) -> impl Iterator<Item = f32> {
    let pairs = decoder.rotated / 2;
    let (base, rotated, scale) = (decoder.rope_base, decoder.rotated as f64, decoder.rope_factor);
    let frequencies: Vec<f64> = (0..pairs)
        .map(|pair| {
            let factor = factors.get(pair as usize).map_or(1.0, |factor| f64::from(*factor));
            base.powf(-2.0 * pair as f64 / rotated) / scale / factor
        })
        .collect();
    (0..decoder.context).flat_map(move |position| {
        let row: Vec<f32> =
            frequencies.iter().map(|frequency| function(position as f64 * frequency) as f32).collect();
        row
    })
}
