//! Finding out what a server is, has and can do, by asking it and never by trying and failing. Must hold: every way out is a
//! whole sentence that names the server; a server of another kind on the same port is told by what it answers.

use std::time::Duration;

use fimble_model::fim::TextTemplate;
use serde_json::{Value, json};

use crate::address::Endpoint;
use crate::dialect::Writing;
use crate::error::{Fault, ServerError};
use crate::exchange::{Patience, Target};
use crate::guard::Guard;
use crate::server::Found;
use crate::spec::{Kind, ServerSpec};

/// Answers about itself come at once, or the server is of no use while somebody types.
const ASKING: Patience =
    Patience { connect: Duration::from_secs(1), first: Duration::from_secs(5), next: Duration::from_secs(5) };
/// Context of a server that does not say.
const USUAL_CONTEXT: usize = 4096;
/// Context in which Ollama runs a model that is not told otherwise.
const OLLAMA_CONTEXT: usize = 4096;

/// Which work the model is for; decides which one is taken where there are several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Code around a cursor.
    Completion,
    /// Conversations.
    Chat,
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
            Err(error) if error.fault == Fault::Stopped => return Err(error),
            // One that is there, but does not fit, says more than one that is not.
            Err(error) => {
                let says_more =
                    last.as_ref().is_none_or(|last: &ServerError| last.fault == Fault::Unreachable);
                if says_more {
                    last = Some(error);
                }
            }
        }
    }
    let last = last.unwrap_or_else(|| ServerError::unreachable(&spec, "there is no place to look at"));
    if n_places > 1 && last.fault == Fault::Unreachable {
        return Err(ServerError::new(
            Fault::Unreachable,
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
    let (_, reach) = guard.addresses(endpoint)?;
    let is_remote = reach == crate::guard::Reach::Listed;
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
        self.target.document(path, body, ASKING, self.stop)
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
        Found { kind, target: self.target, model, context_length, writing, no_chat, is_remote }
    }

    fn no_such_model(&self, wanted: &str, there: &[String]) -> ServerError {
        let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
        ServerError::new(
            Fault::Declined,
            format!("the server at {} has no model {wanted:?}; it has: {there}", self.target.endpoint),
            "Name one of these in the setting, or give the server the model",
        )
    }

    fn ollama(self) -> Result<Found, ServerError> {
        let tags = self.ask("/api/tags", None)?;
        let there = names(&tags, "models", "name");
        if tags.get("models").is_none() {
            return Err(ServerError::broken(&self.target.endpoint, "does not answer as Ollama does"));
        }
        let model = match self.model {
            Some(wanted) => {
                let is_there =
                    there.iter().any(|name| name == wanted || name.strip_suffix(":latest") == Some(wanted));
                if !is_there {
                    return Err(self.no_such_model(wanted, &there));
                }
                wanted.to_owned()
            }
            None => self.ollama_choice(&there)?,
        };
        let shown = self.ask("/api/show", Some(&json!({"model": model})))?;
        let can = capabilities(&shown);
        let own = shown.get("model_info").and_then(Value::as_object).and_then(|info| {
            info.iter()
                .find(|(key, _)| key.ends_with(".context_length"))
                .and_then(|(_, length)| length.as_u64())
        });
        let own = own.and_then(|length| usize::try_from(length).ok()).unwrap_or(OLLAMA_CONTEXT);
        let writing = match TextTemplate::in_parts() {
            Some(parts) if can.iter().any(|name| name == "insert") => Writing::Parts(parts),
            _ => by_name(&model),
        };
        Ok(self.found(Kind::Ollama, model, own.min(OLLAMA_CONTEXT), writing, None))
    }

    /// The model to take where the setting names none: one that is loaded and can do the work, else one that can.
    fn ollama_choice(&self, there: &[String]) -> Result<String, ServerError> {
        let loaded =
            self.ask("/api/ps", None).map(|loaded| names(&loaded, "models", "name")).unwrap_or_default();
        let mut candidates: Vec<&String> = loaded.iter().filter(|name| there.contains(name)).collect();
        candidates.extend(there.iter().filter(|name| !loaded.contains(name)));
        for name in candidates {
            let can = capabilities(&self.ask("/api/show", Some(&json!({"model": name})))?);
            let fits = match self.purpose {
                Purpose::Completion => {
                    can.iter().any(|can| can == "insert") || TextTemplate::for_model_name(name).is_some()
                }
                Purpose::Chat => can.iter().any(|can| can == "completion"),
            };
            if fits {
                return Ok(name.clone());
            }
        }
        let (work, example) = match self.purpose {
            Purpose::Completion => ("fill in the middle", "ollama pull qwen2.5-coder:1.5b-base"),
            Purpose::Chat => ("answer conversations", "ollama pull qwen2.5-coder:7b"),
        };
        Err(ServerError::new(
            Fault::Declined,
            format!("Ollama at {} has no model that can {work}", self.target.endpoint),
            format!("Get one, for example with `{example}`"),
        ))
    }

    fn llama_cpp(self) -> Result<Found, ServerError> {
        self.ask("/health", None)?;
        let props = self.ask("/props", None)?;
        let settings = props.get("default_generation_settings");
        if settings.is_none() {
            return Err(ServerError::broken(
                &self.target.endpoint,
                "does not answer as the server of llama.cpp does",
            ));
        }
        let context = settings.and_then(|settings| settings.get("n_ctx")).and_then(Value::as_u64);
        let context = context.and_then(|length| usize::try_from(length).ok()).filter(|length| *length > 0);
        let named = |key: &str| {
            props.get(key).and_then(Value::as_str).filter(|name| !name.is_empty() && *name != "none")
        };
        let path =
            named("model_alias").or_else(|| named("model_path")).unwrap_or("the served model").to_owned();
        let served = path.rsplit(['/', '\\']).next().unwrap_or(&path).to_owned();
        if let Some(wanted) = self.model
            && !contains_name(&path, wanted)
        {
            return Err(self.no_such_model(wanted, &[served]));
        }
        let writing = match by_name(&served) {
            // `/infill` would name every file "filename"; a prompt of our own says which language it is.
            Writing::Template(template) => Writing::Template(template),
            _ => self.infill()?,
        };
        let has_template = named("chat_template").is_some();
        let no_chat = (!has_template).then(|| {
            format!("The model {served} of llama.cpp at {} has no chat template.", self.target.endpoint)
        });
        Ok(self.found(Kind::LlamaCpp, served, context.unwrap_or(USUAL_CONTEXT), writing, no_chat))
    }

    /// Whether the server of llama.cpp knows how its model fills in.
    fn infill(&self) -> Result<Writing, ServerError> {
        // Asks for next to nothing: it only tells whether the model has the tokens.
        let question = json!({"input_prefix": "", "input_suffix": "", "prompt": "", "n_predict": 0});
        match self.ask("/infill", Some(&question)) {
            Ok(_) => Ok(TextTemplate::in_parts().map_or(Writing::Plain, Writing::Parts)),
            Err(error) if error.fault == Fault::Declined => Ok(Writing::Plain),
            Err(error) => Err(error),
        }
    }

    fn openai(self, kind: Kind) -> Result<Found, ServerError> {
        if kind == Kind::Mlx {
            return self.mlx();
        }
        let list = self.ask("/v1/models", None)?;
        let Some(data) = list.get("data").and_then(Value::as_array) else {
            return Err(ServerError::broken(
                &self.target.endpoint,
                format!("does not answer as {kind} does"),
            ));
        };
        let there = names(&list, "data", "id");
        let model = match (self.model, there.first()) {
            (Some(wanted), _) if there.iter().any(|name| name == wanted) => wanted.to_owned(),
            (Some(wanted), _) => return Err(self.no_such_model(wanted, &there)),
            (None, Some(first)) => first.clone(),
            (None, None) => return Err(self.no_such_model("of any name", &there)),
        };
        let entry = data.iter().find(|entry| entry.get("id").and_then(Value::as_str) == Some(&model));
        let context = entry.and_then(|entry| entry.get("max_model_len")).and_then(Value::as_u64);
        let context = context.and_then(|length| usize::try_from(length).ok()).unwrap_or(USUAL_CONTEXT);
        let writing = by_name(&model);
        Ok(self.found(kind, model, context, writing, None))
    }

    /// mlx-lm with the model that it was started with: asked for another one, it would fetch that. Its list of models is
    /// that of a cache, which need not hold the folder that it serves, and need not exist.
    fn mlx(self) -> Result<Found, ServerError> {
        let health = self.ask("/health", None)?;
        if health.get("status").and_then(Value::as_str) != Some("ok") {
            return Err(ServerError::broken(&self.target.endpoint, "does not answer as mlx-lm does"));
        }
        let there = self.ask("/v1/models", None).map(|list| names(&list, "data", "id")).unwrap_or_default();
        let asked_for = self.model.filter(|wanted| there.iter().any(|name| name == wanted));
        let model = asked_for.unwrap_or("default_model").to_owned();
        let name = self.model.or(there.first().map(String::as_str)).unwrap_or_default();
        let writing = by_name(name);
        Ok(self.found(Kind::Mlx, model, USUAL_CONTEXT, writing, None))
    }
}

fn by_name(name: &str) -> Writing {
    TextTemplate::for_model_name(name).map_or(Writing::Plain, Writing::Template)
}

fn contains_name(path: &str, wanted: &str) -> bool {
    let plain = |name: &str| name.to_lowercase().replace(['_', ' '], "-");
    plain(path).contains(&plain(wanted))
}

fn names(document: &Value, list: &str, key: &str) -> Vec<String> {
    let entries = document.get(list).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    entries.iter().filter_map(|entry| entry.get(key)?.as_str().map(str::to_owned)).collect()
}

fn capabilities(shown: &Value) -> Vec<String> {
    let list = shown.get("capabilities").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()
}
