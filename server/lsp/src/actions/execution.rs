//! Starting, watching and ending actions. Invariant: each is answered once, whatever becomes of its document, its model and its
//! client; its progress ends with it; an edit is sent only if the document is still the text that it was made for.

use std::time::Duration;

use fimble_actions::{ActionKind, Change, Edit, Outcome, fenced, patch};
use fimble_model::{CancelToken, ErrorCode};
use serde_json::{Value, json};
use tower_lsp_server::gen_lsp_types::MessageType;
use tower_lsp_server::jsonrpc::Id;

use crate::actions::data::{Destination, selection};
use crate::actions::failure::ActionFailure;
use crate::actions::job::{self, ActionJob, ActionReport, ActionReporters, Computer};
use crate::actions::prepare::{Prepared, computer_for};
use crate::actions::state::{ReadAhead, RunningAction};
use crate::documents::snapshot::DocumentSnapshot;
use crate::event::{Event, Reply};
use crate::outgoing::{Message, ProgressOwner};
use crate::panics::contain;
use crate::previews::show;
use crate::previews::state::Progress;
use crate::protocol::convert::from_proto;
use crate::protocol::messages::WireRange;
use crate::protocol::workspace_edit;
use crate::session::Session;
use crate::settings::AutoAlwaysNever;

/// How long a cursor stays at a place before the question about it is read: passing by costs nothing.
const READ_AHEAD_DELAY: Duration = Duration::from_millis(400);

/// Starts an action. Returns the token of its progress.
pub(crate) fn start(session: &mut Session, prepared: Prepared, destination: Destination) -> String {
    let Prepared { kind, data, computer, snapshot, version } = prepared;
    // An action does not wait for speculative work; what that has read stays in the model's cache.
    session.actions.stop_reading_ahead();
    session.actions.n_started += 1;
    let serial = session.actions.n_started;
    let cancel = CancelToken::new();
    let (text, encoding) = (&snapshot.text, session.client.encoding);
    let job = ActionJob {
        kind,
        computer,
        selection: selection(text, data.range, encoding),
        instruction: data.instruction,
        problems: data
            .problems
            .into_iter()
            .map(|problem| fimble_actions::Problem {
                range: from_proto::range(text, problem.range, encoding),
                message: problem.message,
            })
            .collect(),
        snapshot: snapshot.clone(),
        settings: session.settings.completion.clone(),
        streams: matches!(destination, Destination::Document { .. }),
        cancel: cancel.clone(),
    };
    let running = RunningAction {
        kind,
        uri: data.uri,
        snapshot,
        version,
        cancel,
        destination,
        is_visible: false,
        message: None,
    };
    session.actions.by_serial.insert(serial, running);
    if session.client.shows_progress {
        session.outgoing.send(Message::CreateProgress(ProgressOwner::Action(serial)));
    }
    let reporters = ActionReporters {
        parsed: session.events.reporter(Event::Parsed),
        action: session.events.reporter(move |report| Event::Action { serial, report }),
    };
    session.actions.workers.spawn(move || job::run(job, &reporters));
    ProgressOwner::Action(serial).token()
}

/// Reads ahead what an explanation of this place would be asked with, if the model has nothing else to do: the actions at a
/// place were just asked for, by an editor or with a menu. What is read for another place ends.
pub(crate) fn read_ahead(session: &mut Session, uri: &str, range: WireRange, is_automatic: bool) {
    let is_allowed = session.settings.look_ahead != AutoAlwaysNever::Never && session.options.warm_up;
    if !is_allowed || !session.actions.by_serial.is_empty() {
        return;
    }
    let Ok(Computer::Chat(model)) = computer_for(session, ActionKind::Explain) else { return };
    let is_good = model.chat().is_ok_and(|chat| chat.does_well(ActionKind::Explain.name()));
    let max_file_bytes = session.settings.completion.max_file_bytes;
    let encoding = session.client.encoding;
    // Without the tree of this text the question would be another one.
    let found = session.documents.get_mut(uri);
    let found = found.filter(|found| found.tree().1 && found.is_in_sync() && found.unfit().is_none());
    let Some(document) = found.filter(|_| is_good) else { return };
    let snapshot = document.snapshot(max_file_bytes);
    let selection = selection(&snapshot.text, range, encoding);
    let is_same = |ahead: &ReadAhead| {
        (ahead.document, ahead.revision, &ahead.selection)
            == (snapshot.document, snapshot.revision, &selection)
    };
    if session.actions.read_ahead.as_ref().is_some_and(is_same) {
        return;
    }
    session.actions.stop_reading_ahead();
    let cancel = CancelToken::new();
    session.actions.read_ahead = Some(ReadAhead {
        document: snapshot.document,
        revision: snapshot.revision,
        selection: selection.clone(),
        cancel: cancel.clone(),
    });
    let on_battery =
        session.options.on_battery.clone().filter(|_| session.settings.look_ahead == AutoAlwaysNever::Auto);
    session.actions.readers.spawn(move || {
        if is_automatic {
            std::thread::sleep(READ_AHEAD_DELAY);
        }
        let is_on_battery = on_battery.is_some_and(|on_battery| on_battery());
        if !is_on_battery && !cancel.is_cancelled() {
            // An error here comes again when the action is chosen, and is shown then.
            let _ = contain(|| job::read_ahead(&snapshot, selection, &*model, &cancel));
        }
    });
}

