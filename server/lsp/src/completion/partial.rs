//! A suggestion that the model is still writing, through the filters. Invariant: what is answered early passed every filter that a
//! whole suggestion passes; the model's thread only appends text and reports.

use std::sync::Arc;

use fimble_completion::{CompletionSettings, Elsewhere, Plan, SelectedItem, Suggestion, Trigger, finish};
use fimble_model::fim::Snippet;
use fimble_model::{GeneratedToken, Generation, StopReason, TokenObserver, Usage};
use fimble_syntax::ParseBudget;
use fimble_workspace::Workspace;

use crate::completion::progress::JobProgress;
use crate::documents::parse::CHECK_BUDGET;
use crate::documents::snapshot::DocumentSnapshot;
use crate::hidden_secrets;
use crate::report::Reporter;

/// Where an early answer was refused by a filter, it is tried again after so many more pieces of text.
const PIECES_BETWEEN: usize = 3;

/// All that the filters need, besides what the model writes.
pub(crate) struct PartialSource {
    pub(crate) serial: u64,
    pub(crate) plan: Plan,
    pub(crate) snapshot: DocumentSnapshot,
    pub(crate) snippets: Vec<Snippet>,
    pub(crate) offset: usize,
    pub(crate) trigger: Trigger,
    pub(crate) selected: Option<SelectedItem>,
    pub(crate) completion: CompletionSettings,
    pub(crate) workspace: Option<Arc<Workspace>>,
    pub(crate) is_remote: bool,
}

/// What was written when an answer was due.
pub(crate) struct PartialText {
    pub(crate) source: Arc<PartialSource>,
    generation: Generation,
}

/// What is left of it after the filters.
pub(crate) struct PartialOutcome {
    pub(crate) source: Arc<PartialSource>,
    pub(crate) suggestion: Option<Suggestion>,
}

/// An observer that records what it sees, and reports it once an answer is due.
pub(crate) fn recording(
    mut observer: TokenObserver,
    progress: &Arc<JobProgress>,
    source: PartialSource,
    reporter: &Reporter<PartialText>,
) -> TokenObserver {
    let (progress, reporter, source) = (Arc::clone(progress), reporter.clone(), Arc::new(source));
    let mut text = String::new();
    let (mut n_pieces, mut next_report) = (0, 0);
    Box::new(move |piece: &str, tokens: &[GeneratedToken]| {
        text.push_str(piece);
        n_pieces += 1;
        progress.push(piece);
        let verdict = observer(piece, tokens);
        if verdict.is_continue()
            && n_pieces >= next_report
            && !text.trim().is_empty()
            && progress.is_due(&text)
        {
            next_report = n_pieces + PIECES_BETWEEN;
            let generation = so_far(&text, tokens);
            reporter.send(PartialText { source: Arc::clone(&source), generation });
        }
        verdict
    })
}

/// A generation that is not over.
fn so_far(text: &str, tokens: &[GeneratedToken]) -> Generation {
    let shown = tokens.iter().filter(|token| token.text_end <= text.len()).cloned();
    Generation {
        text: text.to_owned(),
        tokens: shown.collect(),
        stop: StopReason::MaxTokens,
        usage: Usage::default(),
    }
}

impl PartialText {
    /// Runs the filters.
    pub(crate) fn finish(self) -> PartialOutcome {
        let Self { source, generation } = self;
        let snapshot = &source.snapshot;
        let holds = |text: &str| source.workspace.as_ref().is_some_and(|workspace| workspace.holds(text));
        let selected = source.selected.clone();
        let elsewhere = Elsewhere::new(&holds);
        let input = snapshot.input(&source.snippets, source.offset, source.trigger, selected, elsewhere);
        let budget = ParseBudget { time: Some(CHECK_BUDGET), cancelled: &|| false };
        let finished = finish(&source.plan, &input, &source.completion, &generation, &budget);
        let suggestion =
            finished.result.ok().filter(|suggestion| !hidden_secrets::writes_secret(&input, suggestion));
        let suggestion =
            suggestion.map(|suggestion| Suggestion { is_remote: source.is_remote, ..suggestion });
        PartialOutcome { source, suggestion }
    }
}
