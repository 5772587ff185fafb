//! The whole crate: what is upserted, found and removed, with a vocabulary of a few words.

use std::cell::Cell;
use std::sync::Arc;

use super::index::locked;
use super::*;

/// Words, blanks and signs. Every other piece of a text is the first of them.
const WORDS: [&str; 17] = [
    "?", "\n", "open", " open", "(", ")", "path", "mode", "   ", "return", " return", "close", " close",
    "    ", "file", "a", " a",
];

/// Splits a text as the tokenizers of GPT-2 and its successors do: a word takes the space before it.
struct Words;

/// Length in bytes of the first piece of a text that is not empty.
fn piece(text: &str) -> usize {
    let word = text.strip_prefix(' ').unwrap_or(text);
    let letters = word.len() - word.trim_start_matches(char::is_alphabetic).len();
    if letters > 0 {
        return text.len() - word.len() + letters;
    }
    let blanks = text.len() - text.trim_start().len();
    match text[..blanks].rfind('\n') {
        Some(at) => at + 1,
        None if blanks == 0 => text.chars().next().map_or(0, char::len_utf8),
        None if blanks == text.len() => blanks,
        None => (blanks - 1).max(1),
    }
}

impl Vocabulary for Words {
    fn encode(&self, mut text: &str) -> Vec<TokenId> {
        let mut tokens = Vec::new();
        while !text.is_empty() {
            let (first, rest) = text.split_at(piece(text));
            tokens.push(self.token_of(first.as_bytes()).unwrap_or(0));
            text = rest;
        }
        tokens
    }

    fn bytes_of(&self, token: TokenId) -> &[u8] {
        WORDS.get(token as usize).map_or(&[], |word| word.as_bytes())
    }

    fn token_of(&self, bytes: &[u8]) -> Option<TokenId> {
        (0..).zip(WORDS).find(|(_, word)| word.as_bytes() == bytes).map(|(token, _)| token)
    }

    fn contains(&self, token: TokenId) -> bool {
        (token as usize) < WORDS.len()
    }
}

struct Project(ProjectCache);

impl Project {
    fn new(max_bytes: usize) -> Self {
        Self(ProjectCache::new(max_bytes, Arc::new(Words)))
    }

    /// Upserts a document and does all the work. Returns the number of steps.
    fn upsert(&self, name: &str, layer: Layer, text: &str) -> usize {
        self.0.upsert(name.into(), layer, text.into());
        self.finish()
    }

    fn remove(&self, name: &str) {
        self.0.remove(name);
        self.finish();
    }

    fn finish(&self) -> usize {
        let mut n_steps = 1;
        while self.0.step() {
            n_steps += 1;
        }
        n_steps
    }

    /// Catches up in at most so many steps. Returns how often it was asked whether that is enough.
    fn catch_up(&self, document: &str, line: usize, most_steps: usize) -> usize {
        let n_asked = Cell::new(0);
        self.0.catch_up(document, line, &|| n_asked.replace(n_asked.get() + 1) >= most_steps);
        n_asked.get()
    }

    /// The likeliest token for a model that finds all of them equally likely, by its text; none without a match.
    fn next(&self, document: &str, line: usize, before: &str, n_healed: usize) -> Option<&'static str> {
        let mut lookup = self.0.lookup(&Cursor { document, line, before }, n_healed);
        let logits = [0.0; WORDS.len()];
        let row = lookup.mix(&logits, None)?;
        let best = (0..WORDS.len()).max_by(|left, right| row[*left].total_cmp(&row[*right]))?;
        Some(WORDS[best])
    }
}

const CODE: &str = "open(path)\n    return mode\nclose(file)\n";

#[test]
fn words_take_the_space_before_them() {
    let pieces =
        |text: &str| Words.encode(text).iter().map(|token| WORDS[*token as usize]).collect::<Vec<_>>();
    assert_eq!(pieces("open(a)\n    return a"), ["open", "(", "a", ")", "\n", "   ", " return", " a"]);
    assert_eq!(pieces("path7    "), ["path", "?", "    "]);
}

#[test]
fn what_followed_before_is_likely_again() {
    let project = Project::new(1 << 20);
    assert_eq!(project.next("here", 0, "open(", 0), None);
    project.upsert("there", Layer::Workspace, CODE);
    assert_eq!(project.next("here", 0, "open(", 0), Some("path"));
    // Behind white space that belongs to the next word in a document, and with the word predicted again.
    assert_eq!(project.next("here", 0, "open(path)\n    ", 0), Some("return"));
    assert_eq!(project.next("here", 0, "open(pa", 2), Some("path"));
    project.remove("there");
    assert_eq!(project.next("here", 0, "open(", 0), None);
}

#[test]
fn chosen_tokens_extend_the_context() {
    let project = Project::new(1 << 20);
    project.upsert("there", Layer::Workspace, CODE);
    let mut lookup = project.0.lookup(&Cursor { document: "here", line: 0, before: "close(" }, 0);
    lookup.push(Words.token_of(b"file").unwrap());
    let sign = Words.token_of(b")").unwrap();
    let mixed = lookup.mix(&[0.0; WORDS.len()], None).unwrap();
    assert!(mixed[sign as usize] > 0.0);
    assert!(lookup.mix(&[0.0; WORDS.len()], Some(&[0, 1])).is_none(), "it is not among the possible ones");
}

#[test]
fn an_unfinished_line_elsewhere_predicts_no_end() {
    let project = Project::new(1 << 20);
    project.upsert("there", Layer::Open, "open(\nclose(path)\n");
    assert_eq!(project.next("here", 0, "open(", 0), Some("path"));
}

