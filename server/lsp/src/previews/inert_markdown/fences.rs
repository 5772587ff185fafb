//! Blocks of code between fences.
//!
//! Invariant: a fence that is written is one in every reading of the lines around it, also in a list, and its block ends where
//! the closing fence stands that is written for it: no line of the block is indented less than its fence, since that would end
//! a list and with it the block.

/// What a fence may be marked with so that a viewer draws a picture from its content, which may name addresses.
const DRAWN: &[&str] = &[
    "mermaid",
    "math",
    "latex",
    "katex",
    "tex",
    "plantuml",
    "puml",
    "graphviz",
    "dot",
    "viz",
    "d2",
    "geojson",
    "topojson",
    "stl",
    "vega",
    "vega-lite",
    "wavedrom",
    "bitfield",
    "ditaa",
    "kroki",
    "svgbob",
    "abc",
    "echarts",
];

/// An open fence.
struct Fence {
    mark: char,
    length: usize,
    /// Columns before it.
    indentation: usize,
}

/// The blocks of a text, line by line.
#[derive(Default)]
pub(super) struct Blocks {
    open: Option<Fence>,
    /// Whether the line before has text.
    is_after_text: bool,
}

impl Blocks {
    /// Writes a line that belongs to a block of code; whether it does.
    pub(super) fn take(&mut self, line: &str, result: &mut String) -> bool {
        let is_after_text = std::mem::replace(&mut self.is_after_text, !line.trim().is_empty());
        if let Some(fence) = &self.open {
            if fence.is_closed_by(line) {
                fence.write(result, "");
                self.open = None;
            } else {
                fence.write_content(line, result);
            }
            return true;
        }
        let Some((marker, fence, word)) = opening(line) else { return false };
        if let Some(marker) = marker {
            // Behind the mark of a list nothing but the block is written, on a line of its own.
            result.push_str(marker.trim_end());
            result.push('\n');
        } else if fence.indentation > 3 && is_after_text {
            // So far to the right a fence could be read as a part of the paragraph before it.
            result.push('\n');
        }
        let word = if DRAWN.contains(&word.to_lowercase().as_str()) { "text" } else { word };
        fence.write(result, word);
        self.open = Some(fence);
        true
    }
}

impl Fence {
    fn is_closed_by(&self, line: &str) -> bool {
        let line = line.trim();
        line.chars().count() >= self.length && line.chars().all(|c| c == self.mark)
    }

    fn write(&self, result: &mut String, word: &str) {
        result.extend(std::iter::repeat_n(' ', self.indentation));
        result.extend(std::iter::repeat_n(self.mark, self.length));
        result.push_str(word);
    }

    fn write_content(&self, line: &str, result: &mut String) {
        if !line.trim().is_empty() {
            let missing = self.indentation.saturating_sub(columns(line));
            result.extend(std::iter::repeat_n(' ', missing));
        }
        result.push_str(line);
    }
}

/// The columns of the blanks at the start of a line.
fn columns(line: &str) -> usize {
    let mut columns = 0;
    for character in line.chars() {
        match character {
            ' ' => columns += 1,
            '\t' => columns += 4 - columns % 4,
            _ => break,
        }
    }
    columns
}

/// A fence that opens a block, with the mark of a list before it, if there is one, and the word behind it.
fn opening(line: &str) -> Option<(Option<&str>, Fence, &str)> {
    let (marker, rest) = match list_marker(line) {
        Some(length) => (Some(&line[..length]), &line[length..]),
        None => (None, line),
    };
    let content = rest.trim_start_matches([' ', '\t']);
    let mark = content.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
    let info = content.trim_start_matches(mark);
    let length = content.len() - info.len();
    // With another one behind them, backticks begin a code span.
    if length < 3 || mark == '`' && info.contains(mark) {
        return None;
    }
    let info = info.trim_start_matches([' ', '\t']);
    let end = info.find(|c: char| !c.is_alphanumeric() && !"+#._-".contains(c)).unwrap_or(info.len());
    let before = marker.map_or(0, |marker| columns(marker) + marker.trim_start().chars().count());
    let indentation = before + columns(rest);
    Some((marker, Fence { mark, length, indentation }, &info[..end]))
}

/// The length of the mark of a list with the blank behind it, and of what stands before it.
fn list_marker(line: &str) -> Option<usize> {
    let content = line.trim_start_matches(' ');
    let n_digits = content.bytes().take_while(u8::is_ascii_digit).count();
    let n_mark = match content.as_bytes().get(n_digits) {
        Some(b'-' | b'*' | b'+') if n_digits == 0 => 1,
        Some(b'.' | b')') if (1..=9).contains(&n_digits) => n_digits + 1,
        _ => return None,
    };
    (content.as_bytes().get(n_mark) == Some(&b' ')).then_some(line.len() - content.len() + n_mark + 1)
}
