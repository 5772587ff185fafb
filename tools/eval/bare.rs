//! The bare model: the same places, asked of llama-server as editor plug-ins ask it, and what such a plug-in would show of the
//! answer. Invariant: the prompt is that of llama.vim without extra context; the likeliest token is taken each time; nothing of
//! this program touches the answer but [`as_shown`].

use std::path::Path;

use anyhow::{Context as _, bail};
use fimble_tools::llama_server::{LlamaServer, Start};
use fimble_tools::llama_vim;
use serde_json::json;

use crate::cases::{Case, Kind};
use crate::outcome::Outcome;

/// Lines with text that are shown at most: as many as our suggestions have by default.
const MOST_LINES: usize = 8;
/// Tokens of an answer of one line, at most.
const LINE_TOKENS: usize = 64;
/// Tokens of an answer of several lines, at most.
const LINES_TOKENS: usize = 256;
/// What an address begins with.
const ADDRESS: &str = "http://127.0.0.1:";

/// Places without an answer, one behind the other, after which nothing more is asked.
const MOST_UNANSWERED: usize = 3;

/// The bare model behind its server.
pub struct Bare {
    server: LlamaServer,
    n_unanswered: usize,
    n_in_a_row: usize,
}

impl Bare {
    /// Starts llama-server with a file, or takes the one at an address of this machine.
    ///
    /// # Errors
    /// It cannot be started, or nobody answers.
    pub fn open(against: &str, program: &Path, threads: usize) -> anyhow::Result<Self> {
        Ok(Self { server: open(against, program, threads)?, n_unanswered: 0, n_in_a_row: 0 })
    }

    /// Asks for one place; none if no answer came, which is counted.
    ///
    /// # Errors
    /// No answer came for several places in a row.
    pub fn ask(&mut self, case: &Case) -> anyhow::Result<Option<Outcome>> {
        match complete(&mut self.server, case) {
            Ok(outcome) => {
                self.n_in_a_row = 0;
                Ok(Some(outcome))
            }
            Err(error) => {
                self.n_unanswered += 1;
                self.n_in_a_row += 1;
                if self.n_in_a_row >= MOST_UNANSWERED { Err(error) } else { Ok(None) }
            }
        }
    }

    /// Places without an answer.
    pub fn n_unanswered(&self) -> usize {
        self.n_unanswered
    }
}

fn open(against: &str, program: &Path, threads: usize) -> anyhow::Result<LlamaServer> {
    if let Some(port) = against.strip_prefix(ADDRESS) {
        let port = port.trim_end_matches('/').parse();
        return LlamaServer::at(port.with_context(|| format!("{against} is not {ADDRESS}PORT"))?);
    }
    if against.contains("://") {
        bail!("{against} is not {ADDRESS}PORT: code goes to servers on this machine only");
    }
    LlamaServer::start(&Start { program, gguf: Path::new(against), threads })
}

/// Asks for one place.
///
/// # Errors
/// The server failed or did not answer.
fn complete(server: &mut LlamaServer, case: &Case) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::empty(case);
    let Some(mut request) = llama_vim::request(&case.text, case.offset) else {
        outcome.refusal = Some("text stands right of the cursor".to_owned());
        return Ok(outcome);
    };
    let several = case.kind.has_several_lines();
    // No limits of time, which would make answers differ from run to run, and no chance.
    for (key, value) in [
        ("n_predict", json!(if several { LINES_TOKENS } else { LINE_TOKENS })),
        ("temperature", json!(0.0)),
        ("top_k", json!(1)),
        ("samplers", json!(["top_k", "temperature"])),
        ("stop", if several { json!([]) } else { json!(["\n"]) }),
        // What begins alike is read once; shifted parts of the cache are not taken, they change answers.
        ("cache_prompt", json!(true)),
        ("n_cache_reuse", json!(0)),
        // None.
        ("t_max_prompt_ms", json!(-1)),
        ("t_max_predict_ms", json!(-1)),
    ] {
        request[key] = value;
    }
    let (answer, timings) = server.answer("/infill", &request)?;
    let content = answer["content"].as_str().context("llama-server's answer has no content")?;
    let shown = as_shown(content, case.kind, &case.text, case.offset);
    outcome.written.clone_from(&shown);
    outcome.shown = Some(shown).filter(|shown| !shown.trim().is_empty());
    outcome.read_ms = timings.read.1.as_secs_f64() * 1e3;
    outcome.write_ms = timings.written.1.as_secs_f64() * 1e3;
    Ok(outcome)
}

