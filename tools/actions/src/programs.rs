//! Compilers and programs that judge what a model wrote. Invariant: each runs in a folder of its own, without input, and is
//! ended when its time is over.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// A compiler with a cold cache is the slowest of all.
const TIME: Duration = Duration::from_secs(60);
/// How often it is looked whether a program has ended.
const POLL: Duration = Duration::from_millis(5);
/// Bytes of what a program said that are kept.
const MAX_SAID: usize = 2000;

/// What came of a program.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Whether it ended with 0.
    pub is_good: bool,
    /// What it printed, cut to its end.
    pub said: String,
}

/// Runs a command line in a folder.
///
/// # Errors
/// It cannot be started.
pub fn run(folder: &Path, command: &[&str]) -> anyhow::Result<Ran> {
    let (program, arguments) = command.split_first().context("an empty command")?;
    let log = folder.join(".said");
    let file = File::create(&log)?;
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()
        .with_context(|| format!("cannot run {program}"))?;
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if started.elapsed() > TIME {
            child.kill()?;
            child.wait()?;
            break None;
        }
        std::thread::sleep(POLL);
    };
    let said = String::from_utf8_lossy(&std::fs::read(&log)?).into_owned();
    let start = said.ceil_char_boundary(said.len().saturating_sub(MAX_SAID));
    let said = match status {
        Some(_) => said[start..].to_owned(),
        None => format!("{program} did not end within {} s", TIME.as_secs()),
    };
    Ok(Ran { is_good: status.is_some_and(|status| status.success()), said })
}

/// Whether a command can be run at all.
pub fn is_there(command: &[&str]) -> bool {
    tempfile::tempdir().is_ok_and(|folder| run(folder.path(), command).is_ok_and(|ran| ran.is_good))
}

/// What this machine can run.
#[derive(Clone, Copy, Debug)]
pub struct Tools {
    python: bool,
    pytest: bool,
    node: bool,
    rust: bool,
    c: bool,
    java: bool,
}

impl Tools {
    /// Looks for them.
    pub fn found() -> Self {
        Self {
            python: is_there(&["python3", "--version"]),
            pytest: is_there(&["python3", "-m", "pytest", "--version"]),
            node: is_there(&["node", "--version"]),
            rust: is_there(&["rustc", "--version"]),
            c: is_there(&["gcc", "--version"]),
            java: is_there(&["javac", "--version"]) && is_there(&["java", "-version"]),
        }
    }

    /// Whether code of a language can be compiled and run.
    pub fn run(self, language: &str) -> bool {
        match language {
            "python" => self.python,
            "javascript" => self.node,
            "rust" => self.rust,
            "c" => self.c,
            "java" => self.java,
            _ => false,
        }
    }

    /// The commands that compile a file, or check it as far as the language allows.
    pub fn compile(self, language: &str, file: &str) -> Vec<Vec<String>> {
        let command = match language {
            "python" => "python3 -m py_compile FILE",
            "javascript" => "node --check FILE",
            "rust" => "rustc --edition 2021 -A warnings --crate-type lib --emit metadata FILE",
            "c" => "gcc -std=c17 -fsyntax-only FILE",
            "java" => "javac -d . FILE",
            _ => return Vec::new(),
        };
        vec![words(command, file)]
    }

    /// The name of the file of a task's program, and the commands that run it.
    pub fn program(self, language: &str) -> (&'static str, Vec<Vec<String>>) {
        let (file, commands): (&str, &[&str]) = match language {
            "python" => ("check.py", &["python3 FILE"]),
            "javascript" => ("check.js", &["node FILE"]),
            "rust" => ("check.rs", &["rustc --edition 2021 -A warnings -o check FILE", "./check"]),
            "c" => ("check.c", &["gcc -std=c17 -w -o check FILE", "./check"]),
            "java" => ("Check.java", &["javac -cp . -d . FILE", "java -cp . Check"]),
            _ => ("", &[]),
        };
        (file, commands.iter().map(|command| words(command, file)).collect())
    }

    /// The commands that run the tests in a file.
    pub fn tests(self, language: &str, file: &str) -> Vec<Vec<String>> {
        let commands: &[&str] = match language {
            "python" if self.pytest => &["python3 -m pytest -q FILE"],
            "python" => &["python3 -m unittest FILE"],
            "javascript" => &["node --test FILE"],
            "rust" => &["rustc --edition 2021 -A warnings --test -o check FILE", "./check"],
            "c" => &["gcc -std=c17 -w -o check FILE", "./check"],
            _ => &[],
        };
        commands.iter().map(|command| words(command, file)).collect()
    }
}

fn words(command: &str, file: &str) -> Vec<String> {
    command.split(' ').map(|word| if word == "FILE" { file.to_owned() } else { word.to_owned() }).collect()
}

/// Runs commands until one fails. Returns what the last one said.
///
/// # Errors
/// One cannot be started.
pub fn run_all(folder: &Path, commands: &[Vec<String>]) -> anyhow::Result<Ran> {
    let mut last = Ran { is_good: true, said: String::new() };
    for command in commands {
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        last = run(folder, &command)?;
        if !last.is_good {
            break;
        }
    }
    Ok(last)
}
