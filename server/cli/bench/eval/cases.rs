//! Places to complete, with what stands there: cut at random in the files of a folder, or read from a file. Must hold: the
//! same files and the same seed give the same places on every machine.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

/// What was cut out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The rest of a line, from anywhere behind its indentation, inside of words too.
    #[default]
    Rest,
    /// A whole line but its indentation; the recipe of the model says `next`.
    #[serde(alias = "next")]
    Line,
}

/// One place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Path in its project, with forward slashes.
    pub path: String,
    /// What the place is counted under.
    pub language: String,
    pub kind: Kind,
    /// The text without what was cut out.
    pub text: String,
    /// Where it was cut out.
    pub offset: usize,
    /// What was cut out.
    pub expected: String,
}

/// Places in files that belong together.
pub struct Project {
    pub name: String,
    /// Where they are; none if only the places are known.
    pub folder: Option<PathBuf>,
    /// Path and text of every file.
    pub files: Vec<(String, String)>,
    /// The places, those of one file together.
    pub cases: Vec<Case>,
}

/// A line of a file of cases. Other keys are ignored.
#[derive(Deserialize)]
struct Written {
    language: String,
    path: String,
    prefix: String,
    suffix: String,
    #[serde(alias = "middle", alias = "rest")]
    expected: String,
    #[serde(default)]
    kind: Kind,
}

/// Files larger than this are not code that somebody writes.
const LARGEST_FILE: u64 = 500_000;
/// Shorter lines leave nothing to complete.
const SHORTEST_LINE: usize = 6;
/// Longer ones are data.
const LONGEST_LINE: usize = 160;
/// One place in so many is a whole line.
const ONE_LINE_IN: usize = 4;

/// Reads a folder, or a file of cases.
pub fn read(path: &Path, n_cases: usize, seed: u64) -> anyhow::Result<Project> {
    let name =
        path.file_name().map_or_else(|| "project".to_owned(), |name| name.to_string_lossy().into_owned());
    if path.is_dir() {
        let mut files = Vec::new();
        collect(path, path, &mut files)?;
        if files.is_empty() {
            bail!("{} holds no file in a language that is known", path.display());
        }
        let cases = cut(&files, n_cases, seed);
        let folder = path.canonicalize().with_context(|| format!("cannot read {}", path.display()))?;
        return Ok(Project { name, folder: Some(folder), files, cases });
    }
    let content = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut cases = Vec::new();
    for (number, line) in content.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let written: Written = serde_json::from_str(line)
            .with_context(|| format!("line {} of {} is no case", number + 1, path.display()))?;
        cases.push(Case {
            path: written.path,
            language: written.language,
            kind: written.kind,
            offset: written.prefix.len(),
            text: written.prefix + &written.suffix,
            expected: written.expected,
        });
    }
    Ok(Project { name, folder: None, files: Vec::new(), cases })
}

/// Every file of a known language, by path.
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

/// Cuts places out of all files alike, longer files more often.
fn cut(files: &[(String, String)], n_cases: usize, seed: u64) -> Vec<Case> {
    let lines: Vec<(usize, usize, usize)> = files
        .iter()
        .enumerate()
        .flat_map(|(file, (_, text))| {
            let mut start = 0;
            text.split_inclusive('\n').filter_map(move |line| {
                let (from, content) = (start, line.trim_end());
                start += line.len();
                let code = content.trim_start();
                let fits = (SHORTEST_LINE..=LONGEST_LINE).contains(&code.len());
                fits.then(|| (file, from + content.len() - code.len(), from + content.len()))
            })
        })
        .collect();
    let mut random = Random(seed);
    let mut cases: Vec<(usize, Case)> = Vec::new();
    for number in 0..n_cases.min(lines.len()) {
        let (file, code, end) = lines[random.below(lines.len())];
        let (path, text) = &files[file];
        let kind = if number % ONE_LINE_IN == 0 { Kind::Line } else { Kind::Rest };
        let mut offset = match kind {
            Kind::Line => code,
            Kind::Rest => code + random.below(end - code - 1) + 1,
        };
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let language = fimble_syntax::detect("", path, "").map_or("", |language| language.name());
        let case = Case {
            path: path.clone(),
            language: language.to_owned(),
            kind,
            text: format!("{}{}", &text[..offset], &text[end..]),
            offset,
            expected: text[offset..end].to_owned(),
        };
        cases.push((file, case));
    }
    cases.sort_by_key(|(file, _)| *file);
    cases.into_iter().map(|(_, case)| case).collect()
}

/// SplitMix64, as the engine's sampler has it: the places must be the same whatever library changes.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let limit = limit.max(1) as u64;
        usize::try_from((mixed ^ (mixed >> 31)) % limit).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_leaves_the_rest_of_the_text() {
        let text = "fn größe(a: u32) -> u32 {\n    a + 1\n\n}\nstatic ZERO: u32 = 0;\n";
        let files = vec![("src/lib.rs".to_owned(), text.to_owned())];
        let cases = cut(&files, 40, 7);
        assert_eq!(cases, cut(&files, 40, 7));
        assert!(cases.iter().any(|case| case.kind == Kind::Line));
        for case in cases {
            let (before, after) = case.text.split_at(case.offset);
            assert_eq!(format!("{before}{}{after}", case.expected), text);
            assert!(!case.expected.contains('\n') && !case.expected.is_empty());
        }
    }

    #[test]
    fn a_file_of_cases_is_read_and_a_bad_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cases.jsonl");
        std::fs::write(
            &path,
            r#"{"language":"go","path":"a.go","prefix":"x := ","suffix":"\n","expected":"1","more":3}"#,
        )
        .unwrap();
        let project = read(&path, 1, 1).unwrap();
        assert_eq!(project.cases[0].offset, 5);
        std::fs::write(&path, "\n{}\n").unwrap();
        assert!(format!("{:#}", read(&path, 1, 1).err().unwrap()).contains("line 2"));
    }
}
