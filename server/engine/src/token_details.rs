//! What is reported of a token beside its probability: its bytes, and the likeliest tokens at its place. Invariant: the probabilities are
//! those that the generation reports, before temperature, filters and the form of the answer; nothing is computed that was not asked for.

use fimble_model::{LikelyToken, TokenDetails, TokenId};
use fimble_ngram::log_probability;

use crate::sampler::{Allowed, likeliest};
use crate::tokenizer::TextTokenizer;

/// The details of a token. With `only`, the choice was among these tokens.
pub(crate) fn details(
    tokenizer: &TextTokenizer,
    logits: &[f32],
    only: Option<&[TokenId]>,
    id: TokenId,
    n_likeliest: usize,
) -> Box<TokenDetails> {
    let allowed = only.map_or(Allowed::Marked(tokenizer.bytes().known()), Allowed::Only);
    let found = likeliest(logits, allowed, n_likeliest);
    // The sum over the vocabulary is the same for all of them.
    let log_sum = found.first().map_or(0.0, |(logit, first)| logit - log_probability(logits, only, *first));
    let likely = |(logit, id): (f32, TokenId)| LikelyToken {
        id,
        bytes: tokenizer.bytes_or_name(id).to_vec(),
        logprob: (logit - log_sum).min(0.0),
    };
    let bytes = tokenizer.bytes_or_name(id).to_vec();
    Box::new(TokenDetails { bytes, likeliest: found.into_iter().map(likely).collect() })
}
