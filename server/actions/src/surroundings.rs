//! Text that models copy beside the requested code: the file's imports, its other functions, the class around, examples of use.
//! Invariant: removed text is in the file outside the target, or only uses the requested code; the requested code stays whole.

use std::ops::Range;

use fimble_document::Text;
use fimble_syntax::{Outline, ParseBudget, Part, PartKind, SyntaxTree};

use crate::{Refusal, Source, Target};

/// Containers that are opened at most: a class in a module.
const MAX_CONTAINERS: usize = 3;
/// The name of an example that only runs the code.
const ENTRY: &str = "main";

/// An answer without what stands around the target already.
pub(crate) fn without_surroundings(code: &str, source: &Source<'_>, target: &Target) -> String {
    let Some(tree) = source.tree else { return code.to_owned() };
    let outline = tree.outline(source.text, target.range.clone());
    let mut code = without_imports(code, source, target);
    for _ in 0..MAX_CONTAINERS {
        match reduced(&code, source, target, &outline) {
            Reduced::Opened(inner) => code = inner,
            Reduced::Done(kept) => return kept,
        }
    }
    code
}

/// Whether a new text of the target leaves the file whole: the text around it occurs once, and an item stays one item; with
/// `keeps_name` it has to be called as before, for who calls it stands outside.
///
/// # Errors
/// The problem with it.
pub(crate) fn check(
    source: &Source<'_>,
    target: &Target,
    new: &str,
    keeps_name: bool,
) -> Result<(), Refusal> {
    let Some(tree) = source.tree else { return Ok(()) };
    let before = tree.outline(source.text, target.range.clone());
    let mut whole: String = source.text.chunks().collect();
    whole.replace_range(target.range.clone(), new);
    let whole = Text::new(&whole);
    let Some(after) = parse(tree, &whole) else { return Ok(()) };
    let inside = after.outline(&whole, target.range.start..target.range.start + new.len()).inside;
    let is_named = |parts: &[Part], wanted: &Part| {
        parts.iter().any(|part| part.kind == PartKind::Item && part.name == wanted.name)
    };
    let has_statement = |parts: &[Part]| parts.iter().any(|part| part.kind == PartKind::Statement);
    // Grammars take a function without a body, and statements behind it, for whole code.
    let lost_its_body = |part: &Part| is_named(&before.inside, part) && !has_body(&whole, part);
    if target.item.is_some()
        && (has_statement(&inside) && !has_statement(&before.inside) || inside.iter().any(lost_its_body))
    {
        return Err(Refusal::AddsErrors);
    }
    let has_target = |parts: &[Part]| parts.iter().any(|part| part.name == target.name);
    if keeps_name && has_target(&before.inside) && !has_target(&inside) {
        return Err(Refusal::Unrelated);
    }
    let twice = inside.into_iter().find(|part| {
        part.kind == PartKind::Item
            && !part.name.is_empty()
            && is_named(&before.outside, part)
            && !is_named(&before.inside, part)
    });
    twice.map_or(Ok(()), |part| Err(Refusal::Repeats(part.name)))
}

/// Whether there is something in the body of an item.
fn has_body(text: &Text, part: &Part) -> bool {
    part.body.clone().is_some_and(|body| !text.slice(body).trim().is_empty())
}

/// The functions and classes that a new text of the target defines and the old one does not.
pub(crate) fn new_items(source: &Source<'_>, target: &Target, new: &str) -> Option<Vec<String>> {
    let tree = source.tree?;
    let before = tree.outline(source.text, target.range.clone()).inside;
    let mut whole: String = source.text.chunks().collect();
    whole.replace_range(target.range.clone(), new);
    let whole = Text::new(&whole);
    let after = parse(tree, &whole)?.outline(&whole, target.range.start..target.range.start + new.len());
    let is_new = |part: &Part| {
        part.kind == PartKind::Item
            && !part.name.is_empty()
            && !before.iter().any(|old| old.name == part.name)
    };
    Some(after.inside.into_iter().filter(is_new).map(|part| part.name).collect())
}

fn parse(tree: &SyntaxTree, text: &Text) -> Option<SyntaxTree> {
    SyntaxTree::parse(tree.language(), text, None, &ParseBudget::unlimited()).ok()
}

/// The code without lines that are imports of the file.
fn without_imports(code: &str, source: &Source<'_>, target: &Target) -> String {
    let imports = source.tree.map(|tree| tree.imports(source.text, target.range.start)).unwrap_or_default();
    let mut kept = code.to_owned();
    for import in imports {
        let import = source.text.slice(import).replace("\r\n", "\n");
        let line = format!("{}\n", import.trim());
        if let Some(at) = find_line(&kept, &line) {
            kept.replace_range(at..at + line.len(), "");
        }
    }
    if kept.trim().is_empty() { code.to_owned() } else { kept }
}

