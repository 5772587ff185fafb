//! Step 2 of a keystroke: a request for a suggestion, whatever its method. It is answered from what is known, attached to a job that
//! is under way, or gets a job of its own. Invariant: what can be answered without the model is answered in the same turn; every way
//! out leads to [`crate::completion::answer`], so that it answers the request and leaves a trace with its reason.

use std::time::Instant;

use fimble_completion::{CacheHit, HitKind, SelectedItem, Trigger};
use fimble_document::Text;
use tower_lsp_server::jsonrpc::Id;

use crate::completion::answer::{self, Arrived};
use crate::completion::new_trace::{new_trace, note_document};
use crate::completion::next_step::{Next, next_step};
use crate::completion::place::{Ask, Place};
use crate::completion::speculation::SpeculativeResult;
use crate::completion::start::{attach, park, start};
use crate::event::Reply;
use crate::protocol::convert::from_proto;
use crate::session::Session;
use crate::trace::AnswerPath;

/// Handles a request.
pub(crate) fn handle(session: &mut Session, id: Id, ask: Ask, reply: Reply) {
    let received = Instant::now();
    session.counters.n_requests += 1;
    session.completion.speculation.asked();
    let stand_in = session.models.stand_in_reason(&session.settings);
    let trace = new_trace(session.counters.n_requests, &ask, stand_in);
    let mut arrived = Arrived { id, reply, trace, received };
    let Some(document) = session.documents.get(&ask.uri) else {
        return answer::nothing(session, arrived, "not-open", "The document is not open.");
    };
    note_document(&mut arrived.trace, document);
    let text = document.text().clone();
    let encoding = session.client.encoding;
    let place = Place {
        document: document.id,
        revision: document.revision,
        offset: from_proto::offset(&text, ask.position, encoding),
        trigger: ask.trigger,
        selected: ask.selected.map(|(range, item)| SelectedItem {
            range: from_proto::range(&text, range, encoding),
            text: item,
        }),
    };
    let next = next_step(session, document.id, &text, &place, ask.method);
    let key = session.completion.settings_key;
    let result = session.completion.speculation.take_result(&place, key);
    // A job that would lead to the same suggestion continues for the newer request; all others of older requests end.
    let jobs = &mut session.completion.jobs;
    let reusable =
        if matches!(next, Next::Compute) { jobs.reusable(ask.method, &place, &text, key) } else { None };
    for superseded in jobs.take_superseded(place.document, ask.method, reusable) {
        answer::superseded(session, superseded);
    }
    match next {
        Next::Refuse(reason, sentence) => answer::nothing(session, arrived, reason, sentence),
        Next::Answer(hit) => answer_from_cache(session, arrived, &place, &text, &hit, result),
        Next::Park => {
            arrived.trace.notes.push("it waited for the model to be loaded".to_owned());
            park(session, arrived, place);
        }
        Next::Choose => start(session, arrived, place),
        Next::Compute => match (reusable, result) {
            (Some(serial), _) => {
                if let Some(before) = attach(session, arrived, place, serial, false) {
                    answer::superseded(session, before);
                }
            }
            (None, Some(SpeculativeResult { trace, refusal: Some(refusal), .. }))
                if place.trigger == Trigger::Automatic =>
            {
                arrived.trace.take_work(trace);
                answer::refused(session, arrived, refusal);
            }
            (None, _) => {
                let jobs = &session.completion.jobs;
                let speculative = jobs.reusable_speculative(place.document, &text, place.offset, key);
                match speculative.filter(|_| place.selected.is_none()) {
                    Some((serial, is_partly_shown)) => {
                        attach(session, arrived, place, serial, is_partly_shown);
                    }
                    None => start(session, arrived, place),
                }
            }
        },
    }
}

/// Answers with a suggestion of the cache. `result`: the speculative work for this place, if there was any.
fn answer_from_cache(
    session: &mut Session,
    mut arrived: Arrived,
    place: &Place,
    text: &Text,
    CacheHit { suggestion, kind }: &CacheHit,
    result: Option<SpeculativeResult>,
) {
    let path = match kind {
        HitKind::Same => AnswerPath::Same,
        HitKind::TypedThrough => AnswerPath::TypedThrough,
        HitKind::DeletedBack => AnswerPath::DeletedBack,
        HitKind::LookAhead => AnswerPath::LookAhead,
    };
    match result {
        Some(SpeculativeResult { trace, refusal: None, .. }) if path == AnswerPath::Same => {
            arrived.trace.take_work(trace);
            arrived.trace.path = AnswerPath::Kept;
        }
        _ => {
            arrived.trace.path = path;
            session.counters.n_without_model += 1;
        }
    }
    arrived.trace.confidence = Some(suggestion.confidence);
    arrived.trace.remote = suggestion.is_remote;
    // Where the rest is still being written, it may follow.
    match session.completion.is_writing_rest(place.document) {
        true => answer::shown_partly(session, arrived, place, text, suggestion),
        false => answer::shown(session, arrived, place, text, suggestion),
    }
}
