//! Tasks as they stand in `fixtures/actions`: one file for each, with the source, the place, and what a right outcome is.
//! Invariant: the marks of the target and of the selection never reach a model.

use std::ops::Range;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde::Deserialize;

/// The marks around the lines that may change.
const TARGET: [char; 2] = ['«', '»'];
/// The marks around what is selected, or what the diagnostic is about.
const SELECTED: [char; 2] = ['⟦', '⟧'];

/// A task as its file has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskFile {
    /// Name of the action in the protocol: `simplify`.
    pub action: String,
    /// What the user wants, for `instruction`.
    #[serde(default)]
    pub instruction: String,
    /// What the compiler says about the selection, for `fix`.
    #[serde(default)]
    pub message: String,
    /// Name of the source file.
    pub file: String,
    /// The source, with marks.
    source: String,
    /// Words that an explanation or a comment has to hold: the parameters.
    #[serde(default)]
    pub names: Vec<String>,
    /// Of each of these groups an explanation has to hold one word or more.
    #[serde(default)]
    pub says: Vec<Vec<String>>,
    /// Patterns that the new text has to hold.
    #[serde(default)]
    pub holds: Vec<String>,
    /// Patterns that must not be in the lines of the target.
    #[serde(default)]
    pub lacks: Vec<String>,
    /// A program that runs beside the changed file, and ends with 0 if that does what it should.
    #[serde(default)]
    pub program: String,
    /// What to replace in the source, and by what, so that good tests fail.
    pub broken: Option<[String; 2]>,
}

/// A task without marks.
#[derive(Clone, Debug)]
pub struct Task {
    /// `python/simplify`.
    pub name: String,
    /// Name of the folder that it lies in: its language.
    pub language: String,
    /// Name of its file without the ending; two kinds may have one action.
    pub kind: String,
    /// What its file says.
    pub file: TaskFile,
    /// The source without marks.
    pub source: String,
    /// The bytes of the lines that may change.
    pub target: Range<usize>,
    /// The bytes of the selection, or an empty range for a cursor.
    pub selected: Range<usize>,
}

impl Task {
    /// The task of a file with this text.
    ///
    /// # Errors
    /// It is not well formed.
    pub fn parse(language: &str, kind: &str, text: &str) -> anyhow::Result<Self> {
        let file: TaskFile = toml::from_str(text)?;
        let mut source = String::new();
        let mut marks = [None; 4];
        let body = file.source.strip_prefix('\n').unwrap_or(&file.source);
        for character in body.chars() {
            match TARGET.into_iter().chain(SELECTED).position(|mark| mark == character) {
                Some(index) => marks[index] = Some(source.len()),
                None => source.push(character),
            }
        }
        let (Some(start), Some(end)) = (marks[0], marks[1]) else { bail!("the target is not marked") };
        let cursor = start + source[start..].find('\n').context("the target is one line")?;
        let selected = marks[2].unwrap_or(cursor)..marks[3].unwrap_or(cursor);
        let name = format!("{language}/{kind}");
        Ok(Self {
            name,
            language: language.to_owned(),
            kind: kind.to_owned(),
            file,
            source,
            target: start..end,
            selected,
        })
    }

    /// The task's source with the defect that good tests find; none if no defect is named.
    pub fn broken_source(&self) -> Option<String> {
        let [from, to] = self.file.broken.as_ref()?;
        Some(self.source.replacen(from, to, 1))
    }

    /// The line and the byte in it, from 0, of a byte of the source.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let before = &self.source[..offset];
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count(), offset - start)
    }
}

/// All tasks of a folder, by language and kind.
///
/// # Errors
/// One cannot be read or is not well formed; the error names it.
pub fn read_all(folder: &Path) -> anyhow::Result<Vec<Task>> {
    let mut tasks = Vec::new();
    for language in entries(folder)? {
        if !language.is_dir() {
            continue;
        }
        for file in entries(&language)? {
            let name = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&file);
            let task = text.map_err(anyhow::Error::from);
            let task = task.and_then(|text| Task::parse(&name(&language), &name(&file), &text));
            tasks.push(task.with_context(|| format!("the task {}", file.display()))?);
        }
    }
    if tasks.is_empty() {
        bail!("{} holds no tasks: name the folder fixtures/actions with --tasks", folder.display());
    }
    Ok(tasks)
}

fn entries(folder: &Path) -> anyhow::Result<Vec<std::path::PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_become_ranges_and_leave_the_source() {
        let text =
            "action = \"fix\"\nfile = \"a.py\"\nsource = '''\na = 1\n«def f():\n    return ⟦b⟧\n»'''\n";
        let task = Task::parse("python", "fix", text).unwrap();
        assert_eq!(task.source, "a = 1\ndef f():\n    return b\n");
        assert_eq!(&task.source[task.target.clone()], "def f():\n    return b\n");
        assert_eq!(&task.source[task.selected.clone()], "b");
        assert_eq!(task.position(task.selected.start), (2, 11));
        let cursor = Task::parse("python", "fix", &text.replace(['⟦', '⟧'], "")).unwrap();
        assert_eq!(cursor.position(cursor.selected.start), (1, 8));
        assert!(Task::parse("python", "fix", &text.replace('»', "")).is_err());
    }
}
