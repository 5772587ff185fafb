//! `fimble demo`: first contact. Types into sample files through the real server, keystroke by keystroke, and shows what
//! it suggests. Must hold: every suggestion and every time on the screen is measured here and now; nothing is prepared.

use std::io::{IsTerminal, stdout};
use std::process::ExitCode;
use std::time::Duration;

use console::{Style, Term};
use fimble_lsp::AnswerPath;
use fimble_lsp::client::InlineTrigger;
use serde_json::{Value, json};

use super::bench::Quantiles;
use super::loader;
use super::local_server::{LocalServer, ensure_runtime};
use super::progress::colours_wanted;

/// Name, language identifier and text. What stands between the brackets is typed.
const SAMPLES: &[(&str, &str, &str)] = &[
    ("inventory.py", "python", include_str!("../../fixtures/demo/inventory.py")),
    ("shape.rs", "rust", include_str!("../../fixtures/demo/shape.rs")),
    ("queue.ts", "typescript", include_str!("../../fixtures/demo/queue.ts")),
    ("server.go", "go", include_str!("../../fixtures/demo/server.go")),
    ("vector.cpp", "cpp", include_str!("../../fixtures/demo/vector.cpp")),
];

const OPENING: char = '⟦';
const CLOSING: char = '⟧';

/// Pause between two keystrokes where somebody watches.
const PAUSE: Duration = Duration::from_millis(60);

/// Columns that a line takes beside the code and what answered: line number, bar and time.
const FRAME_WIDTH: usize = 17;
/// Columns of "model, cached prefix" and the sign of a suggestion that was accepted.
const PATH_WIDTH: usize = 22;
/// Columns of the longest counts of tokens and of the word that a suggestion was accepted.
const DETAIL_WIDTH: usize = 36;

/// What fits on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    /// Columns that the code may take; what is longer is cut with an ellipsis.
    code: usize,
    /// Whether counts of tokens and words have room.
    has_details: bool,
}

impl Layout {
    /// The layout for a terminal of so many columns; none for a pipe, which takes lines of any length.
    fn new(columns: Option<usize>) -> Self {
        const CODE: std::ops::RangeInclusive<usize> = 24..=72;
        let Some(columns) = columns else { return Self { code: *CODE.end(), has_details: true } };
        let room = columns.saturating_sub(FRAME_WIDTH + PATH_WIDTH);
        let has_details = room >= CODE.end() + DETAIL_WIDTH;
        Self { code: room.clamp(*CODE.start(), *CODE.end()), has_details }
    }

    /// Cuts what stands left of the cursor, the suggestion and what stands right of the cursor to the width of the code.
    /// The suggestion is what people look at: it is cut last, and the far end of the left goes first.
    fn fit(self, before: &str, ghost: &str, right: &str) -> [String; 3] {
        let least_before = self.code / 3;
        let ghost = cut_end(ghost, self.code - least_before);
        let left = self.code - ghost.chars().count();
        let before = cut_start(before, left);
        let right = cut_end(right, left - before.chars().count());
        [before, ghost, right]
    }
}

/// At most so many characters; what is longer ends in an ellipsis.
fn cut_end(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept = text.chars().take(most.saturating_sub(1));
    kept.chain(['…']).take(most).collect()
}

/// At most so many characters; what is longer begins with an ellipsis.
fn cut_start(text: &str, most: usize) -> String {
    let n_characters = text.chars().count();
    if n_characters <= most {
        return text.to_owned();
    }
    ['…'].into_iter().chain(text.chars().skip(n_characters + 1 - most.max(1))).take(most).collect()
}

/// Arguments of `fimble demo`.
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// Model to use instead of the one in use: a name or a folder
    #[arg(long, value_parser = loader::model_name)]
    model: Option<String>,
    /// Do not pause between keystrokes
    #[arg(long)]
    fast: bool,
}

/// Runs the command.
///
/// # Errors
/// The runtime cannot be installed, or the model cannot be loaded.
pub fn run(args: DemoArgs) -> anyhow::Result<ExitCode> {
    ensure_runtime()?;
    let settings = args.model.as_deref().map_or_else(|| json!({}), |model| json!({"model": model}));
    let server = LocalServer::start(&settings)?;
    let status = server.client().execute_command("fimble.status", &json!([]))?;
    let mut screen = Screen::new(!args.fast);
    screen.introduce(&status);
    for (name, language, sample) in SAMPLES {
        type_sample(&server, &mut screen, name, language, sample)?;
    }
    screen.summarize();
    server.shut_down()?;
    Ok(ExitCode::SUCCESS)
}

