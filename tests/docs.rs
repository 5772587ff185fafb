//! The documentation: its commands, links, reasons and error codes. Invariant: each `fimble` command in it is one that the binary
//! takes; each other command is run by a file that is named here, or has a reason why nothing runs it; each link has a target.

#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "docs/command_line.rs"]
mod command_line;
#[path = "docs/page.rs"]
mod page;
mod sources;

use std::collections::BTreeSet;
use std::path::Path;

use command_line::CommandLine;
use fimble_model::ErrorCode;
use page::Page;
use sources::rust_files;

/// The README is read at first sight: one screen and a half.
const MOST_README_BYTES: usize = 6_000;

/// The file that runs a command, or the reason why none does.
enum Runs {
    /// This file, in which this text stands.
    In(&'static str, &'static str),
    /// Nothing, for this reason.
    Nothing(&'static str),
}

/// Commands of other programs than `fimble`. A `*` at the end stands for any further arguments.
const OTHER_COMMANDS: &[(&str, Runs)] = &[
    ("cargo run --release -- demo", Runs::In(".ci/run", "cargo run --release --locked -- demo")),
    // The same tests, each as a process of its own.
    ("cargo test", Runs::In(".ci/run", "cargo nextest run --locked --profile ci")),
    ("cargo test --doc", Runs::In(".ci/run", "cargo test --locked --doc")),
    ("cargo nextest run", Runs::In(".ci/run", "cargo nextest run --locked --profile ci")),
    ("tests/fuzz/run *", Runs::In(".ci/run", "tests/fuzz/run 60")),
    ("cargo install --path .", Runs::Nothing("it builds what .ci/run builds by `cargo build --release`")),
    ("cargo build --release", Runs::In(".ci/run", "cargo build --release --locked --bin fimble")),
    (
        "cargo build --release --locked --bin fimble",
        Runs::In(".ci/run", "cargo build --release --locked --bin fimble"),
    ),
    ("tools/packages/wheel.py *", Runs::In("tests/packages/test_packages.py", "place.make(\"wheel\"")),
    ("tests/packages/run *", Runs::In(".ci/run", "tests/packages/run")),
    (
        "cargo run --locked --package fimble-tools --bin fimble-pages *",
        Runs::In("tools/packages/common.py", "\"fimble-pages\""),
    ),
    ("code --install-extension *", Runs::In("tests/editors/vscode/workbench.mjs", "\"--install-extension\"")),
    (".ci/run", Runs::Nothing("it runs the tests")),
    ("tests/serve/run", Runs::In(".ci/run", "tests/serve/run 2>&1")),
    ("curl *", Runs::Nothing("tests/serve/run sends the same request with other clients")),
    ("tests/editors/setup.sh", Runs::In(".ci/run", "$(tests/editors/setup.sh)")),
    ("tests/editors/run *", Runs::In(".ci/run", "tests/editors/run 2>&1")),
    ("tests/editors/vscode/run", Runs::In(".ci/run", "tests/editors/vscode/run 2>&1")),
    ("tests/servers/run *", Runs::In(".ci/run", "tests/servers/run 2>&1")),
    ("tests/servers/weights.sh", Runs::In("tests/servers/run", "$(tests/servers/weights.sh $large)")),
    (
        "cargo test -p fimble --test settings",
        Runs::Nothing("with FIMBLE_RENEW it writes files; `cargo test` runs it without"),
    ),
    (
        "cargo run --release -p fimble-syntax --example hostile_texts *",
        Runs::Nothing("it searches without an end; the lints of .ci/run compile it"),
    ),
    (
        "cargo bench -p fimble-ngram",
        Runs::Nothing("it measures the machine; the lints of .ci/run compile it"),
    ),
    ("cargo bench -p fimble-lsp", Runs::Nothing("it measures the machine; the lints of .ci/run compile it")),
    (
        "cargo run --release -p fimble-kernels --example speed",
        Runs::Nothing("it measures the machine; the lints of .ci/run compile it"),
    ),
    ("ssh *", Runs::Nothing("it needs a second machine")),
    (
        "cargo build --release -p fimble -p fimble-action-tasks",
        Runs::Nothing("it builds what `cargo test` builds without optimisation"),
    ),
    (
        "target/release/fimble-action-tasks *",
        Runs::Nothing("it needs a chat model and the compilers of six languages"),
    ),
    (
        "cargo build --release -p fimble-tools",
        Runs::Nothing("it builds what `cargo test` builds without optimisation"),
    ),
    ("target/release/fimble-eval *", Runs::In("tools/tests/eval.rs", "CARGO_BIN_EXE_fimble-eval")),
    (
        "cargo build --release -p fimble -p fimble-tools",
        Runs::Nothing("it builds what `cargo test` builds without optimisation"),
    ),
    ("target/release/fimble-bench *", Runs::In("tools/tests/replay.rs", "CARGO_BIN_EXE_fimble-bench")),
    ("fimble-eval *", Runs::In("tools/tests/eval.rs", "CARGO_BIN_EXE_fimble-eval")),
    ("tools/sets/build.py *", Runs::Nothing("it fetches packages and measures for hours")),
    ("tools/sets/next_edit.py *", Runs::Nothing("it fetches packages; its unit tests run in .ci/run")),
    (
        "tools/sets/fit_next_edit.py *",
        Runs::Nothing("it reads places of packages that are fetched, and needs NumPy"),
    ),
    (
        "target/release/fimble-next-edit-eval *",
        Runs::In("tools/tests/next_edit.rs", "CARGO_BIN_EXE_fimble-next-edit-eval"),
    ),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The names of the pages in docs/.
fn names_in_docs() -> Vec<String> {
    let entries = std::fs::read_dir(root().join("docs")).unwrap().map(Result::unwrap);
    let names = entries.map(|entry| format!("docs/{}", entry.file_name().to_string_lossy()));
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".md")).collect();
    names.sort();
    names
}

