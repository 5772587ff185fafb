//! The memory as a whole: what is told, found and forgotten.

use std::cell::Cell;

use fimble_model::ProjectPlace;

use super::*;
use crate::files::ModelSource;
use crate::layout::ModelConfig;
use crate::sampler::Allowed;
use crate::tokenizer::TextTokenizer;

/// Words, spaces and signs as Qwen2's tokenizer splits them, one token each.
const WORDS: &str = r#"{
    "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": " ?\\p{L}+|[^\\s\\p{L}]|\\s*\\n|\\s+(?!\\S)|\\s+"}, "behavior": "Isolated", "invert": false},
        {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}]},
    "post_processor": null, "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
    "model": {"type": "WordLevel", "unk_token": "?", "vocab": {"?": 0, "Ċ": 1, "open": 2, "Ġopen": 3, "(": 4, ")": 5,
        "path": 6, "mode": 7, "ĠĠĠ": 8, "return": 9, "Ġreturn": 10, "close": 11, "Ġclose": 12, "ĠĠĠĠ": 13, "file": 14, "a": 15, "Ġa": 16}}
}"#;

fn tokenizer() -> Arc<TextTokenizer> {
    let files = vec![("tokenizer.json".to_owned(), WORDS.as_bytes())];
    let source = ModelSource::Memory { name: "words".to_owned(), files };
    let config = ModelConfig::read(&source).unwrap();
    Arc::new(TextTokenizer::load(&source, &config).unwrap())
}

struct Told {
    project: Project,
    tokenizer: Arc<TextTokenizer>,
}

impl Told {
    fn new(max_bytes: usize) -> Self {
        let tokenizer = tokenizer();
        Self { project: Project::new(max_bytes, &tokenizer), tokenizer }
    }

    /// Tells of a text and takes all in. Returns the number of steps.
    fn tell(&self, name: &str, layer: Layer, text: &str) -> usize {
        self.project.remember(name.into(), layer, text.into());
        self.settle()
    }

    fn forget(&self, name: &str) {
        self.project.forget(name);
        self.settle();
    }

    fn settle(&self) -> usize {
        let mut n_steps = 1;
        while self.project.step() {
            n_steps += 1;
        }
        n_steps
    }

    /// Takes in what somebody waits for, in so many steps at most. Returns how often it was asked whether that is enough.
    fn catch_up(&self, source: &str, line: usize, most_steps: usize) -> usize {
        let n_asked = Cell::new(0);
        let place = ProjectPlace { source: source.into(), line, before: String::new() };
        self.project.catch_up(&place, &|| n_asked.replace(n_asked.get() + 1) >= most_steps);
        n_asked.get()
    }

    /// The token that is most likely where the model finds all alike, by its text.
    fn next(&self, source: &str, line: usize, before: &str, n_healed: usize) -> Option<String> {
        let place = ProjectPlace { source: source.into(), line, before: before.to_owned() };
        let vocabulary = self.tokenizer.bytes();
        let mut lookup = Lookup::new(self.project.cache(), &self.tokenizer, &place, n_healed);
        let logits = vec![0.0; vocabulary.n_ids()];
        let row = lookup.mix(vocabulary, &logits, Allowed::Marked(vocabulary.known()))?;
        let best = (0..).zip(row).max_by(|left, right| left.1.total_cmp(right.1)).map(|(id, _)| id)?;
        Some(String::from_utf8_lossy(vocabulary.bytes(best)).into_owned())
    }
}

const CODE: &str = "open(path)\n    return mode\nclose(file)\n";

#[test]
fn what_followed_before_is_likely_again() {
    let project = Told::new(1 << 20);
    assert_eq!(project.next("here", 0, "open(", 0), None);
    project.tell("there", Layer::Workspace, CODE);
    assert_eq!(project.next("here", 0, "open(", 0).as_deref(), Some("path"));
    // Behind white space that belongs to the next word in a file, and with the word taken back.
    assert_eq!(project.next("here", 0, "open(path)\n    ", 0).as_deref(), Some("return"));
    assert_eq!(project.next("here", 0, "open(pa", 2).as_deref(), Some("path"));
    project.forget("there");
    assert_eq!(project.next("here", 0, "open(", 0), None);
}

#[test]
fn an_unfinished_line_elsewhere_is_no_reason_to_say_nothing() {
    let project = Told::new(1 << 20);
    project.tell("there", Layer::Open, "open(\nclose(path)\n");
    assert_eq!(project.next("here", 0, "open(", 0).as_deref(), Some("path"));
}

#[test]
fn the_nearer_text_wins() {
    let project = Told::new(1 << 20);
    project.tell("far", Layer::Workspace, "open(path)\n");
    project.tell("beside", Layer::Open, "open(mode)\n");
    assert_eq!(project.next("here", 0, "open(", 0).as_deref(), Some("mode"));
    project.tell("here", Layer::Open, "\nopen(file)\n");
    assert_eq!(project.next("here", 0, "open(", 0).as_deref(), Some("file"));
    // What the workspace says of an open file is not heard; closed, it is one of many again.
    project.tell("here", Layer::Workspace, "\nopen(file)\n");
    assert_eq!(project.next("here", 0, "open(", 0).as_deref(), Some("file"));
    project.forget("here");
    project.tell("here", Layer::Workspace, "\nopen(file)\n");
    assert_eq!(project.next("here", 0, "open(", 0).as_deref(), Some("mode"));
}

