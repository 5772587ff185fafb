//! The work of one request, off the loop: tree, gate, plan, model, post-processing. Must hold: it sees a snapshot and
//! nothing else; it reports exactly once, panics included; each step's time is in the trace.

mod compute;

use std::sync::Arc;
use std::time::{Duration, Instant};

use fimble_completion::{CursorInput, Elsewhere, Refusal, SelectedItem, Suggestion, Trigger};
use fimble_document::Text;
use fimble_model::fim::Snippet;
use fimble_model::{CancelToken, Model, ModelError};
use fimble_syntax::{Language, ParseStopped, SyntaxTree};
use fimble_workspace::{Around, Related, Workspace};

use crate::event::{Event, EventSender};
use crate::panics::contain;
use crate::parse_job::{ParseInput, parse_for_request, parse_unseen};
use crate::partial::JobProgress;
use crate::project::Telling;
use crate::settings::Settings;
use crate::trace::{RequestTrace, micros};

use compute::{Reporting, compute_with_members};

/// The check of a suggestion against the syntax may take this long; then the suggestion is shown unchecked.
pub(crate) const CHECK_BUDGET: Duration = Duration::from_millis(20);

/// A document as it was when it was asked about. Cloning it copies no text.
#[derive(Clone)]
pub(crate) struct DocumentSnapshot {
    pub(crate) document: u64,
    pub(crate) revision: u64,
    pub(crate) text: Text,
    pub(crate) language: Option<&'static Language>,
    pub(crate) path: String,
    pub(crate) file: String,
    pub(crate) repository: String,
    /// A tree for this text, perhaps parsed earlier and edited along.
    pub(crate) tree: Option<SyntaxTree>,
    /// Whether the job has to parse first.
    pub(crate) needs_parse: bool,
    /// Why the document is not parsed at all, if it is not.
    pub(crate) unparsable: Option<ParseStopped>,
}

impl DocumentSnapshot {
    /// A place in it, as it is asked about.
    pub(crate) fn input<'a>(
        &'a self,
        snippets: &'a [Snippet],
        offset: usize,
        trigger: Trigger,
        selected: Option<SelectedItem>,
        elsewhere: Elsewhere<'a>,
    ) -> CursorInput<'a> {
        CursorInput {
            text: &self.text,
            tree: self.tree.as_ref(),
            language: self.language,
            path: &self.path,
            file: &self.file,
            repository: &self.repository,
            snippets,
            offset,
            trigger,
            selected,
            elsewhere,
        }
    }
}

/// What a job is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A request waits.
    Answer,
    /// A place that is about to be asked about: nobody waits yet.
    Begin,
    /// A text that may come to be: nobody waits, and the snapshot is no document's.
    LookAhead,
    /// The small model is asked for a request whose own model has written nothing yet.
    Small,
    /// Only reading the prompt, so that it is in the model's cache: nobody waits.
    WarmUp,
}

/// One job.
pub(crate) struct CompletionJob {
    pub(crate) serial: u64,
    pub(crate) purpose: Purpose,
    pub(crate) snapshot: DocumentSnapshot,
    /// What the model is to be told of first.
    pub(crate) telling: Option<Telling>,
    pub(crate) offset: usize,
    pub(crate) trigger: Trigger,
    pub(crate) selected: Option<SelectedItem>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) settings_key: u64,
    pub(crate) model: Arc<dyn Model>,
    /// Where snippets of other files come from; none if none are wanted.
    pub(crate) workspace: Option<Arc<Workspace>>,
    pub(crate) cancel: CancelToken,
    /// What the model has written until now, and when it is to be answered.
    pub(crate) progress: Arc<JobProgress>,
    pub(crate) events: EventSender,
    pub(crate) trace: RequestTrace,
    pub(crate) queued: Instant,
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
    /// Other ways to write the line, for somebody who asked by hand.
    pub(crate) others: Vec<Suggestion>,
}

