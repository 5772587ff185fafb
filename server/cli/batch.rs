//! One action on all source files of a folder, overnight if need be. Must hold: what was done is not done again unless the
//! file changed; however the program ends, the results and the list of what is done are whole; sources are only read.
#![expect(clippy::print_stderr, reason = "the summary is no result")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use fimble_workspace::{SourceFile, WalkLimits, read, walk};
use serde::{Deserialize, Serialize};

use super::code_actions::write_whole;
use super::progress::ProgressReporter;

/// Name of the list in the folder of the results.
const STATE_FILE: &str = "fimble-batch.json";
/// Files that one run takes; more than a night is long.
const MAX_FILES: usize = 100_000;

/// What is to be done.
pub struct Batch {
    /// Where the sources are.
    pub folder: PathBuf,
    /// Where the results go.
    pub out: PathBuf,
    /// What is done, so that results of different tasks are not mixed.
    pub task: String,
}

/// What came of one file.
pub enum Report {
    /// A result.
    Written {
        /// Its path in the folder of the results.
        name: String,
        /// What it says.
        text: String,
    },
    /// None, and why.
    Refused(String),
}

/// What is done, as it stands in the folder of the results.
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
    /// Why there is no result, if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

/// What a run did.
pub struct Summary {
    n_written: usize,
    n_refused: usize,
    n_skipped: usize,
    is_cut: bool,
    out: PathBuf,
}

impl Summary {
    /// Prints it. The exit code is 1 if nothing was done, now or before.
    pub fn print(&self) -> ExitCode {
        let Self { n_written, n_refused, n_skipped, .. } = self;
        eprintln!(
            "{n_written} results in {}, {n_refused} files without, {n_skipped} done before",
            self.out.display()
        );
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
    let limits = WalkLimits { max_files: MAX_FILES, max_total_bytes: u64::MAX, ..WalkLimits::default() };
    let found = walk(&batch.folder, limits, &|| false);
    let out = std::path::absolute(&batch.out)?;
    let files: Vec<_> = found
        .files
        .into_iter()
        // Results of an earlier run in a folder inside of this one are no sources.
        .filter(|file| !std::path::absolute(&file.path).is_ok_and(|path| path.starts_with(&out)))
        .collect();
    let mut summary =
        Summary { n_written: 0, n_refused: 0, n_skipped: 0, is_cut: found.is_cut, out: batch.out.clone() };
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
        let content = (text.len() as u64, checksum(text.as_bytes()));
        if state.done.get(&file.relative).is_some_and(|done| done.content == content) {
            summary.n_skipped += 1;
            continue;
        }
        let acted = act(file, &text);
        let refused = match acted.with_context(|| {
            format!("ended at file {} of {}; the same command goes on from there", index + 1, files.len())
        })? {
            Report::Written { name, text } => {
                write_whole(&batch.out.join(name), &text)?;
                summary.n_written += 1;
                None
            }
            Report::Refused(reason) => {
                summary.n_refused += 1;
                Some(reason)
            }
        };
        // What the action changed in the file itself is what it will find the next time.
        let content = read(&file.path, limits.max_file_bytes)
            .map_or(content, |text| (text.len() as u64, checksum(text.as_bytes())));
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
        .with_context(|| format!("{shown} cannot be understood; remove it to begin anew"))?;
    if state.task != task {
        bail!("{shown} belongs to the task {:?}; choose another folder with --out", state.task);
    }
    Ok(state)
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
                Ok(Report::Written { name: format!("{}.md", file.relative), text: text.to_owned() })
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
        let error = run(&other, &mut |_, _| Ok(Report::Refused(String::new()))).err().unwrap();
        assert!(error.to_string().contains("another folder"), "{error}");
    }

    #[test]
    fn the_checksum_is_the_known_one() {
        assert_eq!(checksum(b"123456789"), 0xcbf4_3926);
    }
}
