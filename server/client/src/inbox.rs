//! What the server sent, until somebody takes it. Invariant: each answer is matched with its request, and what does not
//! match anything is kept as a fault.

use std::collections::{HashMap, HashSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{ClientError, Result};

/// An error response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseError {
    /// Code of the protocol.
    pub code: i64,
    /// Text for people.
    pub message: String,
    /// `{code, cause, remedy}` of errors that are for users; null for others.
    pub data: Value,
}

/// A notification or request of the server.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerMessage {
    /// Its method.
    pub method: String,
    /// Its parameters.
    pub params: Value,
    /// Whether it was a request. It has been answered.
    pub is_request: bool,
}

/// An answer and when it was read.
type Arrival = (std::result::Result<Value, ResponseError>, Instant);

#[derive(Default)]
struct State {
    waiting: HashSet<i64>,
    answers: HashMap<i64, Arrival>,
    unidentified: Vec<std::result::Result<Value, ResponseError>>,
    messages: Vec<ServerMessage>,
    faults: Vec<String>,
    configuration: Value,
    is_closed: bool,
}

/// The messages, shared between the thread that reads and who waits.
#[derive(Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    changed: Condvar,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn expect(&self, id: i64) {
        self.lock().waiting.insert(id);
    }

    pub(super) fn set_configuration(&self, value: Value) {
        self.lock().configuration = value;
    }

    /// Takes a message from the wire; returns the answer to send, if it is a request.
    pub(super) fn receive(&self, body: &[u8]) -> Option<Value> {
        let mut state = self.lock();
        let message: Value = match serde_json::from_slice(body) {
            Ok(message) => message,
            Err(error) => {
                state.faults.push(format!("a message that is not JSON: {error}"));
                return None;
            }
        };
        let answer = state.sort(&message);
        self.changed.notify_all();
        answer
    }

    /// The connection is gone: nobody needs to wait any more.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    fn wait<T>(&self, patience: Duration, mut take: impl FnMut(&mut State) -> Option<T>) -> Result<T> {
        let end = Instant::now() + patience;
        let mut state = self.lock();
        loop {
            if let Some(taken) = take(&mut state) {
                return Ok(taken);
            }
            let left = end.saturating_duration_since(Instant::now());
            if state.is_closed {
                return Err(ClientError::Closed);
            }
            if left.is_zero() {
                return Err(ClientError::Silence);
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// An answer and when it was read, however late it is taken.
    pub(super) fn wait_for(&self, id: i64, patience: Duration) -> Result<(Value, Instant)> {
        let (answer, arrived) = self.wait(patience, |state| state.answers.remove(&id))?;
        answer.map(|answer| (answer, arrived)).map_err(ClientError::Response)
    }

    pub(super) fn wait_for_unidentified(&self, patience: Duration) -> Result<Value> {
        let take = |state: &mut State| (!state.unidentified.is_empty()).then(|| state.unidentified.remove(0));
        self.wait(patience, take)?.map_err(ClientError::Response)
    }

    pub(super) fn next_message(&self, method: &str, patience: Duration) -> Result<ServerMessage> {
        self.wait(patience, |state| {
            let at = state.messages.iter().position(|message| message.method == method)?;
            Some(state.messages.remove(at))
        })
    }

    pub(super) fn take_messages(&self) -> Vec<ServerMessage> {
        std::mem::take(&mut self.lock().messages)
    }

    /// What was wrong with the conversation.
    pub(super) fn faults(&self) -> Vec<String> {
        let state = self.lock();
        let mut faults = state.faults.clone();
        faults.extend(state.waiting.iter().map(|id| format!("request {id} was never answered")));
        faults.extend(state.unidentified.iter().map(|answer| format!("not taken: {answer:?}")));
        faults.extend(state.messages.iter().map(|message| format!("not taken: {message:?}")));
        faults
    }
}

impl State {
    fn sort(&mut self, message: &Value) -> Option<Value> {
        if let Some(method) = message["method"].as_str() {
            let id = message.get("id");
            let params = message["params"].clone();
            let answer = id.map(|id| self.answer(id, method));
            self.messages.push(ServerMessage { method: method.to_owned(), params, is_request: id.is_some() });
            return answer;
        }
        let result = match message.get("error") {
            None => Ok(message["result"].clone()),
            Some(error) => Err(ResponseError {
                code: error["code"].as_i64().unwrap_or_default(),
                message: error["message"].as_str().unwrap_or_default().to_owned(),
                data: error["data"].clone(),
            }),
        };
        match message["id"].as_i64() {
            None => self.unidentified.push(result),
            Some(id) if self.waiting.remove(&id) => {
                self.answers.insert(id, (result, Instant::now()));
            }
            Some(id) => self.faults.push(format!("request {id} was answered twice, or never sent")),
        }
        None
    }

    fn answer(&self, id: &Value, method: &str) -> Value {
        let result = match method {
            "workspace/configuration" => json!([self.configuration]),
            "workspace/applyEdit" => json!({"applied": true}),
            "window/showDocument" => json!({"success": true}),
            _ => Value::Null,
        };
        json!({"jsonrpc": "2.0", "id": id, "result": result})
    }
}
