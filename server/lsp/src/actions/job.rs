//! The work of one action, off the loop: tree, target, model, checks. Invariant: it sees a snapshot and nothing else; it reports its
//! end exactly once, panics included; completions of requests come before it on the model.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fimble_actions::{
    ActionKind, Change, ChatWork, Outcome, Problem, Refusal, Source, Style, comment_place, find_target,
    line_edits, perform,
};
use fimble_completion::{
    CompletionSettings, CursorInput, Elsewhere, MultiLine, Trigger, finish, plan_reading,
};
use fimble_document::Text;
use fimble_model::{CancelToken, ErrorCode, GenerateRequest, Model, Priority, StopReason, routed};
use fimble_syntax::{ParseBudget, SyntaxTree};

use crate::actions::failure::ActionFailure;
use crate::documents::parse::{ParseInput, ParseReport, parse_for_action};
use crate::documents::snapshot::DocumentSnapshot;
use crate::hidden_secrets;
use crate::panics::contain;
use crate::report::Reporter;

/// A parse may take this long: the check of an edit needs the tree.
const PARSE_BUDGET: Duration = Duration::from_secs(10);
/// How often a growing answer is reported.
const REPORT_INTERVAL: Duration = Duration::from_millis(150);
/// Limits of a completion by an action.
const MAX_LINES: usize = 40;
const MAX_NEW_TOKENS: usize = 384;

/// What computes an action.
#[derive(Clone)]
pub(crate) enum Computer {
    /// A model that answers messages.
    Chat(Arc<dyn Model>),
    /// A model that completes.
    Completion(Arc<dyn Model>),
}

/// One action.
pub(crate) struct ActionJob {
    pub(crate) kind: ActionKind,
    pub(crate) computer: Computer,
    pub(crate) snapshot: DocumentSnapshot,
    pub(crate) selection: Range<usize>,
    pub(crate) instruction: String,
    pub(crate) problems: Vec<Problem>,
    pub(crate) settings: CompletionSettings,
    /// Whether the text is shown while it comes.
    pub(crate) streams: bool,
    pub(crate) cancel: CancelToken,
}

/// Where an action reports.
pub(crate) struct ActionReporters {
    /// The end of its parse.
    pub(crate) parsed: Reporter<ParseReport>,
    /// Its progress and its end.
    pub(crate) action: Reporter<ActionReport>,
}

/// What an action reports.
pub(crate) enum ActionReport {
    /// The answer grows. While the model reasons it has no bytes.
    Growing { text: Option<String>, n_bytes: usize },
    /// It ended.
    Done(Result<Outcome, ActionFailure>),
}

/// Runs an action and reports.
pub(crate) fn run(mut job: ActionJob, reporters: &ActionReporters) {
    let result = contain(|| {
        update_tree(&mut job, &reporters.parsed);
        compute(&job, &reporters.action)
    });
    let cause = "An internal error happened";
    let remedy = "Report it with the place that the log names.";
    let failed = || Err(ActionFailure::failed(ErrorCode::InternalError, cause, remedy));
    reporters.action.send(ActionReport::Done(result.unwrap_or_else(failed)));
}

/// Reads the question for an explanation ahead: what is asked first when somebody opens a menu of actions.
pub(crate) fn read_ahead(
    snapshot: &DocumentSnapshot,
    selection: Range<usize>,
    model: &dyn Model,
    cancel: &CancelToken,
) {
    let source = Source {
        text: &snapshot.text,
        tree: snapshot.tree.as_ref(),
        language: snapshot.language,
        path: &snapshot.path,
        file: &snapshot.file,
    };
    let target = find_target(&source, selection, false);
    if let (Some(target), Ok(chat)) = (target, model.chat()) {
        fimble_actions::read_ahead(&source, &target, chat, cancel);
    }
}

/// Parses exactly this text: an edit is checked against its tree, not against an older one.
fn update_tree(job: &mut ActionJob, reporter: &Reporter<ParseReport>) {
    let snapshot = &mut job.snapshot;
    let Some(language) = snapshot.language.filter(|_| snapshot.needs_parse) else { return };
    let input = ParseInput {
        document: snapshot.document,
        revision: snapshot.revision,
        language,
        text: snapshot.text.clone(),
        old: snapshot.tree.take(),
    };
    snapshot.tree = parse_for_action(&input, &job.cancel, reporter).ok();
}

