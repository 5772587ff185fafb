//! A completion job, and its outcome. Invariant: a job holds all that it needs; it sees a snapshot and no state of the loop.

use std::sync::Arc;
use std::time::Instant;

use fimble_completion::{Refusal, SelectedItem, Suggestion, Trigger};
use fimble_model::{CancelToken, Model, ModelError};
use fimble_workspace::{OpenText, Workspace};

use crate::completion::partial::PartialText;
use crate::completion::progress::JobProgress;
use crate::documents::parse::ParseReport;
use crate::documents::snapshot::DocumentSnapshot;
use crate::report::Reporter;
use crate::settings::Settings;
use crate::trace::RequestTrace;
use crate::workspace::document_update::DocumentUpdate;

/// What a job is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It answers a request.
    Answer,
    /// It completes a place where a key was typed, before a request comes.
    Typed,
    /// It completes the place behind a suggestion as if that were accepted: the snapshot is no document's text yet.
    LookAhead,
    /// It asks the small model for a request whose own model has written nothing yet.
    Small,
    /// It only reads the prompt, so that the model's cache holds it.
    WarmUp,
}

/// One job.
pub(crate) struct CompletionJob {
    pub(crate) serial: u64,
    pub(crate) purpose: Purpose,
    pub(crate) snapshot: DocumentSnapshot,
    /// An update of the model's memory of the project that comes first.
    pub(crate) update: Option<DocumentUpdate>,
    pub(crate) offset: usize,
    pub(crate) trigger: Trigger,
    pub(crate) selected: Option<SelectedItem>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) settings_key: u64,
    pub(crate) model: Arc<dyn Model>,
    /// Where snippets of other files come from; none if none are wanted.
    pub(crate) workspace: Option<Arc<Workspace>>,
    /// Other open documents; the one edited last comes first.
    pub(crate) others: Vec<OpenText>,
    pub(crate) cancel: CancelToken,
    /// What the model has written so far, and when that is to be answered.
    pub(crate) progress: Arc<JobProgress>,
    pub(crate) reporters: Reporters,
    pub(crate) trace: RequestTrace,
    pub(crate) queued: Instant,
}

/// Where a job reports.
#[derive(Clone)]
pub(crate) struct Reporters {
    /// The end of its parse.
    pub(crate) parsed: Reporter<ParseReport>,
    /// What the model has written once an answer is due.
    pub(crate) partial: Reporter<PartialText>,
    /// Its end.
    pub(crate) outcome: Reporter<JobOutcome>,
}

/// Why a job has no suggestion.
pub(crate) enum NoSuggestion {
    /// For a reason that a user may want to know.
    Refused(Refusal),
    /// The model failed.
    Model(ModelError),
    /// A panic.
    Internal,
}

/// What a job reports.
pub(crate) struct JobOutcome {
    pub(crate) serial: u64,
    pub(crate) purpose: Purpose,
    pub(crate) snapshot: DocumentSnapshot,
    pub(crate) offset: usize,
    pub(crate) settings_key: u64,
    pub(crate) trace: RequestTrace,
    pub(crate) result: Result<Suggestion, NoSuggestion>,
    /// Other suggestions for the line, for an explicit request.
    pub(crate) others: Vec<Suggestion>,
}
