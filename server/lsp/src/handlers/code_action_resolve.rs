//! `codeAction/resolve`: makes the edit of an action that was chosen. Must hold: an action that has all it needs comes back
//! as it is.

use serde_json::Value;
use tower_lsp_server::jsonrpc::Id;

use crate::actions::{self, ActionData, Destination};
use crate::event::Reply;
use crate::session::Session;

pub(crate) fn handle(session: &mut Session, id: Id, action: Value, reply: Reply) {
    let data = action.get("data").and_then(|data| serde_json::from_value::<ActionData>(data.clone()).ok());
    let Some(data) = data.filter(|_| action.get("edit").is_none_or(Value::is_null)) else {
        let _ = reply.send(Ok(action));
        return;
    };
    match actions::prepare(session, data) {
        Ok(prepared) => {
            actions::start(session, prepared, Destination::Resolve { id, reply, action });
        }
        Err(failure) => actions::refuse_resolve(session, reply, action, failure),
    }
}