/// Runs a job and reports to the loop.
pub(crate) fn run(job: CompletionJob) {
    let CompletionJob { serial, purpose, offset, settings_key, mut trace, queued, .. } = job;
    let events = job.events;
    let mut snapshot = job.snapshot;
    trace.times.queue += micros(queued.elapsed());
    if let Some(stopped) = snapshot.unparsable {
        trace.notes.push(format!("{stopped}; plain text is used until the file is saved"));
    } else if snapshot.needs_parse {
        let start = Instant::now();
        update_tree(&mut snapshot, purpose, &job.cancel, &events, &mut trace);
        trace.times.parse = micros(start.elapsed());
    }
    let snippets = snippets(&job.workspace, &*job.model, &snapshot, offset);
    let holds = |text: &str| job.workspace.as_ref().is_some_and(|workspace| workspace.holds(text));
    let input = snapshot.input(&snippets, offset, job.trigger, job.selected, Elsewhere::new(&holds));
    let computed = contain(|| {
        if let Some(telling) = &job.telling {
            let start = Instant::now();
            telling.tell();
            trace.times.queue += micros(start.elapsed());
        }
        compute_with_members(
            &input,
            purpose,
            &job.settings,
            &*job.model,
            &Reporting {
                serial,
                snapshot: &snapshot,
                workspace: job.workspace.as_ref(),
                cancel: &job.cancel,
                progress: &job.progress,
                events: &events,
            },
            &mut trace,
        )
    });
    let computed = computed.unwrap_or(Err(NoSuggestion::Internal));
    let mut others = Vec::new();
    let result = computed.and_then(|mut suggestions| {
        others = suggestions.split_off(suggestions.len().min(1));
        suggestions.pop().ok_or(NoSuggestion::Internal)
    });
    let outcome = JobOutcome { serial, purpose, snapshot, offset, settings_key, trace, result, others };
    events.send(Event::Computed(Box::new(outcome)));
}

/// Parts of other files that are like what stands around a place.
fn snippets(
    workspace: &Option<Arc<Workspace>>,
    model: &dyn Model,
    snapshot: &DocumentSnapshot,
    offset: usize,
) -> Vec<Snippet> {
    let Some(workspace) = workspace.as_ref().filter(|_| model.info().fim.is_ok()) else { return Vec::new() };
    let text = &snapshot.text;
    // Measured: a small model that was not made for it writes no better with definitions before its eyes.
    let tree = snapshot.tree.as_ref().filter(|_| model.info().writes_code);
    let around = Around { text, tree, line: text.line_of(offset) };
    let choice = workspace.choose_at(snapshot.document, &snapshot.file, &around);
    let snippet = |related: &Related| Snippet {
        path: related.path.clone(),
        file: related.file.clone(),
        text: related.text.clone(),
    };
    choice.snippets.iter().map(snippet).collect()
}

fn update_tree(
    snapshot: &mut DocumentSnapshot,
    purpose: Purpose,
    cancel: &CancelToken,
    events: &EventSender,
    trace: &mut RequestTrace,
) {
    let Some(language) = snapshot.language else { return };
    let input = ParseInput {
        document: snapshot.document,
        revision: snapshot.revision,
        language,
        text: snapshot.text.clone(),
        old: snapshot.tree.clone(),
    };
    let parsed = match purpose {
        Purpose::LookAhead => parse_unseen(&input, cancel),
        Purpose::Answer | Purpose::Begin | Purpose::WarmUp | Purpose::Small => {
            parse_for_request(&input, cancel, events)
        }
    };
    match parsed {
        Ok(tree) => snapshot.tree = Some(tree),
        // The older tree was edited along and is still a good guess.
        Err(stopped) => {
            let instead = if snapshot.tree.is_some() { "an older tree" } else { "plain text" };
            trace.notes.push(format!("{stopped}; {instead} was used"));
        }
    }
}
