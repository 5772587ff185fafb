//! What enters a chat template as a placeholder: the contents of messages, and the texts in calls and descriptions of functions.
//! Invariant: no text of a request is rendered by the template itself; where a template writes a text into JSON, the text is
//! escaped as JSON demands.

use fimble_model::{Message, Prompt, Role};
use minijinja::context;
use minijinja::value::Value;
use serde_json::Value as Json;

use crate::tokenizer::TextTokenizer;

/// Frame of a placeholder, around the number of its text: characters of the private-use area.
const OPEN: char = '\u{f0f10}';
const CLOSE: char = '\u{f0f11}';

/// Longest name that is given to a template as it is, in bytes.
const LONGEST_NAME: usize = 128;

/// The texts of one request.
#[derive(Default)]
pub(super) struct Texts {
    texts: Vec<String>,
    /// Those that the template must mention.
    pub(super) required: Vec<usize>,
}

impl Texts {
    /// A message as the template gets it.
    ///
    /// # Errors
    /// The arguments of a call have a name that cannot be used.
    pub(super) fn turn(&mut self, message: &Message) -> Result<Value, String> {
        let content = message.content.trim();
        // Templates test whether a turn with calls has a content.
        let content = if content.is_empty() && !message.tool_calls.is_empty() {
            String::new()
        } else {
            self.required.push(self.texts.len());
            self.placeholder(content)
        };
        let mut calls = Vec::new();
        for call in &message.tool_calls {
            let (name, arguments) = (self.string(&call.name), self.json(&call.arguments)?);
            let function = context! { name => name, arguments => arguments };
            calls.push(context! { type => "function", function => function });
        }
        let role = message.role.name();
        Ok(match calls.as_slice() {
            [] => context! { role => role, content => content },
            _ => context! { role => role, content => content, tool_calls => calls },
        })
    }

    /// JSON as the template gets it, with placeholders for its texts.
    ///
    /// # Errors
    /// It is no JSON, or a name in it cannot be used.
    pub(super) fn json(&mut self, text: &str) -> Result<Value, String> {
        let json: Json = serde_json::from_str(text).map_err(|error| format!("no JSON ({error})"))?;
        self.value(&json)
    }

    fn value(&mut self, json: &Json) -> Result<Value, String> {
        Ok(match json {
            Json::Null => Value::from(()),
            Json::Bool(value) => Value::from(*value),
            Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(number), _) => Value::from(number),
                (None, Some(number)) => Value::from(number),
                (None, None) => Value::from(number.as_f64().unwrap_or_default()),
            },
            Json::String(text) => Value::from(self.string(text)),
            Json::Array(items) => {
                let items: Result<Vec<Value>, String> = items.iter().map(|item| self.value(item)).collect();
                Value::from(items?)
            }
            Json::Object(fields) => {
                let mut pairs = Vec::new();
                for (name, value) in fields {
                    if !is_plain(name) {
                        return Err(format!(
                            "the name {name:?} in the description or the arguments of a function cannot be used"
                        ));
                    }
                    pairs.push((name.clone(), self.value(value)?));
                }
                Value::from_pairs(pairs)
            }
        })
    }

    /// A text that is no content. Templates compare plain words, such as types.
    fn string(&mut self, text: &str) -> String {
        if is_plain(text) { text.to_owned() } else { self.placeholder(text) }
    }

    fn placeholder(&mut self, text: &str) -> String {
        self.texts.push(text.to_owned());
        format!("{OPEN}{}{CLOSE}", self.texts.len() - 1)
    }
}

/// Whether a text can be no special token and no placeholder.
fn is_plain(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.$/ ".contains(&byte);
    !text.is_empty() && text.len() <= LONGEST_NAME && text.bytes().all(is_plain)
}

/// Messages of these roles, with a placeholder each.
pub(super) fn turns(roles: &[Role]) -> Vec<Value> {
    let turn = |(index, role): (usize, &Role)| {
        context! { role => role.name(), content => format!("{OPEN}{index}{CLOSE}") }
    };
    roles.iter().enumerate().map(turn).collect()
}

/// A part of what a template wrote.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Its own text.
    Literal(String),
    /// The text with this index.
    Text(usize),
}

impl Part {
    /// The index of a text.
    pub(super) fn index(&self) -> Option<usize> {
        match self {
            Self::Literal(_) => None,
            Self::Text(index) => Some(*index),
        }
    }
}

/// Cuts a rendered template at its placeholders.
pub(super) fn cut(rendered: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = rendered;
    while let Some((literal, behind)) = rest.split_once(OPEN) {
        parts.push(Part::Literal(literal.to_owned()));
        let (number, behind) = behind.split_once(CLOSE).unwrap_or((behind, ""));
        parts.extend(number.parse().map(Part::Text));
        rest = behind;
    }
    parts.push(Part::Literal(rest.to_owned()));
    parts
}

/// The prompt, with each text in its place.
pub(super) fn assemble(parts: &[Part], texts: &Texts, tokenizer: &TextTokenizer) -> Prompt {
    let mut prompt = Prompt::default();
    let mut is_quoted = false;
    for part in parts {
        match part {
            Part::Text(index) => {
                let text = texts.texts.get(*index).map(String::as_str).unwrap_or_default();
                // Only the texts of JSON stand in quotation marks that the template did not write itself.
                if is_quoted && !texts.required.contains(index) {
                    let quoted = Json::from(text).to_string();
                    prompt.push_text(&quoted[1..quoted.len() - 1]);
                } else {
                    prompt.push_text(text);
                }
            }
            Part::Literal(text) => {
                is_quoted = text.ends_with('"');
                for (text, token) in tokenizer.split_at_tokens(text) {
                    prompt.push_text(text);
                    if let Some(token) = token {
                        prompt.push_token(token);
                    }
                }
            }
        }
    }
    prompt
}
