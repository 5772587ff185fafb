//! Projects with places to complete: cut in the files of a folder, or read from a file. Invariant: the same files and
//! the same seed give the same places on every machine.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use fimble_engine::SplitMix64;
use serde::Deserialize;

use crate::case::cut_out;
pub use crate::case::{Case, Edited, Kind, Wanted};
use crate::cut;

/// Files that belong together, with places in them.
pub struct Project {
    pub name: String,
    /// Where the files are; none if only the places are known.
    pub folder: Option<PathBuf>,
    /// Path and text of every file.
    pub files: Vec<(String, String)>,
    /// The places, those of one file together.
    pub cases: Vec<Case>,
    /// Where the tests of the files are, if there are any.
    pub tests: Option<PathBuf>,
}

/// A line of a file of cases. Other keys are ignored.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    /// The whole text stands in the line.
    Whole {
        language: String,
        path: String,
        prefix: String,
        suffix: String,
        #[serde(alias = "middle", alias = "rest")]
        expected: String,
        #[serde(default)]
        kind: Kind,
    },
    /// The text is that of a file in the folder `code` beside the file of cases.
    InFile {
        path: String,
        /// What stands right before the place.
        before: String,
        expected: String,
        #[serde(default)]
        kind: Kind,
        /// An edit that was made right before, in another file.
        edited: Option<WrittenEdit>,
    },
}

/// The place of an edit.
#[derive(Deserialize)]
struct WrittenEdit {
    path: String,
    /// What stands right before it; once in the file.
    before: String,
}

/// Files larger than this are not code that somebody writes, in bytes.
const LARGEST_FILE: u64 = 500_000;
/// The file of cases of a folder.
const CASES: &str = "cases.jsonl";
/// Where the files of a project are that has cases or tests. These stand beside it: the model must not be shown what is expected.
const CODE: &str = "code";

/// Reads a folder, or a file of cases. A folder with a file `cases.jsonl` has the places that stand there, in files of its folder
/// `code`. One with folders `code` and `tests` has the bodies of functions in `code`, which are judged by the tests.
///
/// # Errors
/// The path cannot be read, holds no file in a known language, or a line is no case.
pub fn read(path: &Path, wanted: &Wanted) -> anyhow::Result<Project> {
    let named = |path: &Path| {
        path.file_name().map_or_else(|| "project".to_owned(), |name| name.to_string_lossy().into_owned())
    };
    if !path.is_dir() {
        let folder = path.parent().unwrap_or(Path::new("")).join(CODE);
        return read_cases(path, &folder, named(path), wanted);
    }
    let path = &path.canonicalize().with_context(|| format!("cannot read {}", path.display()))?;
    let list = path.join(CASES);
    if list.is_file() {
        return read_cases(&list, &path.join(CODE), named(path), wanted);
    }
    let (code, tests) = (path.join(CODE), path.join("tests"));
    let tests = (code.is_dir() && tests.is_dir()).then_some(tests);
    let folder = if tests.is_some() { code } else { path.clone() };
    let files = files_of(&folder)?;
    let mut cases = match tests {
        Some(_) => cut::cut(&files, &Wanted { kinds: vec![Kind::Body], ..wanted.clone() }),
        None => cut::cut(&files, wanted),
    };
    if wanted.edits_elsewhere {
        let mut random = SplitMix64::new(wanted.seed);
        for case in &mut cases {
            case.edited = edit_elsewhere(&files, &case.path, &mut random);
        }
    }
    Ok(Project { name: named(path), folder: Some(folder), files, cases, tests })
}

fn read_cases(path: &Path, folder: &Path, name: String, wanted: &Wanted) -> anyhow::Result<Project> {
    let content = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut files = Vec::new();
    let mut cases = Vec::new();
    for (number, line) in content.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = || format!("line {} of {}", number + 1, path.display());
        let written: Written =
            serde_json::from_str(line).with_context(|| format!("{} is no case", place()))?;
        if files.is_empty() && matches!(written, Written::InFile { .. }) {
            files = files_of(folder)?;
        }
        cases.push(case(written, &files).with_context(|| format!("{} is no case", place()))?);
    }
    cases.retain(|case| wanted.includes(case.kind));
    let order = |case: &Case| files.iter().position(|(path, _)| *path == case.path);
    cases.sort_by_key(|case| (order(case), if files.is_empty() { 0 } else { case.offset }));
    let folder = match files.is_empty() {
        true => None,
        false => Some(folder.canonicalize().with_context(|| format!("cannot read {}", folder.display()))?),
    };
    Ok(Project { name, folder, files, cases, tests: None })
}

/// The end of a random line with text in a random file other than `path`; none if there is no other file.
fn edit_elsewhere(files: &[(String, String)], path: &str, random: &mut SplitMix64) -> Option<Edited> {
    let others: Vec<&(String, String)> = files.iter().filter(|(other, _)| other != path).collect();
    let (path, text) = others.get(random.below(others.len()))?;
    let ends = text.match_indices('\n').map(|(end, _)| end);
    let ends: Vec<usize> = ends.filter(|end| !text[..*end].ends_with(['\n', ' '])).collect();
    let offset = *ends.get(random.below(ends.len()))?;
    Some(Edited { path: path.clone(), offset })
}

