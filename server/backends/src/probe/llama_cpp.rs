//! What a server of llama.cpp is asked about itself: its one model, and whether it knows how that fills in.

use fimble_model::fim::TextTemplate;
use serde_json::{Value, json};

use super::{Probe, USUAL_CONTEXT, by_name, contains_name, file_name};
use crate::dialect::Writing;
use crate::error::{Fault, ServerError};
use crate::exchange::Target;
use crate::found::Found;
use crate::patience::Patience;
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
        let path = served_path(&props);
        let served = file_name(&path).to_owned();
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
        let no_chat = (!has_template(&props)).then(|| {
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

fn text<'a>(props: &'a Value, key: &str) -> Option<&'a str> {
    props.get(key).and_then(Value::as_str).filter(|text| !text.is_empty() && *text != "none")
}

fn served_path(props: &Value) -> String {
    text(props, "model_alias").or_else(|| text(props, "model_path")).unwrap_or("the served model").to_owned()
}

/// Name of the model that the server has now.
pub(crate) fn served_model(target: &Target, stop: &dyn Fn() -> bool) -> Result<String, ServerError> {
    let props = target.document("/props", None, Patience::ASKING, stop)?;
    Ok(file_name(&served_path(&props)).to_owned())
}

/// Whether the model has a template for conversations. For one that has none the server makes one up, of turns and nothing
/// else, with marks that such a model does not end an answer with.
fn has_template(props: &Value) -> bool {
    let is_made_up = |template: &str| {
        template.trim_start().starts_with("{%- for message in messages -%}")
            && template.contains("<|im_start|>")
            && !template.contains("system")
            && text(props, "eos_token").is_some_and(|end| end != "<|im_end|>")
    };
    text(props, "chat_template").is_some_and(|template| !is_made_up(template))
}
