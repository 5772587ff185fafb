//! Probing the server of llama.cpp: its one model, and whether that has tokens for filling in. Invariant: the probe generates nothing.

use fimble_model::fim::TextTemplate;
use serde_json::{Value, json};

use super::{Probe, Purpose, USUAL_CONTEXT, by_name, contains_name, file_name};
use crate::dialect::Writing;
use crate::error::{ServerError, ServerErrorKind};
use crate::exchange::Target;
use crate::found::Found;
use crate::spec::Kind;
use crate::timeouts::Timeouts;

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
        let path = served_path(&props);
        let served = file_name(&path).to_owned();
        if let Some(wanted) = self.model
            && !contains_name(&path, wanted)
        {
            return Err(self.no_such_model(wanted, &[served]));
        }
        let writing = match by_name(&served) {
            // `/infill` names every file "filename". A prompt of our own has the language.
            Writing::Template(template) => Writing::Template(template),
            Writing::Plain if self.purpose == Purpose::Embedding => Writing::Plain,
            _ => self.infill()?,
        };
        let no_chat = (!has_template(&props)).then(|| {
            format!("The model {served} of llama.cpp at {} has no chat template.", self.target.endpoint)
        });
        Ok(self.found(Kind::LlamaCpp, served, context.unwrap_or(USUAL_CONTEXT), writing, no_chat))
    }

    /// How the server writes prompts for its model, if the model has tokens for filling in.
    fn infill(&self) -> Result<Writing, ServerError> {
        // A request for no tokens fails if the model has none for filling in.
        let question = json!({"input_prefix": "", "input_suffix": "", "prompt": "", "n_predict": 0});
        match self.ask("/infill", Some(&question)) {
            Ok(_) => Ok(TextTemplate::in_parts().map_or(Writing::Plain, Writing::Parts)),
            Err(error) if matches!(error.kind, ServerErrorKind::Declined | ServerErrorKind::BadRequest) => {
                Ok(Writing::Plain)
            }
            Err(error) => Err(error),
        }
    }
}

fn text<'a>(props: &'a Value, key: &str) -> Option<&'a str> {
    props.get(key).and_then(Value::as_str).filter(|text| !text.is_empty() && *text != "none")
}

fn served_path(props: &Value) -> String {
    text(props, "model_alias").or_else(|| text(props, "model_path")).unwrap_or("the served model").to_owned()
}

/// Name of the model that the server has now.
pub(crate) fn served_model(target: &Target, stop: &dyn Fn() -> bool) -> Result<String, ServerError> {
    let props = target.document("/props", None, Timeouts::PROBE, stop)?;
    Ok(file_name(&served_path(&props)).to_owned())
}

/// Whether the model has a template for conversations. For a model without one, the server uses a default, whose marks such a model does
/// not end an answer with.
fn has_template(props: &Value) -> bool {
    let is_made_up = |template: &str| {
        template.trim_start().starts_with("{%- for message in messages -%}")
            && template.contains("<|im_start|>")
            && !template.contains("system")
            && text(props, "eos_token").is_some_and(|end| end != "<|im_end|>")
    };
    text(props, "chat_template").is_some_and(|template| !is_made_up(template))
}
