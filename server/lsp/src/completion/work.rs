//! Step 4 of a keystroke: the job runs on a thread of its own. It brings the syntax tree up to date and chooses snippets of other
//! files. Invariant: a job reports its end exactly once, panics included; each step's time is in the trace.

use std::sync::Arc;
use std::time::Instant;

use fimble_completion::Elsewhere;
use fimble_model::fim::Snippet;
use fimble_model::{CancelToken, Model};
use fimble_workspace::{Around, OpenText, Related, Workspace};

use crate::completion::compute::{Reporting, compute_with_members};
use crate::completion::job::{CompletionJob, JobOutcome, NoSuggestion, Purpose};
use crate::documents::parse::{ParseInput, ParseReport, parse_for_request, parse_speculative};
use crate::documents::snapshot::DocumentSnapshot;
use crate::panics::contain;
use crate::report::Reporter;
use crate::trace::{RequestTrace, micros};

/// Runs a job and reports its end.
pub(crate) fn run(job: CompletionJob) {
    let CompletionJob { serial, purpose, offset, settings_key, mut trace, queued, .. } = job;
    let reporters = job.reporters;
    let mut snapshot = job.snapshot;
    trace.times.queue += micros(queued.elapsed());
    if let Some(stopped) = snapshot.unparsable {
        trace.notes.push(format!("{stopped}; plain text is used until the file is saved"));
    } else if snapshot.needs_parse {
        let start = Instant::now();
        update_tree(&mut snapshot, purpose, &job.cancel, &reporters.parsed, &mut trace);
        trace.times.parse = micros(start.elapsed());
    }
    let snippets = snippets(&job.workspace, &*job.model, &snapshot, &job.others, offset);
    let holds = |text: &str| job.workspace.as_ref().is_some_and(|workspace| workspace.holds(text));
    let input = snapshot.input(&snippets, offset, job.trigger, job.selected, Elsewhere::new(&holds));
    let computed = contain(|| {
        if let Some(update) = &job.update {
            let start = Instant::now();
            update.send();
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
                reporter: &reporters.partial,
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
    reporters.outcome.send(outcome);
}

/// Parts of other files that belong into the prompt.
fn snippets(
    workspace: &Option<Arc<Workspace>>,
    model: &dyn Model,
    snapshot: &DocumentSnapshot,
    others: &[OpenText],
    offset: usize,
) -> Vec<Snippet> {
    let Some(workspace) = workspace.as_ref().filter(|_| model.info().fim.is_ok()) else { return Vec::new() };
    let text = &snapshot.text;
    // Measured: a small model writes no better with definitions in its prompt.
    let tree = snapshot.tree.as_ref().filter(|_| model.info().writes_code);
    let around = Around { text, tree, line: text.line_of(offset), others };
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
    reporter: &Reporter<ParseReport>,
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
        Purpose::LookAhead => parse_speculative(&input, cancel),
        Purpose::Answer | Purpose::Typed | Purpose::WarmUp | Purpose::Small => {
            parse_for_request(&input, cancel, reporter)
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
