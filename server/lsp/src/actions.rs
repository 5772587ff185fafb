//! Code actions under way. Must hold: each is answered once, whatever becomes of its document, its model and its client; its
//! progress ends with it; an edit is sent only if the document is still the text that it was made for.

mod failure;
mod prepare;

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use fimble_actions::{ActionKind, Change, Edit, Outcome, fenced, patch};
use fimble_document::{PositionEncoding, Text};
use fimble_model::CancelToken;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower_lsp_server::gen_lsp_types::MessageType;
use tower_lsp_server::jsonrpc::Id;

use crate::action_job::{self, ActionJob, ActionNews, Computer};
use crate::completion_job::DocumentSnapshot;
use crate::convert::from_proto;
use crate::event::Reply;
use crate::outgoing::Message;
use crate::panics::contain;
use crate::protocol::WireRange;
use crate::session::Session;
use crate::settings::AutoAlwaysNever;
use crate::shown_documents::{self, Progress};
use crate::workers::Workers;
use crate::workspace_edit;

pub(crate) use failure::ActionFailure;
pub(crate) use prepare::{Prepared, computer_for, prepare};

/// Actions that are computed at once. The model does one at a time.
const MAX_THREADS: usize = 2;

/// How long a cursor rests at a place before what is there is read: who only passes by costs nothing.
const REST: Duration = Duration::from_millis(400);

/// What an action is asked to do; what `data` of a code action holds.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct ActionData {
    pub(crate) kind: String,
    pub(crate) uri: String,
    /// Version of the document that the action was offered for.
    #[serde(default)]
    pub(crate) version: Option<i32>,
    pub(crate) range: WireRange,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) instruction: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) problems: Vec<WireProblem>,
}

/// A diagnostic, as far as it matters.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct WireProblem {
    pub(crate) range: WireRange,
    pub(crate) message: String,
}

/// Where the outcome of an action goes.
pub(crate) enum Destination {
    /// Into the answer to `codeAction/resolve`.
    Resolve { id: Id, reply: Reply, action: Value },
    /// To the client, by `workspace/applyEdit`.
    Apply,
    /// Into the document with this number.
    Document { number: u64 },
}

/// An action under way.
struct Running {
    kind: ActionKind,
    uri: String,
    snapshot: DocumentSnapshot,
    version: i32,
    cancel: CancelToken,
    destination: Destination,
    /// Whether the client shows its progress.
    is_visible: bool,
    /// How far it is, in words; that is told again to a client that takes its time to show progress.
    message: Option<String>,
}

/// All actions under way.
pub(crate) struct Actions {
    by_serial: HashMap<u64, Running>,
    n_started: u64,
    workers: Workers,
    /// Who reads ahead.
    readers: Workers,
    /// The question that is read ahead, or was last.
    ahead: Option<Ahead>,
}

/// A question that is read ahead.
struct Ahead {
    document: u64,
    revision: u64,
    selection: Range<usize>,
    cancel: CancelToken,
}

impl Actions {
    pub(crate) fn new() -> Self {
        let workers = Workers::new("fimble-act", MAX_THREADS);
        let readers = Workers::new("fimble-read", 1);
        Self { by_serial: HashMap::new(), n_started: 0, workers, readers, ahead: None }
    }

    /// How many are under way.
    pub(crate) fn len(&self) -> usize {
        self.by_serial.len()
    }

    /// Whether the request with this id waits for one of them.
    pub(crate) fn contains(&self, id: &Id) -> bool {
        self.serial_of(id).is_some()
    }

    fn serial_of(&self, id: &Id) -> Option<u64> {
        self.by_serial.iter().find_map(|(serial, running)| match &running.destination {
            Destination::Resolve { id: waiting, .. } if waiting == id => Some(*serial),
            _ => None,
        })
    }
}

/// Starts an action. Returns the token of its progress.
pub(crate) fn start(session: &mut Session, prepared: Prepared, destination: Destination) -> String {
    let Prepared { kind, data, computer, snapshot, version } = prepared;
    // An action waits for nothing that nobody asked for; what of it was read stays of use.
    stop_reading_ahead(session);
    session.actions.n_started += 1;
    let serial = session.actions.n_started;
    let cancel = CancelToken::new();
    let (text, encoding) = (&snapshot.text, session.client.encoding);
    let job = ActionJob {
        serial,
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
    let running = Running {
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
        session.outgoing.send(Message::CreateActionProgress { serial });
    }
    let events = session.events.clone();
    session.actions.workers.spawn(move || action_job::run(job, &events));
    token(serial)
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
    let is_same = |ahead: &Ahead| {
        (ahead.document, ahead.revision, &ahead.selection)
            == (snapshot.document, snapshot.revision, &selection)
    };
    if session.actions.ahead.as_ref().is_some_and(is_same) {
        return;
    }
    stop_reading_ahead(session);
    let cancel = CancelToken::new();
    session.actions.ahead = Some(Ahead {
        document: snapshot.document,
        revision: snapshot.revision,
        selection: selection.clone(),
        cancel: cancel.clone(),
    });
    let on_battery =
        session.options.on_battery.clone().filter(|_| session.settings.look_ahead == AutoAlwaysNever::Auto);
    session.actions.readers.spawn(move || {
        if is_automatic {
            std::thread::sleep(REST);
        }
        let is_on_battery = on_battery.is_some_and(|on_battery| on_battery());
        if !is_on_battery && !cancel.is_cancelled() {
            // What goes wrong here is said when it is asked for.
            let _ = contain(|| action_job::read_ahead(&snapshot, selection, &*model, &cancel));
        }
    });
}

/// Ends what is read ahead.
fn stop_reading_ahead(session: &mut Session) {
    if let Some(ahead) = session.actions.ahead.take() {
        ahead.cancel.cancel();
    }
}

/// What is selected, in bytes. One character is a cursor: editors with a block cursor always select the one below it.
pub(crate) fn selection(text: &Text, range: WireRange, encoding: PositionEncoding) -> Range<usize> {
    let range = from_proto::range(text, range, encoding);
    let selected = text.slice(range.clone());
    let is_cursor = selected.chars().nth(1).is_none() || selected == "\r\n";
    if is_cursor { range.start..range.start } else { range }
}

/// The token of an action's progress.
pub(crate) fn token(serial: u64) -> String {
    format!("fimble/action/{serial}")
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
        session.outgoing.send(Message::ActionProgress { serial, value });
    }
}

