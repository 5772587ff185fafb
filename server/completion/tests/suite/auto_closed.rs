//! Lines of real files, typed in an editor that closes brackets and quotes by itself: what is accepted closes nothing
//! twice, whatever part of the model's answer is shown.

use std::fs;
use std::path::{Path, PathBuf};

use fimble_completion::{CompletionSettings, CursorInput, Finished, Trigger};
use fimble_model::{GeneratedToken, Generation, StopReason, Usage};

use crate::support::{Marked, complete};

/// Lines around the place that a text has: enough for every filter, and quickly parsed.
const LINES_AROUND: usize = 30;

/// The repository's own sources and fixtures.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let is_code =
            [".rs", ".py", ".ts", ".tsx", ".js", ".go", ".c", ".cpp", ".java", ".cs", ".rb", ".php"]
                .iter()
                .any(|end| name.ends_with(end));
        if path.is_dir() && !name.starts_with('.') && name != "node_modules" && name != "target" {
            sources(&path, found);
        } else if path.is_file() && is_code {
            found.push(path);
        }
    }
}

/// The end of a line: the closers of what is open at its end, innermost first; none if it closes what nothing opened.
fn closers(line: &str) -> Option<String> {
    let mut open = Vec::new();
    let mut in_string = false;
    let mut chars = line.chars();
    while let Some(ch) = chars.next() {
        match ch {
            '\\' if in_string => {
                chars.next();
            }
            '"' if in_string => in_string = false,
            '"' => in_string = true,
            _ if in_string => {}
            '(' => open.push(')'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            ')' | ']' | '}' if open.pop() != Some(ch) => return None,
            _ => {}
        }
    }
    Some(in_string.then_some('"').into_iter().chain(open.into_iter().rev()).collect())
}

/// An answer in tokens of three characters, of which the first `n_sure` are sure and the others are not.
fn answer(text: &str, n_sure: usize) -> Generation {
    let ends: Vec<usize> = text.char_indices().map(|(at, ch)| at + ch.len_utf8()).collect();
    let tokens = ends.chunks(3).enumerate().map(|(at, part)| GeneratedToken {
        id: 9,
        logprob: if at < n_sure { -0.001 } else { -3.0 },
        text_end: part[part.len() - 1],
        details: None,
    });
    Generation {
        text: text.to_owned(),
        tokens: tokens.collect(),
        stop: StopReason::EndToken(1),
        usage: Usage::default(),
    }
}

/// A line, the cursor in it, and what surrounds it.
struct Place<'a> {
    path: &'a str,
    above: String,
    typed: &'a str,
    /// The brackets that the editor closed.
    closed: String,
    below: String,
}

impl Place<'_> {
    /// The lines that an accepted answer leaves where the cursor was; none if nothing is shown.
    fn accept(&self, answer: &Generation, syntax_check: bool) -> Option<(String, String)> {
        let content = format!("{}{}{}{}", self.above, self.typed, self.closed, self.below);
        let marked = Marked::at(self.path, &content, self.above.len() + self.typed.len());
        let input = CursorInput { trigger: Trigger::Automatic, ..marked.input() };
        let settings = CompletionSettings { syntax_check, ..CompletionSettings::default() };
        let Finished { result, .. } = complete(&input, &settings, answer).ok()?;
        let suggestion = result.ok()?;
        let line_end = self.above.len() + self.typed.len() + self.closed.len();
        let lines = format!(
            "{}{}{}",
            &content[self.above.len()..suggestion.replace.start],
            suggestion.text,
            &content[suggestion.replace.end..line_end]
        );
        Some((suggestion.text, lines))
    }
}

/// The counts of all places.
#[derive(Default)]
struct Tally {
    n_shown: usize,
    faults: Vec<String>,
}

impl Tally {
    /// Answers with the text of the file, of which parts are confident, and checks the resulting line.
    fn look_at(&mut self, place: &Place<'_>, line: &str, rest: &str, next: &str, number: usize) {
        for (n_sure, is_checked) in [(99, true), (number % 9, true), (number % 7, false)] {
            let said = answer(&format!("{rest}\n{next}"), n_sure);
            let Some((shown, accepted)) = place.accept(&said, is_checked) else { continue };
            self.n_shown += 1;
            // All of the answer makes the line of the file; what that opens for the next line stays closed.
            let is_whole = n_sure == 99 && shown.starts_with(rest) && !shown.contains('\n');
            let open = closers(line).unwrap_or_default();
            let is_line = accepted.strip_prefix(line).is_some_and(|more| open.starts_with(more));
            if closers(&accepted).is_none() || (is_whole && !is_line) {
                let (path, typed, closed) = (place.path, place.typed, &place.closed);
                self.faults.push(format!("{path}: {typed}|{closed} + {shown:?} -> {accepted:?}"));
            }
        }
    }
}

#[test]
fn nothing_is_closed_twice_in_real_files() {
    let mut files = Vec::new();
    for folder in ["../../fixtures", "../../server", "../../editors"] {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut files);
    }
    let (mut n_places, mut tally) = (0_usize, Tally::default());
    for file in files {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let path = file.file_name().unwrap().to_string_lossy().into_owned();
        let lines: Vec<&str> = text.lines().collect();
        // A prime: every part of a line comes, and no file alone fills the test.
        for (number, line) in lines.iter().enumerate().skip(files_offset(&path)).step_by(211) {
            let Some(at_end) = closers(line).filter(|_| line.len() < 200) else { continue };
            let first = number.saturating_sub(LINES_AROUND);
            let last = lines.len().min(number + LINES_AROUND);
            let join = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
            let (above, below) =
                (join(&lines[first..number]), format!("\n{}", join(&lines[number + 1..last])));
            let next = lines.get(number + 1).unwrap_or(&"");
            let openers = line.char_indices().filter(|(_, ch)| matches!(ch, '(' | '[' | '{' | '"'));
            for (opener, ch) in openers {
                n_places += 1;
                let at = line.len().min(opener + ch.len_utf8() + n_places % 4);
                let (Some(typed), Some(rest)) = (line.get(..at), line.get(at..)) else { continue };
                let Some(mut closed) = closers(typed).filter(|closed| !closed.is_empty()) else { continue };
                let ends = [';', ','].iter().find(|end| line.ends_with(**end) && at_end.is_empty());
                if let Some(end) = ends.filter(|_| n_places.is_multiple_of(2)) {
                    closed.push(*end);
                }
                let (above, below) = (above.clone(), below.clone());
                let place = Place { path: &path, above, typed, closed, below };
                tally.look_at(&place, line, rest, next, n_places);
            }
        }
    }
    let Tally { n_shown, faults } = tally;
    assert!(n_shown >= 300, "only {n_shown} of {n_places} places were shown something");
    assert!(faults.is_empty(), "{} of {n_shown}:\n{}", faults.len(), faults.join("\n"));
}

/// Where in a file the first line is taken, so that not all files give their head.
fn files_offset(path: &str) -> usize {
    path.bytes().map(usize::from).sum::<usize>() % 211
}
