//! The interface for conversations: prompts for a chat model, and its answers. Invariant: the text of a message is text;
//! implementations of [`Chat`] mark the turns, so that no message can imitate one.
//!
//! A model in process renders its own template and generates; a server is asked through its chat endpoint. Both stream, both can
//! be cancelled, and a conversation never delays a completion: in process it runs at [`crate::Priority::Background`].

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{CancelToken, Grammar, ModelError, Sampling, StopReason, TokenObserver, Usage};

/// The author of a [`Message`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Role {
    /// The rules of the conversation. Where a model knows no such role, they go before the first message of the user.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
    /// A function that the model called: the message is its result.
    Tool,
}

impl Role {
    /// The name in chat templates and in the interfaces of servers: "user".
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A call of a function by the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The function.
    pub name: String,
    /// Its arguments, a JSON object.
    pub arguments: String,
}

/// One turn of a conversation. Turns of the user and of the model alternate, after at most one of the system; the last
/// one is the user's, or the results of the functions that the model called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its author.
    pub role: Role,
    /// The text. Spaces and line breaks at its ends mean nothing.
    pub content: String,
    /// The files that it holds text of, by their whole paths with forward slashes: for the exclusions of the user. They are
    /// not sent.
    pub sources: Vec<String>,
    /// The functions that the model called in this turn.
    pub tool_calls: Vec<ToolCall>,
}

impl Message {
    /// A message.
    #[must_use]
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into(), sources: Vec::new(), tool_calls: Vec::new() }
    }

    /// The same, with text of these files in it.
    #[must_use]
    pub fn from_files(self, sources: impl IntoIterator<Item = String>) -> Self {
        Self { sources: sources.into_iter().collect(), ..self }
    }

    /// The files that a conversation holds text of.
    #[must_use]
    pub fn sources_of(messages: &[Self]) -> Vec<String> {
        messages.iter().flat_map(|message| message.sources.iter().cloned()).collect()
    }
}

/// Limits and rules of one answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChatOptions {
    /// At most this many new tokens. An answer that is longer ends with [`StopReason::MaxTokens`].
    pub max_new_tokens: usize,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Texts that end the answer. The answer ends before the stop string.
    pub stop_strings: Vec<String>,
    /// The functions that the model may call: a JSON array in the form of OpenAI's interface. None offers none.
    pub tools: Option<String>,
    /// The form that the answer must have.
    pub grammar: Option<Grammar>,
    /// What is reported of the tokens, as in [`crate::GenerateOptions::n_likeliest`]. The observer sees them.
    pub n_likeliest: Option<usize>,
}

impl Default for ChatOptions {
    fn default() -> Self {
        Self {
            max_new_tokens: 1024,
            sampling: Sampling::Greedy,
            stop_strings: Vec::new(),
            tools: None,
            grammar: None,
            n_likeliest: None,
        }
    }
}

/// How a model writes the call of a function in its answer: one JSON object with `name` and [`ToolSyntax::arguments`] between two
/// marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToolSyntax {
    /// The mark in front of each call.
    pub open: &'static str,
    /// The mark behind it; empty if the call ends with its object.
    pub close: &'static str,
    /// The key of the arguments.
    pub arguments: &'static str,
}

/// The marks of a model's thoughts before its answer: the one in front, and the one behind.
pub const THOUGHT_MARKS: [(&str, &str); 6] = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
];

/// The known ways.
pub const TOOL_SYNTAXES: [ToolSyntax; 1] =
    [ToolSyntax { open: "<tool_call>", close: "</tool_call>", arguments: "arguments" }];

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChatAnswer {
    /// The text, without the tokens that end a turn, and with what the model thought aloud, between its marks. Equal to the
    /// pieces that the observer saw, put together.
    pub text: String,
    /// Why it ended. A model that had said all ends with [`StopReason::EndToken`]; a server, which names no token, with
    /// [`StopReason::Finished`].
    pub stop: StopReason,
    /// Name of the model that answered. Behind a chain of models it need not be [`Chat::name`].
    pub model: String,
    /// Whether the prompt left this machine.
    pub is_remote: bool,
    /// Its cost, as far as known.
    pub usage: Usage,
}

/// A model that answers messages.
pub trait Chat: Send + Sync {
    /// Its name, for people.
    fn name(&self) -> &str;

    /// Whether a prompt can leave this machine.
    fn is_remote(&self) -> bool {
        false
    }

    /// Whether it does a code action well enough for the action to be offered, by the action's name in the protocol. A model that
    /// was not measured is.
    fn does_well(&self, action: &str) -> bool {
        let _ = action;
        true
    }

    /// How it writes calls of functions; none if it cannot be offered functions.
    fn tool_syntax(&self) -> Option<ToolSyntax> {
        None
    }

    /// Reads a conversation ahead, so that its answer begins sooner; it may be evicted by then. Blocks as long as that
    /// takes, and is preempted by all other work. One behind a connection reads nothing.
    fn read_ahead(&self, messages: &[Message], cancel: &CancelToken) {
        let _ = (messages, cancel);
    }

    /// Longest conversation with its answer, in tokens.
    fn context_length(&self) -> usize;

    /// Number of tokens of a text, or an estimate that is rather too high.
    fn count_tokens(&self, text: &str) -> usize;

    /// Answers. Blocks until done, and may take minutes; `cancel` is checked between tokens, and a connection
    /// is closed at once. A cancelled answer is no error: it holds what there is. The observer sees each
    /// piece of text as it comes, with the tokens so far if the model reports them, and may end the answer; it must be quick. An empty piece says that the model thinks where
    /// its thoughts are not returned.
    ///
    /// # Errors
    /// The conversation does not fit the context, the template cannot be rendered, or the engine or the server failed; the
    /// model stays usable.
    fn respond(
        &self,
        messages: &[Message],
        options: &ChatOptions,
        cancel: &CancelToken,
        observer: TokenObserver,
    ) -> Result<ChatAnswer, ModelError>;
}