/// What a plug-in shows of an answer:
///
/// - Behind indentation, the answer's own indentation is dropped: the prompt of a blank line does not hold it.
/// - Of a place that asks for one line, the first line.
/// - Of several, up to 8 lines with text, ending before the first line that is indented less than the cursor's line, and before
///   one that repeats the next line with text below the cursor.
pub fn as_shown(answer: &str, kind: Kind, text: &str, offset: usize) -> String {
    let (before, after) = text.split_at(offset);
    let left = &before[before.rfind('\n').map_or(0, |at| at + 1)..];
    let indentation = &left[..left.len() - left.trim_start().len()];
    let answer = match left.trim().is_empty() {
        true => answer.trim_start_matches([' ', '\t']),
        false => answer,
    };
    if !kind.has_several_lines() {
        return answer.split('\n').next().unwrap_or_default().trim_end().to_owned();
    }
    let below = after.split('\n').skip(1).map(str::trim_end).find(|line| !line.is_empty());
    let mut lines: Vec<&str> = Vec::new();
    let mut n_text = 0;
    for (number, line) in answer.split('\n').enumerate() {
        let content = line.trim();
        if content.is_empty() {
            lines.push("");
            continue;
        }
        let whole = if number == 0 { format!("{left}{line}") } else { line.to_owned() };
        let repeats = below == Some(whole.trim_end());
        let is_outside = number > 0 && line.len() - line.trim_start().len() < indentation.len();
        if is_outside || repeats || n_text == MOST_LINES {
            break;
        }
        n_text += 1;
        lines.push(line.trim_end());
    }
    lines.join("\n").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(kind: Kind, text: &str, answer: &str) -> String {
        let offset = text.find('|').unwrap();
        as_shown(answer, kind, &text.replace('|', ""), offset)
    }

    #[test]
    fn of_one_line_the_first() {
        assert_eq!(shown(Kind::Rest, "a = |\nb\n", "1 \nc"), "1");
        assert_eq!(shown(Kind::Line, "def f():\n    |\n", "    return 1\n    x"), "return 1");
        assert_eq!(shown(Kind::Quiet, "a = 1;|\n", "\n}\n"), "");
    }

    #[test]
    fn a_body_ends_with_its_indentation_or_where_the_text_below_begins() {
        let text = "def f():\n    |\n\ndef g():\n    pass\n";
        assert_eq!(
            shown(Kind::Body, text, "    a = 1\n\n    return a\n\ndef h():\n    pass"),
            "a = 1\n\n    return a"
        );
        assert_eq!(shown(Kind::Body, text, "a = 1\n  b = 2"), "a = 1");
        let braces = "fn f() {\n    |\n}\n";
        assert_eq!(
            shown(Kind::Body, braces, "    if x {\n        y\n    }\n}\n\nfn"),
            "if x {\n        y\n    }"
        );
        let nested = "fn f() {\n    if x {\n        |\n    }\n}\n";
        assert_eq!(shown(Kind::Lines, nested, "a();\n    }\n    b();"), "a();");
        let middle = "def f():\n    |\n    return a\n";
        assert_eq!(shown(Kind::Lines, middle, "    a = 1\n    return a\n    x"), "a = 1");
        assert_eq!(shown(Kind::Lines, middle, "    return a\n"), "");
        let long = "a\n    ".repeat(20);
        assert_eq!(shown(Kind::Body, text, &long).lines().count(), 8);
    }

    #[test]
    fn only_servers_of_this_machine_are_asked() {
        for (address, reason) in
            [("http://example.com:80", "on this machine only"), ("http://127.0.0.1:x", "is not")]
        {
            let error = super::open(address, Path::new("llama-server"), 1).err().unwrap();
            assert!(format!("{error:#}").contains(reason), "{error:#}");
        }
    }
}