/// A text with the places where something is typed: (byte offset in the text without what is typed, what is typed).
fn parse_sample(sample: &str) -> (String, Vec<(usize, &str)>) {
    let mut text = String::new();
    let mut typed = Vec::new();
    let mut rest = sample;
    while let Some((before, after)) = rest.split_once(OPENING) {
        text.push_str(before);
        let Some((inside, behind)) = after.split_once(CLOSING) else { break };
        typed.push((text.len(), inside));
        rest = behind;
    }
    text.push_str(rest);
    (text, typed)
}

fn type_sample(
    server: &LocalServer,
    screen: &mut Screen,
    name: &str,
    language: &str,
    sample: &str,
) -> anyhow::Result<()> {
    let (mut text, places) = parse_sample(sample);
    let uri = format!("file:///demo/{name}");
    server.client().open(&uri, language, &text);
    screen.file(name);
    let mut version = 1;
    let mut n_typed_bytes = 0;
    for (offset, typed) in places {
        let mut cursor = offset + n_typed_bytes;
        n_typed_bytes += typed.len();
        let mut rest = typed;
        loop {
            let line_start = text[..cursor].rfind('\n').map_or(0, |at| at + 1);
            let line = u32::try_from(text[..line_start].matches('\n').count())?;
            let character = u32::try_from(text[line_start..cursor].chars().count())?;
            let answer = server.ask(&uri, (line, character), InlineTrigger::Automatic)?;
            let trace = server.last_trace()?;
            let ghost = answer.item.as_ref().map_or("", |item| item.insert_text.as_str());
            let accepted = !ghost.is_empty() && ghost == rest;
            let right = text[cursor..].lines().next().unwrap_or("");
            screen.keystroke(&Keystroke {
                line: line + 1,
                before: &text[line_start..cursor],
                ghost,
                right,
                elapsed: answer.elapsed,
                path: trace.path,
                n_read: trace.tokens.prefilled,
                n_prompt: trace.tokens.prompt,
                accepted,
            });
            let next = if accepted { rest.len() } else { rest.chars().next().map_or(0, char::len_utf8) };
            if next == 0 {
                break;
            }
            let (now, later) = rest.split_at(next);
            version += 1;
            server.client().change(&uri, version, [(line, character); 2], now);
            text.insert_str(cursor, now);
            cursor += next;
            rest = later;
            if accepted {
                screen.n_saved += now.chars().count() - 1;
                break;
            }
        }
    }
    server.client().close(&uri);
    Ok(())
}

/// One keystroke and its answer.
struct Keystroke<'a> {
    line: u32,
    before: &'a str,
    ghost: &'a str,
    right: &'a str,
    elapsed: Duration,
    path: AnswerPath,
    n_read: usize,
    n_prompt: usize,
    accepted: bool,
}

/// What is drawn, and the figures for the end.
struct Screen {
    pause: bool,
    layout: Layout,
    strong: Style,
    ghost: Style,
    dim: Style,
    good: Style,
    times: Vec<(&'static str, Vec<Duration>)>,
    n_keystrokes: usize,
    n_shown: usize,
    n_accepted: usize,
    n_saved: usize,
}

impl Screen {
    fn new(may_pause: bool) -> Self {
        let colours = colours_wanted(&stdout());
        let style = || Style::new().force_styling(colours);
        Self {
            pause: may_pause && stdout().is_terminal(),
            layout: Layout::new(Term::stdout().size_checked().map(|(_, columns)| columns.into())),
            strong: style().bold(),
            ghost: style().cyan().italic(),
            dim: style().dim(),
            good: style().green(),
            times: Vec::new(),
            n_keystrokes: 0,
            n_shown: 0,
            n_accepted: 0,
            n_saved: 0,
        }
    }

    fn introduce(&self, status: &Value) {
        let model = status["model"].as_str().unwrap_or("?");
        let provider = status["provider"].as_str().unwrap_or("?");
        outln!("{} {model} on {provider}", self.strong.apply_to("model:"));
        outln!(
            "{} what is typed | {} | time from request to answer, and what answered",
            self.dim.apply_to("each line:"),
            self.ghost.apply_to("what is suggested"),
        );
    }

    fn file(&self, name: &str) {
        outln!("\n{}", self.strong.apply_to(name));
    }

