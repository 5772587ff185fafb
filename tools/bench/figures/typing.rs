//! Figures of one connection: typing, typing through, and changes of a large file.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use fimble::shared::{LocalServer, Quantiles, millis};
use fimble_client::InlineTrigger;
use fimble_lsp::AnswerPath;
use serde_json::{Value, json};

use super::figure::Figure;

/// What is typed into: functions whose last one is typed anew, in a language each.
pub const SOURCES: &[(&str, &str, &str, &str)] = &[
    (
        "ledger.py",
        "python",
        "class Ledger:\n    def __init__(self, entries):\n        self.entries = entries\n\n    def total(self):\n        return sum(entry.amount for entry in self.entries)\n\n    def largest(self):\n",
        "        return max(self.entries, key=lambda entry: entry.amount)\n",
    ),
    (
        "ledger.rs",
        "rust",
        "pub struct Ledger {\n    entries: Vec<Entry>,\n}\n\nimpl Ledger {\n    pub fn total(&self) -> i64 {\n        self.entries.iter().map(|entry| entry.amount).sum()\n    }\n\n    pub fn largest(&self) -> Option<i64> {\n",
        "        self.entries.iter().map(|entry| entry.amount).max()\n",
    ),
    (
        "ledger.ts",
        "typescript",
        "export class Ledger {\n  constructor(private entries: Entry[]) {}\n\n  total(): number {\n    return this.entries.reduce((sum, entry) => sum + entry.amount, 0);\n  }\n\n  amounts(): number[] {\n",
        "    return this.entries.map((entry) => entry.amount);\n",
    ),
    (
        "ledger.go",
        "go",
        "package ledger\n\ntype Ledger struct {\n\tentries []Entry\n}\n\nfunc (l *Ledger) Total() int {\n\tsum := 0\n\tfor _, entry := range l.entries {\n\t\tsum += entry.Amount\n\t}\n\treturn sum\n}\n\nfunc (l *Ledger) Count() int {\n",
        "\treturn len(l.entries)\n",
    ),
];

/// Rounds over all sources; each has its own file names, so that its first request finds nothing cached.
const N_ROUNDS: usize = 8;

/// Text that stands above what is typed, so that the context is as full as in real files.
fn filler(language: &str) -> String {
    let comment = if language == "python" { "#" } else { "//" };
    (0..24).fold(String::new(), |mut text, number| {
        let _ = writeln!(text, "{comment} entry {number} of the ledger, with an amount and a date");
        text
    })
}

/// Types each source and measures the answers by the path that they took; then types the suggestions themselves.
pub fn typing(settings: &Value) -> anyhow::Result<Vec<Figure>> {
    let server = LocalServer::start(settings)?;
    let mut cold = Vec::new();
    let mut cached = Vec::new();
    let mut through = Vec::new();
    let mut prefilled = Vec::new();
    for round in 0..N_ROUNDS {
        for (name, language, above, typed) in SOURCES {
            let above = format!("{}{above}", filler(language));
            let uri = format!("file:///bench/{round}/{name}");
            server.client().open(&uri, language, &above);
            let line = u32::try_from(above.matches('\n').count())?;
            let mut version = 1;
            for (column, character) in (0u32..).zip(typed.trim_end().chars()) {
                version += 1;
                server.client().change(
                    &uri,
                    version,
                    [(line, column); 2],
                    character.encode_utf8(&mut [0; 4]),
                );
                let answer = server.ask(&uri, (line, column + 1), InlineTrigger::Automatic)?;
                let trace = server.last_trace()?;
                match trace.path {
                    AnswerPath::ModelCold => cold.push(answer.elapsed),
                    AnswerPath::ModelCachedPrefix => {
                        cached.push(answer.elapsed);
                        prefilled.push(trace.tokens.prefilled);
                    }
                    AnswerPath::TypedThrough => through.push(answer.elapsed),
                    AnswerPath::None
                    | AnswerPath::Same
                    | AnswerPath::DeletedBack
                    | AnswerPath::LookAhead
                    | AnswerPath::Kept
                    | AnswerPath::Partial
                    | AnswerPath::SmallModel
                    | AnswerPath::Edits => {}
                }
            }
            through.extend(type_suggestion(&server, &uri, version, line + 1)?);
            server.client().close(&uri);
        }
    }
    server.shut_down()?;
    let (cold, cached, through) =
        (Quantiles::of(&mut cold), Quantiles::of(&mut cached), Quantiles::of(&mut through));
    prefilled.sort_unstable();
    let median_prefilled = prefilled.get(prefilled.len() / 2).copied().unwrap_or(0);
    Ok(vec![
        Figure::without_bar(
            "first suggestion in a file, nothing cached: p50 / p95",
            format!("{} / {} ({} requests)", cold.p50(), cold.p95(), cold.n),
        ),
        Figure::new(
            "suggestion for the next keystroke on a line, cached prefix: p50 / p95",
            format!("{} / {} ({} requests)", cached.p50(), cached.p95(), cached.n),
            "25 / 60 ms",
            cached.at(0.5) <= 25.0 && cached.at(0.95) <= 60.0,
        ),
        Figure::without_bar("the same: tokens read per keystroke, median", median_prefilled.to_string()),
        Figure::new(
            "typed-through answer: p99",
            format!("{} ({} requests)", through.p99(), through.n),
            "2 ms",
            through.at(0.99) <= 2.0,
        ),
    ])
}

