//! A model's own chat template: from messages to a prompt. Invariant: what a message says enters the prompt as text, never
//! parsed for special tokens nor for template code; a template that cannot be rendered is an error of the conversation, never
//! of the loading.
//!
//! The template is rendered with placeholders instead of the contents (`chat_template/texts.rs`). Its own text is then searched for
//! special tokens, and the contents replace their placeholders as text.

mod texts;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use fimble_model::{Message, Prompt, Role, THOUGHT_MARKS, TOOL_SYNTAXES, TokenId, ToolSyntax};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, context};
use serde_json::Value as Json;

use crate::bounded_memory::{self, Unbounded};
use crate::files::ModelSource;
use crate::layout::{read_json, token_text};
use crate::tokenizer::TextTokenizer;
use texts::{Part, Texts, assemble, cut, turns};

/// Where the template stands besides `tokenizer_config.json`. Source: `chat_template.jinja` is what transformers writes since
/// 4.52; `chat_template.json` was written by processors before.
const TEMPLATE_FILE: &str = "chat_template.jinja";
const JSON_FILE: &str = "chat_template.json";
const NAME: &str = "chat";

/// Steps that a template may take. The longest of the known ones take a few hundred per message.
const FUEL: u64 = 200_000;

/// A template that was compiled.
pub(crate) struct ChatTemplate {
    environment: Arc<Environment<'static>>,
    /// Why it is not rendered any more: it came to no end before, and would cost the same again.
    endless: OnceLock<Unbounded>,
}

impl ChatTemplate {
    /// Reads the template of a model.
    ///
    /// # Errors
    /// There is none, or it cannot be compiled: the reason, in whole sentences.
    pub(crate) fn read(source: &ModelSource) -> Result<Self, String> {
        let config = json(source, "tokenizer_config.json");
        let text = template_text(source, &config).ok_or_else(|| {
            format!(
                "The model {} completes code and cannot answer messages: neither {TEMPLATE_FILE} nor \
                 tokenizer_config.json holds a chat template.",
                source.name()
            )
        })?;
        let failed =
            |error: &Error| format!("The chat template of the model {} is broken ({error}).", source.name());
        let mut environment = Environment::new();
        // As transformers renders templates.
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|error| failed(&error))?);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.set_fuel(Some(FUEL));
        environment.add_function("raise_exception", |reason: String| -> Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, reason))
        });
        // A date would make every day's prompts new ones, and this crate reads no clock but to measure.
        environment.add_function("strftime_now", |_format: String| "today".to_owned());
        environment.add_template_owned(NAME, text).map_err(|error| failed(&error))?;
        for name in ["bos_token", "eos_token", "pad_token", "unk_token"] {
            environment.add_global(name, token_text(&config[name]).unwrap_or_default());
        }
        Ok(Self { environment: Arc::new(environment), endless: OnceLock::new() })
    }

    /// The prompt for the model's next turn. `tools` is a JSON array.
    ///
    /// # Errors
    /// The template cannot be rendered, or leaves out what was said; the functions are no JSON: the reason, for people.
    pub(crate) fn prompt(
        &self,
        messages: &[Message],
        tools: Option<&str>,
        tokenizer: &TextTokenizer,
    ) -> Result<Prompt, String> {
        match self.prompt_of(messages, tools, tokenizer) {
            Ok(prompt) => Ok(prompt),
            // Some models know no system role, and their templates refuse it or skip it.
            Err(reason) => match messages {
                [system, user, rest @ ..] if (system.role, user.role) == (Role::System, Role::User) => {
                    let joined = format!("{}\n\n{}", system.content.trim(), user.content.trim());
                    let mut messages = vec![Message::new(Role::User, joined)];
                    messages.extend_from_slice(rest);
                    self.prompt_of(&messages, tools, tokenizer)
                }
                _ => Err(reason),
            },
        }
    }

    fn prompt_of(
        &self,
        messages: &[Message],
        tools: Option<&str>,
        tokenizer: &TextTokenizer,
    ) -> Result<Prompt, String> {
        let mut texts = Texts::default();
        let turns: Result<Vec<Value>, String> = messages.iter().map(|message| texts.turn(message)).collect();
        let turns = turns?;
        let tools = tools.map(|tools| texts.json(tools)).transpose()?;
        let parts = self.render(turns, tools, true)?;
        let is_there = |index: &usize| parts.iter().any(|part| part.index() == Some(*index));
        if !texts.required.iter().all(is_there) {
            return Err(LEFT_OUT.to_owned());
        }
        Ok(assemble(&parts, &texts, tokenizer))
    }

    /// How the model writes calls of functions, if its template offers functions and names a known mark.
    pub(crate) fn tool_syntax(&self) -> Option<ToolSyntax> {
        let template = self.environment.get_template(NAME).ok()?;
        let source = template.source();
        let syntax = TOOL_SYNTAXES.into_iter().find(|syntax| source.contains(syntax.open))?;
        source.contains("tools").then_some(syntax)
    }

    /// The mark with which the template has the model begin a thought, if it does.
    pub(crate) fn opened_thought(&self) -> Option<&'static str> {
        let parts = self.render(turns(&[Role::User]), None, true).ok()?;
        let Some(Part::Literal(last)) = parts.last() else { return None };
        let opened = |opening: &&str| last.trim_end().ends_with(opening);
        THOUGHT_MARKS.into_iter().map(|(opening, _)| opening).find(opened)
    }

    /// The token with which the model ends its turn: the first one that the template writes after it.
    pub(crate) fn end_of_turn(&self, tokenizer: &TextTokenizer) -> Option<TokenId> {
        let parts = self.render(turns(&[Role::User, Role::Assistant]), None, false).ok()?;
        let behind = parts.iter().skip_while(|part| part.index() != Some(1)).skip(1);
        behind
            .filter_map(|part| match part {
                Part::Literal(text) => Some(text),
                Part::Text(_) => None,
            })
            .find_map(|text| tokenizer.split_at_tokens(text).into_iter().find_map(|(_, token)| token))
    }

    /// The text of the template, cut at the texts.
    fn render(&self, messages: Vec<Value>, tools: Option<Value>, asks: bool) -> Result<Vec<Part>, String> {
        let context = context! {
            messages => messages,
            tools => tools,
            add_generation_prompt => asks,
            // What a model thinks before it answers would be shown as the answer.
            enable_thinking => false,
            thinking => false,
        };
        if let Some(why) = self.endless.get() {
            return Err(endless(*why));
        }
        let environment = Arc::clone(&self.environment);
        let rendered =
            bounded_memory::run(MAX_BYTES, MAX_TIME, move || environment.get_template(NAME)?.render(context));
        match rendered {
            Ok(rendered) => rendered.map(|text| cut(&text)).map_err(|error| reason(&error)),
            Err(why) => {
                let _ = self.endless.set(why);
                Err(endless(why))
            }
        }
    }
}

