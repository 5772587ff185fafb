//! The abilities of an added model, in the last lines of `add` and `get`. Invariant: they come from the engine that will run it,
//! so that what is said is what happens.

use fimble_engine::Engine;
use fimble_lsp::ModelSettings;
use fimble_model::fim::{EditFormat, TextTemplate};
use fimble_model::{CancelToken, GenerateOptions, GenerateRequest, Model, Priority, Prompt};
use fimble_store::catalogue::{self, Measured};
use fimble_store::{ModelEntry, ModelStore};
use serde_json::Value;

use super::trials;
use crate::cli::loader;

/// Tokens that are written to measure the speed.
const N_TOKENS: usize = 32;
/// The beginning of a line that every model continues.
const TRIAL: &str = "class Ledger:\n    def __init__(self, entries):\n        self.entries = entries\n\n    def largest(self):\n        return max(";

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Completing code, and conversations if it can.
    Completion,
    /// Writing edits.
    Edits,
    /// Turning texts into vectors.
    Embedding,
}

impl Purpose {
    /// That of an added model, by its name and its configuration.
    pub fn of(entry: &ModelEntry) -> Self {
        let config = entry.path.as_ref().and_then(|folder| std::fs::read(folder.join("config.json")).ok());
        let config: Option<Value> = config.and_then(|text| serde_json::from_slice(&text).ok());
        if config.is_some_and(|config| config["pooling"].is_string()) {
            return Self::Embedding;
        }
        let named = TextTemplate::for_model_name(&entry.name);
        match named.is_some_and(|named| named.template().edit_format().is_some()) {
            true => Self::Edits,
            false => Self::Completion,
        }
    }
}

/// Sentences about template, filling in the middle, chat, context and speed.
pub fn lines(entry: &ModelEntry) -> Vec<String> {
    if let Err(error) = loader::initialize_runtime() {
        return vec![format!("What it can do is not known yet: {}. {}", error.cause, error.remedy)];
    }
    match loader::load(Some(&entry.name), &ModelSettings::default()) {
        Ok(engine) => {
            let mut lines = of_engine(&engine);
            if edit_format(&engine).is_none() && engine.embedder().is_err() {
                lines.push(measured(entry, &engine));
            }
            lines
        }
        Err(error) => vec![format!(
            "It is added, but cannot be loaded: {}. {}",
            error.cause.trim_end_matches('.'),
            error.remedy
        )],
    }
}

fn of_engine(engine: &Engine) -> Vec<String> {
    let info = engine.info();
    if engine.embedder().is_ok() {
        return vec![format!("It turns texts into vectors. Context: {} tokens.", info.context_length)];
    }
    let template = match &info.fim {
        Ok(template) if template.edit_format().is_some() => {
            format!("Template: {}. It writes next edits.", template.family())
        }
        Ok(template) => format!("Template: {}. It fills in the middle.", template.family()),
        Err(reason) => {
            // The cause; `fimble doctor` has the rest.
            let cause = reason.split("; ").next().unwrap_or(reason);
            let cause = cause.split(". ").next().unwrap_or(cause).trim_end_matches('.');
            format!("It completes from left to right only, because {cause}.")
        }
    };
    let chat = match engine.chat() {
        Ok(_) => "It can chat.".to_owned(),
        Err(reason) => reason,
    };
    let mut lines = vec![format!("{template} {chat} Context: {} tokens.", info.context_length)];
    lines.extend(
        speed(engine)
            .map(|speed| format!("Speed here: about {speed:.0} tokens a second, on {}.", info.provider)),
    );
    lines
}

fn edit_format(engine: &Engine) -> Option<EditFormat> {
    engine.info().fim.as_ref().ok()?.edit_format()
}

/// How a model is used from now on: the last line of `add` and `get`.
pub fn use_line(name: &str, purpose: Purpose) -> String {
    match purpose {
        Purpose::Completion => format!("Use it with `fimble model use {name}`."),
        Purpose::Edits => format!(
            "Set `experimental.nextEdit` to true and `experimental.nextEditModel` to \"{name}\" to have it write next edits."
        ),
        Purpose::Embedding => {
            format!("Other programs get its vectors from `fimble serve --embedding {name}`.")
        }
    }
}

/// Finds out whether the model writes requested code, and stores the result: it decides which actions editors offer.
fn measured(entry: &ModelEntry, engine: &Engine) -> String {
    let sha256 = entry.provenance.as_ref().and_then(|provenance| provenance.sha256.as_deref());
    if let Some(measured) = sha256.and_then(catalogue::measured) {
        return of_known(&measured);
    }
    let tried = trials::run(engine);
    let writes_code = tried.is_good();
    let noted = ModelStore::from_env().and_then(|models| models.note_writes_code(&entry.name, writes_code));
    if let Err(error) = noted {
        tracing::warn!(%error, "what the model can do was not noted");
    }
    let offered = if writes_code { "are offered" } else { "are not offered" };
    format!(
        "It wrote {} of {} small functions correctly: actions that write code and doc comments {offered} with it.",
        tried.n_right, tried.n_made
    )
}

/// A text about weights that were measured already.
fn of_known(measured: &Measured) -> String {
    let writes = if measured.writes_code { "are offered" } else { "are not offered" };
    let weak = measured.weak_actions();
    let actions = match weak.as_slice() {
        [] => "all other code actions are".to_owned(),
        weak => format!("other code actions are, except {}", weak.join(", ")),
    };
    format!(
        "It was measured before: actions that write code at the cursor {writes}; {actions} (docs/actions.md)."
    )
}

/// Tokens a second. None if the model ends at once or fails, which the next use will say.
pub fn speed(model: &dyn Model) -> Option<f64> {
    let mut prompt = Prompt::default();
    prompt.push_text(TRIAL);
    let options = GenerateOptions { max_new_tokens: N_TOKENS, ..GenerateOptions::default() };
    let request = GenerateRequest { prompt, options, priority: Priority::Interactive };
    let observer = Box::new(|_: &str, _: &[_]| std::ops::ControlFlow::Continue(()));
    let generation = model.generate(request, &CancelToken::new(), observer).ok()?;
    // The first token comes with the prompt.
    let n_tokens = u32::try_from(generation.usage.decoded_tokens.checked_sub(1)?).ok().filter(|n| *n > 0)?;
    let seconds = generation.usage.decode.as_secs_f64();
    (seconds > 0.0).then(|| f64::from(n_tokens) / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_does_not_complete_is_used_for_what_it_is_for() {
        let folder = tempfile::tempdir().unwrap();
        let entry = |name: &str| ModelEntry {
            name: name.to_owned(),
            path: Some(folder.path().to_owned()),
            n_bytes: None,
            source: None,
            provenance: None,
            writes_code: None,
            calibration: None,
            weak_actions: Vec::new(),
            active: false,
        };
        for name in ["sweep-next-edit-0.5b", "Sweep_Next_Edit-1.5B-q8", "zeta-2.1"] {
            assert_eq!(Purpose::of(&entry(name)), Purpose::Edits, "{name}");
        }
        for name in ["q05", "qwen2.5-coder-0.5b", "seed-coder-8b"] {
            assert_eq!(Purpose::of(&entry(name)), Purpose::Completion, "{name}");
        }
        std::fs::write(folder.path().join("config.json"), r#"{"pooling": "last"}"#).unwrap();
        assert_eq!(Purpose::of(&entry("qwen3-embedding")), Purpose::Embedding);
        assert!(use_line("a", Purpose::Embedding).contains("--embedding a"));
    }
}
