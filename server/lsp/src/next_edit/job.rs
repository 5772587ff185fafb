//! The search for a next edit, off the loop. Invariant: a job sees a snapshot and no state of the loop; the parse that it was given
//! is made and reported, whatever comes of the job.

use std::sync::Arc;
use std::time::Instant;

use fimble_document::Text;
use fimble_model::CancelToken;
use fimble_next_edit::{EditHistory, NextEdit, OpenFile, Request, propose};
use fimble_syntax::SyntaxTree;

use crate::documents::parse::{ParseInput, ParseReport, parse_for_request};
use crate::documents::snapshot::DocumentSnapshot;
use crate::panics::contain;
use crate::report::Reporter;
use crate::trace::micros;

/// Another open document of the folder.
pub(crate) struct OtherFile {
    pub(crate) uri: Arc<str>,
    pub(crate) revision: u64,
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
    pub(crate) history: EditHistory,
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
    propose(&Request {
        files: &files,
        current: 0,
        cursor: job.offset,
        is_at_rest: job.is_at_rest,
        history: &job.history,
        cancelled: &|| job.cancel.is_cancelled(),
    })
}
