//! Figures of a whole process: start, memory, and the soak.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::Context as _;
use fimble::shared::{ProgressReporter, Quantiles, capabilities, resident_mb};
use fimble_client::{Client, InlineTrigger};
use serde_json::{Value, json};

use super::figure::Figure;
use super::typing::SOURCES;

const N_STARTS: usize = 10;

/// Files that are opened and closed before memory is compared: as many as the prefix cache has slots.
const N_WARM_FILES: usize = 4;

/// Starts a server.
pub fn spawn(binary: &Path) -> anyhow::Result<Client> {
    let mut command = Command::new(binary);
    command.arg("lsp");
    Client::spawn(&mut command).context("cannot start the server")
}

/// Time from starting a process to the answer of `initialize`, and to the first suggestion.
pub fn start_times(binary: &Path, settings: &Value) -> anyhow::Result<Vec<Figure>> {
    let mut initialized = Vec::new();
    let mut suggested = Vec::new();
    let (name, language, above, _) = SOURCES[0];
    for _ in 0..N_STARTS {
        let started = Instant::now();
        let mut client = spawn(binary)?;
        client.initialize(&capabilities(), settings)?;
        initialized.push(started.elapsed());
        let uri = format!("file:///bench/{name}");
        client.open(&uri, language, &format!("{above}        return "));
        let line = u32::try_from(above.matches('\n').count())?;
        client.inline_completion(&uri, (line, 15), InlineTrigger::Invoked)?;
        suggested.push(started.elapsed());
        client.shut_down()?;
    }
    let (initialized, suggested) = (Quantiles::of(&mut initialized), Quantiles::of(&mut suggested));
    Ok(vec![
        Figure::new(
            "`initialize` answered after process start: p50 / max of 10",
            format!("{} / {}", initialized.p50(), initialized.max()),
            "50 ms",
            initialized.at(1.0) <= 50.0,
        ),
        Figure::new(
            "first suggestion after process start: p50 / max of 10",
            format!("{} / {}", suggested.p50(), suggested.max()),
            "500 ms",
            suggested.at(1.0) <= 500.0,
        ),
    ])
}

/// Asks for a suggestion at the end of each of `n` files, opening them.
fn open_files(client: &Client, n: usize) -> anyhow::Result<Vec<String>> {
    let mut uris = Vec::new();
    for number in 0..n {
        let (name, language, above, _) = SOURCES[number % SOURCES.len()];
        let uri = format!("file:///bench/open/{number}/{name}");
        // A few hundred lines, as files are.
        let text = above.repeat(40);
        client.open(&uri, language, &text);
        let line = u32::try_from(text.matches('\n').count())?;
        client.inline_completion(&uri, (line, 0), InlineTrigger::Invoked)?;
        uris.push(uri);
    }
    Ok(uris)
}

/// Resident memory with 20 files open, and after closing them.
pub fn memory(binary: &Path, settings: &Value) -> anyhow::Result<Vec<Figure>> {
    let mut client = spawn(binary)?;
    client.initialize(&capabilities(), settings)?;
    // The model and its prefix cache, whose size is bounded, are there before anything is compared.
    for uri in open_files(&client, N_WARM_FILES)? {
        client.close(&uri);
    }
    let process = client.child().context("a child process")?.id();
    let before = resident_mb(process);
    let uris = open_files(&client, 20)?;
    let open = resident_mb(process);
    for uri in &uris {
        client.close(uri);
    }
    client.execute_command("fimble.status", &json!([]))?;
    let closed = resident_mb(process);
    client.shut_down()?;
    let (Some(before), Some(open), Some(closed)) = (before, open, closed) else {
        return Ok(vec![Figure::without_bar("resident memory", "this system does not tell".to_owned())]);
    };
    Ok(vec![
        Figure::new("resident memory, 20 open files", format!("{open:.0} MB"), "150 MB", open <= 150.0),
        Figure::new(
            "after closing them, against before opening them (prefix cache filled)",
            format!("{closed:.0} MB against {before:.0} MB"),
            "within 10 %",
            closed <= before * 1.1,
        ),
    ])
}

/// Edits with completions: does memory grow, is every request answered?
pub fn soak(
    binary: &Path,
    settings: &Value,
    n_edits: usize,
    progress: &mut ProgressReporter,
) -> anyhow::Result<Vec<Figure>> {
    let mut client = spawn(binary)?;
    client.initialize(&capabilities(), settings)?;
    let process = client.child().context("a child process")?.id();
    let (name, language, above, typed) = SOURCES[1];
    let uri = format!("file:///bench/soak/{name}");
    let line = u32::try_from(above.matches('\n').count())?;
    client.open(&uri, language, above);
    // Caches and arenas fill in the first quarter; growth counts from there.
    let settled_after = n_edits / 4;
    let mut settled = None;
    let mut version = 1;
    let mut n_unanswered = 0;
    let mut rest: Vec<char> = Vec::new();
    let mut column = 0;
    for edit in 0..n_edits {
        version += 1;
        if rest.is_empty() {
            client.change(&uri, version, [(line, 0), (line, column)], "");
            column = 0;
            // Each line is a new one, so that suggestions are computed and not remembered.
            let numbered = typed.trim_end().replace("entry", &format!("entry{edit}"));
            rest = numbered.chars().rev().collect();
        } else if let Some(next) = rest.pop() {
            client.change(&uri, version, [(line, column); 2], next.encode_utf8(&mut [0; 4]));
            column += 1;
        }
        let answered = client.inline_completion(&uri, (line, column), InlineTrigger::Automatic);
        n_unanswered += usize::from(answered.is_err());
        if edit == settled_after {
            settled = resident_mb(process);
        }
        if edit % 100 == 0 {
            progress.count(edit as u64, n_edits as u64);
        }
    }
    let end = resident_mb(process);
    client.shut_down()?;
    let memory = match (settled, end) {
        (Some(settled), Some(end)) => Figure::new(
            &format!("soak of {n_edits} edits with completions: memory after a quarter and at the end"),
            format!("{settled:.1} MB, {end:.1} MB"),
            "no growth",
            end <= settled * 1.01,
        ),
        _ => Figure::without_bar("soak: memory", "this system does not tell".to_owned()),
    };
    let unanswered =
        Figure::new("soak: unanswered requests", n_unanswered.to_string(), "0", n_unanswered == 0);
    Ok(vec![memory, unanswered])
}
