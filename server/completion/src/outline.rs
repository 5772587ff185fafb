//! The outline above the window: imports, and the headers of the scopes around the cursor.
//!
//! Headers are found by indentation and not by the tree, for one reason: the tree of a line that is being typed is broken
//! every other keystroke, and a header that comes and goes would change the start of the prompt, which costs the whole
//! cached prefix. Invariant: everything here depends on the lines above the cursor's line only.

use std::ops::Range;

use fimble_document::Text;
use fimble_syntax::{Language, SyntaxTree};

use crate::lines::{indentation, is_blank, line_head};

/// The number of lines that are searched for headers. Blocks are shorter; the bound is for data files.
const MAX_LINES_UPWARDS: usize = 3000;

/// The number of lines at the start of a file that are searched for imports if there is no tree.
const MAX_IMPORT_LINES: usize = 200;

/// A header with more lines than this is cut to its first one.
const MAX_HEADER_LINES: usize = 12;

/// How import lines begin in the common languages, for files without a tree.
const IMPORT_WORDS: [&str; 8] =
    ["import ", "from ", "use ", "using ", "#include", "require", "package ", "local "];

/// Headers of the scopes around `line` that lie wholly before `before`, outermost first, each as whole lines.
pub(crate) fn headers_above(
    text: &Text,
    line: usize,
    before: usize,
    language: Option<&'static Language>,
) -> Vec<Range<usize>> {
    let mut headers = Vec::new();
    let mut limit = usize::MAX;
    let mut end_of_header: Option<usize> = None;
    for above in (line.saturating_sub(MAX_LINES_UPWARDS)..line).rev() {
        let content = line_head(text, above);
        let content = content.as_ref();
        if is_blank(content) || is_aside(content, language) {
            continue;
        }
        let width = indentation(content);
        if let Some(last) = end_of_header {
            // `) -> T {` and `{` continue a header that begins above, at the same indentation.
            let found = width <= limit && !content.trim_start().starts_with([')', ']', '}', '{']);
            if !found && last - above < MAX_HEADER_LINES {
                continue;
            }
            let first = if found { above } else { last };
            push_header(text, first, last, before, &mut headers);
            end_of_header = None;
            limit = width.min(limit);
        } else if width < limit {
            let continues = content.trim_start().starts_with([')', '{']) && limit != usize::MAX;
            if continues {
                end_of_header = Some(above);
            } else if limit != usize::MAX && !content.trim_start().starts_with('}') {
                push_header(text, above, above, before, &mut headers);
            }
            limit = width;
        }
        if limit == 0 && end_of_header.is_none() {
            break;
        }
    }
    headers.reverse();
    headers
}

fn push_header(text: &Text, first: usize, last: usize, before: usize, headers: &mut Vec<Range<usize>>) {
    let range = text.line_start(first)..text.line_start(last + 1);
    if range.end <= before {
        headers.push(range);
    }
}

/// Comments and preprocessor lines may have any indentation and are no headers.
fn is_aside(line: &str, language: Option<&'static Language>) -> bool {
    let line = line.trim_start();
    language.and_then(Language::line_comment).is_some_and(|comment| line.starts_with(comment))
        || ["#if", "#else", "#elif", "#end", "#define", "#pragma"].iter().any(|word| line.starts_with(word))
}

/// Imports that end before `before`, in order, each as whole lines.
pub(crate) fn imports_above(text: &Text, tree: Option<&SyntaxTree>, before: usize) -> Vec<Range<usize>> {
    if let Some(tree) = tree {
        let mut lines: Vec<Range<usize>> = Vec::new();
        for import in tree.imports(text, before) {
            let first = text.line_start(text.line_of(import.start));
            let end = text.line_start(text.line_of(import.end.saturating_sub(1).max(import.start)) + 1);
            // Two imports on one line are one line.
            if lines.last().is_none_or(|last| last.end <= first) && end <= before {
                lines.push(first..end);
            }
        }
        return lines;
    }
    (0..text.n_lines().min(MAX_IMPORT_LINES))
        .map(|line| (line, text.line_start(line)..text.line_start(line + 1)))
        .take_while(|(_, range)| range.end <= before)
        .filter(|(line, _)| {
            let content = line_head(text, *line);
            IMPORT_WORDS.iter().any(|word| content.starts_with(word))
        })
        .map(|(_, range)| range)
        .collect()
}
