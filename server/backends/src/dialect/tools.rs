//! Functions that a program offers to a model behind a server: in the request, in the messages, and in the answer. Invariant: a
//! call reaches the reader of the answer in the one syntax of [`TOOL_SYNTAXES`], whatever the server sends; the names that the
//! request gives to calls are its own, because messages have none.

use fimble_model::{
    ChatOptions, Grammar, Message, Restorer, Role, TOOL_SYNTAXES, ToolCall, ToolSyntax, defuse,
};
use serde_json::{Map, Value, json};

use super::Kind;

/// The syntax in which calls are passed on.
pub(crate) const SYNTAX: ToolSyntax = TOOL_SYNTAXES[0];

/// Why a request cannot be made to a server of this kind; none if it can.
pub(crate) fn refusal(kind: Kind, options: &ChatOptions) -> Option<&'static str> {
    match (&options.tools, &options.grammar) {
        (None, None | Some(Grammar::JsonSchema(_))) | (Some(_), None) => {
            let is_form = options.grammar.is_some();
            (is_form && kind == Kind::Mlx).then_some("mlx-lm cannot be asked for a form of the answer")
        }
        (Some(_), Some(_)) if matches!(kind, Kind::Ollama | Kind::Mlx) => {
            Some("this kind of server cannot be made to call a function")
        }
        (Some(_), Some(Grammar::Lark(_))) => None,
        (None, Some(Grammar::Lark(_))) | (Some(_), Some(Grammar::JsonSchema(_))) => {
            Some("a model server knows JSON Schema only, and no functions beside it")
        }
    }
}

