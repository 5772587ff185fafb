//! Places whose first name stands in another file only. Invariant: the name is defined in another file of the project, and stands
//! in the file itself nowhere but in what is cut out and in imports.

use std::collections::{HashMap, HashSet};

use super::Place;
use super::lines::LONGEST_LINE;
use super::source::{Source, is_in, is_word, words};

/// Shorter names stand everywhere, in bytes.
const SHORTEST_NAME: usize = 4;
/// Less is no completion, in bytes.
const SHORTEST_REST: usize = 6;

/// Words before what a line defines that are passed over.
const MODIFIERS: &[&str] = &[
    "abstract",
    "async",
    "const",
    "crate",
    "declare",
    "def",
    "default",
    "enum",
    "export",
    "final",
    "fn",
    "func",
    "function",
    "interface",
    "let",
    "mod",
    "mut",
    "private",
    "protected",
    "pub",
    "public",
    "readonly",
    "self",
    "static",
    "struct",
    "this",
    "trait",
    "type",
    "unsafe",
    "val",
    "var",
    "class",
];
/// Those behind which a name is defined whatever follows.
const DEFINES: &[&str] = &[
    "class",
    "const",
    "def",
    "enum",
    "fn",
    "func",
    "function",
    "interface",
    "let",
    "static",
    "struct",
    "trait",
    "type",
    "val",
    "var",
];

/// The places of all files.
pub fn places(sources: &[Source<'_>]) -> Vec<Place> {
    let definitions: Vec<HashSet<&str>> = sources.iter().map(definitions).collect();
    let mut n_files: HashMap<&str, usize> = HashMap::new();
    for name in definitions.iter().flatten() {
        *n_files.entry(name).or_default() += 1;
    }
    sources.iter().zip(&definitions).flat_map(|(source, own)| of_file(source, own, &n_files)).collect()
}

fn of_file(source: &Source<'_>, own: &HashSet<&str>, n_files: &HashMap<&str, usize>) -> Vec<Place> {
    let imports = source.tree.imports(&source.document, source.text.len());
    let mut uses: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, word) in words(source.text).filter(|(at, _)| !is_in(&imports, *at)) {
        uses.entry(word).or_default().push(at);
    }
    let identifiers = source.tree.identifiers(&source.document, 0..source.text.len());
    let mut places: Vec<Place> = Vec::new();
    for range in identifiers.into_iter().filter(|range| !is_in(&imports, range.start)) {
        let name = &source.text[range.clone()];
        let is_foreign = name.len() >= SHORTEST_NAME && !own.contains(name) && n_files.contains_key(name);
        let Some(line) = source.lines.iter().rev().find(|line| line.start <= range.start) else { continue };
        let rest = range.start..line.end;
        let fits = rest.end > range.start
            && rest.len() >= SHORTEST_REST
            && line.end - line.content <= LONGEST_LINE
            && range.start > line.content;
        let only_here = uses.get(name).is_some_and(|uses| uses.iter().all(|at| rest.contains(at)));
        let is_same_line = places.last().is_some_and(|last| last.range.end == rest.end);
        if is_foreign && fits && only_here && !is_same_line && source.is_code(range.start) {
            places.push(Place { file: source.index, range: rest, sort: "" });
        }
    }
    places
}

/// The names that a file defines: functions, types, variables and fields, as far as its lines tell.
fn definitions<'a>(source: &Source<'a>) -> HashSet<&'a str> {
    let text = source.text;
    let mut names: HashSet<&str> =
        source.scopes.iter().filter_map(|scope| text.get(scope.name.clone()?)).collect();
    for line in source.lines.iter().filter(|line| !line.is_blank()) {
        names.extend(defined_on(source.content(line)));
    }
    // A field of Go is a line that begins with its name.
    if source.language.name() == "go" {
        let structs = source.scopes.iter().filter(|scope| text[scope.header.clone()].contains("struct"));
        for body in structs.filter_map(|scope| scope.body.clone()) {
            let fields = source.lines.iter().filter(|line| body.contains(&line.content));
            names.extend(fields.filter_map(|line| Some(words(source.content(line)).next()?.1)));
        }
    }
    names.retain(|name| name.len() >= SHORTEST_NAME && !MODIFIERS.contains(name));
    names
}

