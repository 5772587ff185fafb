//! Whether a generation that is still running is worth waiting for. Invariant: the verdict is the suggestion cache's own, so that
//! a generation is kept exactly if its finished suggestion would answer the typed text.

use fimble_document::Text;

use crate::lines::line_break;
use crate::{Suggestion, SuggestionCache};

/// Whether `text` with its cursor at `offset` is `origin` with nothing, or with a part of `so_far`, typed at
/// `origin_offset`. `so_far` is what was generated for `origin` until now: typing beyond its end does not agree, because
/// the text there is not known yet.
#[must_use]
pub fn agrees(origin: &Text, origin_offset: usize, so_far: &str, text: &Text, offset: usize) -> bool {
    let mut expected = match line_break(origin, origin.line_of(origin_offset)) {
        "\n" => so_far.to_owned(),
        other => so_far.replace('\n', other),
    };
    // Something is left to come, or the cache would find nothing at the end of what there is.
    expected.push('…');
    let at = origin.floor_char_boundary(origin_offset);
    let suggestion =
        Suggestion { replace: at..at, text: expected, confidence: 1.0, n_tokens: 1, is_remote: false };
    let mut cache = SuggestionCache::new(1, 1);
    cache.insert(0, origin, at, 0, &suggestion);
    cache.lookup(0, text, offset, 0, None).is_some()
}
