//! Why no next edit is shown, in words. Invariant: each reason has a word for programs and a sentence for people.

use fimble_next_edit::Silence;

/// One word, and one sentence.
pub(crate) fn in_words(silence: Silence) -> (&'static str, &'static str) {
    match silence {
        Silence::Selection => ("selection", "Text is selected."),
        Silence::CompletionShown => ("completion-shown", "A suggestion is shown at the cursor."),
        Silence::LowConfidence => ("low-confidence", "The next edit is not certain enough."),
        Silence::Dismissed => ("dismissed", "You dismissed this next edit."),
        Silence::Paused => ("paused", "You dismissed another next edit a moment ago."),
        Silence::TooMany => ("too-many", "Several next edits of the last minute were not applied."),
    }
}
