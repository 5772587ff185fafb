//! Probing a server with OpenAI's interface: its models. Invariant: nothing is concluded that its answers do not say.

use serde_json::Value;

use super::{Probe, Purpose, USUAL_CONTEXT, by_name, contains_name, file_name, names};
use crate::error::{ServerError, ServerErrorKind};
use crate::found::Found;
use crate::spec::Kind;

impl Probe<'_> {
    pub(super) fn openai(self, kind: Kind) -> Result<Found, ServerError> {
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

    /// Probes mlx-lm for the model that it was started with: a request for another one would make it download that. Its list of models
    /// is that of a cache, with the folder that it serves if there is one, and may be missing. The name in the setting decides how text
    /// is written for the model, so that a folder may have any name.
    fn mlx(self) -> Result<Found, ServerError> {
        if self.purpose == Purpose::Embedding {
            return Err(ServerError::new(
                ServerErrorKind::Declined,
                "mlx-lm gives no embeddings",
                "Name a model of Ollama, of llama.cpp's server, or of vLLM",
            ));
        }
        let health = self.ask("/health", None)?;
        if health.get("status").and_then(Value::as_str) != Some("ok") {
            return Err(ServerError::broken(&self.target.endpoint, "does not answer as mlx-lm does"));
        }
        let there = self.ask("/v1/models", None).map(|list| names(&list, "data", "id")).unwrap_or_default();
        let asked_for = self.model.filter(|wanted| there.iter().any(|name| name == wanted));
        let model = asked_for.unwrap_or("default_model").to_owned();
        let served = match there.as_slice() {
            [only] => Some(only),
            several => several.iter().find(|id| is_folder(id)),
        };
        let doubt = self.doubt(&there, served.is_some());
        let name = self.model.or(served.map(String::as_str)).unwrap_or_default();
        let writing = by_name(name);
        Ok(Found { doubt, ..self.found(Kind::Mlx, model, USUAL_CONTEXT, writing, None) })
    }

    /// Why the served model may not be the one of the setting.
    fn doubt(&self, there: &[String], is_clear: bool) -> Option<String> {
        let at = &self.target.endpoint;
        let shown: Vec<&str> =
            there.iter().map(|id| if is_folder(id) { file_name(id) } else { id }).collect();
        let shown = shown.join(", ");
        match self.model {
            Some(wanted) if !there.is_empty() && !there.iter().any(|id| contains_name(id, wanted)) => {
                Some(format!(
                    "mlx-lm at {at} lists no model {wanted:?}; it has: {shown}. \
                     The model that it was started with is used, and text is formatted for {wanted:?}. \
                     If it runs another model, change the name in the setting."
                ))
            }
            None if !is_clear && !there.is_empty() => Some(format!(
                "mlx-lm at {at} does not say which of its models it was started with; it has: {shown}. Name it in the \
                 setting, such as \"mlx:NAME\", so that text is formatted for that model."
            )),
            _ => None,
        }
    }
}

/// Whether a name in that list is a folder of this machine.
fn is_folder(id: &str) -> bool {
    std::path::Path::new(id).is_absolute()
}
