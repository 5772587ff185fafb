//! What a server with OpenAI's interface is asked about itself: its models. It tells no more.

use serde_json::Value;

use super::{Probe, USUAL_CONTEXT, by_name, names};
use crate::error::ServerError;
use crate::server::Found;
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