/// The client shows the progress of an action.
pub(crate) fn progress_accepted(session: &mut Session, serial: u64) {
    // One that has ended meanwhile has nothing to show.
    if let Some(running) = session.actions.by_serial.get_mut(&serial) {
        running.is_visible = true;
        let title = format!("Fimble: {}", running.kind.title().trim_end_matches('…'));
        let mut value = json!({"kind": "begin", "title": title, "cancellable": true});
        if let Some(message) = &running.message {
            value["message"] = json!(message);
        }
        session.outgoing.send(Message::Progress { owner: ProgressOwner::Action(serial), value });
    }
}

/// An action proceeds or ends.
pub(crate) fn reported(session: &mut Session, serial: u64, report: ActionReport) {
    match report {
        ActionReport::Growing { text, n_bytes } => {
            let Some(running) = session.actions.by_serial.get_mut(&serial) else { return };
            let message = if n_bytes == 0 { "thinking".to_owned() } else { format!("{n_bytes} characters") };
            if running.is_visible {
                let value = json!({"kind": "report", "message": message});
                session.outgoing.send(Message::Progress { owner: ProgressOwner::Action(serial), value });
            }
            running.message = Some(message);
            if let (Destination::Document { number }, Some(text)) = (&running.destination, text) {
                let number = *number;
                let progress = if text.is_empty() { Progress::Thinking } else { Progress::Growing };
                show::update(session, number, &text, progress);
            }
        }
        ActionReport::Done(result) => {
            if let Some(running) = session.actions.by_serial.remove(&serial) {
                finish(session, serial, running, result);
            }
        }
    }
}

/// Ends the action that a request with this id waits for. Whether there was one.
pub(crate) fn cancel_request(session: &mut Session, id: &Id) -> bool {
    let serial = session.actions.serial_of(id);
    serial.is_some_and(|serial| cancel(session, serial))
}

/// Ends the action with this token.
pub(crate) fn cancel_token(session: &mut Session, wanted: &Value) {
    if let Some(serial) = session.actions.serial_of_token(wanted) {
        cancel(session, serial);
    }
}

/// Ends all actions.
pub(crate) fn cancel_all(session: &mut Session) {
    for serial in session.actions.by_serial.keys().copied().collect::<Vec<_>>() {
        cancel(session, serial);
    }
}

/// A document changed or was closed: what is made for it could not be used any more.
pub(crate) fn document_changed(session: &mut Session, document: u64) {
    if session.actions.read_ahead.as_ref().is_some_and(|ahead| ahead.document == document) {
        session.actions.stop_reading_ahead();
    }
    let is_outdated = |running: &RunningAction| {
        running.snapshot.document == document && !matches!(running.destination, Destination::Document { .. })
    };
    let outdated = session.actions.by_serial.iter().filter(|(_, running)| is_outdated(running));
    for serial in outdated.map(|(serial, _)| *serial).collect::<Vec<_>>() {
        end(session, serial, ActionFailure::modified());
    }
}

fn cancel(session: &mut Session, serial: u64) -> bool {
    end(session, serial, ActionFailure::cancelled())
}

fn end(session: &mut Session, serial: u64, failure: ActionFailure) -> bool {
    let Some(running) = session.actions.by_serial.remove(&serial) else { return false };
    running.cancel.cancel();
    finish(session, serial, running, Err(failure));
    true
}

