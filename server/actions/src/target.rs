//! The target of an action: the selection, or the item at the cursor. Invariant: a target is made of whole lines and is in the
//! text; without a tree the target is the paragraph around the cursor.

use std::ops::Range;

use fimble_document::Text;
use fimble_syntax::{Language, Scope, SyntaxTree};

/// A file as an action sees it.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// Its text.
    pub text: &'a Text,
    /// Its tree, parsed from exactly this text, if there is a grammar for it.
    pub tree: Option<&'a SyntaxTree>,
    /// Its language, if known.
    pub language: Option<&'static Language>,
    /// Path relative to the workspace, with forward slashes.
    pub path: &'a str,
    /// The whole path, which is in no prompt: it says whether the text must stay on this machine.
    pub file: &'a str,
}

impl Source<'_> {
    /// The language that is written at an offset: that of the script in a page, else that of the file.
    #[must_use]
    pub fn language_at(&self, offset: usize) -> Option<&'static Language> {
        self.tree.map(|tree| tree.language_at(offset)).or(self.language)
    }

    /// Name of the language for people.
    pub(crate) fn language_name(&self) -> &str {
        self.language.map_or("", |language| language.display_name())
    }

    /// The words that can stand behind the fence of a code block in this language, or in one that a part of the file is
    /// written in; none if the language is unknown.
    pub(crate) fn fence_words(&self) -> Vec<String> {
        let embedded = self.tree.map(SyntaxTree::embedded_languages).unwrap_or_default();
        let mut words = Vec::new();
        for language in self.language.into_iter().chain(embedded) {
            words.extend(language.language_ids().iter().chain(language.extensions()).cloned());
            words.push(language.name().to_owned());
            words.push(language.display_name().to_lowercase());
        }
        words
    }

    /// The word behind the opening fence of a code block.
    pub(crate) fn fence_word(&self) -> &str {
        self.language.map_or("", |language| language.name())
    }
}

/// The code that an action is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whole lines, with their last line break if it has one.
    pub range: Range<usize>,
    /// The selection, if it is only a part of the target.
    pub selected: Option<Range<usize>>,
    /// Name of the item; empty for a selection.
    pub name: String,
    /// The item as the syntax tree has it.
    pub item: Option<Scope>,
}

impl Target {
    /// The blanks in front of the first line.
    pub(crate) fn indentation(&self, text: &Text) -> String {
        let lines = text.line_of(self.range.start)..text.line_of(self.range.end.max(self.range.start)) + 1;
        lines
            .map(|line| text.line(line).into_owned())
            .find(|line| !line.trim().is_empty())
            .map(|line| crate::style::leading(&line).to_owned())
            .unwrap_or_default()
    }
}

/// The target of a selection; an empty one is a cursor. With `whole_item` a selection means the item around it, and
/// stays marked in it. None where there is no code.
#[must_use]
pub fn find_target(source: &Source<'_>, selection: Range<usize>, whole_item: bool) -> Option<Target> {
    let text = source.text;
    let end = text.floor_char_boundary(selection.end);
    let selection = text.floor_char_boundary(selection.start).min(end)..end;
    let selected = trimmed(text, &selection);
    let found = match &selected {
        Some(selected) if whole_item => {
            let around = item_at(source, selected.start, Some(selected));
            around.map(|target| Target { selected: Some(selected.clone()), ..target })
        }
        Some(_) => None,
        None => item_at(source, selection.start, None),
    };
    let found = found.or_else(|| {
        let range = match selected {
            Some(selected) => lines_of(text, &selected),
            None => paragraph(text, selection.start),
        };
        Some(Target { range, selected: None, name: String::new(), item: None })
    })?;
    trimmed(text, &found.range).is_some().then_some(found)
}

