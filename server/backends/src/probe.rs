//! Probing a server: its kind, its models and what they can do. Invariant: every failure is a whole sentence that names the server; a
//! server of another kind on the same port is recognised by its answers.

mod llama_cpp;
mod ollama;
mod openai;

use fimble_model::fim::TextTemplate;
use serde_json::Value;

use crate::address::Endpoint;
use crate::connector;
use crate::dialect::Writing;
use crate::error::{ServerError, ServerErrorKind};
use crate::exchange::Target;
use crate::found::Found;
use crate::guard::{Guard, Reach};
use crate::spec::{Kind, ServerSpec};
use crate::timeouts::Timeouts;
pub(crate) use llama_cpp::served_model;

/// Context of a server that does not say.
pub(crate) const USUAL_CONTEXT: usize = 4096;

/// The use of a model. It decides which one is taken if a server has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Code around a cursor.
    Completion,
    /// Conversations.
    Chat,
    /// Vectors of texts.
    Embedding,
}

/// Finds the server of a setting: the first place that answers as it should.
///
/// # Errors
/// The reason of the only place, or one sentence over all of them.
pub(crate) fn find(
    spec: &ServerSpec,
    guard: &Guard,
    purpose: Purpose,
    stop: &dyn Fn() -> bool,
) -> Result<Found, ServerError> {
    let places = spec.places();
    let n_places = places.len();
    let mut last = None;
    for (kind, endpoint) in places {
        match look(kind, &endpoint, spec.model.as_deref(), guard, purpose, stop) {
            Ok(found) => return Ok(found),
            Err(error) if error.kind == ServerErrorKind::Stopped => return Err(error),
            // A server that runs, but does not fit, is the better reason.
            Err(error) => {
                let says_more =
                    last.as_ref().is_none_or(|last: &ServerError| last.kind == ServerErrorKind::Unreachable);
                if says_more {
                    last = Some(error);
                }
            }
        }
    }
    let last = last.unwrap_or_else(|| ServerError::unreachable(&spec, "there is no place to look at"));
    if n_places > 1 && last.kind == ServerErrorKind::Unreachable {
        return Err(ServerError::new(
            ServerErrorKind::Unreachable,
            format!("no server for {:?} runs on this machine's usual ports", spec.to_string()),
            "Start one, or write its address: \"llama.cpp@127.0.0.1:PORT\"",
        ));
    }
    Err(last)
}

fn look(
    kind: Kind,
    endpoint: &Endpoint,
    model: Option<&str>,
    guard: &Guard,
    purpose: Purpose,
    stop: &dyn Fn() -> bool,
) -> Result<Found, ServerError> {
    let (_, reach) = connector::addresses(guard, endpoint)?;
    let is_remote = reach == Reach::Listed;
    let target = Target { endpoint: endpoint.clone(), guard: guard.clone(), is_remote: Some(is_remote) };
    let probe = Probe { target, model, purpose, stop };
    match kind {
        Kind::Ollama => probe.ollama(),
        Kind::LlamaCpp => probe.llama_cpp(),
        Kind::Mlx | Kind::Vllm | Kind::OpenAi => probe.openai(kind),
    }
}

struct Probe<'a> {
    target: Target,
    model: Option<&'a str>,
    purpose: Purpose,
    stop: &'a dyn Fn() -> bool,
}

impl Probe<'_> {
    fn ask(&self, path: &str, body: Option<&Value>) -> Result<Value, ServerError> {
        self.target.document(path, body, Timeouts::PROBE, self.stop)
    }

    fn found(
        self,
        kind: Kind,
        model: String,
        context_length: usize,
        writing: Writing,
        no_chat: Option<String>,
    ) -> Found {
        let is_remote = self.target.is_remote.unwrap_or(false);
        Found { kind, target: self.target, model, context_length, writing, no_chat, doubt: None, is_remote }
    }

    fn no_such_model(&self, wanted: &str, there: &[String]) -> ServerError {
        let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
        ServerError::new(
            ServerErrorKind::Declined,
            format!("the server at {} has no model {wanted:?}; it has: {there}", self.target.endpoint),
            "Name one of these in the setting, or add the model to the server",
        )
    }
}

/// Whether a model's name or path is what somebody calls it.
fn contains_name(path: &str, wanted: &str) -> bool {
    let plain = |name: &str| name.to_lowercase().replace(['_', ' '], "-");
    plain(path).contains(&plain(wanted))
}

/// The last part of a path, which people call the model.
fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

fn by_name(name: &str) -> Writing {
    TextTemplate::for_model_name(name).map_or(Writing::Plain, Writing::Template)
}

fn names(document: &Value, list: &str, key: &str) -> Vec<String> {
    let entries = document.get(list).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    entries.iter().filter_map(|entry| entry.get(key)?.as_str().map(str::to_owned)).collect()
}
