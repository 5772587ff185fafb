//! The parts of a chat model's answer while it comes: thoughts, text, and calls of functions. Invariant: the parts, put together, are
//! the answer without its marks; a part of a mark is held back until it is clear whether it is one; what looks like a call and is none
//! is text. Small models leave the marks out: an answer that is nothing but the JSON of a call, in a fence or not, is that call.

use fimble_model::{THOUGHT_MARKS, ToolCall, ToolSyntax};
use serde_json::Value;

/// A part of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// What the model thought.
    Thought(String),
    /// What it says.
    Text(String),
    /// A function that it calls.
    Call(ToolCall),
}

/// Reads an answer piece by piece.
pub(crate) struct AnswerReader {
    /// None if no functions were offered.
    syntax: Option<ToolSyntax>,
    /// The functions that were offered.
    functions: Vec<String>,
    has_spoken: bool,
    state: State,
    /// What is not clear yet.
    held: String,
    has_called: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Beginning,
    /// Until this mark.
    Thinking(&'static str),
    /// Behind a thought: the blank lines in front of the text are no part of it.
    Leading,
    Speaking,
    Calling,
}

impl AnswerReader {
    /// Of an answer of a model that was offered these functions.
    pub(crate) fn new(syntax: Option<ToolSyntax>, functions: Vec<String>) -> Self {
        let (state, held) = (State::Beginning, String::new());
        Self { syntax, functions, has_spoken: false, state, held, has_called: false }
    }

    /// Whether a function was called.
    pub(crate) fn has_called(&self) -> bool {
        self.has_called
    }

    /// The parts that a piece of the answer completes.
    pub(crate) fn push(&mut self, piece: &str) -> Vec<Part> {
        self.held.push_str(piece);
        let mut parts = Vec::new();
        while self.step(&mut parts) {}
        parts
    }

    /// The parts that the end of the answer completes.
    pub(crate) fn finish(&mut self) -> Vec<Part> {
        let held = std::mem::take(&mut self.held);
        let mut parts = Vec::new();
        match (self.state, self.syntax) {
            (State::Thinking(_), _) => push_text(&mut parts, &held, Part::Thought),
            // Some models leave the last mark out.
            (State::Calling, Some(syntax)) => self.call(&held, syntax, &mut parts),
            (_, Some(syntax)) if self.can_be_bare_call(&held) && self.is_bare_call(&held, syntax) => {
                self.call(without_fence(&held), syntax, &mut parts);
            }
            _ if self.has_called => push_text(&mut parts, held.trim_end(), Part::Text),
            _ => push_text(&mut parts, &held, Part::Text),
        }
        parts
    }

    /// Takes what is clear. Returns whether there may be more.
    fn step(&mut self, parts: &mut Vec<Part>) -> bool {
        match self.state {
            State::Beginning => {
                let begun = self.held.trim_start();
                let opened = THOUGHT_MARKS.into_iter().find(|(open, _)| begun.starts_with(open));
                if let Some((open, close)) = opened {
                    self.held = begun[open.len()..].to_owned();
                    self.state = State::Thinking(close);
                    return true;
                }
                if THOUGHT_MARKS.into_iter().any(|(open, _)| open.starts_with(begun)) {
                    return false;
                }
                self.state = State::Speaking;
                true
            }
            State::Thinking(close) => {
                let (before, is_closed) = self.take_until(close);
                push_text(parts, &before, Part::Thought);
                if is_closed {
                    self.state = State::Leading;
                }
                is_closed
            }
            State::Leading => {
                self.held = self.held.trim_start().to_owned();
                if self.held.is_empty() {
                    return false;
                }
                self.state = State::Speaking;
                true
            }
            State::Speaking => {
                let Some(syntax) = self.syntax else {
                    let text = std::mem::take(&mut self.held);
                    push_text(parts, &text, Part::Text);
                    return false;
                };
                if self.can_be_bare_call(&self.held) && !self.held.contains(syntax.open) {
                    return false;
                }
                let (mut before, is_opened) = self.take_until(syntax.open);
                let text = before.trim_end().len();
                if !is_opened {
                    // Blanks between calls are no text.
                    self.held.insert_str(0, &before[text..]);
                }
                before.truncate(text);
                self.has_spoken |= !before.is_empty();
                push_text(parts, &before, Part::Text);
                if is_opened {
                    self.state = State::Calling;
                }
                is_opened
            }
            State::Calling => {
                let Some(syntax) = self.syntax else { return false };
                let Some((call, rest)) = self.held.split_once(syntax.close) else { return false };
                let (call, rest) = (call.to_owned(), rest.to_owned());
                self.call(&call, syntax, parts);
                self.held = rest;
                self.state = State::Leading;
                true
            }
        }
    }

    /// Whether the whole answer so far can be the JSON of a call without its marks.
    fn can_be_bare_call(&self, text: &str) -> bool {
        let begun = text.trim_start();
        !self.has_spoken
            && !self.has_called
            && (begun.starts_with('{') || begun.starts_with("```") || "```".starts_with(begun))
    }

    fn is_bare_call(&self, text: &str, syntax: ToolSyntax) -> bool {
        read_call(without_fence(text), syntax).is_some_and(|call| self.functions.contains(&call.name))
    }

