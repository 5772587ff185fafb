//! What is proposed at a place. Invariant: the time is that of the proposal alone, without parsing.

use std::time::{Duration, Instant};

use fimble_document::Text;
use fimble_next_edit::{Gate, NextEdit, OpenFile, Request, Situation, propose};
use fimble_syntax::{ParseBudget, SyntaxTree};

use crate::case::Case;
use crate::judge::{Judgement, judge};
use crate::replay::{self, OpenText, State};

/// A proposal with its judgement.
#[derive(Clone, Debug)]
pub struct Proposal {
    pub edit: NextEdit,
    pub judgement: Judgement,
    /// Why it is not shown.
    pub silence: Option<&'static str>,
    /// Whether the text with it has more syntax errors than the one without.
    pub breaks_syntax: bool,
    /// The line of the text where it is, from 1.
    pub line: usize,
    /// The text of these lines.
    pub now: String,
}

/// What is proposed at a place.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The best first.
    pub proposals: Vec<Proposal>,
    /// Index of the one that is shown.
    pub shown: Option<usize>,
    /// The line of the cursor, from 1.
    pub cursor_line: usize,
    pub took: Duration,
}

impl Outcome {
    /// The one that is shown.
    pub fn shown(&self) -> Option<&Proposal> {
        self.shown.map(|at| &self.proposals[at])
    }

    /// Whether one is shown that is wrong.
    pub fn is_wrong(&self) -> bool {
        self.shown().is_some_and(|shown| !shown.judgement.up_to_blanks)
    }
}

/// Replays a place and asks for the next edit, at rest or as if the user were still in a word; for all `candidates`, or the best
/// two.
///
/// # Errors
/// The place cannot be replayed.
pub fn measure(case: &Case, typing: bool, candidates: bool) -> anyhow::Result<Outcome> {
    let state = replay::replay(case)?;
    let files: Vec<OpenFile<'_>> = state
        .files
        .iter()
        .map(|file| OpenFile { document: &file.path, text: &file.text, tree: file.tree.as_ref() })
        .collect();
    let request = Request {
        files: &files,
        current: 0,
        cursor: state.cursor,
        is_at_rest: !typing && !case.is_typing,
        is_refused: &|_| false,
        history: &state.history,
        cancelled: &|| false,
    };
    let started = Instant::now();
    let edits = if candidates { fimble_next_edit::candidates(&request) } else { propose(&request) };
    let took = started.elapsed();
    let gate = Gate::new();
    let situation = Situation { now: state.now, ..Situation::default() };
    let proposals: Vec<Proposal> = edits
        .into_iter()
        .map(|edit| {
            let silence = gate.admits(&edit, &situation).err().map(fimble_next_edit::Silence::name);
            judged(&state, edit, silence)
        })
        .collect();
    let shown = proposals.iter().position(|proposal| proposal.silence.is_none());
    let cursor_line = state.files[0].text.line_of(state.cursor) + 1;
    Ok(Outcome { proposals, shown, cursor_line, took })
}

fn judged(state: &State, edit: NextEdit, silence: Option<&'static str>) -> Proposal {
    let file = state.files.iter().find(|file| *file.path == *edit.document);
    let Some(file) = file else {
        // An edit of a file that is not open is wrong.
        return Proposal {
            edit,
            judgement: Judgement::default(),
            silence,
            breaks_syntax: false,
            line: 0,
            now: String::new(),
        };
    };
    let text = file.text.to_string();
    let judgement = judge(&text, &file.left, edit.range.clone(), &edit.new_text);
    let (first, last) = (file.text.line_of(edit.range.start), file.text.line_of(edit.range.end));
    let now = file.text.slice(file.text.line_start(first)..file.text.line_end(last)).into_owned();
    let breaks_syntax = breaks_syntax(file, &text, &edit);
    Proposal { edit, judgement, silence, breaks_syntax, line: first + 1, now }
}

fn breaks_syntax(file: &OpenText, text: &str, edit: &NextEdit) -> bool {
    let Some(tree) = &file.tree else { return false };
    let text = Text::new(&[&text[..edit.range.start], &edit.new_text, &text[edit.range.end..]].concat());
    let after = SyntaxTree::parse(tree.language(), &text, None, &ParseBudget::unlimited());
    after.is_ok_and(|after| after.n_errors() > tree.n_errors())
}