/// An action reports.
pub(crate) fn reported(session: &mut Session, serial: u64, news: ActionNews) {
    match news {
        ActionNews::SoFar { text, n_bytes } => {
            let Some(running) = session.actions.by_serial.get_mut(&serial) else { return };
            let message = if n_bytes == 0 { "thinking".to_owned() } else { format!("{n_bytes} characters") };
            if running.is_visible {
                let value = json!({"kind": "report", "message": message});
                session.outgoing.send(Message::ActionProgress { serial, value });
            }
            running.message = Some(message);
            if let (Destination::Document { number }, Some(text)) = (&running.destination, text) {
                let number = *number;
                let progress = if text.is_empty() { Progress::Thinking } else { Progress::Growing };
                shown_documents::update(session, number, &text, progress);
            }
        }
        ActionNews::Done(result) => {
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
    let serial = session.actions.by_serial.keys().copied().find(|serial| *wanted == token(*serial));
    if let Some(serial) = serial {
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
    if session.actions.ahead.as_ref().is_some_and(|ahead| ahead.document == document) {
        stop_reading_ahead(session);
    }
    let is_outdated = |running: &Running| {
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

/// Answers, and ends the progress.
fn finish(session: &mut Session, serial: u64, running: Running, result: Result<Outcome, ActionFailure>) {
    if running.is_visible {
        let message = if result.is_ok() { "done" } else { "not done" };
        let value = json!({"kind": "end", "message": message});
        session.outgoing.send(Message::ActionProgress { serial, value });
    }
    let revision = session.documents.by_id(running.snapshot.document).map(|document| document.revision);
    let is_current = revision == Some(running.snapshot.revision);
    let Running { kind, uri, snapshot, version, destination, .. } = running;
    if let Destination::Document { number } = destination {
        let (text, progress) = match result {
            Ok(Outcome { change: Change::Words(words), model, is_remote }) => {
                let place = if is_remote { "; the code was sent to another machine" } else { "" };
                (format!("{words}\n\n---\n\n*{model}{place}*\n"), Progress::Done)
            }
            Ok(_) => ("*The model answered with something that is no text.*\n".to_owned(), Progress::Failed),
            Err(failure) => {
                let progress = if failure.is_passing() { Progress::Unavailable } else { Progress::Failed };
                (format!("*{}*\n", failure.sentences()), progress)
            }
        };
        return shown_documents::update(session, number, &text, progress);
    }
    let result = match result {
        Ok(_) if !is_current => Err(ActionFailure::modified()),
        other => other,
    };
    let edit = result.map(|outcome| {
        let title = kind.title().trim_end_matches('…');
        match &outcome.change {
            Change::Words(words) => {
                shown_documents::show(session, title, words);
                None
            }
            Change::NewFile { text, .. } if !session.client.creates_files => {
                let word = snapshot.language.map_or("", |language| language.name());
                shown_documents::show(session, title, &fenced(text, word));
                None
            }
            // What somebody wrote is replaced only by who has seen the change.
            Change::Edits(edits) if kind == ActionKind::Redocument && !session.client.annotates_changes => {
                let change = fenced(&change_of(&snapshot, edits), "diff");
                shown_documents::show(session, title, &change);
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
        (_, Err(failure)) => tell(session, &failure),
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
pub(crate) fn tell(session: &mut Session, failure: &ActionFailure) {
    let text = format!("Fimble: {}", failure.sentences());
    session.outgoing.show_error(MessageType::Warning, text, failure.error());
}

/// Answers a resolve with an edit that changes nothing, and says why; editors show errors of the protocol as they are.
pub(crate) fn refuse_resolve(session: &mut Session, reply: Reply, mut action: Value, failure: ActionFailure) {
    if failure.is_protocol_error(&session.client) {
        let _ = reply.send(Err(failure.into_error()));
        return;
    }
    tell(session, &failure);
    action["edit"] = json!({"changes": {}});
    let _ = reply.send(Ok(action));
}