/// Memory that a rendering may ask for in all. A template writes a few kilobytes, most of them several times.
const MAX_BYTES: usize = 64 << 20;
/// Time that a rendering may take. Real ones take under a millisecond.
const MAX_TIME: Duration = Duration::from_secs(10);

fn endless(why: Unbounded) -> String {
    let cause = match why {
        Unbounded::Memory => format!("it needs more than {} MB", MAX_BYTES >> 20),
        Unbounded::Time => format!("it needs more than {} s", MAX_TIME.as_secs()),
        Unbounded::Failed => "it failed without a reason".to_owned(),
    };
    unrenderable(&cause)
}

const LEFT_OUT: &str =
    "the model's chat template leaves out what is asked. Choose another model, or repair its chat template";

fn reason(error: &Error) -> String {
    unrenderable(&error.to_string())
}

fn unrenderable(cause: &str) -> String {
    format!(
        "the model's chat template cannot be rendered ({cause}). Choose another model, or repair its chat template"
    )
}

/// The template's text, from wherever it stands.
fn template_text(source: &ModelSource, config: &Json) -> Option<String> {
    if source.has(TEMPLATE_FILE) {
        return String::from_utf8(source.read(TEMPLATE_FILE).ok()?.into_owned()).ok();
    }
    let in_json = json(source, JSON_FILE)["chat_template"].as_str().map(str::to_owned);
    in_json.or_else(|| match &config["chat_template"] {
        Json::String(text) => Some(text.clone()),
        // Several, by name: one for tools, one for documents, and the usual one.
        Json::Array(named) => {
            let usual = named.iter().find(|template| template["name"] == "default").or(named.first())?;
            usual["template"].as_str().map(str::to_owned)
        }
        _ => None,
    })
}

/// A JSON file, or null: a broken configuration was reported when the model was loaded.
fn json(source: &ModelSource, file: &str) -> Json {
    read_json(source, file).ok().flatten().unwrap_or_default()
}

#[cfg(test)]
mod tests;
