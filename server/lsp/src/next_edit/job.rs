//! The search for a next edit, off the loop. Invariant: a job sees a snapshot and no state of the loop; the parse that it was given
//! is made and reported, whatever comes of the job.

use std::sync::Arc;
use std::time::Instant;

use fimble_document::Text;
use fimble_model::{CancelToken, Model};
use fimble_next_edit::{EditHistory, Gate, NextEdit, OpenFile, Request, propose};
use fimble_syntax::SyntaxTree;

use crate::documents::parse::{ParseInput, ParseReport, parse_for_request};
use crate::documents::snapshot::DocumentSnapshot;
use crate::next_edit::fill::fill;
use crate::next_edit::write::{Writing, write};
use crate::panics::contain;
use crate::report::Reporter;
use crate::trace::micros;

/// Another open document of the folder.
pub(crate) struct OtherFile {
    pub(crate) uri: Arc<str>,
    pub(crate) revision: u64,
    /// Its path in its folder, and its whole path.
    pub(crate) path: String,
    pub(crate) file: String,
    pub(crate) text: Text,
    pub(crate) tree: SyntaxTree,
}

/// One search.
pub(crate) struct NextEditJob {
    pub(crate) serial: u64,
    pub(crate) uri: Arc<str>,
    pub(crate) snapshot: DocumentSnapshot,
    pub(crate) others: Vec<OtherFile>,
    pub(crate) offset: usize,
    pub(crate) is_at_rest: bool,
    /// Whether the user asked: then what was dismissed counts again.
    pub(crate) is_explicit: bool,
    pub(crate) gate: Gate,
    pub(crate) history: EditHistory,
    /// The model that completes, and the one that writes edits: they are asked where nothing is found without a model.
    pub(crate) completing: Option<Arc<dyn Model>>,
    pub(crate) writer: Option<Arc<dyn Model>>,
    pub(crate) cancel: CancelToken,
    pub(crate) parsed: Reporter<ParseReport>,
    pub(crate) reporter: Reporter<NextEditReport>,
    pub(crate) queued: Instant,
}

/// What came of a search.
pub(crate) struct NextEditReport {
    pub(crate) serial: u64,
    /// The best first; none if the search failed.
    pub(crate) proposals: Option<Vec<NextEdit>>,
    /// The revision of each document that was looked at.
    pub(crate) revisions: Vec<(Arc<str>, u64)>,
    /// Times in microseconds: waiting, parsing, searching.
    pub(crate) queue: u64,
    pub(crate) parse: u64,
    pub(crate) search: u64,
}

/// Runs a job and reports its end.
pub(crate) fn run(job: NextEditJob) {
    let queue = micros(job.queued.elapsed());
    let parsing = Instant::now();
    let tree = tree(&job);
    let parse = micros(parsing.elapsed());
    let searching = Instant::now();
    let proposals = contain(|| search(&job, tree.as_ref()));
    let search = micros(searching.elapsed());
    let others = job.others.iter().map(|file| (Arc::clone(&file.uri), file.revision));
    let revisions = std::iter::once((Arc::clone(&job.uri), job.snapshot.revision)).chain(others).collect();
    job.reporter.send(NextEditReport { serial: job.serial, proposals, revisions, queue, parse, search });
}

/// The tree of exactly this text; none if there is none in time.
fn tree(job: &NextEditJob) -> Option<SyntaxTree> {
    let snapshot = &job.snapshot;
    if !snapshot.needs_parse {
        return snapshot.tree.clone();
    }
    let input = ParseInput {
        document: snapshot.document,
        revision: snapshot.revision,
        language: snapshot.language?,
        text: snapshot.text.clone(),
        old: snapshot.tree.clone(),
    };
    parse_for_request(&input, &job.cancel, &job.parsed).ok()
}

fn search(job: &NextEditJob, tree: Option<&SyntaxTree>) -> Vec<NextEdit> {
    let current = OpenFile { document: &job.uri, text: &job.snapshot.text, tree };
    let others = job.others.iter().map(|file| OpenFile {
        document: &file.uri,
        text: &file.text,
        tree: Some(&file.tree),
    });
    let files: Vec<OpenFile<'_>> = std::iter::once(current).chain(others).collect();
    let request = Request {
        files: &files,
        current: 0,
        cursor: job.offset,
        is_at_rest: job.is_at_rest,
        history: &job.history,
        is_refused: &|edit| !job.is_explicit && job.gate.is_dismissed(edit),
        cancelled: &|| job.cancel.is_cancelled(),
    };
    let mut proposals = propose(&request);
    // A model takes seconds: it is asked when the user waits for something, not in the middle of a word.
    if proposals.is_empty() && request.is_at_rest {
        proposals.extend(from_models(job, &request));
    }
    proposals
}

/// The edit of a model: an argument of the model that completes, else what the model for edits writes.
fn from_models(job: &NextEditJob, request: &Request<'_>) -> Option<NextEdit> {
    let other = |uri: &str| job.others.iter().find(|file| *file.uri == *uri);
    let path_of = |uri: &str| other(uri).map_or(&job.snapshot.path, |file| &file.path).clone();
    let file_of = |uri: &str| other(uri).map_or(&job.snapshot.file, |file| &file.file).clone();
    let sources = sources(job);
    let with = |model| Writing {
        model,
        path_of: &path_of,
        file_of: &file_of,
        sources: &sources,
        cancel: &job.cancel,
    };
    let filled = job.completing.as_ref().and_then(|model| fill(request, &with(model)));
    filled.or_else(|| job.writer.as_ref().and_then(|model| write(request, &with(model))))
}

/// The files whose text can be shown to a model: this one, and the others that were changed.
fn sources(job: &NextEditJob) -> Vec<String> {
    let is_changed = |uri: &str| job.history.hunks().iter().any(|hunk| *hunk.document == *uri);
    let others = job.others.iter().filter(|file| is_changed(&file.uri)).map(|file| file.file.clone());
    std::iter::once(job.snapshot.file.clone()).chain(others).collect()
}
