//! The work of one request, off the loop: tree, gate, plan, model, post-processing. Must hold: it sees a snapshot and
//! nothing else; it reports exactly once, panics included; each step's time is in the trace.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use fimble_completion::{
    CursorInput, Mode, Refusal, RefusalKind, SelectedItem, Suggestion, Trigger, finish, gate, plan,
};
use fimble_document::Text;
use fimble_model::fim::Snippet;
use fimble_model::{
    CancelToken, GenerateOptions, GenerateRequest, Generation, Model, ModelError, Observer, Priority,
    StopReason,
};
use fimble_syntax::{Language, ParseBudget, ParseStopped, SyntaxTree};
use fimble_workspace::{Related, Workspace};

use crate::allotment::pace;
use crate::event::{Event, EventSender};
use crate::panics::contain;
use crate::parse_job::{ParseInput, parse_for_request, parse_unseen};
use crate::settings::Settings;
use crate::trace::{AnswerPath, FilterTrace, PieceTrace, RequestTrace, TokenCounts, TraceMethod, micros};

/// The check of a suggestion against the syntax may take this long; then the suggestion is shown unchecked.
const CHECK_BUDGET: std::time::Duration = std::time::Duration::from_millis(20);

/// Models that one request is tried with at most, where several are named.
const MAX_MEMBERS: usize = 4;

/// Ways to write a line that somebody who asks by hand may choose from.
const MOST_LINES: usize = 3;

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
}

/// What a job is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A request waits.
    Answer,
    /// A text that may come to be: nobody waits, and the snapshot is no document's.
    LookAhead,
    /// Only reading the prompt, so that it is in the model's cache: nobody waits.
    WarmUp,
}