/// What a line defines, if it does.
fn defined_on(content: &str) -> Option<&str> {
    if content.starts_with(['/', '#', '*', '"', '\'']) {
        return None;
    }
    let mut is_defined = false;
    let mut words = words(content).peekable();
    while let Some((_, word)) = words.next_if(|(_, word)| MODIFIERS.contains(word)) {
        is_defined |= DEFINES.contains(&word);
    }
    let (at, name) = words.next()?;
    let behind = content[at + name.len()..].trim_start();
    let is_field = behind.starts_with(':') && !behind.starts_with("::") || behind.starts_with("?:");
    let is_assigned = behind.starts_with('=') && !behind.starts_with("==");
    if is_defined || is_field || is_assigned {
        return Some(name);
    }
    // A field of Java: `private final int count;`
    let has_modifier = content.starts_with("private ")
        || content.starts_with("public ")
        || content.starts_with("protected ");
    let declared = content.split(['=', ';', '(']).next().filter(|_| has_modifier)?.trim_end();
    let start = declared.rfind(|c| !is_word(c)).map_or(0, |at| at + 1);
    Some(&declared[start..]).filter(|name| !name.is_empty() && declared.is_char_boundary(start))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cases::{self, Kind, Wanted};

    fn rests(files: &[(&str, &str)]) -> Vec<String> {
        let sources: Vec<Source<'_>> = files
            .iter()
            .enumerate()
            .map(|(index, (path, text))| Source::parse(index, path, text).unwrap())
            .collect();
        places(&sources).into_iter().map(|place| files[place.file].1[place.range].to_owned()).collect()
    }

    #[test]
    fn the_name_stands_in_another_file_only() {
        let store = ("store.py", "class Store:\n    def take_out(self, name):\n        return name\n");
        let user = "from store import Store\n\n\ndef f(store):\n    x = store.take_out('a')\n    return x\n";
        assert_eq!(rests(&[store, ("user.py", user)]), ["take_out('a')"]);
        // It stands above as well, and below as well.
        let twice = format!("{user}\n\ndef g(store):\n    return store.take_out('b')\n");
        assert_eq!(rests(&[store, ("user.py", &twice)]), [""; 0]);
        // Nobody defines it.
        assert_eq!(rests(&[("user.py", user)]), [""; 0]);
        // In an import it may stand.
        let imported = "from store import Store\n\n\ndef f():\n    return Store()\n\n\nwanted = f\n";
        assert_eq!(rests(&[store, ("user.py", imported)]), ["Store()"]);
    }

    #[test]
    fn lines_tell_what_they_define() {
        for (line, name) in [
            ("pub(crate) const LIMIT: usize = 1;", Some("LIMIT")),
            ("self.count = 1", Some("count")),
            ("readonly width: number;", Some("width")),
            ("private final int total;", Some("total")),
            ("export async function load() {", Some("load")),
            ("return total", None),
            ("if total == 1:", None),
            ("std::mem::swap(a, b);", None),
        ] {
            assert_eq!(defined_on(line), name, "{line}");
        }
    }

    #[test]
    fn the_committed_cases_need_another_file() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
        let mut n_cases = 0;
        let folders = ["eval-crossfile", "eval-tests-first"]
            .into_iter()
            .flat_map(|name| std::fs::read_dir(root.join(name)).unwrap())
            .map(|entry| entry.unwrap().path());
        for folder in folders.filter(|folder| folder.is_dir()) {
            let wanted = Wanted { kinds: Vec::new(), n_cases: 0, seed: 1, edits_elsewhere: false };
            let project = cases::read(&folder, &wanted).unwrap();
            assert!(project.cases.len() >= 4, "{}", project.name);
            n_cases += project.cases.len();
            for case in &project.cases {
                assert_eq!(case.kind, Kind::Crossfile);
                let source = Source::parse(0, &case.path, &case.text).unwrap();
                let imports = source.tree.imports(&source.document, case.text.len());
                let here: HashSet<&str> =
                    words(&case.text).filter(|(at, _)| !is_in(&imports, *at)).map(|(_, word)| word).collect();
                let others = project.files.iter().filter(|(path, _)| *path != case.path);
                let elsewhere: HashSet<&str> =
                    others.flat_map(|(_, text)| words(text)).map(|(_, word)| word).collect();
                let is_foreign = |word: &str| !here.contains(word) && elsewhere.contains(word);
                assert!(words(&case.expected).any(|(_, word)| is_foreign(word)), "{}", case.expected);
            }
        }
        assert!(n_cases >= 70, "{n_cases}");
    }
}
