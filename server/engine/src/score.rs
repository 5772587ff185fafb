//! How likely a text is behind a prompt, for evaluations. Invariant: each token is weighed as a generation would weigh it where
//! it stands, with healing and the project's memory; nothing is chosen.

use fimble_model::ModelError;
use fimble_ngram::log_probability;

use crate::evaluator::Evaluator;
use crate::generate::{Prefilled, Task, prefill};
use crate::heal::Healer;
use crate::line_end::LineEnds;
use crate::sampler::Allowed;
use crate::speculative_decoder::SpeculativeDecoder;
use crate::tokenizer::TextTokenizer;

/// Natural logarithm of the probability that a generation continues with `text`, in the tokens that the tokenizer cuts it into. The
/// text that healing took back is forced, and costs nothing by itself.
pub(crate) fn score(
    evaluator: &mut Evaluator,
    tokenizer: &TextTokenizer,
    task: &Task<'_>,
    text: &str,
) -> Result<f64, ModelError> {
    let vocabulary = tokenizer.bytes();
    let healed = &task.prompt.healed;
    let whole = [String::from_utf8_lossy(healed).as_ref(), text].concat();
    let tokens = tokenizer.encode(&whole).map_err(ModelError::Engine)?;
    let Prefilled::Done(slot) = prefill(evaluator, &task.prompt.tokens, task, &mut Default::default())?
    else {
        return Err(ModelError::Engine("the work was stopped".to_owned()));
    };
    let mut decoder = SpeculativeDecoder::new(evaluator, slot, &task.prompt.tokens, false);
    let mut lookup = task.lookup();
    let mut healer = Healer::new(healed.clone());
    let end = task.end_tokens.first().filter(|_| task.options.most_lines == 1);
    let mut line_ends = end.map(|end| LineEnds::new(vocabulary, *end));
    let mut sum = 0.0;
    for (at, id) in tokens.iter().enumerate() {
        let forced = healer.allowed(vocabulary);
        let allowed = forced.as_deref().map_or(Allowed::Marked(vocabulary.known()), Allowed::Only);
        let logits = decoder.logits(evaluator);
        let mixed = lookup.as_mut().and_then(|lookup| lookup.mix(logits, forced.as_deref()));
        let logits = mixed.unwrap_or(logits);
        sum += f64::from(match &mut line_ends {
            Some(line_ends) => line_ends.log_probability(logits, allowed, *id),
            None => log_probability(logits, forced.as_deref(), *id),
        });
        if let Some(lookup) = &mut lookup {
            lookup.push(*id);
        }
        healer.advance(vocabulary.bytes(*id));
        let n_left = tokens.len() - at - 1;
        if n_left == 0 {
            break;
        }
        if decoder.is_full(evaluator) {
            let reason = format!("{n_left} of {} tokens of the text do not fit the context", tokens.len());
            return Err(ModelError::Engine(reason));
        }
        decoder.advance(evaluator, *id, n_left, |_| false).map_err(ModelError::Engine)?;
    }
    Ok(sum)
}
