//! The trace that a request begins with.

use std::time::{SystemTime, UNIX_EPOCH};

use fimble_completion::Trigger;

use crate::convert::from_proto;
use crate::session::Session;
use crate::suggest::Ask;
use crate::trace::{AnswerPath, Decision, RequestTrace, StepTimes, TokenCounts, TraceTrigger};

/// What is known when a request is read.
pub(crate) fn new_trace(session: &Session, ask: &Ask) -> RequestTrace {
    RequestTrace {
        id: session.counters.n_requests,
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
        stand_in: session.stand_in_reason().unwrap_or_default(),
        confidence: None,
        notes: Vec::new(),
    }
}

/// Milliseconds since 1970.
fn unix_millis() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