/// Finds the place of a line.
fn case(written: Written, files: &[(String, String)]) -> anyhow::Result<Case> {
    match written {
        Written::Whole { language, path, prefix, suffix, expected, kind } => Ok(Case {
            path,
            language,
            kind,
            sort: String::new(),
            offset: prefix.len(),
            text: prefix + &suffix,
            expected,
            edited: None,
        }),
        Written::InFile { path, before, expected, kind, edited } => {
            let (text, start) = find(files, &path, &format!("{before}{expected}"))?;
            let start = start + before.len();
            let case = cut_out(&path, text, kind, "", start..start + expected.len());
            let edited = edited.map(|WrittenEdit { path, before }| {
                let (_, start) = find(files, &path, &before)?;
                anyhow::Ok(Edited { offset: start + before.len(), path })
            });
            Ok(Case { edited: edited.transpose()?, ..case })
        }
    }
}

/// A file's text, and where a part of it is.
fn find<'a>(files: &'a [(String, String)], path: &str, part: &str) -> anyhow::Result<(&'a str, usize)> {
    let Some((_, text)) = files.iter().find(|(other, _)| *other == path) else {
        bail!("there is no file {path:?} in a known language");
    };
    let mut found = text.match_indices(part);
    match (found.next(), found.next()) {
        (Some((start, _)), None) => Ok((text, start)),
        _ => bail!("{path} must hold {part:?} exactly once"),
    }
}

/// Every file of a known language, by path.
fn files_of(folder: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    collect(folder, folder, &mut files)?;
    if files.is_empty() {
        bail!("{} holds no file in a language that is known", folder.display());
    }
    Ok(files)
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, String)>) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if is_hidden || path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, files)?;
            continue;
        }
        let inside = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        let is_small = path.metadata().is_ok_and(|metadata| metadata.len() <= LARGEST_FILE);
        if is_small
            && fimble_syntax::detect("", &inside, "").is_some()
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            files.push((inside, text.replace('\r', "")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Wanted = Wanted { kinds: Vec::new(), n_cases: 9, seed: 1, edits_elsewhere: false };

    #[test]
    fn a_file_of_cases_is_read_and_a_bad_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cases.jsonl");
        std::fs::write(
            &path,
            r#"{"language":"go","path":"a.go","prefix":"x := ","suffix":"\n","expected":"1","more":3}"#,
        )
        .unwrap();
        let project = read(&path, &ALL).unwrap();
        assert_eq!(project.cases[0].offset, 5);
        std::fs::write(&path, "\n{}\n").unwrap();
        assert!(format!("{:#}", read(&path, &ALL).err().unwrap()).contains("line 2"));
    }

    #[test]
    fn an_edit_elsewhere_is_in_another_file_and_the_same_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let lines: String = (0..40).map(|n| format!("value_{n} = compute_{n}(first, second)\n")).collect();
        for name in ["a.py", "b.py"] {
            std::fs::write(folder.path().join(name), &lines).unwrap();
        }
        let wanted = Wanted { edits_elsewhere: true, ..ALL };
        let cases = read(folder.path(), &wanted).unwrap().cases;
        assert!(cases.len() > 5);
        for case in &cases {
            let edited = case.edited.as_ref().unwrap();
            assert_ne!(edited.path, case.path);
            assert!(lines[..edited.offset].ends_with(')') && lines[edited.offset..].starts_with('\n'));
        }
        assert_eq!(read(folder.path(), &wanted).unwrap().cases, cases);
        assert!(read(folder.path(), &ALL).unwrap().cases.iter().all(|case| case.edited.is_none()));
    }

    #[test]
    fn an_edit_of_a_place_is_found_by_what_stands_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let code = folder.path().join(CODE);
        std::fs::create_dir(&code).unwrap();
        std::fs::write(code.join("a.py"), "y = f(2)\n").unwrap();
        std::fs::write(code.join("b.py"), "def f(x):\n    return x\n").unwrap();
        let edited = serde_json::json!({"path": "b.py", "before": "def f(x"});
        let line =
            serde_json::json!({"path": "a.py", "before": "y = ", "expected": "f(2)", "edited": edited});
        std::fs::write(folder.path().join("cases.jsonl"), line.to_string()).unwrap();
        let project = read(folder.path(), &ALL).unwrap();
        assert_eq!(project.cases[0].edited, Some(Edited { path: "b.py".to_owned(), offset: 7 }));
    }

    #[test]
    fn a_place_in_a_file_is_found_by_what_stands_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let code = folder.path().join(CODE);
        std::fs::create_dir(&code).unwrap();
        std::fs::write(code.join("a.py"), "x = f(1)\ny = f(2)\n").unwrap();
        let list = folder.path().join("cases.jsonl");
        let with = |before: &str| {
            let line =
                serde_json::json!({"path": "a.py", "before": before, "expected": "f(", "kind": "rest"});
            std::fs::write(&list, line.to_string()).unwrap();
            read(folder.path(), &ALL)
        };
        let project = with("y = ").unwrap();
        assert_eq!((project.cases[0].offset, project.cases[0].text.as_str()), (13, "x = f(1)\ny = 2)\n"));
        assert_eq!(project.files.len(), 1);
        // The list itself, which says what is expected, is not a file of the project.
        assert_eq!(project.folder, Some(code.canonicalize().unwrap()));
        // Twice, and not at all.
        for before in ["= ", "z = "] {
            assert!(format!("{:#}", with(before).err().unwrap()).contains("exactly once"));
        }
        let others = Wanted { kinds: vec![Kind::Body], ..ALL };
        with("y = ").unwrap();
        assert!(read(folder.path(), &others).unwrap().cases.is_empty());
    }
}
