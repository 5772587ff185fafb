//! The trace that a request begins with.

use std::time::{SystemTime, UNIX_EPOCH};

use fimble_completion::Trigger;

use crate::completion::place::Ask;
use crate::documents::open_document::OpenDocument;
use crate::protocol::convert::from_proto;
use crate::trace::{AnswerPath, Decision, RequestTrace, StepTimes, TokenCounts, TraceTrigger};

/// The trace of a request that was read just now. `id`: its number since the start. `stand_in`: why another model answers than the
/// wanted one, if one does.
pub(crate) fn new_trace(id: u64, ask: &Ask, stand_in: Option<String>) -> RequestTrace {
    RequestTrace {
        id,
        time: unix_millis(),
        method: ask.method,
        trigger: match ask.trigger {
            Trigger::Invoked => TraceTrigger::Invoked,
            Trigger::Automatic => TraceTrigger::Automatic,
        },
        document: from_proto::file_name(&from_proto::path(&ask.uri)).to_owned(),
        language: String::new(),
        version: 0,
        line: ask.position.line,
        character: ask.position.character,
        decision: Decision::Pending,
        path: AnswerPath::None,
        mode: String::new(),
        pieces: Vec::new(),
        tokens: TokenCounts::default(),
        model: String::new(),
        provider: String::new(),
        remote: false,
        template: String::new(),
        limits: String::new(),
        times: StepTimes::default(),
        stop: String::new(),
        filters: Vec::new(),
        stand_in: stand_in.unwrap_or_default(),
        confidence: None,
        notes: Vec::new(),
    }
}

/// Notes the version and the language of the document that is asked about.
pub(crate) fn note_document(trace: &mut RequestTrace, document: &OpenDocument) {
    trace.version = document.version();
    trace.language = match document.language {
        Some(language) => language.name().to_owned(),
        None if document.language_id.is_empty() => "plain text".to_owned(),
        None => format!("{} (as plain text)", document.language_id),
    };
}

/// Milliseconds since 1970.
fn unix_millis() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
