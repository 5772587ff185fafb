//! Cases in text files, and a workspace that plays them. Invariant: proposals are accepted as an editor does it, as one edit of the
//! present text, and go into the history.
//!
//! A case begins with `## language: title`, ends with its expectations, and has its text between. `«old→new»` is an edit; the edits
//! are made in their order, or by numbers: `«2:old→new»`. `@@ name` begins another open document. The cursor stands behind the last
//! edit and is at rest; in a title that ends with `(typing)` it is not. `=> kind: line` is the first line that the best proposal
//! changes, as it is then; `=> | line` is the next line. Each further expectation comes after the one above was accepted. `=> nothing`
//! means that nothing is proposed. A document's name in front of the kind is where the proposal is, if not in the first one.

use std::time::Duration;

use fimble_document::{Document, PositionEncoding, PositionRange, Text, TextChange};
use fimble_next_edit::{EditHistory, NextEdit, OpenFile, Request, propose};
use fimble_syntax::{ParseBudget, SyntaxTree, by_language_id};

pub struct Case {
    pub language: String,
    pub title: String,
    pub files: Vec<(String, String)>,
    pub expected: Vec<Expected>,
}

#[derive(Debug, PartialEq)]
pub enum Expected {
    Nothing,
    Edit { document: Option<String>, kind: String, lines: Vec<String> },
}

pub fn cases(text: &str) -> Vec<Case> {
    let mut found: Vec<Case> = Vec::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            let (language, title) = title.split_once(": ").unwrap_or_else(|| panic!("no language: {title}"));
            found.push(Case {
                language: language.to_owned(),
                title: title.to_owned(),
                files: vec![("/src/main".to_owned(), String::new())],
                expected: Vec::new(),
            });
            continue;
        }
        let Some(case) = found.last_mut() else { continue };
        if let Some(name) = line.strip_prefix("@@ ") {
            // A name before any text is that of the first document.
            if case.files.len() == 1 && case.files[0].1.is_empty() {
                case.files.clear();
            }
            case.files.push((name.to_owned(), String::new()));
        } else if let Some(line) = line.strip_prefix("=> | ") {
            let Some(Expected::Edit { lines, .. }) = case.expected.last_mut() else { panic!("{line}") };
            lines.push(line.to_owned());
        } else if line == "=> nothing" {
            case.expected.push(Expected::Nothing);
        } else if let Some(rest) = line.strip_prefix("=> ") {
            let (kind, line) = rest.split_once(':').unwrap();
            let (document, kind) = match kind.split_once(' ') {
                Some((document, kind)) => (Some(document.to_owned()), kind),
                None => (None, kind),
            };
            // Nothing behind the colon: lines are removed.
            let lines = line.strip_prefix(' ').map(str::to_owned).into_iter().collect();
            case.expected.push(Expected::Edit { document, kind: kind.to_owned(), lines });
        } else if case.expected.is_empty() {
            let (_, content) = case.files.last_mut().unwrap();
            content.push_str(line);
            content.push('\n');
        }
    }
    found
}

pub struct Workspace {
    names: Vec<String>,
    documents: Vec<Document>,
    language: String,
    history: EditHistory,
    now: Duration,
    pub current: usize,
    pub cursor: usize,
    pub is_at_rest: bool,
}

/// An edit of a case: its number, the document, and where the old text is in the text without marks.
struct Mark {
    number: usize,
    document: usize,
    start: usize,
    old: String,
    new: String,
}

impl Workspace {
    pub fn new(case: &Case) -> Self {
        let mut marks: Vec<Mark> = Vec::new();
        let (mut names, mut documents) = (Vec::new(), Vec::new());
        for (document, (name, content)) in case.files.iter().enumerate() {
            let mut plain = String::new();
            let mut rest = content.trim_end_matches('\n');
            while let Some((before, marked)) = rest.split_once('«') {
                plain.push_str(before);
                let (mark, after) = marked.split_once('»').unwrap();
                let (old, new) = mark.split_once('→').unwrap_or_else(|| panic!("no arrow: {mark}"));
                let number = old.split_once(':').and_then(|(number, _)| number.parse().ok());
                let old = if number.is_some() { old.split_once(':').unwrap().1 } else { old };
                let number = number.unwrap_or(marks.len() + 1);
                // A line break in a mark is written `⏎`.
                let (old, new) = (old.replace('⏎', "\n"), new.replace('⏎', "\n"));
                marks.push(Mark { number, document, start: plain.len(), old: old.clone(), new });
                plain.push_str(&old);
                rest = after;
            }
            plain.push_str(rest);
            plain.push('\n');
            names.push(name.clone());
            documents.push(Document::new(plain.as_str(), 0));
        }
        let mut workspace = Self {
            names,
            documents,
            language: case.language.clone(),
            history: EditHistory::new(),
            now: Duration::ZERO,
            current: 0,
            cursor: 0,
            is_at_rest: !case.title.ends_with("(typing)"),
        };
        marks.sort_by_key(|mark| mark.number);
        for at in 0..marks.len() {
            let mark = &marks[at];
            // Edits before this one in the same document moved it.
            let moved = marks[..at]
                .iter()
                .filter(|other| other.document == mark.document && other.start < mark.start);
            let start = moved.fold(mark.start, |start, other| start + other.new.len() - other.old.len());
            workspace.edit(mark.document, start, &mark.old, &mark.new);
        }
        workspace
    }