/// The fields of a request about functions and the form of the answer. To be asked after [`refusal`].
pub(super) fn fields(kind: Kind, options: &ChatOptions) -> Map<String, Value> {
    let mut fields = Map::new();
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
    if let Some(tools) = &options.tools {
        fields.insert("tools".to_owned(), parsed(tools));
        if options.grammar.is_some() {
            fields.insert("tool_choice".to_owned(), json!("required"));
        }
    } else if let Some(Grammar::JsonSchema(schema)) = &options.grammar {
        let schema = parsed(schema);
        if kind == Kind::Ollama {
            fields.insert("format".to_owned(), schema);
        } else {
            let format = json!({"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}});
            fields.insert("response_format".to_owned(), format);
        }
    }
    fields
}

/// The messages, in whose contents no server can read a special token. Results belong to the calls before them, in order.
pub(super) fn messages(kind: Kind, messages: &[Message]) -> Value {
    let mut written = Vec::new();
    let mut awaited: Vec<(String, String)> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let mut one = json!({"role": message.role.name(), "content": defuse(&message.content)});
        if !message.tool_calls.is_empty() {
            let named = |at: usize, call: &ToolCall| (format!("call_{index}_{at}"), call.name.clone());
            awaited = message.tool_calls.iter().enumerate().map(|(at, call)| named(at, call)).collect();
            awaited.reverse();
            let calls = message.tool_calls.iter().enumerate();
            one["tool_calls"] =
                calls.map(|(at, call)| call_json(kind, &format!("call_{index}_{at}"), call)).collect();
        }
        if message.role == Role::Tool
            && let Some((id, name)) = awaited.pop()
        {
            let (key, value) = if kind == Kind::Ollama { ("tool_name", name) } else { ("tool_call_id", id) };
            one[key] = json!(value);
        }
        written.push(one);
    }
    Value::Array(written)
}

fn call_json(kind: Kind, id: &str, call: &ToolCall) -> Value {
    let arguments = defuse(&call.arguments);
    if kind == Kind::Ollama {
        let arguments: Value = serde_json::from_str(&arguments).unwrap_or_else(|_| json!({}));
        return json!({"function": {"name": call.name, "arguments": arguments}});
    }
    json!({"id": id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
}

/// A part of a call in a piece of an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct CallPart {
    /// Which of the calls of the answer it belongs to; none if it is a whole one.
    pub(crate) index: Option<u64>,
    pub(crate) name: String,
    /// More of the arguments.
    pub(crate) arguments: String,
}

/// The parts of calls in a message or a delta.
pub(super) fn parts(message: Option<&Value>) -> Vec<CallPart> {
    let calls = message.and_then(|message| message.get("tool_calls")).and_then(Value::as_array);
    let part = |call: &Value| {
        let function = &call["function"];
        CallPart {
            index: call["index"].as_u64().or_else(|| function["index"].as_u64()),
            name: function["name"].as_str().unwrap_or_default().to_owned(),
            arguments: match &function["arguments"] {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                object => object.to_string(),
            },
        }
    };
    calls.into_iter().flatten().map(part).collect()
}

/// The calls of an answer, put together from their parts.
#[derive(Debug, Default)]
pub(crate) struct Calls(Vec<CallPart>);

impl Calls {
    pub(crate) fn push(&mut self, parts: Vec<CallPart>) {
        for part in parts {
            let known = self.0.iter_mut().find(|call| part.index.is_some() && call.index == part.index);
            match known {
                Some(call) => {
                    call.name.push_str(&part.name);
                    call.arguments.push_str(&part.arguments);
                }
                None => self.0.push(part),
            }
        }
    }

    /// All calls as the text of an answer, with what was broken apart in the messages put together. Leaves none.
    pub(crate) fn take_text(&mut self, restorer: &Restorer) -> String {
        let mut text = String::new();
        for call in self.0.drain(..).filter(|call| !call.name.is_empty()) {
            let arguments = restorer.restored(if call.arguments.is_empty() { "{}" } else { &call.arguments });
            let ToolSyntax { open, close, arguments: key } = SYNTAX;
            let name = Value::from(call.name);
            text.push_str(&format!("{open}\n{{\"name\": {name}, \"{key}\": {arguments}}}\n{close}\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_call_become_one() {
        let mut calls = Calls::default();
        for delta in [
            json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "read", "arguments": ""}}]}),
            json!({"tool_calls": [{"index": 0, "function": {"arguments": "{\"path\":"}}]}),
            json!({"tool_calls": [{"index": 1, "id": "b", "function": {"name": "now"}}]}),
            json!({"tool_calls": [{"index": 0, "function": {"arguments": " \"a\"}"}}]}),
        ] {
            calls.push(parts(Some(&delta)));
        }
        let text = calls.take_text(&Restorer::new([]));
        assert_eq!(
            text,
            "<tool_call>\n{\"name\": \"read\", \"arguments\": {\"path\": \"a\"}}\n</tool_call>\n\
             <tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>\n"
        );
        assert_eq!(calls.take_text(&Restorer::new([])), "");
    }

    #[test]
    fn whole_calls_stay_apart() {
        let mut calls = Calls::default();
        let one = json!({"tool_calls": [{"function": {"name": "read", "arguments": {"path": "a"}}}]});
        calls.push(parts(Some(&one)));
        calls.push(parts(Some(&one)));
        assert_eq!(calls.take_text(&Restorer::new([])).matches("<tool_call>").count(), 2);
        assert_eq!(parts(Some(&json!({"content": "x"}))), []);
    }

    #[test]
    fn what_a_server_cannot_do_is_refused() {
        let options = |tools: bool, grammar: Option<Grammar>| ChatOptions {
            tools: tools.then(|| "[]".to_owned()),
            grammar,
            ..ChatOptions::default()
        };
        let schema = || Some(Grammar::JsonSchema("{}".to_owned()));
        let lark = || Some(Grammar::Lark("start: \"a\"".to_owned()));
        for (kind, tools, grammar, is_refused) in [
            (Kind::Vllm, true, None, false),
            (Kind::Vllm, true, lark(), false),
            (Kind::Vllm, false, schema(), false),
            (Kind::Vllm, false, lark(), true),
            (Kind::Vllm, true, schema(), true),
            (Kind::Ollama, true, lark(), true),
            (Kind::Ollama, false, schema(), false),
            (Kind::Mlx, false, schema(), true),
            (Kind::Mlx, true, None, false),
            (Kind::Mlx, false, None, false),
        ] {
            let refused = refusal(kind, &options(tools, grammar.clone()));
            assert_eq!(refused.is_some(), is_refused, "{kind:?} {tools} {grammar:?}: {refused:?}");
        }
    }
}
