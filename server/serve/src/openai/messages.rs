//! Messages of a conversation as programs send them. Invariant: what a model cannot read, such as an image, is refused and never left
//! out.

use fimble_model::{Message, Role, ToolCall};
use serde::Deserialize;
use serde_json::Value;

use crate::error::ApiError;

/// A message of OpenAI's and of Ollama's interface.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct MessageField {
    role: String,
    #[serde(default)]
    content: Value,
    #[serde(default)]
    tool_calls: Option<Vec<Value>>,
    /// Ollama's.
    #[serde(default)]
    images: Option<Vec<Value>>,
}

/// The messages as the model gets them. `visible` takes secrets out of a text where it leaves this process.
pub(crate) fn read(
    messages: Vec<MessageField>,
    visible: &dyn Fn(&str) -> String,
) -> Result<Vec<Message>, ApiError> {
    if messages.is_empty() {
        return Err(ApiError::bad_request("messages is empty."));
    }
    messages.into_iter().map(|message| one(message, visible)).collect()
}

fn one(message: MessageField, visible: &dyn Fn(&str) -> String) -> Result<Message, ApiError> {
    let role = match message.role.as_str() {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" | "function" => Role::Tool,
        _ => {
            return Err(ApiError::bad_request(
                "The role of a message must be system, user, assistant or tool.",
            ));
        }
    };
    if message.images.is_some_and(|images| !images.is_empty()) {
        return Err(no_images());
    }
    let mut read = Message::new(role, visible(&text(&message.content)?));
    for call in message.tool_calls.unwrap_or_default() {
        let function = &call["function"];
        let arguments = match &function["arguments"] {
            Value::String(text) if text.trim().is_empty() => "{}".to_owned(),
            Value::String(text) => text.clone(),
            Value::Null => "{}".to_owned(),
            other => other.to_string(),
        };
        let (Some(name), true) =
            (function["name"].as_str(), serde_json::from_str::<Value>(&arguments).is_ok())
        else {
            return Err(ApiError::bad_request(
                "Each of tool_calls must have a function with a name and with arguments that are JSON.",
            ));
        };
        read.tool_calls.push(ToolCall { name: name.to_owned(), arguments: visible(&arguments) });
    }
    Ok(read)
}

fn no_images() -> ApiError {
    ApiError::bad_request("The model reads text only; a message has an image, a sound or a file.")
}

/// The text of a content: a text, or parts that are texts.
fn text(content: &Value) -> Result<String, ApiError> {
    match content {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        Value::Array(parts) => {
            let mut text = String::new();
            for part in parts {
                let kind = part["type"].as_str().unwrap_or("text");
                match (kind, part["text"].as_str().or(part.as_str())) {
                    ("text" | "input_text" | "output_text", Some(part)) => {
                        if !text.is_empty() {
                            text.push('\n');
                        }
                        text.push_str(part);
                    }
                    _ => return Err(no_images()),
                }
            }
            Ok(text)
        }
        _ => Err(ApiError::bad_request("The content of a message must be text.")),
    }
}
