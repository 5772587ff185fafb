//! The vector of one input, on the engine's thread. Invariant: cancellation is asked between parts of an input; other work that runs
//! between two parts changes nothing; a vector has a length of 1, or is all zeros.

use fimble_model::{ModelError, TokenId};

use crate::evaluator::{Evaluator, Wanted};
use crate::layout::Pooling;

/// What an input is read with.
pub(crate) struct Reading<'a> {
    pub(crate) pooling: Pooling,
    /// Most tokens that are evaluated at once.
    pub(crate) chunk: usize,
    /// Whether to stop; called between parts.
    pub(crate) stopped: &'a dyn Fn() -> bool,
    /// Runs other work between parts. Returns whether there was any.
    pub(crate) yield_to_others: &'a dyn Fn(&mut Evaluator) -> bool,
}

/// Turns the tokens of an input, which fit the context, into its vector. None if it was stopped.
pub(crate) fn pool(
    evaluator: &mut Evaluator,
    tokens: &[TokenId],
    reading: &Reading<'_>,
) -> Result<Option<Vec<f32>>, ModelError> {
    let chunk = evaluator.chunk().min(reading.chunk).max(1);
    let mut sum: Vec<f64> = Vec::new();
    // Positions whose hidden states are in the sum.
    let mut n_summed = 0;
    let (mut slot, mut n_read) = take(evaluator, tokens, reading.pooling, n_summed)?;
    while n_read < tokens.len() {
        if (reading.stopped)() {
            return Ok(None);
        }
        if (reading.yield_to_others)(evaluator) {
            (slot, n_read) = take(evaluator, tokens, reading.pooling, n_summed)?;
        }
        // What other work took away is read again, without adding it twice.
        let limit = if n_read < n_summed { n_summed } else { tokens.len() };
        let end = limit.min(n_read + chunk);
        let wanted = match reading.pooling {
            Pooling::Mean if n_read >= n_summed => Wanted::All,
            Pooling::Last if end == tokens.len() => Wanted::Last,
            _ => Wanted::Nothing,
        };
        let width = evaluator.vocabulary();
        let rows = evaluator.evaluate(slot, &tokens[n_read..end], wanted).map_err(ModelError::Engine)?;
        if wanted != Wanted::Nothing {
            sum.resize(width, 0.0);
            for row in rows.chunks_exact(width) {
                sum.iter_mut().zip(row).for_each(|(sum, number)| *sum += f64::from(*number));
            }
            n_summed = end;
        }
        n_read = end;
    }
    unit(&sum).map(Some)
}

/// A slot of the cache for an input, and how many of its tokens the slot holds. A mean needs the hidden states of all tokens, which
/// the cache does not hold: a slot is of no use that is further than the sum, such as one of another input with the same beginning.
fn take(
    evaluator: &mut Evaluator,
    tokens: &[TokenId],
    pooling: Pooling,
    n_summed: usize,
) -> Result<(usize, usize), ModelError> {
    let (slot, n_read) = evaluator.take(tokens).map_err(ModelError::Engine)?;
    if pooling == Pooling::Mean && n_read > n_summed {
        evaluator.clear(slot);
        return Ok((slot, 0));
    }
    Ok((slot, n_read))
}

/// A vector in the same direction with a length of 1. The mean and the sum have the same direction.
#[expect(clippy::cast_possible_truncation, reason = "models compute with no more")]
fn unit(sum: &[f64]) -> Result<Vec<f32>, ModelError> {
    let length = sum.iter().map(|number| number * number).sum::<f64>().sqrt();
    if sum.is_empty() || !length.is_finite() {
        return Err(ModelError::Engine("the model computed no usable number".to_owned()));
    }
    let divisor = if length > 0.0 { length } else { 1.0 };
    Ok(sum.iter().map(|number| (number / divisor) as f32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_have_a_length_of_1_or_are_zeros() {
        assert_eq!(unit(&[3.0, -4.0]), Ok(vec![0.6, -0.8]));
        assert_eq!(unit(&[0.0, 0.0]), Ok(vec![0.0, 0.0]));
        for bad in [&[f64::NAN, 1.0][..], &[f64::INFINITY], &[]] {
            assert!(unit(bad).is_err(), "{bad:?}");
        }
    }
}
