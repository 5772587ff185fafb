//! `codeAction/resolve`: makes the edit of an action that was chosen. Invariant: an action that has all it needs comes back
//! as it is.

use serde_json::Value;
use tower_lsp_server::jsonrpc::Id;

use crate::actions::data::{ActionData, Destination};
use crate::actions::execution;
use crate::actions::prepare::prepare;
use crate::event::Reply;
use crate::session::Session;

pub(crate) fn handle(session: &mut Session, id: Id, action: Value, reply: Reply) {
    let data = action.get("data").and_then(|data| serde_json::from_value::<ActionData>(data.clone()).ok());
    let Some(data) = data.filter(|_| action.get("edit").is_none_or(Value::is_null)) else {
        let _ = reply.send(Ok(action));
        return;
    };
    match prepare(session, data) {
        Ok(prepared) => {
            execution::start(session, prepared, Destination::Resolve { id, reply, action });
        }
        Err(failure) => execution::refuse_resolve(session, reply, action, failure),
    }
}