/// The innermost named item at an offset, or on its line; with a selection the innermost one that holds all of it.
fn item_at(source: &Source<'_>, offset: usize, holds: Option<&Range<usize>>) -> Option<Target> {
    let (text, tree) = (source.text, source.tree?);
    let line = text.line_of(offset);
    let first = text.line_start(line) + crate::style::leading(&text.line(line)).len();
    // At the end of a line that holds a whole item the cursor is behind it, and on its first character in front of it.
    let scopes = [offset, text.line_end(line), first, first + 1]
        .into_iter()
        .flat_map(|place| tree.enclosing_scopes(text, place))
        .filter(|scope| {
            scope.name.is_some()
                && holds.is_none_or(|held| scope.range.start <= held.start && held.end <= scope.range.end)
        });
    let item = scopes.min_by_key(|scope| scope.range.len())?;
    let name = item.name.clone().map(|name| text.slice(name).into_owned()).unwrap_or_default();
    // In C the parameters belong to what is declared, and a star in front of it.
    let name = name.split('(').next().unwrap_or_default().trim_matches(['*', '&', ' ']).to_owned();
    Some(Target { range: lines_of(text, &item.range), selected: None, name, item: Some(item) })
}

/// The lines around a cursor up to blank ones.
fn paragraph(text: &Text, offset: usize) -> Range<usize> {
    let cursor = text.line_of(offset);
    let is_blank = |line: usize| text.line(line).trim().is_empty();
    if is_blank(cursor) {
        return offset..offset;
    }
    let first = (0..=cursor).rev().take_while(|line| !is_blank(*line)).last().unwrap_or(cursor);
    let last = (cursor..text.n_lines()).take_while(|line| !is_blank(*line)).last().unwrap_or(cursor);
    text.line_start(first)..text.line_start(last + 1)
}

/// Whole lines around a range that is not empty; one that ends at the start of a line does not reach into that line.
pub(crate) fn lines_of(text: &Text, range: &Range<usize>) -> Range<usize> {
    let start = text.line_start(text.line_of(range.start));
    let last = text.line_of(range.end);
    let ends_before = range.end > range.start && text.line_start(last) == range.end;
    let end = if ends_before { range.end } else { text.line_start(last + 1) };
    start..end
}

/// A range without blanks at its ends; none if nothing is left.
fn trimmed(text: &Text, range: &Range<usize>) -> Option<Range<usize>> {
    let slice = text.slice(range.clone());
    let start = range.start + slice.len() - slice.trim_start().len();
    let end = range.start + slice.trim_end().len();
    (start < end).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use fimble_syntax::{ParseBudget, by_language_id};

    use super::*;

    #[test]
    fn the_item_at_the_cursor_is_the_innermost_one_on_its_line() {
        let code =
            "mod m {\n    fn one() {\n        x();\n    }\n\n    fn two() {}\n}\n\nlet a = 1;\nlet b = 2;\n";
        let text = Text::new(code);
        let language = by_language_id("rust").unwrap();
        let tree = SyntaxTree::parse(language, &text, None, &ParseBudget::unlimited()).unwrap();
        let source = Source {
            text: &text,
            tree: Some(&tree),
            language: Some(language),
            path: "a.rs",
            file: "/project/a.rs",
        };
        for (place, name, lines) in [
            ("x()", "one", "    fn one() {\n        x();\n    }\n"),
            ("fn one", "one", "    fn one() {\n        x();\n    }\n"),
            ("}\n\n    fn two", "one", "    fn one() {\n        x();\n    }\n"),
            ("fn two", "two", "    fn two() {}\n"),
            ("{}\n}", "two", "    fn two() {}\n"),
            ("mod", "m", &code[..code.find("let").unwrap() - 1]),
            ("a = 1", "", "let a = 1;\nlet b = 2;\n"),
        ] {
            let at = code.find(place).unwrap();
            let target = find_target(&source, at..at, false).unwrap();
            assert_eq!((target.name.as_str(), &*text.slice(target.range)), (name, lines), "{place:?}");
        }
        let blank = code.find("\n\nlet").unwrap() + 1;
        assert_eq!(find_target(&source, blank..blank, false), None);
        // A selection means itself, or the item around it.
        let start = code.find("x();").unwrap();
        let selected = find_target(&source, start..start + 3, false).unwrap();
        assert_eq!(&*text.slice(selected.range), "        x();\n");
        let around = find_target(&source, start..start + 3, true).unwrap();
        assert_eq!((around.name.as_str(), around.selected), ("one", Some(start..start + 3)));
    }
}