/// The place of a text that starts at the beginning of a line.
fn find_line(code: &str, wanted: &str) -> Option<usize> {
    code.match_indices(wanted).map(|(at, _)| at).find(|at| *at == 0 || code[..*at].ends_with('\n'))
}

enum Reduced {
    /// A surrounding part was removed, and there may be more.
    Opened(String),
    /// There is no more.
    Done(String),
}

fn reduced(code: &str, source: &Source<'_>, target: &Target, around: &Outline) -> Reduced {
    let keep = || Reduced::Done(code.to_owned());
    let Some(tree) = source.tree else { return keep() };
    let text = Text::new(code);
    // Some forms, such as a method, are code only where they belong.
    let Some((inside, offset, text)) = parse(tree, &text)
        .filter(|alone| !alone.has_errors())
        .map(|alone| (alone.outline(&text, 0..text.len()).inside, 0, text.clone()))
        .or_else(|| in_place(code, source, target, tree))
    else {
        return keep();
    };
    let place = |range: &Range<usize>| range.start.saturating_sub(offset)..range.end.saturating_sub(offset);
    let container = inside.iter().find(|part| {
        part.kind == PartKind::Item
            && !target.name.is_empty()
            && part.name != target.name
            && around.around.contains(&part.name)
            && part.body.clone().is_some_and(|body| names(&text.slice(body), &target.name))
    });
    if let Some(body) = container.and_then(|part| part.body.clone()) {
        return Reduced::Opened(inner(&code[place(&body)]));
    }
    let is_target = |part: &Part| part.kind == PartKind::Item && part.name == target.name;
    let has_target = inside.iter().any(|part| is_target(part) && has_body(&text, part));
    let is_known = |part: &Part| {
        let old = around.outside.iter();
        match part.kind {
            PartKind::Comment | PartKind::Statement | PartKind::Import => {
                let said = text.slice(part.range.clone()).trim().to_owned();
                said.len() > 2 && old.clone().any(|old| source.text.slice(old.range.clone()).trim() == said)
            }
            PartKind::Item | PartKind::Other => {
                !part.name.is_empty()
                    && part.name != target.name
                    && old.clone().any(|old| old.name == part.name && has_kind(old.kind, part.kind))
            }
        }
    };
    let only_uses = |part: &Part| {
        has_target
            && target.item.is_some()
            && (part.kind == PartKind::Statement
                || (part.kind == PartKind::Item && part.name == ENTRY && target.name != ENTRY))
    };
    let mut drops: Vec<bool> = inside.iter().map(|part| is_known(part) || only_uses(part)).collect();
    // A comment belongs to the code below it, and one at the end to nothing.
    for index in (0..inside.len()).rev() {
        if inside[index].kind == PartKind::Comment {
            let follows = inside.get(index + 1);
            let is_last = follows.is_none() && has_target && drops.contains(&true);
            drops[index] |= is_last || follows.is_some() && drops[index + 1];
        }
    }
    if drops.iter().all(|is_dropped| *is_dropped) || !drops.contains(&true) {
        return keep();
    }
    let mut kept = String::new();
    let mut at = 0;
    for (part, is_dropped) in inside.iter().zip(&drops) {
        let lines = whole_lines(code, &place(&part.range));
        if *is_dropped && lines.start >= at {
            kept.push_str(&code[at..lines.start]);
            at = lines.end;
        }
    }
    kept.push_str(&code[at..]);
    Reduced::Done(format!("{}\n", kept.trim_end().trim_start_matches('\n')))
}

/// The parts of code at its place in the file, with their offset and the whole text.
fn in_place(
    code: &str,
    source: &Source<'_>,
    target: &Target,
    tree: &SyntaxTree,
) -> Option<(Vec<Part>, usize, Text)> {
    let mut whole: String = source.text.chunks().collect();
    whole.replace_range(target.range.clone(), code);
    let whole = Text::new(&whole);
    let parsed = parse(tree, &whole).filter(|parsed| parsed.n_errors() <= tree.n_errors())?;
    let start = target.range.start;
    Some((parsed.outline(&whole, start..start + code.len()).inside, start, whole))
}

/// A constant and a function of one name are two things in some languages, and a type and its methods in others.
fn has_kind(old: PartKind, new: PartKind) -> bool {
    (old == PartKind::Item) == (new == PartKind::Item)
}

/// Whether a word occurs in a text.
fn names(text: &str, word: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(word).any(|(at, _)| {
        !is_part(text[..at].chars().next_back()) && !is_part(text[at + word.len()..].chars().next())
    })
}

/// The text between brackets, without them, in whole lines.
fn inner(body: &str) -> String {
    let trimmed = body.trim();
    let bare = trimmed.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let bare = bare.unwrap_or(body).trim_end();
    // A body begins behind the blanks of its first line.
    match bare.trim_start_matches([' ', '\t']).strip_prefix('\n') {
        Some(lines) => format!("{lines}\n"),
        None => format!("{bare}\n"),
    }
}

