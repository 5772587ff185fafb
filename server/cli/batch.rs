//! One action on all source files of a folder, which may take a night. Invariant: finished work is not repeated unless the file
//! changed; however the program ends, the results and the list of finished work are complete; a source is written only if a
//! report says so, and only if it has not changed since it was read.
#![expect(clippy::print_stderr, reason = "the summary is no result")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use fimble_workspace::{SourceFile, WalkLimits, WalkOptions, read, walk};
use serde::{Deserialize, Serialize};

use super::code_actions::write_whole;
use super::progress::ProgressReporter;

/// Name of the list in the folder of the results.
const STATE_FILE: &str = "fimble-batch.json";
/// Files that one run takes; more than a night is long.
const MAX_FILES: usize = 100_000;

/// The task.
pub struct Batch {
    /// The folder of the sources.
    pub folder: PathBuf,
    /// The folder of the results.
    pub out: PathBuf,
    /// The description of the task, so that results of different tasks are not mixed.
    pub task: String,
}

/// The outcome for one file.
#[derive(Default)]
pub struct Report {
    /// The result: its path in the folder of the results, and what it says.
    pub result: Option<(String, String)>,
    /// The new text of the source, where it is to be written.
    pub source: Option<String>,
    /// Why there is no result.
    pub refused: Vec<String>,
}

/// The finished work, as stored in the folder of the results.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    task: String,
    /// By the path of the source.
    done: BTreeMap<String, Done>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Done {
    /// Of the source: bytes and a checksum.
    content: (u64, u32),
    /// Files without a result, and the reasons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    refused: Vec<String>,
}

/// The counts of a run.
pub struct Summary {
    n_written: usize,
    n_refused: usize,
    n_skipped: usize,
    /// Files that another program changed meanwhile.
    n_changed: usize,
    /// Whether the list says why something did not come.
    has_reasons: bool,
    is_cut: bool,
    out: PathBuf,
}

