//! The state of the server, as clients show it. Invariant: a client that wants it (`experimental.fimble.status`) is sent it after
//! every change, once per change, without asking.

use fimble_model::{ErrorCode, LoadError, Speeds};
use serde_json::{Value, json};

use crate::models::state::ModelState;
use crate::outgoing::Message;
use crate::protocol::error_data::error_data;
use crate::session::Session;

/// Whether suggestions come, the model that answers and its provider, whether code leaves this machine, the reason if the model
/// cannot be loaded, the notices, the model that is wanted where another one stands in for it, and the model that answers
/// conversations.
pub(crate) fn current(session: &Session) -> Value {
    let (models, settings) = (&session.models, &session.settings);
    let answering = models.completion.answering();
    let info = answering.as_ref().map(|model| model.info());
    let name = info.map_or_else(|| models.wanted(settings), |info| &info.name);
    let chat = models.chat(settings);
    // The stand-in completes and does nothing else.
    let chatting = chat.answering().filter(|_| chat.stand_in().is_none());
    let refusal = chatting.as_ref().and_then(|model| model.chat().err());
    let no_chat = refusal.map_or_else(
        || chat.failure().cloned(),
        |cause| Some(LoadError { code: ErrorCode::NoModel, cause, remedy: String::new() }),
    );
    let failure = models.completion.failure();
    let state = match models.completion.stand_in() {
        _ if !settings.enabled => "disabled",
        Some(_) => "ready",
        None => models.completion.word(),
    };
    json!({
        "state": state,
        "model": name,
        "provider": info.map(|info| &info.provider),
        "reason": failure.map(ToString::to_string),
        "error": failure.map(error_data),
        "wanted": models.completion.stand_in().map(|_| json!({
            "model": models.wanted(settings),
            "state": models.completion.word(),
            "reason": failure.map(ToString::to_string),
            "error": failure.map(error_data),
        })),
        "nextEditModel": models.own_edits.state.status(),
        "remote": answering.as_ref().is_some_and(|model| model.is_remote()),
        "notices": session.notices.current(),
        "chat": {
            "state": chat.word(),
            "model": chatting.as_ref().map(|model| &model.info().name),
            "provider": chatting.as_ref().map(|model| &model.info().provider),
            "reason": no_chat.as_ref().map(ToString::to_string),
            "error": no_chat.as_ref().map(error_data),
            "remote": chatting.as_ref().is_some_and(|model| model.is_remote()),
        },
    })
}

/// The same with what was counted, for the command.
pub(crate) fn detailed(session: &Session) -> Value {
    let counters = &session.counters;
    let micros = |percent| session.change_turns.percentile(percent).map(crate::trace::micros);
    let mut status = current(session);
    let numbers = json!({
        "version": session.options.version,
        "requests": counters.n_requests,
        "shown": counters.n_shown,
        "withoutModel": counters.n_without_model,
        "superseded": counters.n_superseded,
        "cancelled": counters.n_cancelled,
        "failed": counters.n_failed,
        "accepted": counters.n_accepted,
        "dismissed": counters.n_dismissed,
        "nextEdits": {
            "sent": counters.n_edits_sent,
            "shown": counters.n_edits_shown,
            "accepted": counters.n_edits_accepted,
            "dismissed": counters.n_edits_dismissed,
            "documents": session.next_edit.n_followed(),
        },
        "pending": session.completion.jobs.n_waiting(),
        "computing": counters.n_jobs_started - counters.n_jobs_reported,
        "tokens": {
            "reused": counters.n_tokens_reused,
            "prefilled": counters.n_tokens_prefilled,
            "decoded": counters.n_tokens_decoded,
            "drafted": counters.n_tokens_drafted,
            "accepted": counters.n_tokens_accepted,
        },
        "budget": budget(session),
        "changeTurns": {"count": session.change_turns.len(), "p50Micros": micros(50), "p99Micros": micros(99)},
        "workspace": {
            "folders": session.documents.folders().len(),
            "files": session.index.n_files(),
            "indexing": session.is_indexing(),
            "walks": session.index.n_walks(),
        },
        "actions": session.actions.len(),
        "documents": session.documents.len(),
        "documentBytes": session.documents.n_bytes(),
        "cacheEntries": session.completion.cache.len(),
    });
    if let (Value::Object(status), Value::Object(numbers)) = (&mut status, numbers) {
        status.extend(numbers);
    }
    status
}

/// What fits the time budget now, and the speeds that this follows from; null where nothing was measured.
fn budget(session: &Session) -> Value {
    let speeds = session.models.current().map_or_else(Speeds::default, |model| model.speeds());
    let completion = &session.settings.completion;
    json!({
        "ms": session.settings.budget_ms,
        "contextTokens": completion.max_prompt_tokens.unwrap_or(completion.token_budget.prompt_tokens),
        "newTokens": completion.max_new_tokens.unwrap_or(completion.token_budget.new_tokens),
        "severalLines": completion.token_budget.several_lines,
        "readTokensPerSecond": speeds.prefill.map(f64::round),
        "producedTokensPerSecond": speeds.decode.map(f64::round),
    })
}

/// Sends `fimble/status` if it differs from the one that was sent last.
pub(crate) fn send(session: &mut Session) {
    // Before `initialized` the client may not be sent anything.
    if !session.is_initialized || !session.client.wants_status {
        return;
    }
    let mut status = current(session);
    if let (Some(progress), ModelState::Loading(stand_in)) =
        (&session.models.progress, &session.models.completion)
    {
        // It belongs to the model that is loaded.
        let model = if stand_in.is_some() { &mut status["wanted"] } else { &mut status };
        model["message"] = json!(progress.message);
        model["fraction"] = json!(progress.fraction);
    }
    if session.sent_status.as_ref() != Some(&status) {
        session.outgoing.send(Message::Status(status.clone()));
        session.sent_status = Some(status);
    }
}