    /// Takes the text in front of a mark and the mark, or all that cannot be a part of the mark. Returns the text, and whether the
    /// mark was there.
    fn take_until(&mut self, mark: &str) -> (String, bool) {
        if let Some(at) = self.held.find(mark) {
            let rest = self.held.split_off(at + mark.len());
            let mut before = std::mem::replace(&mut self.held, rest);
            before.truncate(at);
            return (before, true);
        }
        let is_part = |length: &usize| self.held.ends_with(&mark[..*length]);
        let lengths = (1..mark.len()).rev().filter(|length| mark.is_char_boundary(*length));
        let n_held = lengths.filter(is_part).max().unwrap_or_default();
        let rest = self.held.split_off(self.held.len() - n_held);
        (std::mem::replace(&mut self.held, rest), false)
    }

    fn call(&mut self, text: &str, syntax: ToolSyntax, parts: &mut Vec<Part>) {
        match read_call(text, syntax) {
            Some(call) => {
                self.has_called = true;
                parts.push(Part::Call(call));
            }
            None => push_text(parts, &format!("{}{text}", syntax.open), Part::Text),
        }
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str, part: fn(String) -> Part) {
    if !text.is_empty() {
        parts.push(part(text.to_owned()));
    }
}

/// The text inside of the one fence that it is in, or the text itself.
fn without_fence(text: &str) -> &str {
    let text = text.trim();
    let inside = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    let lines = inside.and_then(|inside| inside.split_once('\n'));
    lines.map_or(text, |(_, lines)| lines.trim())
}

fn read_call(text: &str, syntax: ToolSyntax) -> Option<ToolCall> {
    let call: Value = serde_json::from_str(text.trim()).ok()?;
    let arguments = match &call[syntax.arguments] {
        Value::Null => "{}".to_owned(),
        Value::String(arguments) => arguments.clone(),
        arguments @ Value::Object(_) => arguments.to_string(),
        _ => return None,
    };
    Some(ToolCall { name: call["name"].as_str()?.to_owned(), arguments })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYNTAX: ToolSyntax =
        ToolSyntax { open: "<tool_call>", close: "</tool_call>", arguments: "arguments" };

    /// The parts of an answer that comes in pieces of this many bytes, neighbours of one kind joined.
    fn parts(answer: &str, syntax: Option<ToolSyntax>, n_bytes: usize) -> Vec<Part> {
        let mut reader = AnswerReader::new(syntax, vec!["read".to_owned(), "now".to_owned()]);
        let mut all: Vec<Part> = Vec::new();
        let pieces = answer.as_bytes().chunks(n_bytes).map(|piece| std::str::from_utf8(piece).unwrap());
        let mut found: Vec<Part> = pieces.flat_map(|piece| reader.push(piece)).collect();
        found.extend(reader.finish());
        for part in found {
            match (all.last_mut(), part) {
                (Some(Part::Text(before)), Part::Text(text)) => before.push_str(&text),
                (Some(Part::Thought(before)), Part::Thought(text)) => before.push_str(&text),
                (_, part) => all.push(part),
            }
        }
        all
    }

    fn text(text: &str) -> Part {
        Part::Text(text.to_owned())
    }

    fn call(name: &str, arguments: &str) -> Part {
        Part::Call(ToolCall { name: name.to_owned(), arguments: arguments.to_owned() })
    }

    #[test]
    fn thoughts_text_and_calls_are_told_apart_however_they_come() {
        let one = "<tool_call>\n{\"name\": \"read\", \"arguments\": {\"path\": \"a\"}}\n</tool_call>";
        let two = format!("Let me look.\n{one}\n{one}\n");
        let read = || call("read", r#"{"path":"a"}"#);
        for (answer, syntax, expected) in [
            ("Hello <b> there\n", None, vec![text("Hello <b> there\n")]),
            (
                "  <think>\nHm.\n</think>\n\nYes.",
                None,
                vec![Part::Thought("\nHm.\n".to_owned()), text("Yes.")],
            ),
            ("<thin air", None, vec![text("<thin air")]),
            ("<think>no end", None, vec![Part::Thought("no end".to_owned())]),
            (one, Some(SYNTAX), vec![read()]),
            (&two, Some(SYNTAX), vec![text("Let me look."), read(), read()]),
            (&two, None, vec![text(&two)]),
            (one.strip_suffix("</tool_call>").unwrap(), Some(SYNTAX), vec![read()]),
            ("a <tool_call>{no}</tool_call> b", Some(SYNTAX), vec![text("a"), text("<tool_call>{no}b")]),
            ("a < b <tool", Some(SYNTAX), vec![text("a < b <tool")]),
            ("<tool_call>{\"name\": \"now\"}", Some(SYNTAX), vec![call("now", "{}")]),
            ("{\"name\": \"now\", \"arguments\": {}}\n", Some(SYNTAX), vec![call("now", "{}")]),
            ("```json\n{\"name\": \"now\", \"arguments\": {}}\n```", Some(SYNTAX), vec![call("now", "{}")]),
            ("```json\n{\"name\": \"now\"}\n```", None, vec![text("```json\n{\"name\": \"now\"}\n```")]),
            ("{\"name\": \"other\"}", Some(SYNTAX), vec![text("{\"name\": \"other\"}")]),
            ("```rust\nfn a() {}\n```\n", Some(SYNTAX), vec![text("```rust\nfn a() {}\n```\n")]),
            ("{ so it begins", Some(SYNTAX), vec![text("{ so it begins")]),
        ] {
            for n_bytes in [1, 3, 1000] {
                let mut joined = expected.clone();
                joined.dedup_by(|next, before| match (before, next) {
                    (Part::Text(before), Part::Text(next)) => {
                        before.push_str(next);
                        true
                    }
                    _ => false,
                });
                assert_eq!(parts(answer, syntax, n_bytes), joined, "{answer:?} in pieces of {n_bytes}");
            }
        }
    }
}
