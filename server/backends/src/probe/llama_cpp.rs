//! What a server of llama.cpp is asked about itself: its one model, and whether it knows how that fills in.

use fimble_model::fim::TextTemplate;
use serde_json::{Value, json};

use super::{Probe, USUAL_CONTEXT, by_name};
use crate::dialect::Writing;
use crate::error::{Fault, ServerError};
use crate::server::Found;
use crate::spec::Kind;

impl Probe<'_> {
    pub(super) fn llama_cpp(self) -> Result<Found, ServerError> {
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
            Err(error) if matches!(error.fault, Fault::Declined | Fault::Unaccepted) => Ok(Writing::Plain),
            Err(error) => Err(error),
        }
    }
}

fn contains_name(path: &str, wanted: &str) -> bool {
    let plain = |name: &str| name.to_lowercase().replace(['_', ' '], "-");
    plain(path).contains(&plain(wanted))
}