/// One job.
pub(crate) struct CompletionJob {
    pub(crate) serial: u64,
    pub(crate) purpose: Purpose,
    pub(crate) snapshot: DocumentSnapshot,
    pub(crate) offset: usize,
    pub(crate) trigger: Trigger,
    pub(crate) selected: Option<SelectedItem>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) settings_key: u64,
    pub(crate) model: Arc<dyn Model>,
    /// Where snippets of other files come from; none if none are wanted.
    pub(crate) workspace: Option<Arc<Workspace>>,
    pub(crate) cancel: CancelToken,
    /// Where the loop sees what the model has said until now.
    pub(crate) so_far: Arc<Mutex<String>>,
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
pub(crate) fn run(job: CompletionJob, events: &EventSender) {
    let CompletionJob { serial, purpose, offset, settings_key, mut trace, queued, .. } = job;
    let mut snapshot = job.snapshot;
    trace.times.queue += micros(queued.elapsed());
    if snapshot.needs_parse {
        let start = Instant::now();
        update_tree(&mut snapshot, purpose, &job.cancel, events, &mut trace);
        trace.times.parse = micros(start.elapsed());
    }
    let snippets = snippets(&job.workspace, &*job.model, &snapshot, offset);
    let input = CursorInput {
        text: &snapshot.text,
        tree: snapshot.tree.as_ref(),
        language: snapshot.language,
        path: &snapshot.path,
        file: &snapshot.file,
        repository: &snapshot.repository,
        snippets: &snippets,
        offset,
        trigger: job.trigger,
        selected: job.selected,
    };
    let computed = contain(|| {
        compute_with_members(
            &input,
            purpose,
            &job.settings,
            &*job.model,
            &job.cancel,
            &job.so_far,
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
    let choice = workspace.choose_at(snapshot.document, text.line_of(offset), &snapshot.file, |lines| {
        text.slice(text.line_start(lines.start)..text.line_start(lines.end)).into_owned()
    });
    let snippet = |related: &Related| Snippet { path: related.path.clone(), text: related.text.clone() };
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
        Purpose::Answer | Purpose::WarmUp => parse_for_request(&input, cancel, events),
    };
    match parsed {
        Ok(tree) => snapshot.tree = Some(tree),
        // The older tree was edited along and is still a good guess.
        Err(stopped) => {
            let why = match stopped {
                ParseStopped::OutOfTime => "ran out of time",
                ParseStopped::Cancelled => "was cancelled",
                ParseStopped::Failed => "failed",
            };
            let instead = if snapshot.tree.is_some() { "an older tree" } else { "plain text" };
            trace.notes.push(format!("the parse {why}; {instead} was used"));
        }
    }
}

/// Asks the model. The first suggestion is shown, the others may be chosen instead. Where it is a choice among several, a
/// member that cannot be asked is followed by the next, with a prompt of its own.
fn compute_with_members(
    input: &CursorInput<'_>,
    purpose: Purpose,
    settings: &Settings,
    model: &dyn Model,
    cancel: &CancelToken,
    so_far: &Arc<Mutex<String>>,
    trace: &mut RequestTrace,
) -> Result<Vec<Suggestion>, NoSuggestion> {
    let mut sources = vec![input.path.to_owned()];
    let mut outcome = None;
    for _ in 0..MAX_MEMBERS {
        let member = model.member_for(&sources);
        let asked = member.as_deref().unwrap_or(model);
        let result = compute(input, purpose, settings, asked, cancel, so_far, &mut sources, trace);
        match result {
            Err(NoSuggestion::Model(error @ (ModelError::Unavailable(_) | ModelError::Withheld(_)))) => {
                so_far.lock().unwrap_or_else(PoisonError::into_inner).clear();
                trace.notes.push(error.to_string());
                outcome = Some(Err(NoSuggestion::Model(error)));
            }
            result => return result,
        }
        if cancel.is_cancelled() {
            return Err(cancelled());
        }
    }
    outcome.unwrap_or_else(|| Err(cancelled()))
}

#[expect(clippy::too_many_arguments, reason = "what one request needs, and what it leaves behind")]
fn compute(
    input: &CursorInput<'_>,
    purpose: Purpose,
    settings: &Settings,
    model: &dyn Model,
    cancel: &CancelToken,
    so_far: &Arc<Mutex<String>>,
    sources: &mut Vec<String>,
    trace: &mut RequestTrace,
) -> Result<Vec<Suggestion>, NoSuggestion> {
    if cancel.is_cancelled() {
        return Err(cancelled());
    }
    let info = model.info();
    let asked_by_hand = purpose == Purpose::Answer
        && input.trigger == Trigger::Invoked
        && trace.method == TraceMethod::InlineCompletion;
    let mut completion = settings.completion.clone();
    if asked_by_hand {
        // Who asks by hand wants to see something, or to choose: an unlikely line may be the right one.
        completion.min_confidence = 0.0;
    }
    let start = Instant::now();
    if purpose != Purpose::WarmUp {
        gate(input, &completion).map_err(NoSuggestion::Refused)?;
    }
    let count_tokens = |text: &str| model.count_tokens(text);
    let planned = plan(input, &completion, info, &count_tokens);
    trace.times.plan = micros(start.elapsed());
    let plan = planned.map_err(NoSuggestion::Refused)?;

    trace.model.clone_from(&info.name);
    trace.provider.clone_from(&info.provider);
    trace.remote = model.is_remote();
    trace.template = match &info.fim {
        Ok(template) => template.family().to_owned(),
        Err(reason) => {
            trace.notes.push(reason.clone());
            "none (plain left to right)".to_owned()
        }
    };
    let mode = match plan.context.mode {
        Mode::SingleLine => "a single line",
        Mode::MultiLine => "several lines",
    };
    trace.limits = format!(
        "{} tokens to read and {} to produce; {}",
        plan.context.max_prompt_tokens,
        plan.options.max_new_tokens,
        pace(model.speeds(), settings.budget_ms)
    );
    trace.mode = format!("{mode}: {}", plan.context.mode_reason);
    trace.pieces = plan
        .context
        .pieces
        .iter()
        .map(|piece| PieceTrace { kind: piece.kind.to_owned(), bytes: piece.bytes, tokens: piece.tokens })
        .collect();
    if cancel.is_cancelled() {
        return Err(cancelled());
    }

    sources.clone_from(&plan.prompt.sources);
    let request = GenerateRequest {
        prompt: plan.prompt.clone(),
        options: match purpose {
            Purpose::WarmUp => GenerateOptions { max_new_tokens: 0, ..plan.options.clone() },
            Purpose::Answer | Purpose::LookAhead => plan.options.clone(),
        },
        priority: match purpose {
            Purpose::Answer => Priority::Interactive,
            Purpose::LookAhead | Purpose::WarmUp => Priority::Idle,
        },
    };
    let again = (asked_by_hand && model.varies()).then(|| request.clone());
    let generation =
        model.generate(request, cancel, watched(plan.observer(), so_far)).map_err(NoSuggestion::Model)?;
    note_generation(&generation, trace);
    if generation.stop == StopReason::Cancelled {
        return Err(cancelled());
    }

    let start = Instant::now();
    let is_cancelled = || cancel.is_cancelled();
    let budget = ParseBudget { time: Some(CHECK_BUDGET), cancelled: &is_cancelled };
    let finished = finish(&plan, input, &completion, &generation, &budget);
    trace.times.finish = micros(start.elapsed());
    trace.filters = finished
        .filters
        .into_iter()
        .map(|step| FilterTrace { name: step.name.to_owned(), effect: step.effect })
        .collect();
    let suggestion = finished.result.map_err(NoSuggestion::Refused)?;
    trace.confidence = Some(suggestion.confidence);
    let mut suggestions = vec![Suggestion { is_remote: trace.remote, ..suggestion }];
    if let Some(request) = again {
        let lines = model.write_lines(request, MOST_LINES, cancel).map_err(NoSuggestion::Model)?;
        let passing =
            lines.iter().filter_map(|line| finish(&plan, input, &completion, line, &budget).result.ok());
        for other in passing {
            let is_known = |known: &Suggestion| known.text.lines().next() == other.text.lines().next();
            if suggestions.len() < MOST_LINES && !suggestions.iter().any(is_known) {
                suggestions.push(Suggestion { is_remote: trace.remote, ..other });
            }
        }
    }
    Ok(suggestions)
}

/// The observer, with what it sees written down for the loop. The loop holds the lock for a comparison of a few kilobytes.
fn watched(mut observer: Observer, so_far: &Arc<Mutex<String>>) -> Observer {
    let so_far = Arc::clone(so_far);
    Box::new(move |piece: &str| {
        so_far.lock().unwrap_or_else(PoisonError::into_inner).push_str(piece);
        observer(piece)
    })
}

fn cancelled() -> NoSuggestion {
    NoSuggestion::Refused(Refusal::new(
        RefusalKind::Cancelled,
        "The request was cancelled while it was computed.",
    ))
}

fn note_generation(generation: &Generation, trace: &mut RequestTrace) {
    let usage = &generation.usage;
    trace.tokens = TokenCounts {
        prompt: usage.prompt_tokens,
        reused: usage.reused_tokens,
        prefilled: usage.prefilled_tokens,
        decoded: usage.decoded_tokens,
        drafted: usage.drafted_tokens,
        accepted: usage.accepted_tokens,
    };
    trace.times.queue += micros(usage.queue);
    trace.times.tokenize = micros(usage.tokenize);
    trace.times.prefill = micros(usage.prefill);
    trace.times.decode = micros(usage.decode);
    // A stop string is text of the model: only its kind is kept.
    trace.stop = match &generation.stop {
        StopReason::StopString(_) => "stop string".to_owned(),
        other => other.to_string(),
    };
    trace.path = if usage.reused_tokens * 2 >= usage.prompt_tokens && usage.reused_tokens > 0 {
        AnswerPath::ModelCachedPrefix
    } else {
        AnswerPath::ModelCold
    };
}
