//! What happened to one request, for `fimble why`. Invariant: it never holds code or prompt text; of a document it names
//! the file only. It can be written and read again, so that the command line can show what a server did.

pub(crate) mod counters;
pub(crate) mod ring;
pub(crate) mod text;
pub(crate) mod turn_times;

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Which method asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TraceMethod {
    /// `textDocument/inlineCompletion`.
    InlineCompletion,
    /// `textDocument/completion`.
    Completion,
    /// `fimble/nextEdit` or `textDocument/copilotInlineEdit`.
    NextEdit,
}

/// Who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TraceTrigger {
    /// The user, by a key.
    Invoked,
    /// The editor, while typing.
    Automatic,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Decision {
    /// It has not ended yet.
    Pending,
    /// A suggestion was sent.
    Shown {
        /// Its length in bytes.
        bytes: usize,
        /// Its lines.
        lines: usize,
    },
    /// An empty list, a cancellation or an error was sent.
    Nothing {
        /// One word, stable, for scripts.
        reason: String,
        /// One sentence, for people.
        sentence: String,
    },
}

impl Decision {
    /// Why nothing was sent, in one word.
    pub(crate) fn silence(&self) -> Option<&str> {
        match self {
            Self::Nothing { reason, .. } => Some(reason),
            Self::Pending | Self::Shown { .. } => None,
        }
    }
}

/// What produced the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AnswerPath {
    /// Nothing was computed.
    #[default]
    None,
    /// The model, which read most of the prompt anew.
    ModelCold,
    /// The model, with most of the prompt from its prefix cache.
    ModelCachedPrefix,
    /// A suggestion for this very place.
    Same,
    /// A suggestion that the user has typed a part of.
    TypedThrough,
    /// A suggestion whose typed part was deleted again.
    DeletedBack,
    /// A suggestion that was computed ahead, behind one that was shown before.
    LookAhead,
    /// The model, whose work had begun before: when the key was typed, or for an earlier request that agreed with what was typed
    /// meanwhile.
    Kept,
    /// The model, which was still writing: what it had written until then.
    Partial,
    /// The small model, because the other one had written nothing yet.
    SmallModel,
    /// The edits that the user made before, without a model.
    Edits,
}

/// One piece of the context.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PieceTrace {
    /// What it is: "prefix", "imports", ...
    pub kind: String,
    /// Its size in bytes.
    pub bytes: usize,
    /// Its size in tokens.
    pub tokens: usize,
}

/// What one filter did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterTrace {
    /// The filter.
    pub name: String,
    /// Its effect, without code.
    pub effect: String,
}

/// Tokens of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenCounts {
    /// Tokens of the prompt.
    pub prompt: usize,
    /// Of them, from the prefix cache.
    pub reused: usize,
    /// Of them, evaluated for this request.
    pub prefilled: usize,
    /// Tokens produced.
    pub decoded: usize,
    /// Tokens that were guessed and verified together with the one before them.
    #[serde(default)]
    pub drafted: usize,
    /// Of them, those that were right.
    #[serde(default)]
    pub accepted: usize,
}

/// Time of each step in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepTimes {
    /// Waiting for the model to load, for a thread and for the model to be free.
    pub queue: u64,
    /// Bringing the syntax tree up to date.
    pub parse: u64,
    /// Context and prompt.
    pub plan: u64,
    /// Prompt to tokens.
    pub tokenize: u64,
    /// Evaluating the prompt.
    pub prefill: u64,
    /// Producing tokens.
    pub decode: u64,
    /// Post-processing and checks.
    pub finish: u64,
    /// From reading the request to the answer.
    pub total: u64,
}

/// Whole microseconds of a duration.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// What happened to one request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestTrace {
    /// Number of the request since the server started, from 1.
    pub id: u64,
    /// When it came, in milliseconds since 1970.
    pub time: u64,
    /// Which method asked.
    pub method: TraceMethod,
    /// Who asked.
    pub trigger: TraceTrigger,
    /// Name of the file, without its folder.
    pub document: String,
    /// The language: a grammar's name, or the client's identifier, as plain text.
    pub language: String,
    /// The client's version of the document.
    pub version: i32,
    /// Line of the cursor, from 0.
    pub line: u32,
    /// Character of the cursor in its line, from 0, as the client counts.
    pub character: u32,
    /// How it ended.
    pub decision: Decision,
    /// What produced the answer.
    pub path: AnswerPath,
    /// Single or multi-line, and why; empty if nothing was planned.
    pub mode: String,
    /// The context's pieces.
    pub pieces: Vec<PieceTrace>,
    /// Tokens.
    pub tokens: TokenCounts,
    /// Name of the model; empty if none took part.
    pub model: String,
    /// What computes it.
    pub provider: String,
    /// Why another model answered than the wanted one; empty if the wanted one did.
    #[serde(default)]
    pub stand_in: String,
    /// Whether the prompt left this machine, for this request or for an earlier one whose suggestion answers it.
    #[serde(default)]
    pub remote: bool,
    /// Name of the fill-in-the-middle template; empty if none took part.
    pub template: String,
    /// What the request could have at most, and how fast the model was; empty if nothing was planned.
    #[serde(default)]
    pub limits: String,
    /// Time of each step.
    pub times: StepTimes,
    /// Why the model stopped; empty if it did not run.
    pub stop: String,
    /// What the filters did, in order.
    pub filters: Vec<FilterTrace>,
    /// Mean probability of the suggestion's tokens, 0 to 1.
    pub confidence: Option<f32>,
    /// What else is worth knowing, such as a parse that ran out of time.
    pub notes: Vec<String>,
}

impl RequestTrace {
    /// Ends it without a suggestion. The sentence begins with a capital and ends with a full stop, whatever its source.
    pub(crate) fn conclude_nothing(&mut self, reason: &str, sentence: impl AsRef<str>) {
        let mut characters = sentence.as_ref().trim_end_matches('.').chars();
        let first = characters.next().into_iter().flat_map(char::to_uppercase);
        let sentence = first.chain(characters).chain(['.']).collect();
        self.decision = Decision::Nothing { reason: reason.to_owned(), sentence };
    }

    /// Takes over the trace of a job that was started before this request.
    pub(crate) fn take_work(&mut self, work: Self) {
        self.mode = work.mode;
        self.pieces = work.pieces;
        self.tokens = work.tokens;
        self.model = work.model;
        self.provider = work.provider;
        self.remote = work.remote;
        self.template = work.template;
        self.limits = work.limits;
        self.times = work.times;
        self.stop = work.stop;
        self.filters = work.filters;
        self.confidence = work.confidence;
        self.notes = work.notes;
        self.notes
            .push("the work started before this request, so some of its times are before it".to_owned());
    }

    /// Ends it with a suggestion.
    pub(crate) fn conclude_shown(&mut self, text: &str) {
        self.decision = Decision::Shown { bytes: text.len(), lines: text.lines().count().max(1) };
    }
}
