//! Random sequences of edits: what holds for every proposal. Invariant: the texts are code, so that proposals are made, and the
//! edits are what users do: they rename, add and remove, and take back.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::cell::Cell;

use common::cases::{Case, Workspace};
use proptest::prelude::*;

const PYTHON: &str = "class Cart:\n    def __init__(self, name, price):\n        self.name = name\n        self.price = price\n\n    \
                      def load(self, path, mode):\n        a = open_file(path, mode)\n        b = open_file(self.name, mode)\n        \
                      return a + b + self.price\n\n\ndef run(cart, path):\n    cart.load(path, 1)\n    return load_all(path)\n";

const RUST: &str = "struct Cart {\n    name: String,\n    price: u32,\n}\n\nimpl Cart {\n    fn load(&self, path: &str, mode: u8) -> u32 {\n        \
                    let a = open_file(path, mode);\n        let b = open_file(&self.name, mode);\n        a + b + self.price\n    }\n}\n\nfn \
                    run(cart: Cart, path: &str) -> u32 {\n    cart.load(path, 1);\n    load_all(path)\n}\n";

const TYPESCRIPT: &str = "class Cart {\n  constructor(private name: string, price: number) {\n    this.price = price;\n  }\n\n  \
                          load(path: string, mode: number) {\n    const a = openFile(path, mode);\n    const b = openFile(this.name, mode);\n    \
                          return { a, b, path };\n  }\n}\n\nfunction run(cart: Cart, path: string) {\n  cart.load(path, 1);\n  return loadAll(path);\n}\n";

const LANGUAGES: [(&str, &str); 3] = [("python", PYTHON), ("rust", RUST), ("typescript", TYPESCRIPT)];

/// Words that are written.
const WORDS: [&str; 6] = ["total", "items", "flags", "self.size", "None", "1"];

#[derive(Clone, Debug)]
enum Step {
    /// A word becomes another one.
    Rename(usize, usize),
    /// An argument or a parameter is added before a closing bracket.
    Add(usize, usize),
    /// A line is removed.
    Remove(usize),
    /// A line is written again below itself, with its first long word replaced.
    Copy(usize, usize),
    /// The last of the user's edits is taken back.
    Undo,
    /// The best proposal is accepted.
    Accept,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..60_usize, 0..WORDS.len()).prop_map(|(at, word)| Step::Rename(at, word)),
        5 => (0..6_usize, 0..2_usize).prop_map(|(at, word)| Step::Add(at, word)),
        1 => (0..16_usize).prop_map(Step::Remove),
        2 => (0..16_usize, 0..WORDS.len()).prop_map(|(at, word)| Step::Copy(at, word)),
        1 => Just(Step::Undo),
        8 => Just(Step::Accept),
    ]
}

/// The places of words.
fn words(content: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, c) in content.char_indices() {
        match (c.is_alphanumeric() || c == '_', start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                found.push((from, at));
                start = None;
            }
            _ => {}
        }
    }
    found
}

/// The edit of a step: where, the old text and the new text.
fn edit(content: &str, step: &Step) -> Option<(usize, String, String)> {
    let lines: Vec<&str> = content.split_inclusive('\n').collect();
    let line_start = |line: usize| lines[..line].iter().map(|line| line.len()).sum::<usize>();
    match step {
        Step::Rename(at, word) => {
            let words = words(content);
            let (start, end) = *words.get(at % words.len().max(1))?;
            Some((start, content[start..end].to_owned(), WORDS[*word].to_owned()))
        }
        Step::Add(at, word) => {
            let closers: Vec<usize> = content.match_indices(')').map(|(at, _)| at).collect();
            let start = *closers.get(at % closers.len().max(1))?;
            Some((start, String::new(), format!(", {}", WORDS[*word])))
        }
        Step::Remove(line) => {
            let line = line % lines.len().max(1);
            Some((line_start(line), (*lines.get(line)?).to_owned(), String::new()))
        }
        Step::Copy(line, word) => {
            let line = line % lines.len().max(1);
            let text = *lines.get(line)?;
            let (start, end) = words(text).into_iter().find(|(start, end)| end - start > 3)?;
            let copy = [&text[..start], WORDS[*word], &text[end..]].concat();
            Some((line_start(line + 1), String::new(), copy))
        }
        Step::Undo | Step::Accept => None,
    }
}

thread_local! {
    /// Proposals that were accepted.
    static ACCEPTED: Cell<usize> = const { Cell::new(0) };
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, max_shrink_iters: 200, ..ProptestConfig::default() })]

    fn play_sequences(
        language in 0..LANGUAGES.len(),
        is_at_rest in any::<bool>(),
        steps in prop::collection::vec(step(), 3..8),
    ) {
        let (language, code) = LANGUAGES[language];
        let case = Case {
            language: language.to_owned(),
            title: String::new(),
            files: vec![("/src/main".to_owned(), code.to_owned())],
            expected: Vec::new(),
        };
        let mut workspace = Workspace::new(&case);
        workspace.is_at_rest = is_at_rest;
        let mut last: Option<(usize, String, String)> = None;
        for step in steps {
            let content = workspace.content(0);
            match step {
                Step::Accept => {}
                Step::Undo => {
                    if let Some((start, old, new)) = last.take() {
                        workspace.edit(0, start, &new, &old);
                    }
                }
                _ => {
                    let Some((start, old, new)) = edit(&content, &step) else { continue };
                    workspace.edit(0, start, &old, &new);
                    last = Some((start, old, new));
                }
            }
            let content = workspace.content(0);
            let n_errors = workspace.n_errors();
            for proposal in workspace.proposals() {
                let range = proposal.range.clone();
                prop_assert_eq!(&content[range.clone()], &proposal.old_text);
                prop_assert!((0.0..=1.0).contains(&proposal.confidence));
                let mut after = content.clone();
                after.replace_range(range.clone(), &proposal.new_text);
                let solid = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
                prop_assert!(solid(&after) != solid(&content), "blanks alone: {:?}", proposal);
                for hunk in workspace.history().hunks() {
                    let is_inside = hunk.range.start < range.end && range.start < hunk.range.end;
                    prop_assert!(!is_inside, "{:?} overlaps {:?}", proposal, hunk);
                    let mut before = content.clone();
                    before.replace_range(hunk.range.clone(), &hunk.old);
                    prop_assert!(before != after, "{:?} takes back {:?}", proposal, hunk);
                }
                if matches!(step, Step::Accept) {
                    workspace.accept(&proposal);
                    prop_assert_eq!(workspace.content(0), after);
                    prop_assert!(workspace.n_errors() <= n_errors, "a new syntax error: {:?}", proposal);
                    // One step of undo, and what the history knows is as it was.
                    let hunks = workspace.history().hunks().len();
                    workspace.edit(0, range.start, &proposal.new_text, &proposal.old_text);
                    prop_assert_eq!(&workspace.content(0), &content);
                    prop_assert!(workspace.history().hunks().len() <= hunks);
                    workspace.edit(0, range.start, &proposal.old_text, &proposal.new_text);
                    last = None;
                    ACCEPTED.set(ACCEPTED.get() + 1);
                    break;
                }
            }
            prop_assert_eq!(
                workspace.history().original("/src/main", &workspace.text(0)),
                code,
                "the history does not lead back"
            );
        }
    }
}

#[test]
fn proposals_apply_to_the_present_text_and_undo_in_one_step() {
    play_sequences();
    // Nothing would be tested if nothing were proposed.
    assert!(ACCEPTED.get() > 500, "{} proposals were accepted", ACCEPTED.get());
}
