//! The commands of actions. Invariant: each is answered at once; an action continues under the token of its answer.

use fimble_actions::ActionKind;
use serde_json::{Value, json};
use tower_lsp_server::jsonrpc::Error;

use crate::actions::data::{ActionData, Destination};
use crate::actions::execution;
use crate::actions::prepare::{Prepared, prepare};
use crate::previews::show;
use crate::protocol::commands::{CANCEL, EXPLAIN, REFACTOR};
use crate::protocol::messages::PlacedInstruction;
use crate::session::Session;

/// Runs a command of an action.
pub(crate) fn run(session: &mut Session, command: &str, argument: &Value) -> Result<Value, Error> {
    match command {
        EXPLAIN => explain(session, argument),
        REFACTOR => act(session, placed(argument, ActionKind::Instruction)?),
        CANCEL => {
            execution::cancel_token(session, &argument["token"]);
            Ok(Value::Null)
        }
        _ => {
            let data = serde_json::from_value(argument.clone())
                .map_err(|_| Error::invalid_params("needs the data of a code action"))?;
            act(session, data)
        }
    }
}

fn explain(session: &mut Session, argument: &Value) -> Result<Value, Error> {
    let data = placed(argument, ActionKind::Explain)?;
    let Some(prepared) = prepared(session, data)? else { return Ok(Value::Null) };
    let number = show::open(session, "Explanation");
    let token = execution::start(session, prepared, Destination::Document { number });
    Ok(json!({"uri": show::uri(number), "token": token}))
}

/// What is needed to start an action; none if it cannot be done; a message has then said so.
fn prepared(session: &mut Session, data: ActionData) -> Result<Option<Prepared>, Error> {
    match prepare(session, data) {
        Ok(prepared) => Ok(Some(prepared)),
        Err(failure) if failure.is_protocol_error(&session.client) => Err(failure.into_error()),
        Err(failure) => {
            execution::show_failure(session, &failure);
            Ok(None)
        }
    }
}

fn act(session: &mut Session, data: ActionData) -> Result<Value, Error> {
    let Some(prepared) = prepared(session, data)? else { return Ok(Value::Null) };
    Ok(json!({"token": execution::start(session, prepared, Destination::Apply)}))
}

fn placed(argument: &Value, kind: ActionKind) -> Result<ActionData, Error> {
    let placed: PlacedInstruction = serde_json::from_value(argument.clone()).map_err(|_| {
        Error::invalid_params("needs {\"textDocument\", \"range\"}, and \"instruction\" to refactor")
    })?;
    Ok(ActionData {
        kind: kind.name().to_owned(),
        uri: placed.text_document.uri,
        version: placed.text_document.version,
        range: placed.range,
        instruction: placed.instruction,
        problems: Vec::new(),
    })
}
