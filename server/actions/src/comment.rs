//! Doc comments: their place and their form in each language. Invariant: whatever text is rendered, the comment ends where it
//! should and hides no code.

use std::ops::Range;

use fimble_document::Text;
use fimble_syntax::Language;

use crate::answer::first_block_or_all;
use crate::style::leading;
use crate::{Refusal, Source, Style, Target};

/// Lines of a comment that are kept of an answer.
const MAX_LINES: usize = 40;

/// Columns that a line of a comment may fill.
const WIDTH: usize = 100;

/// The form of a doc comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Each line begins with this.
    Lines(&'static str),
    /// The first line, what each line in between begins with, and the last line.
    Block(&'static str, &'static str, &'static str),
    /// A string as the first statement of a body.
    Docstring,
}

/// The place of a doc comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommentPlace {
    /// Whole lines that it replaces: a comment that is there already, or nothing at the start of a line.
    pub range: Range<usize>,
    indentation: String,
    form: Form,
}

impl CommentPlace {
    /// Whether there is a comment already.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        !self.range.is_empty()
    }

    /// The beginning of the comment, for a model that continues it: `/// `.
    #[must_use]
    pub fn opening(&self, style: &Style) -> String {
        let indentation = &self.indentation;
        match self.form {
            Form::Lines(mark) => format!("{indentation}{mark} "),
            Form::Block(first, between, _) => {
                format!("{indentation}{first}{}{indentation}{between}", style.line_break)
            }
            Form::Docstring => format!("{indentation}\"\"\""),
        }
    }

    /// The comment with this text, in whole lines.
    ///
    /// # Errors
    /// The text is empty.
    pub fn render(&self, text: &str, style: &Style) -> Result<String, Refusal> {
        let indentation = &self.indentation;
        let width = WIDTH.saturating_sub(indentation.chars().count() + 4).max(40);
        let mut lines: Vec<String> =
            text.lines().flat_map(|line| wrap(&self.harmless(line.trim_end()), width)).collect();
        while lines.last().is_some_and(|line| line.trim().is_empty()) {
            lines.pop();
        }
        let n_blank = lines.iter().take_while(|line| line.trim().is_empty()).count();
        lines.drain(..n_blank);
        lines.truncate(MAX_LINES);
        if lines.is_empty() {
            return Err(Refusal::Empty);
        }
        let all: Vec<String> = match self.form {
            Form::Lines(mark) => lines.iter().map(|line| format!("{mark} {line}")).collect(),
            Form::Block(first, between, last) => std::iter::once(first.to_owned())
                .chain(lines.iter().map(|line| format!("{between}{line}")))
                .chain(std::iter::once(last.to_owned()))
                .collect(),
            Form::Docstring => match lines.as_slice() {
                [only] if !only.ends_with(['"', '\\']) => vec![format!("\"\"\"{only}\"\"\"")],
                several => {
                    let mut all = several.to_vec();
                    all[0].insert_str(0, "\"\"\"");
                    all.push("\"\"\"".to_owned());
                    all
                }
            },
        };
        let with_blanks = |line: &String| {
            let line = if line.is_empty() { String::new() } else { format!("{indentation}{line}") };
            format!("{}{}", line.trim_end(), style.line_break)
        };
        Ok(all.iter().map(with_blanks).collect())
    }

    /// A line that cannot end the comment, nor make it swallow the next line.
    fn harmless(&self, line: &str) -> String {
        let line: String = line.chars().filter(|c| !c.is_control() || *c == '\t').collect();
        match self.form {
            Form::Lines(_) => line.trim_end_matches('\\').to_owned(),
            Form::Block(..) => line.replace("*/", "* /").replace("-->", "-- >").replace("\\u", "\\ u"),
            Form::Docstring => line.replace('\\', "\\\\").replace("\"\"\"", "'''"),
        }
    }
}

