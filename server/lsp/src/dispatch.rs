//! The way from an event to its handler. Invariant: a request whose id is in use is refused; at the end everything that waits is
//! answered.

use std::time::Instant;

use tower_lsp_server::jsonrpc::Error;

use crate::actions::execution;
use crate::completion::{answer, early_answer, outcome};
use crate::event::{Event, Notification, Request};
use crate::exit_status::ExitStatus;
use crate::handlers;
use crate::models::loading::show_notices;
use crate::models::state::ModelRole;
use crate::next_edit;
use crate::outgoing::ProgressOwner;
use crate::session::Session;
use crate::status;

/// Handles an event.
pub(crate) fn handle(session: &mut Session, event: Event) {
    match event {
        Event::Initialize { params, reply } => handlers::initialize::handle(session, &params, reply),
        Event::Notification(notification) => handle_notification(session, notification),
        Event::Request { id, reply, .. }
            if session.completion.jobs.contains(&id)
                || session.next_edit.contains(&id)
                || session.actions.contains(&id) =>
        {
            let _ = reply.send(Err(Error::invalid_request()));
        }
        Event::Request { id, request, reply } => match request {
            Request::InlineCompletion(params) => {
                session.next_edit.preempt();
                handlers::inline_completion::handle(session, id, params, reply);
            }
            Request::Completion(params) => {
                session.next_edit.preempt();
                handlers::completion::handle(session, id, &params, reply);
            }
            Request::NextEdit(params) => handlers::next_edit::handle(session, id, params, reply),
            Request::CopilotInlineEdit(params) => {
                handlers::next_edit::handle_alias(session, id, params, reply)
            }
            Request::ExecuteCommand(params) => handlers::execute_command::handle(session, &params, reply),
            Request::CodeAction(params) => handlers::code_action::handle(session, id, &params, reply),
            Request::ResolveCodeAction(action) => {
                handlers::code_action_resolve::handle(session, id, action, reply);
            }
        },
        Event::Cancel(id) => handlers::cancel_request::handle(session, &id),
        Event::Configuration(value) => handlers::did_change_configuration::pulled(session, &value),
        Event::ProgressAccepted(ProgressOwner::Action(serial)) => {
            execution::progress_accepted(session, serial);
        }
        Event::ProgressAccepted(ProgressOwner::Load(serial)) => session.progress_accepted(serial),
        Event::Action { serial, report } => execution::reported(session, serial, report),
        Event::Load { role: ModelRole::Completion, serial, report } => session.load_reported(serial, report),
        Event::Load { role, serial, report } => session.own_load_reported(role, serial, report),
        Event::Parsed(report) => {
            if let Some(document) = session.documents.by_id_mut(report.document) {
                document.accept_parse(report.revision, report.parsed);
            }
        }
        Event::Indexed(report) => session.indexed(&report),
        Event::Computed(report) => {
            outcome::handle(session, *report);
            show_notices(session);
            status::send(session);
        }
        Event::NextEdit(report) => next_edit::outcome::handle(session, *report),
        Event::Answers(counts) => next_edit::answers::take_over(&mut session.next_edit.gate, &counts),
        Event::Screened(screened) => next_edit::follow::screened(session, &screened),
        Event::PartialText(partial) => early_answer::filter(session, *partial),
        Event::PartlyComputed(report) => early_answer::answer(session, *report),
        Event::Shutdown => {
            session.is_shut_down = true;
            cancel_all(session);
        }
        // The loop ends before it comes here.
        Event::Exit => {}
    }
}

fn handle_notification(session: &mut Session, notification: Notification) {
    match notification {
        Notification::Initialized => handlers::initialize::initialized(session),
        Notification::DidOpen(params) => handlers::did_open::handle(session, params),
        Notification::DidChange(params) => handlers::did_change::handle(session, params),
        Notification::UnreadableChange { uri } => handlers::did_change::unreadable(session, &uri),
        Notification::DidClose(params) => handlers::did_close::handle(session, &params),
        Notification::DidSave(params) => handlers::did_save::handle(session, &params),
        Notification::DidChangeConfiguration(params) => {
            handlers::did_change_configuration::handle(session, &params);
        }
        Notification::DidChangeWatchedFiles(params) => {
            handlers::did_change_watched_files::handle(session, &params);
        }
        Notification::DidChangeWorkspaceFolders(params) => {
            handlers::did_change_workspace_folders::handle(session, &params);
        }
        Notification::CancelProgress(params) => execution::cancel_token(session, &params.token),
        Notification::Cursor(params) => handlers::cursor::handle(session, params),
        Notification::EditShown(params) => handlers::did_show_inline_edit::handle(session, &params),
        Notification::EditDismissed(params) => handlers::did_dismiss_next_edit::handle(session, &params),
    }
}

/// Starts work that can wait, when no event does: a request that follows an edit parses what it needs itself, and the two do not
/// compete. Returns when to call this again at the latest.
pub(crate) fn when_idle(session: &mut Session) -> Option<Instant> {
    next_edit::start::start_waiting(session);
    session.parse_in_background();
    session.speculate();
    session.remember_documents();
    session.ask_small_model().into_iter().chain(session.follow_disk()).min()
}

/// The end of the session: everything that waits is answered.
pub(crate) fn end(mut session: Session) -> ExitStatus {
    cancel_all(&mut session);
    session.traces.end();
    session.previews.remove_files();
    if session.is_shut_down { ExitStatus::Clean } else { ExitStatus::Abrupt }
}

fn cancel_all(session: &mut Session) {
    execution::cancel_all(session);
    for waiter in session.completion.jobs.take_all() {
        answer::cancelled(session, waiter, "the server is shutting down");
    }
    next_edit::outcome::cancel_all(session);
}
