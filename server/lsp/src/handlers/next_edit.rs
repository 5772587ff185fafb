//! `fimble/nextEdit`, and `textDocument/copilotInlineEdit` by which clients of other servers ask for the same.

use tower_lsp_server::jsonrpc::Id;

use crate::event::Reply;
use crate::next_edit::request::{self, Question};
use crate::protocol::messages::NextEditParams;
use crate::session::Session;

pub(crate) fn handle(session: &mut Session, id: Id, params: NextEditParams, reply: Reply) {
    let is_at_rest = params.context.at_rest.unwrap_or(false);
    ask(session, id, params, reply, is_at_rest);
}

/// These clients ask in normal mode, where no completion is shown.
pub(crate) fn handle_alias(session: &mut Session, id: Id, mut params: NextEditParams, reply: Reply) {
    params.context.completion_shown.get_or_insert(false);
    let is_at_rest = params.context.at_rest.unwrap_or(true);
    ask(session, id, params, reply, is_at_rest);
}

fn ask(session: &mut Session, id: Id, params: NextEditParams, reply: Reply, is_at_rest: bool) {
    let question = Question {
        uri: params.text_document.uri,
        version: params.text_document.version,
        position: params.position.into(),
        is_explicit: params.context.is_explicit(),
        is_at_rest,
        completion_shown: params.context.completion_shown,
    };
    request::handle(session, id, question, reply);
}
