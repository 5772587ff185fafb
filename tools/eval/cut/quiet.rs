//! Places where nothing should come: the author had finished there. Invariant: nothing is cut out of the file.

use super::Place;
use super::source::{Line, Source};

/// Shorter words have no middle, in bytes.
const SHORTEST_WORD: usize = 5;

/// The places of a file.
pub fn places(source: &Source<'_>) -> Vec<Place> {
    let place = |at: usize, sort| Place { file: source.index, range: at..at, sort };
    let mut places = Vec::new();
    for (number, line) in source.lines.iter().enumerate().filter(|(_, line)| !line.has_trailing_blanks) {
        let (above, below) =
            (number.checked_sub(1).map(|above| &source.lines[above]), source.lines.get(number + 1));
        if line.is_blank() {
            if is_between_functions(source, number) {
                places.push(place(line.start, "between functions"));
            }
        } else if source.is_comment(line) {
            let ends = below.is_none_or(|below| !source.is_comment(below));
            if ends && source.content(line).ends_with('.') {
                places.push(place(line.end, "end of a comment"));
            }
        } else if is_closing(source, line) {
            places.push(place(line.end, "behind a closing bracket"));
        } else if is_statement(source, above, line, below) {
            places.push(place(line.end, "end of a statement"));
        }
    }
    let identifiers = source.tree.identifiers(&source.document, 0..source.text.len());
    for range in identifiers.into_iter().filter(|range| range.len() >= SHORTEST_WORD) {
        let middle = range.start + range.len() / 2;
        if source.text[range.clone()].is_ascii() && source.is_code(range.start) {
            places.push(place(middle, "inside a word"));
        }
    }
    places
}

/// Whether the first blank line of a gap stands behind a function at the outer level and before another one.
fn is_between_functions(source: &Source<'_>, number: usize) -> bool {
    let Some(above) = number.checked_sub(1).map(|above| &source.lines[above]) else { return false };
    let Some(next) = source.lines[number..].iter().find(|line| !line.is_blank()) else { return false };
    let outer = || source.scopes.iter().filter(|scope| source.is_function(scope));
    let ends_here = |end: usize| source.text[..end].trim_end().len() == above.end;
    let ends = outer().any(|scope| ends_here(scope.range.end) && is_outermost(source, scope.header.start));
    let begins = outer().any(|scope| scope.header.start == next.start && is_outermost(source, next.start));
    !above.is_blank() && ends && begins
}

fn is_outermost(source: &Source<'_>, line_start: usize) -> bool {
    !source.text[line_start..].starts_with([' ', '\t'])
}

fn is_closing(source: &Source<'_>, line: &Line) -> bool {
    source.has_braces() && matches!(source.content(line), "}" | "};" | "});") && source.is_code(line.content)
}

/// Whether a line is a statement that ends with it.
fn is_statement(source: &Source<'_>, above: Option<&Line>, line: &Line, below: Option<&Line>) -> bool {
    let content = source.content(line);
    let counts =
        |brackets: [char; 2]| content.matches(brackets[0]).count() == content.matches(brackets[1]).count();
    let is_balanced = [['(', ')'], ['[', ']'], ['{', '}']].into_iter().all(counts);
    // The last character: behind a string the cursor is in code, but the region of an offset is that of what is before it.
    let is_code = source.is_code(line.content) && !source.is_comment(line);
    if !is_balanced || !is_code {
        return false;
    }
    if source.has_braces() && source.language.name() != "go" {
        return content.ends_with(';');
    }
    // Without semicolons: the next statement stands right below, and this one is not a part of what stands above.
    let is_next = below.is_some_and(|below| {
        let first = source.content(below).chars().next();
        below.indent() == line.indent() && first.is_some_and(|c| c.is_alphabetic() || c == '_')
    });
    let follows =
        above.is_some_and(|above| !source.content(above).ends_with([',', '(', '[', '{', '\\', '=', '+']));
    let ends = content.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ')' | ']' | '"' | '\''));
    is_next && follows && ends
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<(usize, &'static str)> {
        let source = Source::parse(0, path, text).unwrap();
        let mut found: Vec<_> =
            places(&source).into_iter().map(|place| (place.range.start, place.sort)).collect();
        found.retain(|(_, sort)| *sort != "inside a word");
        found
    }

    #[test]
    fn places_are_ends() {
        let rust = "fn f() {\n    // Why.\n    let a = g(\n        1,\n    );\n    h(a);\n}\n\nfn g() {\n    x()\n}\n";
        let at = |text: &str, what: &str| text.find(what).unwrap() + what.len();
        assert_eq!(
            found("a.rs", rust),
            [
                (at(rust, "Why."), "end of a comment"),
                (at(rust, "h(a);"), "end of a statement"),
                (at(rust, "h(a);\n}"), "behind a closing bracket"),
                (at(rust, "h(a);\n}\n"), "between functions"),
                (at(rust, "x()\n}"), "behind a closing bracket"),
            ]
        );
        let python =
            "def f():\n    a = 1\n    b = g(a,\n          2)\n    return b\n\n\ndef g():\n    pass\n";
        assert_eq!(
            found("a.py", python),
            [(at(python, "a = 1"), "end of a statement"), (at(python, "return b\n"), "between functions")]
        );
    }

    #[test]
    fn the_middle_of_a_word_is_inside() {
        let source = Source::parse(0, "a.py", "total_count = x\n").unwrap();
        let places = places(&source);
        assert_eq!((places[0].sort, places[0].range.start), ("inside a word", 5));
    }
}
