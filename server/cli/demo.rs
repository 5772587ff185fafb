//! `fimble demo`: first contact. Types into sample files through the real server, keystroke by keystroke, and shows what
//! it suggests. Must hold: every suggestion and every time on the screen is measured here and now; nothing is prepared.

use std::io::{IsTerminal, stdout};
use std::process::ExitCode;
use std::time::Duration;

use console::Style;
use fimble_lsp::AnswerPath;
use fimble_lsp::client::InlineTrigger;
use serde_json::{Value, json};

use super::bench::Quantiles;
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

/// Columns that the code may take; what is longer is cut with an ellipsis.
const CODE_WIDTH: usize = 72;

/// Arguments of `fimble demo`.
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// Model to use instead of the one in use: a name or a folder
    #[arg(long)]
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
    plain: Style,
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
            plain: style(),
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
            AnswerPath::ModelCachedPrefix => "model, cached prefix",
            AnswerPath::Same | AnswerPath::DeletedBack => "suggestion cache",
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
        let mut left = CODE_WIDTH;
        let mut fit = |text: &str| -> String {
            let n_chars = text.chars().count();
            let shown: String = if n_chars <= left {
                text.to_owned()
            } else {
                text.chars().take(left.saturating_sub(1)).chain(['…']).collect()
            };
            left -= shown.chars().count().min(left);
            shown
        };
        let (before, ghost, right) = (fit(&before), fit(&format!("{first_line}{more}")), fit(key.right));
        let padding = " ".repeat(left);
        let read = match key.path {
            AnswerPath::ModelCold | AnswerPath::ModelCachedPrefix => {
                format!(", {} of {} tokens read", key.n_read, key.n_prompt)
            }
            _ => String::new(),
        };
        let accepted =
            if key.accepted { self.good.apply_to("  ⇥ accepted") } else { self.plain.apply_to("") };
        outln!(
            "{:>4} {} {}{}{}{padding} {:>8} {}{accepted}",
            self.dim.apply_to(key.line),
            self.dim.apply_to("│"),
            self.strong.apply_to(before),
            self.ghost.apply_to(ghost),
            self.dim.apply_to(right),
            format!("{:.1} ms", key.elapsed.as_secs_f64() * 1e3),
            self.dim.apply_to(format!("{path}{read}")),
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
}
