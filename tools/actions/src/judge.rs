//! Whether what a model made is right. Invariant: what breaks the file is told apart from what is merely wrong; what could
//! only be looked at, and not run, is marked as that.

use std::path::Path;

use regex::Regex;

use crate::editor::Change;
use crate::programs::{Tools, run_all};
use crate::syntax::{functions, n_errors};
use crate::task::Task;
use crate::words::{self, fenced};

/// What came of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is right.
    Passed,
    /// The server made no change, and says why.
    Refused(String),
    /// It is not right, and why.
    Wrong(String),
    /// The file parses, but its compiler does not take it.
    DoesNotCompile(String),
    /// The file has new syntax errors, or something outside of the target was changed or repeated.
    Broke(String),
}

impl Verdict {
    /// The word for it in tables.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Refused(_) => "refused",
            Self::Wrong(_) => "wrong",
            Self::DoesNotCompile(_) => "does not compile",
            Self::Broke(_) => "broke the file",
        }
    }

    /// Why.
    pub fn reason(&self) -> &str {
        match self {
            Self::Passed => "",
            Self::Refused(reason)
            | Self::Wrong(reason)
            | Self::DoesNotCompile(reason)
            | Self::Broke(reason) => reason,
        }
    }
}

/// A judgement either ends with a verdict, or goes on.
type Step = Result<(), Verdict>;

fn wrong(reason: impl Into<String>) -> Verdict {
    Verdict::Wrong(reason.into())
}

/// Judges what came of a task. `folder` is empty and for this task alone.
///
/// # Errors
/// A file cannot be written, a pattern of the task is none, or a program cannot be started.
pub fn judge(task: &Task, change: &Change, tools: Tools, folder: &Path) -> anyhow::Result<Verdict> {
    let judged = match (task.file.action.as_str(), change) {
        (_, Change::Nothing(reason)) => Err(Verdict::Refused(reason.clone())),
        ("explain", Change::Words(words)) => words::judge_explanation(task, words).map_err(wrong),
        ("tests", _) => judge_tests(task, change, tools, folder)?,
        (action, Change::Text(new)) if action != "explain" => judge_edit(task, new, tools, folder)?,
        _ => Err(wrong("it made something of another kind")),
    };
    Ok(judged.err().unwrap_or(Verdict::Passed))
}

/// Whether nothing is broken: no new syntax error, and what stands outside of the target is as it was and stands there once.
fn keeps_file(task: &Task, new: &str) -> Step {
    let (head, tail) = (&task.source[..task.target.start], &task.source[task.target.end..]);
    if !new.starts_with(head) || !new.ends_with(tail) || new.len() < head.len() + tail.len() {
        return Err(Verdict::Broke("what stands outside of the target was changed".to_owned()));
    }
    if n_errors(&task.language, new) > n_errors(&task.language, &task.source) {
        return Err(Verdict::Broke("it has new syntax errors".to_owned()));
    }
    let count = |functions: &[String], name: &String| functions.iter().filter(|other| *other == name).count();
    let (before, after) = (functions(&task.language, &task.source), functions(&task.language, new));
    let repeated = before.iter().find(|name| count(&after, name) > count(&before, name));
    let inside = &new[head.len()..new.len() - tail.len()];
    let import =
        head.lines().find(|line| words::is_import(line) && inside.lines().any(|other| other == *line));
    match (repeated, import) {
        (Some(name), _) => Err(Verdict::Broke(format!("{name} stands there twice"))),
        (_, Some(line)) => Err(Verdict::Broke(format!("{line:?} stands there twice"))),
        _ => Ok(()),
    }
}