#[test]
fn the_line_being_written_is_not_looked_at() {
    // A file that was just opened is known from the workspace until it is told of.
    for layer in [Layer::Open, Layer::Workspace] {
        let project = Told::new(1 << 20);
        project.tell("here", layer, "close file\nopen(path)\nreturn\n");
        assert_eq!(project.next("here", 1, "close file\nopen(", 0), None, "{layer:?}");
        assert_eq!(project.next("here", 1, "close file\nopen(path", 0), None, "not even that it ends");
        assert_eq!(project.next("here", 2, "open(", 0).as_deref(), Some("path"));
        assert_eq!(project.next("elsewhere", 1, "open(", 0).as_deref(), Some("path"));
    }
}

#[test]
fn an_edit_costs_the_lines_around_it() {
    let project = Told::new(1 << 20);
    let lines: Vec<String> = (0..600).map(|line| format!("open(path{})\n", line * line % 977)).collect();
    let n_all = project.tell("here", Layer::Open, &lines.concat());
    let mut edited = lines.clone();
    edited[300] = "close(mode)\n".to_owned();
    edited.insert(400, "return file\n".to_owned());
    let n_steps = project.tell("here", Layer::Open, &edited.concat());
    assert!(n_steps * 4 < n_all, "{n_steps} of {n_all}");
    assert_eq!(project.next("here", 0, "close(", 0).as_deref(), Some("mode"));
    assert_eq!(project.tell("here", Layer::Open, &edited.concat()), 2, "nothing is new");
}

#[test]
fn memory_is_bounded_and_the_oldest_goes_first() {
    let project = Told::new(256 << 10);
    let long = CODE.repeat(400);
    for file in 0..40 {
        let marked = if file == 0 { "close(mode)\n".repeat(40) } else { long.clone() };
        project.tell(&format!("file {file}"), Layer::Workspace, &marked);
        assert!(project.project.n_bytes() <= 256 << 10, "{file}");
    }
    assert_eq!(project.next("here", 0, "open(", 0).as_deref(), Some("path"));
    assert_eq!(project.next("here", 0, "close(", 0).as_deref(), Some("file"), "the first was forgotten");
}

#[test]
fn a_text_that_was_told_of_anew_is_not_gone_on_with() {
    let told = Told::new(1 << 20);
    told.project.remember("here".into(), Layer::Open, CODE.repeat(100).into());
    assert!(told.project.step() && told.project.step());
    assert!(told.tell("here", Layer::Open, "close mode\n") < 5);
    assert_eq!(told.next("other", 0, "open(", 0), None);
}

#[test]
fn what_is_told_last_holds_however_it_is_taken_in() {
    for most_steps in [0, 1, 2, 100] {
        let told = Told::new(1 << 20);
        let remember = |layer, text: &str| told.project.remember("here".into(), layer, text.into());
        remember(Layer::Open, "open(path)\n");
        told.settle();
        told.project.forget("here");
        remember(Layer::Workspace, "open(file)\n");
        told.catch_up("here", 0, most_steps);
        told.settle();
        assert_eq!(told.next("other", 0, "open(", 0).as_deref(), Some("file"), "{most_steps}");
        told.project.forget("here");
        told.catch_up("here", 0, most_steps);
        told.settle();
        assert_eq!(told.next("other", 0, "open(", 0), None, "{most_steps}");
    }
}

#[test]
fn the_text_that_somebody_waits_in_comes_first_and_in_it_the_lines_around() {
    let told = Told::new(1 << 20);
    for file in 0..50 {
        told.project.remember(format!("{file}").into(), Layer::Workspace, "file a\n".repeat(300).into());
    }
    let mut lines: Vec<String> = (0..900).map(|line| format!("read(path{})\n", line * line % 977)).collect();
    lines[701] = "close(mode)\n".to_owned();
    told.project.remember("here".into(), Layer::Open, lines.concat().into());
    told.catch_up("here", 700, 4);
    assert_eq!(told.next("here", 700, "close(", 0).as_deref(), Some("mode"));
    assert_eq!(told.next("here", 700, "file", 0), None, "the workspace waits");
    assert!((10..400).contains(&told.catch_up("here", 700, 10_000)));
    assert_eq!(told.catch_up("here", 700, 10_000), 1, "nothing is left of this text");
    told.settle();
    assert_eq!(told.next("here", 700, "file", 0).as_deref(), Some(" a"));
}

#[test]
fn a_text_that_repeats_is_believed_more_than_one_that_does_not() {
    let trust = |text: &str| {
        let project = Told::new(1 << 20);
        project.tell("a", Layer::Open, text);
        locked(project.project.cache()).trust("a", 0)
    };
    let repeated = trust(&"open(file)\nclose(file)\nreturn mode\nopen(path)\n".repeat(60));
    let words = ["open", "close", "path", "mode", "file", "return"];
    let line = |at: usize| format!("{}({})\n", words[at * 7 % 6], words[at * at % 5]);
    let different = trust(&(0..240).map(line).collect::<String>());
    assert!(repeated.this > different.this, "{repeated:?} {different:?}");
}
