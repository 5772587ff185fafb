//! Bodies of functions, and the remaining lines of blocks. Invariant: what is cut out starts behind the indentation of a line and
//! ends with the text of a line; header, comments above, docstring and everything below stay.

use std::ops::Range;

use fimble_syntax::Scope;

use super::Place;
use super::source::{Line, Source};

/// Lines with text that are cut out, at most: as many as a suggestion may have.
const MOST_LINES: usize = 8;
/// The remaining lines of a block are at least so many: one would be a whole line.
const LEAST_LINES: usize = 2;
/// Bytes of a body at most: longer ones hold data.
const MOST_BYTES: usize = 640;
/// Words at the start of a line that continues the statement above.
const CONTINUES: &[&str] =
    &["and", "case", "catch", "default", "elif", "else", "end", "except", "finally", "or", "rescue", "when"];

/// The body of each function.
pub fn bodies(source: &Source<'_>) -> Vec<Place> {
    let functions = source.scopes.iter().filter(|scope| source.is_function(scope));
    let mut ranges: Vec<Range<usize>> = functions.filter_map(|scope| body(source, scope)).collect();
    ranges.sort_by_key(|range| (range.start, range.end));
    ranges.dedup();
    ranges.into_iter().map(|range| Place { file: source.index, range, sort: "" }).collect()
}

fn body(source: &Source<'_>, scope: &Scope) -> Option<Range<usize>> {
    let body = scope.body.clone()?;
    let inside = &source.text[body.clone()];
    let mut start = body.start + (inside.len() - inside.trim_start().len());
    let end = body.start + inside.trim_end().len();
    if source.language.name() == "python" {
        start = behind_docstring(source.text, start, end);
    }
    let text = source.text.get(start..end)?;
    let n_lines = text.lines().filter(|line| !line.trim().is_empty()).count();
    let begins_line = source.text[..start].trim_end_matches([' ', '\t']).ends_with('\n');
    ((1..=MOST_LINES).contains(&n_lines) && text.len() <= MOST_BYTES && begins_line).then_some(start..end)
}

/// Where the statements of a body start behind its docstring; its end if there are none.
fn behind_docstring(text: &str, start: usize, end: usize) -> usize {
    let body = &text[start..end];
    let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| body.starts_with(quote));
    let Some(quote) = quote else { return start };
    let Some(close) = body[quote.len()..].find(quote) else { return start };
    let rest = &body[quote.len() + close + quote.len()..];
    // A string that is part of an expression is no docstring.
    let is_alone = rest.is_empty() || rest.trim_start_matches([' ', '\t']).starts_with('\n');
    if is_alone { end - rest.trim_start().len() } else { start }
}

/// The remaining lines of blocks, and the lines below comments, inside of functions.
pub fn lines(source: &Source<'_>) -> Vec<Place> {
    let bodies: Vec<Range<usize>> = source
        .scopes
        .iter()
        .filter(|scope| source.is_function(scope))
        .filter_map(|scope| scope.body.clone())
        .collect();
    (1..source.lines.len())
        .filter(|at| bodies.iter().any(|body| body.contains(&source.lines[*at].content)))
        .filter_map(|at| run(source, at))
        .collect()
}

/// The lines from this one on that belong together, if they make a place.
fn run(source: &Source<'_>, at: usize) -> Option<Place> {
    let (above, first) = (&source.lines[at - 1], &source.lines[at]);
    let is_fit =
        !first.is_blank() && !above.is_blank() && above.indent() == first.indent() && first.indent() > 0;
    if !is_fit || !begins_statement(source, first) {
        return None;
    }
    let below_comment = source.is_comment(above);
    if !below_comment && !ends_statement(source, above) {
        return None;
    }
    let belongs = |line: &&Line| {
        if line.is_blank() {
            return !below_comment;
        }
        line.indent() >= first.indent()
            && !(below_comment && line.content > first.content && source.is_comment(line))
    };
    let taken: Vec<&Line> =
        source.lines[at..].iter().take_while(belongs).filter(|line| !line.is_blank()).collect();
    let range = first.content..taken.last()?.end;
    let is_closed =
        taken.last().is_some_and(|last| ends_statement(source, last) || last.indent() == first.indent());
    let fits = (LEAST_LINES..=MOST_LINES).contains(&taken.len()) && range.len() <= MOST_BYTES && is_closed;
    let sort = if below_comment { "below a comment" } else { "rest of a block" };
    fits.then_some(Place { file: source.index, range, sort })
}

fn begins_statement(source: &Source<'_>, line: &Line) -> bool {
    let content = source.content(line);
    let word: String = content.chars().take_while(|c| c.is_alphabetic()).collect();
    let is_word_fit = !CONTINUES.contains(&word.as_str());
    let continues = content.starts_with(['}', ')', ']', '.', '?', ':', '|', '&', '+', '*', '@', ',']);
    !source.is_comment(line) && is_word_fit && !continues && source.is_code(line.content)
}

fn ends_statement(source: &Source<'_>, line: &Line) -> bool {
    let content = source.content(line);
    let goes_on =
        content.ends_with(['(', '[', '{', ',', ':', '=', '+', '-', '|', '&', '\\', '.', '?', '>', '<']);
    !goes_on && source.is_code(line.end.saturating_sub(1).max(line.content))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<'a>(path: &str, text: &'a str, of: fn(&Source<'_>) -> Vec<Place>) -> Vec<&'a str> {
        let source = Source::parse(0, path, text).unwrap();
        of(&source).into_iter().map(|place| &text[place.range]).collect()
    }

    #[test]
    fn a_body_starts_behind_header_and_docstring() {
        let python = "def f(a,\n      b):\n    \"\"\"Adds.\n\n    Both.\n    \"\"\"\n    c = a\n\n    return c + b\n\n\ndef g():\n    return 'x'\n";
        assert_eq!(texts("a.py", python, bodies), ["c = a\n\n    return c + b", "return 'x'"]);
        assert_eq!(texts("a.py", "def f():\n    \"\"\"Only this.\"\"\"\n", bodies), [""; 0]);
        let rust = "impl A {\n    fn f(&self) -> u8 {\n        let a = 1;\n        a\n    }\n    fn g() {}\n    fn h() { x() }\n}\n";
        assert_eq!(texts("a.rs", rust, bodies), ["let a = 1;\n        a"]);
        let java = "class A {\n    int f(int x) {\n        return x;\n    }\n}\n";
        assert_eq!(texts("A.java", java, bodies), ["return x;"]);
        let long = format!("function f() {{\n{}}}\n", "  g();\n".repeat(9));
        assert_eq!(texts("a.js", &long, bodies), [""; 0]);
    }

    #[test]
    fn the_rest_of_a_block_ends_where_the_block_does() {
        let python = "def f(a):\n    b = a\n    if b:\n        c = 1\n        d = 2\n        e = 3\n    else:\n        c = 2\n    return c\n";
        assert_eq!(
            texts("a.py", python, lines),
            [
                "if b:\n        c = 1\n        d = 2\n        e = 3\n    else:\n        c = 2\n    return c",
                "d = 2\n        e = 3"
            ]
        );
        let rust = "fn f() {\n    // Adds two.\n    let a = 1;\n    let b = a + 2;\n\n    g(b);\n}\n";
        assert_eq!(
            texts("a.rs", rust, lines),
            ["let a = 1;\n    let b = a + 2;", "let b = a + 2;\n\n    g(b);"]
        );
    }
}
