//! Probing Ollama: its models, and what each of them can do. Invariant: only questions that load no model are asked.

use fimble_model::fim::TextTemplate;
use serde_json::{Value, json};

use super::{Probe, Purpose, by_name, names};
use crate::dialect::Writing;
use crate::error::{ServerError, ServerErrorKind};
use crate::found::Found;
use crate::spec::Kind;

/// Context in which Ollama runs a model by default.
const OLLAMA_CONTEXT: usize = 4096;

impl Probe<'_> {
    pub(super) fn ollama(self) -> Result<Found, ServerError> {
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
        let no_chat = only_completes(&shown)
            .then(|| format!("The model {model} of Ollama at {} only completes code.", self.target.endpoint));
        Ok(self.found(Kind::Ollama, model, own.min(OLLAMA_CONTEXT), writing, no_chat))
    }

    /// The model if the setting names none: a loaded one that fits the purpose, or else any that does.
    fn ollama_choice(&self, there: &[String]) -> Result<String, ServerError> {
        let loaded =
            self.ask("/api/ps", None).map(|loaded| names(&loaded, "models", "name")).unwrap_or_default();
        let mut candidates: Vec<&String> = loaded.iter().filter(|name| there.contains(name)).collect();
        candidates.extend(there.iter().filter(|name| !loaded.contains(name)));
        for name in candidates {
            let shown = self.ask("/api/show", Some(&json!({"model": name})))?;
            let can = capabilities(&shown);
            let fits = match self.purpose {
                Purpose::Completion => {
                    can.iter().any(|can| can == "insert") || TextTemplate::for_model_name(name).is_some()
                }
                Purpose::Chat => can.iter().any(|can| can == "completion") && !only_completes(&shown),
                Purpose::Embedding => can.iter().any(|can| can == "embedding"),
            };
            if fits {
                return Ok(name.clone());
            }
        }
        let (work, example) = match self.purpose {
            Purpose::Completion => ("fill in the middle", "ollama pull qwen2.5-coder:1.5b-base"),
            Purpose::Chat => ("answer conversations", "ollama pull qwen2.5-coder:7b"),
            Purpose::Embedding => ("embed texts", "ollama pull nomic-embed-text"),
        };
        Err(ServerError::new(
            ServerErrorKind::Declined,
            format!("Ollama at {} has no model that can {work}", self.target.endpoint),
            format!("Get one, for example with `{example}`"),
        ))
    }
}

/// Whether the template can fill in, and knows no conversation, as those of models that were trained for nothing else. Models
/// whose conversations Ollama writes without a template have another sign of that.
fn only_completes(shown: &Value) -> bool {
    let text = |key: &str| shown.get(key).and_then(Value::as_str).unwrap_or_default();
    let template = text("template");
    let is_for_talks =
        [".Messages", ".System", ".Role", ".Response"].iter().any(|word| template.contains(word));
    let is_written_elsewhere = !text("renderer").is_empty() || text("modelfile").contains("RENDERER");
    template.contains(".Suffix") && !is_for_talks && !is_written_elsewhere
}

fn capabilities(shown: &Value) -> Vec<String> {
    let list = shown.get("capabilities").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()
}
