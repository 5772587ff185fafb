//! Step 5 of a keystroke: the gate, then the plan, the generation and the post-processing, which are steps 6 to 8. Invariant: a
//! cancelled job ends at the next step; each step's time and each reason is in the trace.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use fimble_completion::{
    CompletionSettings, CursorInput, Mode, Plan, Refusal, RefusalKind, Suggestion, Trigger, finish, gate,
    plan_reading,
};
use fimble_model::{
    CancelToken, GenerateOptions, GenerateRequest, Generation, Model, ModelError, Priority, StopReason,
};
use fimble_syntax::ParseBudget;
use fimble_workspace::Workspace;

use crate::completion::job::{NoSuggestion, Purpose};
use crate::completion::partial::{PartialSource, PartialText, recording};
use crate::completion::progress::JobProgress;
use crate::completion::token_budget::pace;
use crate::documents::parse::CHECK_BUDGET;
use crate::documents::snapshot::DocumentSnapshot;
use crate::hidden_secrets;
use crate::report::Reporter;
use crate::settings::Settings;
use crate::trace::{AnswerPath, FilterTrace, PieceTrace, RequestTrace, TokenCounts, TraceMethod, micros};

/// Models that one request is tried with at most, where several are named.
const MAX_MEMBERS: usize = 4;

/// Suggestions for a line that an explicit request may choose from.
const MOST_LINES: usize = 3;

/// What a job reports while it runs, and what stops it.
pub(crate) struct Reporting<'a> {
    pub(crate) serial: u64,
    pub(crate) snapshot: &'a DocumentSnapshot,
    pub(crate) workspace: Option<&'a Arc<Workspace>>,
    pub(crate) cancel: &'a CancelToken,
    pub(crate) progress: &'a Arc<JobProgress>,
    pub(crate) reporter: &'a Reporter<PartialText>,
}

impl Reporting<'_> {
    /// What the filters need to judge what the model has written before it is done.
    fn source(
        &self,
        plan: &Plan,
        input: &CursorInput<'_>,
        completion: &CompletionSettings,
        is_remote: bool,
    ) -> PartialSource {
        PartialSource {
            serial: self.serial,
            plan: plan.clone(),
            snapshot: self.snapshot.clone(),
            snippets: input.snippets.to_vec(),
            offset: input.offset,
            trigger: input.trigger,
            selected: input.selected.clone(),
            completion: completion.clone(),
            workspace: self.workspace.cloned(),
            is_remote,
        }
    }
}

/// Asks the model. The first suggestion is shown, the others may be chosen instead. Where it is a choice among several, a
/// member that cannot be asked is followed by the next, with a prompt of its own.
pub(crate) fn compute_with_members(
    input: &CursorInput<'_>,
    purpose: Purpose,
    settings: &Settings,
    model: &dyn Model,
    reporting: &Reporting<'_>,
    trace: &mut RequestTrace,
) -> Result<Vec<Suggestion>, NoSuggestion> {
    let mut sources = vec![input.file.to_owned()];
    let mut outcome = None;
    for _ in 0..MAX_MEMBERS {
        let member = model.router().and_then(|router| router.member_for(&sources));
        let asked = member.as_deref().unwrap_or(model);
        let result = compute(input, purpose, settings, asked, reporting, &mut sources, trace);
        match result {
            Err(NoSuggestion::Model(error @ (ModelError::Unavailable(_) | ModelError::Withheld(_)))) => {
                reporting.progress.clear();
                trace.notes.push(error.to_string());
                outcome = Some(Err(NoSuggestion::Model(error)));
            }
            result => return result,
        }
        if reporting.cancel.is_cancelled() {
            return Err(cancelled());
        }
    }
    outcome.unwrap_or_else(|| Err(cancelled()))
}

fn compute(
    input: &CursorInput<'_>,
    purpose: Purpose,
    settings: &Settings,
    model: &dyn Model,
    reporting: &Reporting<'_>,
    sources: &mut Vec<String>,
    trace: &mut RequestTrace,
) -> Result<Vec<Suggestion>, NoSuggestion> {
    let cancel = reporting.cancel;
    if cancel.is_cancelled() {
        return Err(cancelled());
    }
    let info = model.info();
    let is_explicit = purpose == Purpose::Answer
        && input.trigger == Trigger::Invoked
        && trace.method == TraceMethod::InlineCompletion;
    let mut completion = settings.completion.clone();
    if is_explicit {
        // An explicit request wants to see something, or to choose: an unlikely line may be the right one.
        completion.min_confidence = 0.0;
    }
    let start = Instant::now();
    if purpose != Purpose::WarmUp {
        gate(input, &completion).map_err(NoSuggestion::Refused)?;
    }
    let count_tokens = |text: &str| model.count_tokens(text);
    let mut snippets = Cow::Borrowed(input.snippets);
    if snippets.iter().any(|snippet| model.is_withheld(&snippet.file)) {
        snippets.to_mut().retain(|snippet| !model.is_withheld(&snippet.file));
        let n_withheld = input.snippets.len() - snippets.len();
        trace.notes.push(format!("{n_withheld} snippets of files that stay on this machine were left out"));
    }
    let input = &CursorInput { snippets: &snippets, ..input.clone() };
    let hidden = hidden_secrets::text_for(model, input.text);
    if hidden.is_some() {
        trace.notes.push("text that looks like a secret was removed from the prompt".to_owned());
    }
    let read = hidden.as_ref().unwrap_or(input.text);
    let planned = plan_reading(input, read, &completion, info, &count_tokens);
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
            Purpose::Answer | Purpose::Typed | Purpose::LookAhead | Purpose::Small => plan.options.clone(),
        },
        priority: match purpose {
            Purpose::Answer | Purpose::Small => Priority::Interactive,
            Purpose::Typed | Purpose::LookAhead | Purpose::WarmUp => Priority::Idle,
        },
    };
    let again = (is_explicit && model.supports_alternatives()).then(|| request.clone());
    let source = reporting.source(&plan, input, &completion, trace.remote);
    let observer = recording(plan.observer(), reporting.progress, source, reporting.reporter);
    let generation = model.generate(request, cancel, observer).map_err(NoSuggestion::Model)?;
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
    if hidden_secrets::writes_secret(input, &suggestion) {
        let reason = "what the model wrote looks like a password, a key or a token";
        return Err(NoSuggestion::Refused(Refusal::new(RefusalKind::Secret, reason)));
    }
    trace.confidence = Some(suggestion.confidence);
    let mut suggestions = vec![Suggestion { is_remote: trace.remote, ..suggestion }];
    // Whoever was answered early sees the rest of that line, not others.
    if let Some(request) = again.filter(|_| reporting.progress.is_waited_for()) {
        let lines = model.generate_alternatives(request, MOST_LINES, cancel).map_err(NoSuggestion::Model)?;
        let passing =
            lines.iter().filter_map(|line| finish(&plan, input, &completion, line, &budget).result.ok());
        for other in passing {
            let is_known = |known: &Suggestion| known.text.lines().next() == other.text.lines().next();
            let is_unfit = suggestions.iter().any(is_known) || hidden_secrets::writes_secret(input, &other);
            if suggestions.len() < MOST_LINES && !is_unfit {
                suggestions.push(Suggestion { is_remote: trace.remote, ..other });
            }
        }
    }
    Ok(suggestions)
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
