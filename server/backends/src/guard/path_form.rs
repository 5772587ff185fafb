//! The form in which paths and patterns of paths are compared.
//!
//! Invariant: two names of one file have the same form, on systems that tell cases or Unicode normal forms apart and on those
//! that do not; a form that is too coarse keeps a file here, one that is too fine would let it out.

use unicode_normalization::UnicodeNormalization as _;

/// The names of folders and of the file in a path, in two spellings of the same length.
pub(super) struct PathForm {
    /// As they were written, in the composed normal form.
    written: Vec<String>,
    /// Without case, and without what Windows drops from the ends of names.
    folded: Vec<String>,
}

impl PathForm {
    /// Takes a path apart. A backslash separates only if `has_backslashes` says so.
    pub(super) fn new(path: &str, has_backslashes: bool) -> Self {
        let path = if has_backslashes { path.replace('\\', "/") } else { path.to_owned() };
        let parts = resolved(&path, |_| true);
        Self {
            written: parts.iter().map(|part| part.nfc().collect()).collect(),
            folded: parts.iter().map(|part| folded(part)).collect(),
        }
    }

    /// The ends of the path, the shortest first, each as it was written and folded.
    pub(super) fn ends(&self) -> impl Iterator<Item = (String, String)> + '_ {
        (0..self.written.len()).rev().map(|at| (self.written[at..].join("/"), self.folded[at..].join("/")))
    }

    /// The whole path as it was written.
    pub(super) fn whole(&self) -> String {
        self.written.join("/")
    }

    /// The last name as it was written.
    pub(super) fn name(&self) -> &str {
        self.written.last().map_or("", String::as_str)
    }
}

/// The spellings of a pattern that paths in either form are compared with: as it was written, and folded with `*` in the place
/// of what stands for one character, since a folded character may be several. Empty if it names nothing.
pub(super) fn spellings(pattern: &str) -> Vec<String> {
    // Above `**` stands every folder, and so does below it.
    let parts = resolved(pattern, |part| !part.contains("**"));
    if parts.is_empty() {
        return Vec::new();
    }
    let join =
        |form: &dyn Fn(&str) -> String| parts.iter().map(|part| form(part)).collect::<Vec<_>>().join("/");
    vec![join(&|part| part.nfc().collect()), coarse(&join(&folded))]
}

/// The parts between slashes without `.`, and without what `..` takes back where `may_go` allows it. What lies above the first
/// part is not known, so that a pattern counts at any depth.
fn resolved<'a>(path: &'a str, may_go: impl Fn(&str) -> bool) -> Vec<&'a str> {
    let mut parts: Vec<&'a str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop_if(|last| may_go(last));
            }
            name => parts.push(name),
        }
    }
    parts
}

/// A pattern with `*` for `?` and for classes that may mean a character of several bytes, of which the matcher sees each alone.
fn coarse(pattern: &str) -> String {
    let mut result = String::new();
    let mut rest = pattern;
    while let Some(character) = rest.chars().next() {
        let length = match character {
            '\\' => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            '[' => class_length(rest).unwrap_or(1),
            other => other.len_utf8(),
        };
        let (part, behind) = rest.split_at(length);
        let is_wide = part == "?"
            || length > 1 && character == '[' && (!part.is_ascii() || part[1..].starts_with(['!', '^']));
        result.push_str(if is_wide { "*" } else { part });
        rest = behind;
    }
    result
}

/// The length of the class of characters that a text begins with. A closing bracket right behind the opening one is in the class.
fn class_length(text: &str) -> Option<usize> {
    let first = if text[1..].starts_with(['!', '^']) { 2 } else { 1 };
    let from = first + text[first..].chars().next()?.len_utf8();
    text[from..].find(']').map(|end| from + end + 1)
}

/// A name without case. Folding by way of both cases finds every pair that full case folding finds, such as `ß` and `SS`.
fn folded(name: &str) -> String {
    let trimmed = name.trim_end_matches([' ', '.']);
    let name = if trimmed.is_empty() { name } else { trimmed };
    let lower = name.nfd().flat_map(char::to_lowercase);
    lower.flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(path: &str) -> String {
        PathForm::new(path, false).ends().last().map(|(_, folded)| folded).unwrap_or_default()
    }

    #[test]
    fn names_of_one_file_have_one_form() {
        for (one, other) in [
            ("/a/./b//c.rs", "/a/b/c.rs"),
            ("/a/x/../b.rs", "/a/b.rs"),
            ("/../../a.rs", "/a.rs"),
            ("/SCHLÜSSEL/a", "/schlüssel/a"),
            ("/schlu\u{308}ssel/a", "/schl\u{fc}ssel/a"),
            ("/STRASSE", "/straße"),
            ("/STRAẞE", "/strasse"),
            ("/ΟΔΟΣ", "/οδος"),
            ("/\u{212a}ey", "/key"),
            ("/\u{212b}/ÅNGSTRÖM", "/å/ångstro\u{308}m"),
            ("/İstanbul", "/i\u{307}stanbul"),
            ("/ﬁle", "/FILE"),
            ("/Secret./a ", "/secret/a"),
        ] {
            assert_eq!(form(one), form(other), "{one} {other}");
        }
        for (one, other) in [("/a/b", "/ab"), ("/a", "/ä"), ("/a.b", "/a.c"), ("/a/...", "/a")] {
            assert_ne!(form(one), form(other), "{one} {other}");
        }
    }
}