fn compute(job: &ActionJob, reporter: &Reporter<ActionReport>) -> Result<Outcome, ActionFailure> {
    if job.cancel.is_cancelled() {
        return Err(ActionFailure::cancelled());
    }
    let snapshot = &job.snapshot;
    let source = Source {
        text: &snapshot.text,
        tree: snapshot.tree.as_ref(),
        language: snapshot.language,
        path: &snapshot.path,
        file: &snapshot.file,
    };
    let result = match &job.computer {
        Computer::Completion(model) => {
            let sources = [snapshot.file.clone()];
            let model = routed(model, &sources);
            // A model that stands in for the wanted one may be too small for this.
            if !model.info().writes_code {
                return Err(ActionFailure::too_small(&model.info().name));
            }
            let new = match job.kind {
                ActionKind::Generate => generate(job, &source, &*model)?,
                ActionKind::Document => document(job, &source, &*model)?,
                _ => complete_at(job, &source, &*model, job.selection.end)?,
            };
            check(&source, &new).map(|()| {
                let old: String = snapshot.text.chunks().collect();
                let change = Change::Edits(line_edits(&old, &new, 0));
                Outcome { change, model: model.info().name.clone(), is_remote: model.is_remote() }
            })
        }
        Computer::Chat(model) => {
            let chat =
                model.chat().map_err(|reason| ActionFailure::failed(ErrorCode::NoModel, reason, ""))?;
            let work = ChatWork {
                kind: job.kind,
                instruction: &job.instruction,
                problems: &job.problems,
                progress: progress(job, reporter),
            };
            let whole_item = matches!(
                job.kind,
                ActionKind::Extract
                    | ActionKind::Document
                    | ActionKind::Redocument
                    | ActionKind::Tests
                    | ActionKind::Fix
            );
            let selection = match job.problems.first() {
                Some(problem) if job.selection.is_empty() => problem.range.clone(),
                _ => job.selection.clone(),
            };
            find_target(&source, selection, whole_item)
                .ok_or(Refusal::NoCode)
                .and_then(|target| perform(&work, &source, &target, chat, &job.cancel))
        }
    };
    let outcome = result.map_err(|refusal| ActionFailure::refused(&refusal))?;
    match &outcome.change {
        Change::Edits(edits) if edits.is_empty() => Err(ActionFailure::refused(&Refusal::NoChange)),
        _ => Ok(outcome),
    }
}

/// Reports how an answer grows, at intervals.
fn progress(job: &ActionJob, reporter: &Reporter<ActionReport>) -> Arc<dyn Fn(&str) + Send + Sync> {
    let (streams, reporter) = (job.streams, reporter.clone());
    let last = Mutex::new((Instant::now(), None));
    Arc::new(move |so_far| {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        let (when, n_bytes) = &mut *last;
        // The beginning of the reasoning and of the answer are reported at once.
        let is_due = n_bytes.is_none_or(|n_bytes| n_bytes == 0) || when.elapsed() >= REPORT_INTERVAL;
        if *n_bytes != Some(so_far.len()) && is_due {
            (*when, *n_bytes) = (Instant::now(), Some(so_far.len()));
            let text = streams.then(|| so_far.to_owned());
            reporter.send(ActionReport::Growing { text, n_bytes: so_far.len() });
        }
    })
}

/// The whole text with several lines written at an offset.
fn complete_at(
    job: &ActionJob,
    source: &Source<'_>,
    model: &dyn Model,
    offset: usize,
) -> Result<String, ActionFailure> {
    let input = CursorInput {
        text: source.text,
        tree: source.tree,
        language: source.language,
        path: source.path,
        file: &job.snapshot.file,
        repository: &job.snapshot.repository,
        offset,
        trigger: Trigger::Invoked,
        selected: None,
        elsewhere: Elsewhere::default(),
        snippets: &[],
    };
    let settings = CompletionSettings {
        multi_line: MultiLine::Always,
        max_lines: MAX_LINES,
        max_new_tokens: Some(MAX_NEW_TOKENS),
        min_confidence: 0.0,
        ..job.settings.clone()
    };
    let failed = |cause: String| ActionFailure::failed(ErrorCode::ActionFailed, cause, "");
    let refused = |refusal: fimble_completion::Refusal| failed(refusal.reason);
    let count_tokens = |text: &str| model.count_tokens(text);
    let hidden = hidden_secrets::text_for(model, source.text);
    let read = hidden.as_ref().unwrap_or(source.text);
    let plan = plan_reading(&input, read, &settings, model.info(), &count_tokens).map_err(refused)?;
    let request = GenerateRequest {
        prompt: plan.prompt.clone(),
        options: plan.options.clone(),
        priority: Priority::Background,
    };
    let generation = model
        .generate(request, &job.cancel, plan.observer())
        .map_err(|error| ActionFailure::of_model(&error))?;
    if generation.stop == StopReason::Cancelled || job.cancel.is_cancelled() {
        return Err(ActionFailure::cancelled());
    }
    let is_cancelled = || job.cancel.is_cancelled();
    let budget = ParseBudget { time: None, cancelled: &is_cancelled };
    let suggestion = finish(&plan, &input, &settings, &generation, &budget).result.map_err(refused)?;
    if hidden_secrets::writes_secret(&input, &suggestion) {
        return Err(failed("What the model wrote looks like a password, a key or a token".to_owned()));
    }
    let mut text: String = source.text.chunks().collect();
    text.replace_range(suggestion.replace, &suggestion.text);
    Ok(text)
}

