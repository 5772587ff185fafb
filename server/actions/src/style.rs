//! The style of a file: its indentation and its line break. Invariant: found in the text itself, with a default for texts
//! that do not show it.

use fimble_document::Text;

/// Lines that are looked at.
const MAX_LINES: usize = 2000;

/// One step of indentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A tab.
    Tab,
    /// So many spaces.
    Spaces(usize),
}

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    pub(crate) unit: Unit,
    /// The line break: `\n` or `\r\n`.
    pub line_break: &'static str,
}

impl Style {
    /// The style of a text.
    #[must_use]
    pub fn of(text: &Text) -> Self {
        let n_lines = text.n_lines().min(MAX_LINES);
        let lines: Vec<String> = (0..n_lines).map(|line| text.line(line).into_owned()).collect();
        let first_break = text.slice(text.line_end(0)..text.line_start(1));
        let line_break = if first_break == "\r\n" { "\r\n" } else { "\n" };
        Self { unit: unit_of(lines.iter().map(String::as_str)).unwrap_or(Unit::Spaces(4)), line_break }
    }

    /// One step of indentation.
    #[must_use]
    pub fn step(&self) -> String {
        match self.unit {
            Unit::Tab => "\t".to_owned(),
            Unit::Spaces(n) => " ".repeat(n),
        }
    }
}

/// The step that most lines are indented by against the line above; none where nothing is indented.
pub(crate) fn unit_of<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Unit> {
    let (mut n_tabs, mut by_width) = (0, [0_usize; 9]);
    let mut above = 0;
    for line in lines.filter(|line| !line.trim().is_empty()) {
        let blanks = leading(line);
        if blanks.starts_with('\t') {
            n_tabs += 1;
        }
        let width = blanks.len();
        if !blanks.contains('\t') && width > above && width - above <= 8 {
            by_width[width - above] += 1;
        }
        above = width;
    }
    // One space is alignment, such as in front of the `*` of a comment.
    let (width, n_spaces) =
        (2..=8).map(|width| (width, by_width[width])).max_by_key(|(width, n)| (*n, 9 - width))?;
    match (n_tabs, n_spaces) {
        (0, 0) => None,
        (tabs, spaces) if tabs > spaces => Some(Unit::Tab),
        _ => Some(Unit::Spaces(width)),
    }
}

/// The blanks that a line begins with.
pub(crate) fn leading(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_is_what_most_lines_have() {
        for (text, unit, line_break) in [
            ("", Unit::Spaces(4), "\n"),
            ("a\n", Unit::Spaces(4), "\n"),
            ("a:\n  b:\n    c\n", Unit::Spaces(2), "\n"),
            ("/**\n * x\n */\nf() {\n   a;\n   g() {\n      b;\n   }\n}\n", Unit::Spaces(3), "\n"),
            ("a {\r\n\tb {\r\n\t\tc\r\n\t}\r\n}\r\n", Unit::Tab, "\r\n"),
            ("def f(a,\n      b):\n    x\n    if y:\n        z\n", Unit::Spaces(4), "\n"),
        ] {
            assert_eq!(Style::of(&Text::new(text)), Style { unit, line_break }, "{text:?}");
        }
    }
}