/// The end of a document of an action that failed.
fn failed_document(failure: &ActionFailure) -> (String, Progress) {
    (format!("*{}*\n", failure.sentences()), Progress::Failed(failure.error().clone()))
}

/// Answers, and ends the progress.
fn finish(
    session: &mut Session,
    serial: u64,
    running: RunningAction,
    result: Result<Outcome, ActionFailure>,
) {
    if running.is_visible {
        let message = if result.is_ok() { "done" } else { "not done" };
        let value = json!({"kind": "end", "message": message});
        session.outgoing.send(Message::Progress { owner: ProgressOwner::Action(serial), value });
    }
    let revision = session.documents.by_id(running.snapshot.document).map(|document| document.revision);
    let is_current = revision == Some(running.snapshot.revision);
    let RunningAction { kind, uri, snapshot, version, destination, .. } = running;
    if let Destination::Document { number } = destination {
        let (text, progress) = match result {
            Ok(Outcome { change: Change::Words(words), model, is_remote }) => {
                let place = if is_remote { "; the code was sent to another machine" } else { "" };
                (format!("{words}\n\n---\n\n*{model}{place}*\n"), Progress::Done)
            }
            Ok(_) => {
                let cause = "The model answered with something that is no text";
                failed_document(&ActionFailure::failed(ErrorCode::ActionFailed, cause, "Try again."))
            }
            Err(failure) => failed_document(&failure),
        };
        return show::update(session, number, &text, progress);
    }
    let result = match result {
        Ok(_) if !is_current => Err(ActionFailure::modified()),
        other => other,
    };
    let edit = result.map(|outcome| {
        let title = kind.title().trim_end_matches('…');
        match &outcome.change {
            Change::Words(words) => {
                show::show(session, title, words);
                None
            }
            Change::NewFile { text, .. } if !session.client.creates_files => {
                let word = snapshot.language.map_or("", |language| language.name());
                show::show(session, title, &fenced(text, word));
                None
            }
            // A comment of the user is replaced only by a client that shows the change first.
            Change::Edits(edits) if kind == ActionKind::Redocument && !session.client.annotates_changes => {
                let change = fenced(&change_of(&snapshot, edits), "diff");
                show::show(session, title, &change);
                None
            }
            _ => {
                let made_for = workspace_edit::MadeFor { uri: &uri, version, text: &snapshot.text };
                Some(workspace_edit::render(&session.client, &made_for, title, &outcome))
            }
        }
    });
    match (destination, edit) {
        (Destination::Resolve { reply, mut action, .. }, Ok(edit)) => {
            if let Some(edit) = edit {
                action["edit"] = edit;
            }
            let _ = reply.send(Ok(action));
        }
        (Destination::Resolve { reply, action, .. }, Err(failure)) => {
            refuse_resolve(session, reply, action, failure);
        }
        (_, Ok(Some(edit))) => {
            let label = kind.title().trim_end_matches('…');
            session.outgoing.send(Message::ApplyEdit { params: json!({"label": label, "edit": edit}) });
        }
        (_, Ok(None)) => {}
        (_, Err(failure)) if failure.is_cancelled() => {}
        (_, Err(failure)) => show_failure(session, &failure),
    }
}

/// Edits as a patch.
fn change_of(snapshot: &DocumentSnapshot, edits: &[Edit]) -> String {
    let old: String = snapshot.text.chunks().collect();
    let mut new = old.clone();
    for edit in edits.iter().rev() {
        new.replace_range(edit.range.clone(), &edit.text);
    }
    patch(&snapshot.path, &old, &new)
}

/// Shows why something was not done.
pub(crate) fn show_failure(session: &mut Session, failure: &ActionFailure) {
    let text = format!("Fimble: {}", failure.sentences());
    session.outgoing.show_error(MessageType::Warning, text, failure.error());
}

/// Answers a resolve with an edit that changes nothing, and says why; editors show errors of the protocol as they are.
pub(crate) fn refuse_resolve(session: &mut Session, reply: Reply, mut action: Value, failure: ActionFailure) {
    if failure.is_protocol_error(&session.client) {
        let _ = reply.send(Err(failure.into_error()));
        return;
    }
    show_failure(session, &failure);
    action["edit"] = json!({"changes": {}});
    let _ = reply.send(Ok(action));
}