/// The lines around a range.
fn whole_lines(code: &str, range: &Range<usize>) -> Range<usize> {
    let start = code[..range.start.min(code.len())].rfind('\n').map_or(0, |at| at + 1);
    let end = range.end.min(code.len());
    let trimmed = end - (code[start..end].len() - code[start..end].trim_end().len());
    start..code[trimmed..].find('\n').map_or(code.len(), |at| trimmed + at + 1)
}

#[cfg(test)]
mod tests {
    use fimble_syntax::by_language_id;

    use super::*;
    use crate::find_target;

    /// The part of an answer that remains, for the item at `$` of a file.
    fn left(language: &str, marked: &str, code: &str) -> (String, Result<(), Refusal>) {
        let at = marked.find('$').unwrap();
        let text = Text::new(&marked.replacen('$', "", 1));
        let language = by_language_id(language).unwrap();
        let tree = SyntaxTree::parse(language, &text, None, &ParseBudget::unlimited()).unwrap();
        let source =
            Source { text: &text, tree: Some(&tree), language: Some(language), path: "a", file: "/a" };
        let target = find_target(&source, at..at, false).unwrap();
        (without_surroundings(code, &source, &target), check(&source, &target, code, true))
    }

    const PYTHON: &str = "import json\n\nDEFAULTS = {}\n\n\ndef load(path):$\n    return json.load(open(path))\n\n\n\
        def save(path):\n    pass\n";

    #[test]
    fn imports_neighbours_constants_and_examples_are_taken_off() {
        let wanted = "def load(path):\n    try:\n        return 1\n    except OSError:\n        return 2\n";
        for code in [
            wanted.to_owned(),
            format!("import json\n\n\n{wanted}"),
            format!("import json\n\nDEFAULTS = {{'a': 1}}\n\n\n{wanted}\n\ndef save(path):\n    return 3\n"),
            format!("{wanted}\n\n# Example usage:\nprint(load('a'))\n"),
            format!("{wanted}\nif __name__ == \"__main__\":\n    load('a')\n"),
        ] {
            let (kept, _) = left("python", PYTHON, &code);
            assert_eq!(kept.trim(), wanted.trim(), "{code}");
        }
        // What is new stays: a helper, a constant, an import.
        let helped = format!("import os\n\nLIMIT = 3\n\n\ndef read(path):\n    return path\n\n\n{wanted}");
        assert_eq!(left("python", PYTHON, &helped).0, helped);
    }

    #[test]
    fn a_class_around_is_opened() {
        let java = "import java.util.List;\n\nclass Grades {\n    static int best(int[] a) {$\n        return 1;\n    }\n\n    \
            static int worst(int[] a) {\n        return 2;\n    }\n}\n";
        let wanted = "    static int best(int[] a) {\n        return 3;\n    }\n";
        for code in [
            wanted.to_owned(),
            format!("import java.util.List;\n\nclass Grades {{\n{wanted}}}\n"),
            format!(
                "class Grades {{\n{wanted}\n    static int worst(int[] a) {{\n        return 4;\n    }}\n}}\n"
            ),
            format!("{wanted}\n    static int worst(int[] a) {{\n        return 4;\n    }}\n"),
        ] {
            let (kept, _) = left("java", java, &code);
            assert_eq!(kept.trim(), wanted.trim(), "{code}");
        }
        let rust = "pub struct Game {\n    a: u8,\n}\n\nimpl Game {\n    fn best(&self) -> u8 {$\n        1\n    }\n}\n";
        let wanted = "    fn best(&self) -> u8 {\n        2\n    }\n";
        let code = format!("pub struct Game {{\n    a: u8,\n}}\n\nimpl Game {{\n{wanted}}}\n");
        assert_eq!(left("rust", rust, &code).0.trim(), wanted.trim());
        let c = "#include <stdlib.h>\n\nchar *join(const char *a)\n{$\n    return 0;\n}\n\nint same(void)\n{\n    return 1;\n}\n";
        let wanted = "char *join(const char *a)\n{\n    return NULL;\n}\n";
        let code = format!(
            "#include <stdlib.h>\n\n{wanted}\nint same(void)\n{{\n    return 2;\n}}\n\nint main(void)\n{{\n    return 0;\n}}\n"
        );
        assert_eq!(left("c", c, &code).0.trim(), wanted.trim());
    }

    #[test]
    fn what_is_defined_twice_is_found() {
        let new = "def load(path):\n    pass\n";
        assert_eq!(left("python", PYTHON, new).1, Ok(()));
        let twice = format!("{new}\n\ndef save(path):\n    pass\n");
        assert_eq!(left("python", PYTHON, &twice).1, Err(Refusal::Repeats("save".to_owned())));
        // The grammar has no objection.
        let flat = "def load(path):\ntry:\n    pass\nexcept OSError:\n    pass\n";
        assert_eq!(left("python", PYTHON, flat).1, Err(Refusal::AddsErrors));
    }
}
