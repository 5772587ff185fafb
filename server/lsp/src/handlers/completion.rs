//! `textDocument/completion`, for editors that show no inline completions (Helix).

use tower_lsp_server::jsonrpc::Id;

use crate::completion::place::Ask;
use crate::completion::{menu_items, request};
use crate::event::Reply;
use crate::protocol::messages::CompletionParams;
use crate::session::Session;
use crate::settings::AutoAlwaysNever;
use crate::trace::TraceMethod;

pub(crate) fn handle(session: &mut Session, id: Id, params: &CompletionParams, reply: Reply) {
    let answers = match session.settings.completion_answers {
        AutoAlwaysNever::Auto => !session.client.shows_inline_completions,
        AutoAlwaysNever::Always => true,
        AutoAlwaysNever::Never => false,
    };
    if !answers {
        // Not worth a trace: the client gets its suggestions inline.
        let _ = reply.send(Ok(menu_items::empty(false)));
        return;
    }
    let ask = Ask {
        method: TraceMethod::Completion,
        uri: params.text_document.uri.clone(),
        position: params.position.into(),
        trigger: params.trigger(),
        selected: None,
    };
    request::handle(session, id, ask, reply);
}
