//! The cases of fixtures/post_process: a text with a cursor, what a model says there, and what becomes of the text.
//!
//! A case is `=== name | file name | options`, then `--- text` (with `$0`), `--- model`, and `--- becomes` (the text once the
//! suggestion is accepted) or `--- refused KIND`. `¶` stands for the end of a line where it would not be seen, `→` for a tab.
//! Options: `truncated`, `logprob=X`, `sure=N` (low confidence from the Nth byte on), `crlf`, `no-tree`, `multi`, `single`,
//! `selected=N:TEXT` (the popup item TEXT, which replaces the N bytes before the cursor).

use std::fs;
use std::path::Path;

use fimble_completion::{CompletionSettings, MultiLine, SelectedItem};
use fimble_model::StopReason;

use crate::support::{Marked, complete, generation};

struct Case {
    name: String,
    path: String,
    options: Vec<String>,
    text: String,
    model: String,
    expected: String,
}

fn section(block: &str, title: &str) -> Option<String> {
    let (_, rest) = block.split_once(&format!("\n--- {title}\n"))?;
    let end = rest.find("\n--- ").unwrap_or(rest.len());
    Some(rest[..end].trim_end_matches('\n').replace('¶', "").replace('→', "\t"))
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/post_process");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("the folder of cases")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    let mut cases = Vec::new();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "txt")) {
        let content = fs::read_to_string(path).expect("a readable case");
        for block in content.split("=== ").skip(1) {
            let header = block.lines().next().expect("a header");
            let mut parts = header.split('|').map(|part| part.trim().to_owned());
            let expected = section(block, "becomes").unwrap_or_else(|| {
                let at = block.find("--- refused ").expect("an expectation");
                block[at + 4..].lines().next().expect("a kind").trim().to_owned()
            });
            cases.push(Case {
                name: parts.next().expect("a name"),
                path: parts.next().expect("a file name"),
                options: parts.next().unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
                text: section(block, "text").expect("a text"),
                model: section(block, "model").expect("what the model says"),
                expected,
            });
        }
    }
    cases
}

/// The resulting text, or "refused KIND".
fn outcome(case: &Case) -> String {
    let has = |name: &str| case.options.iter().any(|option| option == name);
    let value = |name: &str| case.options.iter().find_map(|option| option.strip_prefix(name));
    let marked_text = if has("crlf") { case.text.replace('\n', "\r\n") } else { case.text.clone() };
    let mut marked = Marked::new(&case.path, &marked_text);
    if has("no-tree") {
        marked = marked.without_tree();
    }
    let settings = CompletionSettings {
        multi_line: match (has("multi"), has("single")) {
            (true, _) => MultiLine::Always,
            (_, true) => MultiLine::Never,
            _ => MultiLine::Auto,
        },
        ..CompletionSettings::default()
    };
    let selected = value("selected=").map(|item| {
        let (n_bytes, text) = item.split_once(':').expect("selected=N:TEXT");
        let start = marked.offset - n_bytes.parse::<usize>().expect("a number");
        SelectedItem { range: start..marked.offset, text: text.to_owned() }
    });
    let logprob = value("logprob=").map_or(-0.01, |value| value.parse().expect("a number"));
    let stop = if has("truncated") { StopReason::MaxTokens } else { StopReason::EndToken(1) };
    let input = marked.input_with(selected);
    let mut answer = generation(&case.model, logprob, stop);
    if let Some(n_sure) = value("sure=").map(|value| value.parse::<usize>().expect("a number")) {
        let unsure = answer.tokens.iter_mut().filter(|token| token.text_end > n_sure);
        unsure.for_each(|token| token.logprob = -3.0);
    }
    let finished = match complete(&input, &settings, &answer) {
        Ok(finished) => finished,
        Err(refusal) => return format!("refused {}", refusal.kind),
    };
    match finished.result {
        Err(refusal) => format!("refused {}", refusal.kind),
        Ok(suggestion) => {
            let replace = &suggestion.replace;
            let line = marked.text.line_of(marked.offset);
            assert!(replace.end <= marked.text.line_end(line), "{}: the range leaves the line", case.name);
            assert!(
                suggestion.text.matches('\n').count() == suggestion.text.matches("\r\n").count()
                    || !has("crlf"),
                "{}: the line breaks are the document's",
                case.name
            );
            let content = marked.text.to_string();
            let right = &content[marked.offset..replace.end];
            assert!(
                right.is_empty() || !suggestion.text.ends_with(right),
                "{}: what stays as it is stays untouched",
                case.name
            );
            let whole =
                format!("{}{}{}", &content[..replace.start], suggestion.text, &content[replace.end..]);
            whole.replace("\r\n", "\n")
        }
    }
}

#[test]
fn every_golden_case_gives_what_it_says() {
    let cases = cases();
    assert!(cases.len() >= 30, "only {} cases were found", cases.len());
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let outcome = outcome(case);
            (outcome != case.expected)
                .then(|| format!("## {}\nexpected:\n{}\ncame out:\n{outcome}\n", case.name, case.expected))
        })
        .collect();
    assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), cases.len(), failures.join("\n"));
}