impl Summary {
    /// Prints it. The exit code is 1 if nothing was done, now or before.
    pub fn print(&self) -> ExitCode {
        let Self { n_written, n_refused, n_skipped, .. } = self;
        eprintln!(
            "{n_written} results in {}, {n_refused} files without a result, {n_skipped} done before",
            self.out.display()
        );
        if self.has_reasons {
            eprintln!("files without a result, and the reasons: {}", self.out.join(STATE_FILE).display());
        }
        if self.n_changed > 0 {
            eprintln!(
                "{} files were changed by another program meanwhile and left as they are; run the command again for them",
                self.n_changed
            );
        }
        if self.is_cut {
            eprintln!("the folder holds more files than one run takes; run the command again on its parts");
        }
        if n_written + n_skipped > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// Goes through the files that are not done.
///
/// # Errors
/// The folders cannot be read or written, or the results in them are of another task.
pub fn run(
    batch: &Batch,
    act: &mut dyn FnMut(&SourceFile, &str) -> anyhow::Result<Report>,
) -> anyhow::Result<Summary> {
    if !batch.folder.is_dir() {
        bail!("{} is no folder", batch.folder.display());
    }
    let state_file = batch.out.join(STATE_FILE);
    let mut state = read_state(&state_file, &batch.task)?;
    let limits = WalkLimits {
        max_files: MAX_FILES,
        max_total_bytes: u64::MAX,
        max_entries: usize::MAX,
        ..WalkLimits::default()
    };
    // Functions are found by a grammar.
    let options = WalkOptions { limits, without_grammar: false, open_folders: &[] };
    let mut found = walk(&batch.folder, &options, &|| false);
    found.files.sort_by(|a, b| a.relative.cmp(&b.relative));
    let out = std::path::absolute(&batch.out)?;
    let files: Vec<_> = found
        .files
        .into_iter()
        // Results of an earlier run in a folder inside of this one are no sources.
        .filter(|file| !std::path::absolute(&file.path).is_ok_and(|path| path.starts_with(&out)))
        .collect();
    let mut summary = Summary {
        n_written: 0,
        n_refused: 0,
        n_skipped: 0,
        n_changed: 0,
        has_reasons: false,
        is_cut: found.is_cut,
        out: batch.out.clone(),
    };
    let mut progress = ProgressReporter::new();
    progress.step(&format!("{} files of {}", files.len(), batch.folder.display()));
    for (index, file) in files.iter().enumerate() {
        progress.count(index as u64, files.len() as u64);
        let text = match read(&file.path, limits.max_file_bytes) {
            Ok(text) => text,
            Err(unfit) => {
                tracing::info!(file = file.relative, %unfit, "left out");
                summary.n_refused += 1;
                continue;
            }
        };
        let content = content_of(&text);
        if state.done.get(&file.relative).is_some_and(|done| done.content == content) {
            summary.n_skipped += 1;
            continue;
        }
        let acted = act(file, &text);
        let Report { result, source, mut refused } = acted.with_context(|| {
            format!("stopped at file {} of {}; the same command continues there", index + 1, files.len())
        })?;
        if !read(&file.path, limits.max_file_bytes).is_ok_and(|now| now == text) {
            summary.n_changed += 1;
            continue;
        }
        match result {
            Some((name, text)) => {
                write_whole(&batch.out.join(name), &text)?;
                summary.n_written += 1;
            }
            None => summary.n_refused += 1,
        }
        // What is written into the file is what will be found the next time.
        let content = match source {
            Some(new) => match write_whole(&file.path, &new) {
                Ok(()) => content_of(&new),
                // One file that cannot be written is no reason to leave the others.
                Err(error) => {
                    refused.push(format!("{error:#}"));
                    content
                }
            },
            None => content,
        };
        summary.has_reasons |= !refused.is_empty();
        state.done.insert(file.relative.clone(), Done { content, refused });
        write_whole(&state_file, &serde_json::to_string_pretty(&state)?)?;
    }
    progress.count(files.len() as u64, files.len() as u64);
    progress.finish();
    Ok(summary)
}

fn read_state(file: &std::path::Path, task: &str) -> anyhow::Result<State> {
    if !file.exists() {
        return Ok(State { task: task.to_owned(), done: BTreeMap::new() });
    }
    let shown = file.display();
    let content = std::fs::read(file).with_context(|| format!("cannot read {shown}"))?;
    let state: State = serde_json::from_slice(&content)
        .with_context(|| format!("{shown} cannot be parsed; remove it to start again"))?;
    if state.task != task {
        bail!("{shown} belongs to the task {:?}; choose another folder with --out", state.task);
    }
    Ok(state)
}

/// A digest that distinguishes the texts of a source.
fn content_of(text: &str) -> (u64, u32) {
    (text.len() as u64, checksum(text.as_bytes()))
}

/// A checksum that is the same in every run. Source: CRC-32 of IEEE 802.3, reflected.
fn checksum(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0xedb8_8320;
    !bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (POLYNOMIAL & (sum & 1).wrapping_neg()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_is_not_done_again_until_the_file_changes() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("src");
        std::fs::create_dir(&folder).unwrap();
        for (name, text) in [("a.rs", "fn a() {}\n"), ("b.py", "def b(): pass\n"), ("c.txt", "no source\n")] {
            std::fs::write(folder.join(name), text).unwrap();
        }
        std::fs::write(folder.join(".gitignore"), "secret.rs\n").unwrap();
        std::fs::write(folder.join("secret.rs"), "fn secret() {}\n").unwrap();
        let batch = Batch { folder: folder.clone(), out: folder.join("out"), task: "explain".to_owned() };
        let run_once = |fails_at: &str| {
            let mut seen = Vec::new();
            let result = run(&batch, &mut |file, text| {
                seen.push(file.relative.clone());
                if file.relative == fails_at {
                    bail!("the machine stops")
                }
                let result = Some((format!("{}.md", file.relative), text.to_owned()));
                Ok(Report { result, ..Report::default() })
            });
            (seen, result.map(|summary| (summary.n_written, summary.n_skipped)).ok())
        };
        assert_eq!(run_once("b.py"), (vec!["a.rs".to_owned(), "b.py".to_owned()], None));
        assert_eq!(run_once(""), (vec!["b.py".to_owned()], Some((1, 1))));
        assert_eq!(run_once(""), (vec![], Some((0, 2))));
        std::fs::write(folder.join("a.rs"), "fn a() { b() }\n").unwrap();
        assert_eq!(run_once(""), (vec!["a.rs".to_owned()], Some((1, 1))));
        assert_eq!(std::fs::read_to_string(folder.join("out/a.rs.md")).unwrap(), "fn a() { b() }\n");
        let other = Batch { task: "refactor simplify ".to_owned(), ..batch };
        let error = run(&other, &mut |_, _| Ok(Report::default())).err().unwrap();
        assert!(error.to_string().contains("another folder"), "{error}");
    }

    #[test]
    fn a_source_that_somebody_changes_meanwhile_is_left_and_done_the_next_time() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("src");
        std::fs::create_dir(&folder).unwrap();
        let file = folder.join("a.rs");
        std::fs::write(&file, "fn a() {}\n").unwrap();
        let batch = Batch { folder, out: root.path().join("out"), task: "refactor".to_owned() };
        let report = || Report {
            result: Some(("a.rs.patch".to_owned(), "a patch".to_owned())),
            source: Some("fn made() {}\n".to_owned()),
            refused: Vec::new(),
        };
        let summary = run(&batch, &mut |_, _| {
            std::fs::write(&file, "fn typed() {}\n").unwrap();
            Ok(report())
        });
        let summary = summary.unwrap();
        assert_eq!((summary.n_written, summary.n_changed), (0, 1));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "fn typed() {}\n");
        assert!(!root.path().join("out/a.rs.patch").exists());
        let summary = run(&batch, &mut |_, _| Ok(report())).unwrap();
        assert_eq!((summary.n_written, summary.n_changed), (1, 0));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "fn made() {}\n");
        let summary = run(&batch, &mut |_, _| panic!("it is done")).unwrap();
        assert_eq!(summary.n_skipped, 1);
    }

    #[test]
    fn the_checksum_is_the_known_one() {
        assert_eq!(checksum(b"123456789"), 0xcbf4_3926);
    }
}