#[test]
fn the_nearer_document_wins() {
    let project = Project::new(1 << 20);
    project.upsert("far", Layer::Workspace, "open(path)\n");
    project.upsert("beside", Layer::Open, "open(mode)\n");
    assert_eq!(project.next("here", 0, "open(", 0), Some("mode"));
    project.upsert("here", Layer::Open, "\nopen(file)\n");
    assert_eq!(project.next("here", 0, "open(", 0), Some("file"));
    // The text on disk of an open document is ignored. A closed one is one of many again.
    project.upsert("here", Layer::Workspace, "\nopen(file)\n");
    assert_eq!(project.next("here", 0, "open(", 0), Some("file"));
    project.remove("here");
    project.upsert("here", Layer::Workspace, "\nopen(file)\n");
    assert_eq!(project.next("here", 0, "open(", 0), Some("mode"));
}

#[test]
fn the_line_that_is_written_is_not_found() {
    // A document that was just opened is known from the workspace until it is upserted as open.
    for layer in [Layer::Open, Layer::Workspace] {
        let project = Project::new(1 << 20);
        project.upsert("here", layer, "close file\nopen(path)\nreturn\n");
        assert_eq!(project.next("here", 1, "close file\nopen(", 0), None, "{layer:?}");
        assert_eq!(project.next("here", 1, "close file\nopen(path", 0), None, "not even its end");
        assert_eq!(project.next("here", 2, "open(", 0), Some("path"));
        assert_eq!(project.next("elsewhere", 1, "open(", 0), Some("path"));
    }
}

#[test]
fn an_edit_costs_the_lines_around_it() {
    let project = Project::new(1 << 20);
    let lines: Vec<String> = (0..600).map(|line| format!("open(path{})\n", line * line % 977)).collect();
    let n_all = project.upsert("here", Layer::Open, &lines.concat());
    let mut edited = lines.clone();
    edited[300] = "close(mode)\n".to_owned();
    edited.insert(400, "return file\n".to_owned());
    let n_steps = project.upsert("here", Layer::Open, &edited.concat());
    assert!(n_steps * 4 < n_all, "{n_steps} of {n_all}");
    assert_eq!(project.next("here", 0, "close(", 0), Some("mode"));
    assert_eq!(project.upsert("here", Layer::Open, &edited.concat()), 2, "nothing is new");
}

#[test]
fn memory_is_bounded_and_the_oldest_goes_first() {
    let project = Project::new(256 << 10);
    let long = CODE.repeat(400);
    for file in 0..40 {
        let marked = if file == 0 { "close(mode)\n".repeat(40) } else { long.clone() };
        project.upsert(&format!("file {file}"), Layer::Workspace, &marked);
        assert!(project.0.n_bytes() <= 256 << 10, "{file}");
    }
    assert_eq!(project.next("here", 0, "open(", 0), Some("path"));
    assert_eq!(project.next("here", 0, "close(", 0), Some("file"), "the first was removed");
}

#[test]
fn a_document_that_is_replaced_is_abandoned() {
    let project = Project::new(1 << 20);
    project.0.upsert("here".into(), Layer::Open, CODE.repeat(100).into());
    assert!(project.0.step() && project.0.step());
    assert!(project.upsert("here", Layer::Open, "close mode\n") < 5);
    assert_eq!(project.next("other", 0, "open(", 0), None);
}

#[test]
fn the_last_change_counts_however_the_work_is_done() {
    for most_steps in [0, 1, 2, 100] {
        let project = Project::new(1 << 20);
        let upsert = |layer, text: &str| project.0.upsert("here".into(), layer, text.into());
        upsert(Layer::Open, "open(path)\n");
        project.finish();
        project.0.remove("here");
        upsert(Layer::Workspace, "open(file)\n");
        project.catch_up("here", 0, most_steps);
        project.finish();
        assert_eq!(project.next("other", 0, "open(", 0), Some("file"), "{most_steps}");
        project.0.remove("here");
        project.catch_up("here", 0, most_steps);
        project.finish();
        assert_eq!(project.next("other", 0, "open(", 0), None, "{most_steps}");
    }
}

#[test]
fn the_requested_document_and_its_lines_come_first() {
    let project = Project::new(1 << 20);
    for file in 0..50 {
        project.0.upsert(format!("{file}").into(), Layer::Workspace, "file a\n".repeat(300).into());
    }
    let mut lines: Vec<String> = (0..900).map(|line| format!("read(path{})\n", line * line % 977)).collect();
    lines[701] = "close(mode)\n".to_owned();
    project.0.upsert("here".into(), Layer::Open, lines.concat().into());
    project.catch_up("here", 700, 4);
    assert_eq!(project.next("here", 700, "close(", 0), Some("mode"));
    assert_eq!(project.next("here", 700, "file", 0), None, "the workspace waits");
    assert!((10..400).contains(&project.catch_up("here", 700, 10_000)));
    assert_eq!(project.catch_up("here", 700, 10_000), 1, "nothing is left of this document");
    project.finish();
    assert_eq!(project.next("here", 700, "file", 0), Some(" a"));
}

#[test]
fn repetition_in_a_document_raises_its_weight() {
    let weight = |text: &str| {
        let project = Project::new(1 << 20);
        project.upsert("a", Layer::Open, text);
        locked(project.0.index()).weight("a", 0)
    };
    let repeated = weight(&"open(file)\nclose(file)\nreturn mode\nopen(path)\n".repeat(60));
    let words = ["open", "close", "path", "mode", "file", "return"];
    let line = |at: usize| format!("{}({})\n", words[at * 7 % 6], words[at * at % 5]);
    let different = weight(&(0..240).map(line).collect::<String>());
    assert!(repeated.this > different.this, "{repeated:?} {different:?}");
}
