//! What happens to a request, as far as that is known before anything is computed. Invariant: every reason to suggest nothing has a
//! word for programs and a sentence for people; of the session only its caches' order of use changes.

use fimble_completion::{CacheHit, RefusalKind, Trigger};
use fimble_document::Text;

use crate::completion::place::Place;
use crate::documents::open_document::OpenDocument;
use crate::documents::unfit::Unfit;
use crate::models::state::ModelState;
use crate::session::Session;
use crate::trace::TraceMethod;

/// What happens to a request.
pub(crate) enum Next {
    /// Nothing is suggested: one word, and one sentence.
    Refuse(&'static str, String),
    /// The suggestion is known.
    Answer(CacheHit),
    /// The model is asked once it is there.
    Park,
    /// The model is asked.
    Compute,
    /// The model is asked for several suggestions to choose from. A job for one of them cannot answer that.
    Choose,
}

/// Looks at the settings, the document, what was dismissed and what is known, in this order.
pub(crate) fn next_step(
    session: &mut Session,
    document: u64,
    text: &Text,
    place: &Place,
    method: TraceMethod,
) -> Next {
    let ineligible =
        session.documents.by_id(document).and_then(|document| ineligible_reason(session, document));
    if let Some((reason, sentence)) = ineligible {
        return Next::Refuse(reason, sentence);
    }
    if place.trigger == Trigger::Automatic
        && session.completion.cache.is_dismissed(document, text, place.offset)
    {
        let sentence =
            "The suggestion at this place was dismissed; it is not shown until the text around it changes.";
        return Next::Refuse(RefusalKind::Dismissed.name(), sentence.to_owned());
    }
    let key = session.suggestions_key(session.completion.settings_key, document, text, place.offset);
    // An explicit inline request wants to choose, and one suggestion is known at most.
    let wants_choice = place.trigger == Trigger::Invoked
        && method == TraceMethod::InlineCompletion
        && session.models.current().is_some_and(|model| model.supports_alternatives());
    if wants_choice {
        return Next::Choose;
    }
    if let Some(hit) =
        session.completion.cache.lookup(document, text, place.offset, key, place.selected.as_ref())
    {
        return Next::Answer(hit);
    }
    match &session.models.completion {
        state if state.current().is_some() => Next::Compute,
        ModelState::Failed(error, _) => {
            Next::Refuse("no-model", format!("The model could not be loaded: {error}"))
        }
        _ if place.trigger == Trigger::Invoked => Next::Park,
        _ => Next::Refuse("loading", "The model is still being loaded.".to_owned()),
    }
}

/// Why a document is not completed at all, if it is not: one word, and one sentence.
pub(crate) fn ineligible_reason(
    session: &Session,
    document: &OpenDocument,
) -> Option<(&'static str, String)> {
    let settings = &session.settings;
    let language_name = document.language.map_or("", |language| language.name());
    let is_disabled = settings.disabled_languages.iter().any(|disabled| {
        *disabled == document.language_id || (*disabled == language_name && !disabled.is_empty())
    });
    if !settings.enabled {
        return Some(("disabled", "Suggestions are switched off by the setting fimble.enabled.".to_owned()));
    }
    if is_disabled {
        let language = &document.language_id;
        return Some((
            "language-disabled",
            format!("The setting fimble.languages.disabled names the language {language}."),
        ));
    }
    if !document.is_in_sync() {
        let sentence = "The editor's text and the server's differ; close the file and open it again.";
        return Some(("out-of-sync", sentence.to_owned()));
    }
    let n_bytes = document.text().len();
    if n_bytes > settings.completion.max_file_bytes {
        let limit = settings.completion.max_file_bytes;
        return Some((
            "file-too-large",
            format!(
                "The file has {n_bytes} bytes; the setting fimble.experimental.maxFileBytes allows {limit}."
            ),
        ));
    }
    match document.unfit()? {
        Unfit::Binary => Some(("binary-file", "The file holds NUL characters: it is not text.".to_owned())),
        Unfit::LongLine => {
            Some(("line-too-long", "The file has a line that is too long to be typed code.".to_owned()))
        }
    }
}