/// The whole text with what a comment describes written below it.
fn generate(job: &ActionJob, source: &Source<'_>, model: &dyn Model) -> Result<String, ActionFailure> {
    let text = source.text;
    let cursor = text.line_of(job.selection.end);
    let line = comment_line(source, cursor).ok_or_else(|| {
        let cause = "There is no comment at the cursor, nor on the line above it, that says what to write";
        ActionFailure::failed(ErrorCode::ActionFailed, cause, "")
    })?;
    let content = text.line(line);
    let blanks = &content[..content.len() - content.trim_start().len()];
    let style = Style::of(text);
    let mut edited: String = text.chunks().collect();
    let end = text.line_end(line);
    edited.insert_str(end, &format!("{}{blanks}", style.line_break));
    at_place(job, source, model, &edited, end + style.line_break.len() + blanks.len())
}

/// The whole text with a doc comment of one line, by a model that completes one.
fn document(job: &ActionJob, source: &Source<'_>, model: &dyn Model) -> Result<String, ActionFailure> {
    let failed = |refusal: Refusal| ActionFailure::refused(&refusal);
    let target = find_target(source, job.selection.clone(), true).ok_or_else(|| failed(Refusal::NoCode))?;
    let place = comment_place(source, &target).ok_or_else(|| failed(Refusal::NoCode))?;
    if place.is_taken() {
        return Err(failed(Refusal::Documented));
    }
    let style = Style::of(source.text);
    let opening = place.opening(&style);
    let old: String = source.text.chunks().collect();
    let mut edited = old.clone();
    edited.replace_range(place.range.clone(), &format!("{opening}{}", style.line_break));
    let cursor = place.range.start + opening.len();
    let written = at_place(job, source, model, &edited, cursor)?;
    let rest = written.get(cursor..).unwrap_or_default();
    let line = rest.lines().next().unwrap_or_default().trim_end_matches("*/").trim_end_matches("\"\"\"");
    let comment = place.render(line, &style).map_err(failed)?;
    let mut new = old;
    new.replace_range(place.range, &comment);
    Ok(new)
}

/// Completes a place in a text that is no document's.
fn at_place(
    job: &ActionJob,
    source: &Source<'_>,
    model: &dyn Model,
    edited: &str,
    offset: usize,
) -> Result<String, ActionFailure> {
    let text = Text::new(edited);
    let is_cancelled = || job.cancel.is_cancelled();
    let budget = ParseBudget { time: Some(PARSE_BUDGET), cancelled: &is_cancelled };
    let tree = source.language.and_then(|language| SyntaxTree::parse(language, &text, None, &budget).ok());
    complete_at(job, &Source { text: &text, tree: tree.as_ref(), ..*source }, model, offset)
}

/// The comment that a cursor is in, or right below: its last line.
fn comment_line(source: &Source<'_>, cursor: usize) -> Option<usize> {
    let is_comment = |line: usize| is_comment(source, line);
    let first =
        if is_comment(cursor) { cursor } else { cursor.checked_sub(1).filter(|line| is_comment(*line))? };
    let is_blank = source.text.line(cursor).trim().is_empty();
    if first != cursor && !is_blank {
        return None;
    }
    (first..source.text.n_lines()).take_while(|line| is_comment(*line)).last()
}

/// Whether a line is a comment, by how it begins or ends.
pub(crate) fn is_comment(source: &Source<'_>, line: usize) -> bool {
    let content = source.text.line(line);
    let content = content.trim();
    let Some(language) = source.language_at(source.text.line_start(line)) else { return false };
    let in_block = |(start, end): (&str, &str)| content.starts_with(start) || content.ends_with(end);
    !content.is_empty()
        && (language.line_comment().is_some_and(|mark| content.starts_with(mark))
            || language.block_comment().is_some_and(in_block))
}

/// Refuses a text that has more errors than the one it comes from.
fn check(source: &Source<'_>, new: &str) -> Result<(), Refusal> {
    let Some(tree) = source.tree else { return Ok(()) };
    let budget = ParseBudget { time: Some(PARSE_BUDGET), cancelled: &|| false };
    let parsed = SyntaxTree::parse(tree.language(), &Text::new(new), None, &budget);
    match parsed {
        Ok(parsed) if parsed.n_errors() <= tree.n_errors() => Ok(()),
        _ => Err(Refusal::AddsErrors),
    }
}