fn judge_edit(task: &Task, new: &str, tools: Tools, folder: &Path) -> anyhow::Result<Step> {
    if let Err(verdict) = keeps_file(task, new) {
        return Ok(Err(verdict));
    }
    let tail = task.source.len() - task.target.end;
    let inside = &new[task.target.start..new.len() - tail];
    let old = &task.source[task.target.clone()];
    if tools.run(&task.language) {
        std::fs::write(folder.join(&task.file.file), new)?;
        let ran = run_all(folder, &tools.compile(&task.language, &task.file.file))?;
        if !ran.is_good {
            return Ok(Err(Verdict::DoesNotCompile(ran.said)));
        }
    }
    let judged = match task.file.action.as_str() {
        "document" => words::judge_comment(task, inside, old).map_err(wrong),
        "simplify" if n_visible(inside) >= n_visible(old) => Err(wrong("it is not shorter")),
        "extract" => has_new_function(task, new),
        _ => Ok(()),
    };
    if judged.is_err() {
        return Ok(judged);
    }
    if let Err(verdict) = patterns(task, new, inside)? {
        return Ok(Err(verdict));
    }
    if task.file.program.is_empty() || !tools.run(&task.language) {
        return Ok(Ok(()));
    }
    let (name, commands) = tools.program(&task.language);
    std::fs::write(folder.join(name), &task.file.program)?;
    let ran = run_all(folder, &commands)?;
    Ok(if ran.is_good { Ok(()) } else { Err(wrong(ran.said)) })
}

fn n_visible(text: &str) -> usize {
    text.chars().filter(|character| !character.is_whitespace()).count()
}

/// Whether there is one function more or several, and each is called.
fn has_new_function(task: &Task, new: &str) -> Step {
    let before = functions(&task.language, &task.source);
    let added: Vec<String> =
        functions(&task.language, new).into_iter().filter(|name| !before.contains(name)).collect();
    if added.is_empty() {
        return Err(wrong("there is no new function"));
    }
    match added.iter().find(|name| words::count_word(new, name) < 2) {
        Some(name) => Err(wrong(format!("the new function {name} is not called"))),
        None => Ok(()),
    }
}

/// The patterns of a task.
fn patterns(task: &Task, new: &str, inside: &str) -> anyhow::Result<Step> {
    for pattern in &task.file.holds {
        if !Regex::new(pattern)?.is_match(new) {
            return Ok(Err(wrong(format!("it does not hold {pattern}"))));
        }
    }
    for pattern in &task.file.lacks {
        if Regex::new(pattern)?.is_match(inside) {
            return Ok(Err(wrong(format!("it still holds {pattern}"))));
        }
    }
    Ok(Ok(()))
}

/// Tests have to run, to pass with the source as it is, and to fail with the broken one.
fn judge_tests(task: &Task, change: &Change, tools: Tools, folder: &Path) -> anyhow::Result<Step> {
    let (name, text) = match change {
        Change::NewFile { name, text } => (name.as_str(), text.clone()),
        Change::Text(new) if !new.starts_with(&task.source) => {
            return Ok(Err(Verdict::Broke("what stands above the tests was changed".to_owned())));
        }
        Change::Text(new) => (task.file.file.as_str(), new.clone()),
        Change::Words(words) => match fenced(words) {
            Some(code) => ("check.c", code),
            None => return Ok(Err(wrong("there is no code"))),
        },
        Change::Nothing(reason) => return Ok(Err(Verdict::Refused(reason.clone()))),
    };
    if n_errors(&task.language, &text) > 0 {
        return Ok(Err(Verdict::Broke("the tests have syntax errors".to_owned())));
    }
    if let Err(verdict) = patterns(task, &text, &text)? {
        return Ok(Err(verdict));
    }
    let commands = tools.tests(&task.language, name);
    if commands.is_empty() || !tools.run(&task.language) {
        return Ok(Ok(()));
    }
    let run_with = |source: &str| -> anyhow::Result<(bool, String)> {
        std::fs::write(folder.join(&task.file.file), source)?;
        let tests = match change {
            // What is shown is to be copied below the source.
            Change::Words(_) => format!("{source}\n{}", words::without_lines(&text, "#include \"")),
            Change::Text(new) => format!("{source}{}", &new[task.source.len()..]),
            _ => text.clone(),
        };
        std::fs::write(folder.join(name), tests)?;
        let ran = run_all(folder, &commands)?;
        Ok((ran.is_good, ran.said))
    };
    if !words::has_tests(&task.language, &text) {
        return Ok(Err(wrong("there is no test in it")));
    }
    let (is_good, said) = run_with(&task.source)?;
    if !is_good {
        return Ok(Err(wrong(said)));
    }
    match task.broken_source() {
        Some(broken) if run_with(&broken)?.0 => Ok(Err(wrong("the tests pass with a broken function, too"))),
        _ => Ok(Ok(())),
    }
}