    /// Replaces `old`, which is at `start`.
    pub fn edit(&mut self, document: usize, start: usize, old: &str, new: &str) {
        self.now += Duration::from_secs(10);
        let before = self.documents[document].text().clone();
        assert_eq!(before.slice(start..start + old.len()), old, "the text changed meanwhile");
        let position = |offset| before.position(offset, PositionEncoding::Utf8);
        let range = PositionRange { start: position(start), end: position(start + old.len()) };
        let change = TextChange::Part { range, text: new.to_owned() };
        let version = self.documents[document].version() + 1;
        let (history, name, now) = (&mut self.history, &self.names[document], self.now);
        self.documents[document]
            .apply(version, &[change], PositionEncoding::Utf8, |after, edit| {
                history.record(name, &before, &edit, after, now);
            })
            .unwrap();
        self.current = document;
        self.cursor = start + new.len();
    }

    pub fn content(&self, document: usize) -> String {
        self.documents[document].text().to_string()
    }

    pub fn text(&self, document: usize) -> Text {
        self.documents[document].text().clone()
    }

    pub fn history(&self) -> &EditHistory {
        &self.history
    }

    /// The number of syntax errors of all documents.
    pub fn n_errors(&self) -> usize {
        let language = by_language_id(&self.language).unwrap();
        let tree = |text: &Text| SyntaxTree::parse(language, text, None, &ParseBudget::unlimited()).unwrap();
        self.documents.iter().map(|document| tree(document.text()).n_errors()).sum()
    }

    pub fn proposals(&self) -> Vec<NextEdit> {
        let language = by_language_id(&self.language).unwrap();
        let texts: Vec<&Text> = self.documents.iter().map(Document::text).collect();
        let trees: Vec<SyntaxTree> = texts
            .iter()
            .map(|text| SyntaxTree::parse(language, text, None, &ParseBudget::unlimited()).unwrap())
            .collect();
        let files: Vec<OpenFile<'_>> = (0..texts.len())
            .map(|at| OpenFile { document: &self.names[at], text: texts[at], tree: Some(&trees[at]) })
            .collect();
        propose(&Request {
            files: &files,
            current: self.current,
            cursor: self.cursor,
            is_at_rest: self.is_at_rest,
            is_refused: &|_| false,
            history: &self.history,
            cancelled: &|| false,
        })
    }

    /// Accepts a proposal, and returns the lines that it changed.
    pub fn accept(&mut self, edit: &NextEdit) -> Vec<String> {
        let document = self.names.iter().position(|name| **name == *edit.document).unwrap();
        let before = self.content(document);
        self.edit(document, edit.range.start, &edit.old_text, &edit.new_text);
        let after = self.content(document);
        let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
        let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
        let most = old.len().min(new.len()) - start;
        let end = (0..most).take_while(|at| old[old.len() - 1 - at] == new[new.len() - 1 - at]).count();
        new[start..new.len() - end].iter().map(|line| (*line).to_owned()).collect()
    }

    /// Plays the expectations of a case, and returns what differs.
    pub fn play(&mut self, case: &Case) -> Result<(), String> {
        for expected in &case.expected {
            let proposals = self.proposals();
            let found = match proposals.first() {
                None => Expected::Nothing,
                Some(edit) => {
                    let n_errors = self.n_errors();
                    let document = (*edit.document != *self.names[0]).then(|| edit.document.to_string());
                    let kind = edit.kind.name().to_owned();
                    let lines = self.accept(edit);
                    assert!(self.n_errors() <= n_errors, "{}: a new syntax error", case.title);
                    Expected::Edit { document, kind, lines }
                }
            };
            if found != *expected {
                return Err(format!("expected {expected:?}\n   found {found:?}\n     all {proposals:?}"));
            }
        }
        Ok(())
    }
}
