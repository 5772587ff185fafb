//! Functions that a program offers to a model. Invariant: where a program demands a call, the answer is a call of a function that it
//! named, with arguments that are valid for its schema.

use fimble_model::{Grammar, ToolSyntax};
use serde_json::{Value, json};

use crate::error::ApiError;

/// Most functions of a request.
const MAX_TOOLS: usize = 128;

/// What the model may or must do with the functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ToolChoice {
    /// It decides.
    Auto,
    /// It does not get to know them.
    None,
    /// It calls one of them.
    Required,
    /// It calls this one.
    Named(String),
}

impl ToolChoice {
    /// Reads `tool_choice`.
    pub(crate) fn read(value: &Value) -> Result<Self, ApiError> {
        match value {
            Value::Null => return Ok(Self::Auto),
            Value::String(word) => match word.as_str() {
                "auto" => return Ok(Self::Auto),
                "none" => return Ok(Self::None),
                "required" | "any" => return Ok(Self::Required),
                _ => {}
            },
            Value::Object(_) => {
                if let Some(name) = value["function"]["name"].as_str() {
                    return Ok(Self::Named(name.to_owned()));
                }
            }
            _ => {}
        }
        Err(ApiError::bad_request(
            "tool_choice must be \"auto\", \"none\", \"required\" or {\"type\": \"function\", \"function\": {\"name\": NAME}}.",
        ))
    }
}

/// The functions of a request, checked.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    /// As the template of the model gets them.
    pub(crate) json: String,
    functions: Vec<(String, Value)>,
}

impl Tools {
    /// Reads `tools`; none if there are none.
    pub(crate) fn read(tools: Option<Vec<Value>>) -> Result<Option<Self>, ApiError> {
        let tools = tools.unwrap_or_default();
        if tools.is_empty() {
            return Ok(None);
        }
        if tools.len() > MAX_TOOLS {
            return Err(ApiError::bad_request(format!(
                "There are more than {MAX_TOOLS} functions in tools."
            )));
        }
        let mut functions = Vec::new();
        let mut given = Vec::new();
        for tool in &tools {
            let function = &tool["function"];
            let is_function = tool["type"].as_str().is_none_or(|kind| kind == "function");
            let (true, Some(name)) = (is_function, function["name"].as_str()) else {
                return Err(ApiError::bad_request(
                    "Each of tools must be {\"type\": \"function\", \"function\": {\"name\": NAME, …}}.",
                ));
            };
            let is_schema = |value: &&Value| value.is_object();
            let parameters = function.get("parameters").filter(is_schema);
            let parameters = parameters.cloned().unwrap_or_else(|| json!({"type": "object"}));
            functions.push((name.to_owned(), parameters.clone()));
            // Other fields are for other servers, and models were not trained with them.
            let mut shown = json!({"name": name, "description": "", "parameters": parameters});
            if let Some(description) = function["description"].as_str() {
                shown["description"] = description.into();
            }
            given.push(json!({"type": "function", "function": shown}));
        }
        Ok(Some(Self { json: Value::from(given).to_string(), functions }))
    }

    /// The one function of this name, as the template of the model gets it.
    pub(crate) fn only(&self, name: &str) -> String {
        let mut tools: Vec<Value> = serde_json::from_str(&self.json).unwrap_or_default();
        tools.retain(|tool| tool["function"]["name"] == name);
        Value::from(tools).to_string()
    }

    /// The names of the functions.
    pub(crate) fn names(&self) -> Vec<String> {
        self.functions.iter().map(|(name, _)| name.clone()).collect()
    }

    /// The form of an answer that is a call of one of the functions; `only` by its name.
    pub(crate) fn grammar(&self, only: Option<&str>, syntax: ToolSyntax) -> Result<Grammar, ApiError> {
        let wanted = self.functions.iter().filter(|(name, _)| only.is_none_or(|only| only == name));
        let calls: Vec<Value> = wanted
            .map(|(name, parameters)| {
                let properties = json!({"name": {"const": name}, syntax.arguments: parameters});
                json!({"type": "object", "properties": properties, "required": ["name", syntax.arguments],
                    "additionalProperties": false})
            })
            .collect();
        let mut schema = match calls.as_slice() {
            [] => {
                return Err(ApiError::bad_request("tool_choice names a function that tools does not have."));
            }
            [one] => one.clone(),
            _ => json!({"anyOf": calls}),
        };
        // In one line, as models were trained to write it.
        schema["x-guidance"] = json!({"whitespace_flexible": false, "item_separator": ", ", "key_separator": ": ", "coerce_one_of": true});
        let (open, close) = (Value::from(syntax.open), Value::from(syntax.close));
        Ok(Grammar::Lark(format!("start: {open} \"\\n\" call \"\\n\" {close}\ncall: %json {schema}\n")))
    }
}
