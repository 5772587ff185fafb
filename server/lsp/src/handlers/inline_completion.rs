//! Step 1 of a keystroke: the handler of `textDocument/inlineCompletion`. It reads the parameters.

use tower_lsp_server::jsonrpc::Id;

use crate::completion::place::Ask;
use crate::completion::request;
use crate::event::Reply;
use crate::protocol::messages::InlineCompletionParams;
use crate::session::Session;
use crate::trace::TraceMethod;

pub(crate) fn handle(session: &mut Session, id: Id, params: InlineCompletionParams, reply: Reply) {
    let ask = Ask {
        method: TraceMethod::InlineCompletion,
        uri: params.text_document.uri,
        position: params.position.into(),
        trigger: params.context.trigger(),
        selected: params.context.selected_completion_info.map(|info| (info.range.into(), info.text)),
    };
    request::handle(session, id, ask, reply);
}