    fn keystroke(&mut self, key: &Keystroke<'_>) {
        let path = match key.path {
            AnswerPath::None => "nothing to suggest",
            AnswerPath::ModelCold => "model",
            AnswerPath::ModelCachedPrefix | AnswerPath::Kept => "model, cached prefix",
            AnswerPath::Same | AnswerPath::DeletedBack => "suggestion cache",
            AnswerPath::LookAhead => "look-ahead",
            AnswerPath::TypedThrough => "typed-through",
        };
        self.n_keystrokes += 1;
        self.n_shown += usize::from(!key.ghost.is_empty());
        self.n_accepted += usize::from(key.accepted);
        match self.times.iter_mut().find(|(name, _)| *name == path) {
            Some((_, times)) => times.push(key.elapsed),
            None => self.times.push((path, vec![key.elapsed])),
        }
        let first_line = key.ghost.split('\n').next().unwrap_or("");
        let more = if key.ghost.contains('\n') { " …" } else { "" };
        let before = key.before.replace('\t', "    ");
        let [before, ghost, right] =
            self.layout.fit(&before, &format!("{first_line}{more}"), &key.right.replace('\t', "    "));
        let n_shown: usize = [&before, &ghost, &right].map(|part| part.chars().count()).iter().sum();
        let padding = " ".repeat(self.layout.code.saturating_sub(n_shown));
        let read = match key.path {
            AnswerPath::ModelCold | AnswerPath::ModelCachedPrefix if self.layout.has_details => {
                format!(", {} of {} tokens read", key.n_read, key.n_prompt)
            }
            _ => String::new(),
        };
        let accepted = match (key.accepted, self.layout.has_details) {
            (true, true) => "  ⇥ accepted",
            (true, false) => " ⇥",
            (false, _) => "",
        };
        outln!(
            "{:>4} {} {}{}{}{padding} {:>8} {}{}",
            self.dim.apply_to(key.line),
            self.dim.apply_to("│"),
            self.strong.apply_to(before),
            self.ghost.apply_to(ghost),
            self.dim.apply_to(right),
            format!("{:.1} ms", key.elapsed.as_secs_f64() * 1e3),
            self.dim.apply_to(format!("{path}{read}")),
            self.good.apply_to(accepted),
        );
        if self.pause {
            std::thread::sleep(PAUSE);
        }
    }

    fn summarize(&mut self) {
        outln!("\n{}", self.strong.apply_to("request to answer"));
        self.times.sort_by_key(|(_, times)| std::cmp::Reverse(times.len()));
        for (path, times) in &mut self.times {
            let q = Quantiles::of(times);
            outln!("  {path:<22} {:>4} times   p50 {}   p95 {}   max {}", q.n, q.p50(), q.p95(), q.max());
        }
        outln!(
            "{} keystrokes, {} with a suggestion; {} accepted, which saved {} keys.",
            self.n_keystrokes,
            self.n_shown,
            self.n_accepted,
            self.n_saved
        );
        outln!("\nNext: `fimble doctor --print-config vscode|neovim|helix` prints the part for your editor.");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_types_something_and_keeps_no_marker() {
        for (name, _, sample) in SAMPLES {
            let (text, typed) = parse_sample(sample);
            assert!(!typed.is_empty() && typed.iter().all(|(_, typed)| !typed.is_empty()), "{name}");
            assert!(!text.contains([OPENING, CLOSING]), "{name}");
        }
    }

    #[test]
    fn offsets_count_the_text_before_anything_is_typed() {
        assert_eq!(parse_sample("a⟦b⟧c⟦de⟧f"), ("acf".to_owned(), vec![(1, "b"), (2, "de")]));
    }

    #[test]
    fn a_line_fits_its_terminal() {
        let longest = FRAME_WIDTH + PATH_WIDTH + DETAIL_WIDTH;
        assert_eq!(Layout::new(None), Layout { code: 72, has_details: true });
        assert_eq!(Layout::new(Some(72 + longest)), Layout { code: 72, has_details: true });
        assert_eq!(Layout::new(Some(72 + longest - 1)), Layout { code: 72, has_details: false });
        assert_eq!(Layout::new(Some(80)), Layout { code: 41, has_details: false });
        assert_eq!(Layout::new(Some(10)).code, 24);
    }

    #[test]
    fn the_suggestion_is_seen_however_long_the_line_is() {
        let layout = Layout { code: 12, has_details: false };
        for (parts, expected) in [
            (["ab", "cd", "ef"], ["ab", "cd", "ef"]),
            (["return value", "(1)", ")"], ["…rn value", "(1)", ""]),
            (["abcdefgh", "ij", "klmn"], ["abcdefgh", "ij", "k…"]),
            (["äöüäöüäöü", "0123456789", ")"], ["…äöü", "0123456…", ""]),
        ] {
            assert_eq!(layout.fit(parts[0], parts[1], parts[2]), expected);
        }
        assert_eq!((cut_end("ab", 0).as_str(), cut_start("ab", 0).as_str()), ("", ""));
        assert_eq!((cut_end("ab", 1).as_str(), cut_start("ab", 1).as_str()), ("…", "…"));
    }
}