/// Asks once on a new line and types the first line of what is suggested.
fn type_suggestion(
    server: &LocalServer,
    uri: &str,
    mut version: i32,
    line: u32,
) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::new();
    version += 1;
    let end_of_text = [(line, 0); 2];
    server.client().change(uri, version, end_of_text, "\n    x");
    let answer = server.ask(uri, (line, 5), InlineTrigger::Invoked)?;
    let text = answer.item.map(|item| item.insert_text).unwrap_or_default();
    let first_line: Vec<char> = text.lines().next().unwrap_or("").chars().collect();
    for (column, character) in (5u32..).zip(&first_line[..first_line.len().saturating_sub(1)]) {
        version += 1;
        server.client().change(uri, version, [(line, column); 2], character.encode_utf8(&mut [0; 4]));
        let answer = server.ask(uri, (line, column + 1), InlineTrigger::Automatic)?;
        if server.last_trace()?.path == AnswerPath::TypedThrough {
            times.push(answer.elapsed);
        }
    }
    Ok(times)
}

/// Changes one character of a file of 1 MB, and asks the loop for its status: it answers once the change is done.
pub fn large_file(settings: &Value) -> anyhow::Result<Vec<Figure>> {
    const N_CHANGES: i32 = 500;
    let server = LocalServer::start(settings)?;
    let line = "    let value = compute(first, second); // one line of many\n";
    let text = format!("fn main() {{\n{}}}\n", line.repeat((1 << 20) / line.len()));
    let uri = "file:///bench/large.rs";
    server.client().open(uri, "rust", &text);
    let n_lines = u32::try_from(text.matches('\n').count())?;
    let mut alone = Vec::new();
    let mut with_change = Vec::new();
    for number in 0..N_CHANGES {
        let started = Instant::now();
        server.client().execute_command("fimble.status", &json!([]))?;
        alone.push(started.elapsed());
        let place = (u32::try_from(number)? * 37 % n_lines, 4);
        let started = Instant::now();
        server.client().change(uri, number + 2, [place; 2], "x");
        server.client().execute_command("fimble.status", &json!([]))?;
        with_change.push(started.elapsed());
    }
    let status = server.client().execute_command("fimble.status", &json!([]))?;
    server.shut_down()?;
    let on_loop = |percentile: &str| status["changeTurns"][percentile].as_f64().unwrap_or(f64::NAN) / 1e3;
    let (p50, p99) = (on_loop("p50Micros"), on_loop("p99Micros"));
    let (alone, with_change) = (Quantiles::of(&mut alone), Quantiles::of(&mut with_change));
    Ok(vec![
        Figure::new(
            "didChange of one character in a 1 MB file, time on the loop: p50 / p99",
            format!("{} / {}", millis(p50), millis(p99)),
            "p99 2 ms",
            p99 <= 2.0,
        ),
        Figure::without_bar(
            "the same, until the next request is answered: p50 / p99",
            format!(
                "{} / {} (the request alone: {} / {})",
                with_change.p50(),
                with_change.p99(),
                alone.p50(),
                alone.p99()
            ),
        ),
    ])
}