/// The place of the doc comment of a target; none for languages without comments, and for Python's items on one line.
#[must_use]
pub fn comment_place(source: &Source<'_>, target: &Target) -> Option<CommentPlace> {
    let form = form(source.language_at(target.range.start)?)?;
    let text = source.text;
    let first_line = text.line_of(target.range.start);
    if form == Form::Docstring {
        let item = target.item.as_ref()?;
        let body = item.body.as_ref()?;
        let header_line = text.line_of(item.header.end.max(item.header.start + 1) - 1);
        let body_line = (header_line + 1..text.n_lines()).find(|line| !text.line(*line).trim().is_empty())?;
        let starts_below = text.line_end(body_line) <= text.line_end(text.line_of(body.end));
        if !starts_below
            || !text
                .slice(item.header.end..text.line_end(header_line))
                .trim_start_matches(':')
                .trim()
                .is_empty()
        {
            return None;
        }
        let indentation = leading(&text.line(body_line)).to_owned();
        if indentation.len() <= leading(&text.line(header_line)).len() && header_line == first_line {
            return None;
        }
        let start = text.line_start(body_line);
        let range = start..docstring_end(text, body_line).unwrap_or(start);
        return Some(CommentPlace { range, indentation, form });
    }
    // Attributes and decorators belong to the item.
    let mut line = first_line;
    while line > 0
        && text.line(line - 1).trim().starts_with(['@', '[']) | text.line(line - 1).trim().starts_with("#[")
    {
        line -= 1;
    }
    let end = text.line_start(line);
    let indentation = leading(&text.line(first_line)).to_owned();
    let start = text.line_start(comment_above(text, line, form));
    Some(CommentPlace { range: start..end, indentation, form })
}

/// The line where the comment right above a line begins; the line itself if there is none.
fn comment_above(text: &Text, line: usize, form: Form) -> usize {
    let trimmed = |line: usize| text.line(line).trim().to_owned();
    match form {
        Form::Lines(mark) => {
            (0..line).rev().take_while(|above| trimmed(*above).starts_with(mark)).last().unwrap_or(line)
        }
        Form::Block(first, _, last) if line > 0 && trimmed(line - 1).ends_with(last.trim()) => {
            (0..line).rev().find(|above| trimmed(*above).starts_with(first)).unwrap_or(line)
        }
        Form::Block(..) | Form::Docstring => line,
    }
}

/// The end of the docstring that a line begins, with its line break.
fn docstring_end(text: &Text, line: usize) -> Option<usize> {
    let first = text.line(line);
    let quotes = ["\"\"\"", "'''"].into_iter().find(|quotes| first.trim_start().starts_with(quotes))?;
    let behind = first.trim_start()[quotes.len()..].to_owned();
    let last = if behind.contains(quotes) {
        line
    } else {
        (line + 1..text.n_lines()).find(|below| text.line(*below).contains(quotes))?
    };
    text.line(last).trim_end().ends_with(quotes).then(|| text.line_start(last + 1))
}

fn form(language: &Language) -> Option<Form> {
    Some(match language.name() {
        "rust" | "csharp" | "swift" | "dart" => Form::Lines("///"),
        "go" | "proto" => Form::Lines("//"),
        "lua" => Form::Lines("---"),
        "sql" => Form::Lines("--"),
        "python" => Form::Docstring,
        "ruby" | "bash" | "yaml" | "toml" | "make" | "hcl" | "dockerfile" => Form::Lines("#"),
        "javascript" | "typescript" | "tsx" | "java" | "php" | "c" | "cpp" | "kotlin" | "scala" => {
            Form::Block("/**", " * ", " */")
        }
        "css" => Form::Block("/*", " * ", " */"),
        _ => return None,
    })
}

/// The words of a comment in a model's answer: without marks, and without the code that it may have repeated.
///
/// # Errors
/// There are none.
pub(crate) fn words_of(answer: &str) -> Result<String, Refusal> {
    let answer = answer.replace("\r\n", "\n");
    let (content, is_block) = first_block_or_all(answer.trim());
    let marked: Vec<String> = run_of_comments(&content);
    let words: Vec<String> = if !marked.is_empty() {
        marked
    } else if is_block && content.contains(['{', '(', ';', '=']) {
        // Code and nothing else.
        return Err(Refusal::Prose);
    } else {
        let is_preface = |line: &&str| line.trim().ends_with(':') && line.contains("ere");
        content
            .lines()
            .skip_while(|line| line.trim().is_empty() || is_preface(line))
            .map(str::to_owned)
            .collect()
    };
    let text = words.join("\n").trim().to_owned();
    if text.is_empty() { Err(Refusal::Empty) } else { Ok(text) }
}