fn pages() -> Vec<Page> {
    let at_the_top = ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"].map(str::to_owned);
    let names = at_the_top.into_iter().chain(names_in_docs());
    names.map(|name| Page::parse(&name, &read(&name))).collect()
}

/// Whether a pattern of the table stands for a command.
fn is_meant(pattern: &str, command: &[String]) -> bool {
    let command = command.join(" ");
    match pattern.strip_suffix(" *") {
        Some(start) => {
            command == start || command.strip_prefix(start).is_some_and(|rest| rest.starts_with(' '))
        }
        None => command == pattern,
    }
}

#[test]
fn each_fimble_command_is_one_that_the_binary_takes() {
    let mut command_line = CommandLine::default();
    let mut n_checked = 0;
    let mut faults = Vec::new();
    for page in pages() {
        for (line, command) in page.shell_commands().into_iter().chain(page.inline_commands("fimble")) {
            if command[0] != "fimble" {
                continue;
            }
            n_checked += 1;
            if let Err(fault) = command_line.check(&command[1..]) {
                faults.push(format!("{}:{line}: `{}`: {fault}", page.name, command.join(" ")));
            }
        }
    }
    assert!(n_checked > 100, "only {n_checked} commands were found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn each_other_command_is_run_or_has_a_reason() {
    let mut faults = Vec::new();
    let mut used = BTreeSet::new();
    for page in pages() {
        for (line, command) in page.shell_commands() {
            if command[0] == "fimble" {
                continue;
            }
            let entry = OTHER_COMMANDS.iter().find(|(pattern, _)| is_meant(pattern, &command));
            match entry {
                Some((pattern, _)) => _ = used.insert(*pattern),
                None => faults.push(format!(
                    "{}:{line}: `{}` stands in no row of OTHER_COMMANDS: name what runs it, or why nothing does",
                    page.name,
                    command.join(" ")
                )),
            }
        }
    }
    for (pattern, runs) in OTHER_COMMANDS {
        if !used.contains(pattern) {
            faults.push(format!("OTHER_COMMANDS has `{pattern}`, which stands on no page"));
        }
        match runs {
            Runs::In(file, text) if !read(file).contains(text) => {
                faults.push(format!("{file} does not run `{pattern}`: it has no `{text}`"));
            }
            Runs::In(..) => {}
            Runs::Nothing(reason) => assert!(reason.len() > 10, "`{pattern}` needs a reason"),
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn each_relative_link_leads_to_a_file_and_a_heading() {
    let mut faults = Vec::new();
    let mut n_checked = 0;
    for page in pages() {
        for (line, link) in page.links() {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            n_checked += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let folder = Path::new(&page.name).parent().unwrap();
            let target = match path {
                "" => root().join(&page.name),
                _ => root().join(folder).join(path),
            };
            if !target.exists() {
                faults.push(format!("{}:{line}: there is no {link}", page.name));
            } else if !anchor.is_empty() {
                let text = std::fs::read_to_string(&target).unwrap_or_default();
                if !Page::parse(path, &text).anchors().contains(anchor) {
                    faults.push(format!("{}:{line}: {link} has no such heading", page.name));
                }
            }
        }
    }
    assert!(n_checked > 60, "only {n_checked} links were found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_readme_is_short_and_leads_to_every_page() {
    let text = read("README.md");
    assert!(text.len() < MOST_README_BYTES, "README.md has {} bytes", text.len());
    for command in ["cargo run --release -- demo", "cargo test"] {
        assert!(text.contains(&format!("\n\n    {command}\n\n")), "README.md lacks the command {command}");
    }
    let links: BTreeSet<String> =
        Page::parse("README.md", &text).links().into_iter().map(|(_, to)| to).collect();
    for name in names_in_docs() {
        assert!(links.contains(&name), "README.md has no link to {name}");
    }
}

/// The first string behind each of these beginnings, up to the end of the statement, if it is one word.
fn words_behind(text: &str, beginnings: &[&str]) -> Vec<String> {
    let is_word =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let mut words = Vec::new();
    for beginning in beginnings {
        for (at, _) in text.match_indices(beginning) {
            let rest = &text[at + beginning.len()..];
            let statement = rest.split([';', '{']).next().unwrap_or_default();
            let word = statement.split('"').nth(1).unwrap_or_default();
            if is_word(word) {
                words.push(word.to_owned());
            }
        }
    }
    words
}

/// The words for the reasons why nothing is suggested, as the sources have them.
fn reasons_in_the_sources() -> BTreeSet<String> {
    let refusal = read("server/completion/src/refusal.rs");
    let mut words: BTreeSet<String> = words_behind(&refusal, &["Self::"]).into_iter().collect();
    assert!(words.len() >= 19, "the names of RefusalKind were not found: {words:?}");
    let mut files = Vec::new();
    rust_files(&root().join("server/lsp/src"), &mut files);
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        words.extend(words_behind(&text, &["::nothing(", " nothing(", "Refuse(", "conclude_nothing("]));
        if file.ends_with("next_edit/silence.rs") {
            words.extend(words_behind(&text, &["=> ("]));
        }
        if file.ends_with("completion/next_step.rs") {
            words.extend(words_behind(&text, &["Some(("]));
        }
    }
    words
}

#[test]
fn each_reason_for_showing_nothing_has_a_remedy() {
    let expected = reasons_in_the_sources();
    for known in ["disabled", "out-of-sync", "loading", "not-open", "superseded", "model-failed", "closed"] {
        assert!(expected.contains(known), "{known} was not found in the sources: {expected:?}");
    }
    assert_described("reason", &expected);
}

#[test]
fn each_error_code_has_a_remedy() {
    assert_described("code", &ErrorCode::ALL.iter().map(|code| code.name().to_owned()).collect());
}

/// Checks that the table of docs/troubleshooting.md with this first column has a row for each of these words, and no other.
fn assert_described(column: &str, expected: &BTreeSet<String>) {
    let page = read("docs/troubleshooting.md");
    let head = format!("\n| {column} | meaning | remedy |\n|---|---|---|\n");
    let (_, table) = page.split_once(&head).unwrap();
    let mut described = BTreeSet::new();
    for row in table.lines().take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        assert!(cells.len() == 3 && cells.iter().all(|cell| !cell.is_empty()), "{row}");
        described.insert(cells[0].trim_matches('`').to_owned());
    }
    let missing: Vec<_> = expected.difference(&described).collect();
    assert!(missing.is_empty(), "docs/troubleshooting.md lacks the {column}s {missing:?}");
    let unknown: Vec<_> = described.difference(expected).collect();
    assert!(unknown.is_empty(), "there are no such {column}s: {unknown:?}");
}