/// The lines of the first comment, without its marks.
fn run_of_comments(content: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut until: Option<&str> = None;
    for line in content.lines() {
        let line = line.trim();
        if let Some(end) = until {
            let (inside, closes) = match line.split_once(end) {
                Some((inside, _)) => (inside, true),
                None => (line, false),
            };
            let inside = if end == "*/" { inside.trim_start_matches('*') } else { inside };
            words.push(inside.trim().to_owned());
            if closes {
                return words;
            }
            continue;
        }
        let block = [("/**", "*/"), ("/*", "*/"), ("\"\"\"", "\"\"\""), ("'''", "'''"), ("<!--", "-->")];
        let opened = block.into_iter().find_map(|(open, close)| Some((line.strip_prefix(open)?, close)));
        let marked = ["///", "//!", "//", "---", "--", "# ", "#"]
            .into_iter()
            .find_map(|mark| line.strip_prefix(mark))
            .filter(|_| !line.starts_with("#[") && !line.starts_with("#!"));
        match (opened, marked) {
            (Some((rest, close)), _) if words.is_empty() => match rest.split_once(close) {
                Some((inside, _)) => return vec![inside.trim().to_owned()],
                None => {
                    words.push(rest.trim().to_owned());
                    until = Some(close);
                }
            },
            (_, Some(rest)) => words.push(rest.trim().to_owned()),
            _ if words.is_empty() => {}
            _ => return words,
        }
    }
    words
}

/// A line broken at its spaces.
fn wrap(line: &str, width: usize) -> Vec<String> {
    if line.chars().count() <= width {
        return vec![line.to_owned()];
    }
    // A continuation is indented as deep as the line that it belongs to.
    let blanks = leading(line);
    let mut lines = vec![String::new()];
    for word in line.split_whitespace() {
        let last = lines
            .last_mut()
            .filter(|last| last.is_empty() || last.chars().count() + 1 + word.chars().count() <= width);
        match last {
            Some(last) => {
                if !last.is_empty() {
                    last.push(' ');
                }
                last.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines.iter().map(|line| format!("{blanks}{line}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_found_with_and_without_marks() {
        for (answer, expected) in [
            ("Adds two numbers.", "Adds two numbers."),
            (
                "```rust\n/// Adds two numbers.\n///\n/// Fast.\nfn add() {}\n```",
                "Adds two numbers.\n\nFast.",
            ),
            ("Here is the comment:\n\n/** Adds. */", "Adds."),
            ("```js\n/**\n * Adds.\n * @param a one\n */\nfunction add() {}\n```", "Adds.\n@param a one"),
            (
                "```python\ndef add(a):\n    \"\"\"Adds.\n\n    Fast.\n    \"\"\"\n    return a\n```",
                "Adds.\n\nFast.",
            ),
        ] {
            assert_eq!(words_of(answer).as_deref(), Ok(expected), "{answer}");
        }
        assert_eq!(words_of("```rust\nfn add(a: u8) {}\n```"), Err(Refusal::Prose));
        assert_eq!(words_of("```\n```"), Err(Refusal::Empty));
    }

    #[test]
    fn no_text_ends_its_comment_early() {
        let text = "Evil */ code(); --> \"\"\" quote \\";
        let style = Style { unit: crate::style::Unit::Spaces(4), line_break: "\n" };
        for (form, expected) in [
            (Form::Lines("///"), "  /// Evil */ code(); --> \"\"\" quote \n".replace(" \n", "\n")),
            (
                Form::Block("/**", " * ", " */"),
                "  /**\n   * Evil * / code(); -- > \"\"\" quote \\\n   */\n".to_owned(),
            ),
            (Form::Docstring, "  \"\"\"Evil */ code(); --> ''' quote \\\\\n  \"\"\"\n".to_owned()),
        ] {
            let place = CommentPlace { range: 0..0, indentation: "  ".to_owned(), form };
            assert_eq!(place.render(text, &style).as_deref(), Ok(expected.as_str()));
        }
    }
}
