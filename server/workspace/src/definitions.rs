//! Definitions, in other files, of names that are imported or used near a cursor. Invariant: names are looked up in files of the
//! index only; the work is bounded in files and bytes, whatever the workspace holds; equal files and an equal cursor give equal
//! results.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use fimble_document::Text;
use fimble_syntax::{Definition, Language, SyntaxTree, by_path, signature_lines};

use crate::chunks::words;
use crate::imports::{Imports, shares_package};
use crate::index::Index;
use crate::open_text::{MAX_EDITED, OpenText, edited_definition};
use crate::parsed::{MAX_BYTES, MAX_LINES, parsed, stands_in_function};
use crate::rank::folder_of;

/// A cursor, the document that it is in, and the other open ones.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// The document's text.
    pub text: &'a Text,
    /// Its tree; without one nothing is known of its names.
    pub tree: Option<&'a SyntaxTree>,
    /// The cursor's line.
    pub line: usize,
    /// Other open documents; the one edited last comes first. They are used with a tree only.
    pub others: &'a [OpenText],
}

/// Lines above and below the cursor whose names count.
const NEAR: (usize, usize) = (16, 4);
/// The weight of a name: in the header of what encloses the cursor or right above it, near to it, in an import.
const WEIGHTS: [f32; 3] = [3.0, 2.0, 0.5];
/// Names that are looked up in files that are not imported.
const MAX_SEARCHED_NAMES: usize = 6;
/// Files that such a name may lead to.
const MAX_FILES_OF_NAME: usize = 3;
/// Files that are parsed for one cursor.
const MAX_FILES: usize = 12;
/// Larger ones are not parsed, in bytes.
const MAX_FILE_BYTES: usize = 256 * 1024;
/// Bytes that are parsed for one cursor. A parse reads some 10 MB a second.
const MAX_PARSED: usize = 512 * 1024;
/// Files that definitions are shown of.
const MAX_SHOWN: usize = 3;
/// Definitions of a module of which only the module's name is known.
const MAX_OF_MODULE: usize = 12;

/// The definitions of one file.
pub(crate) struct Defined {
    pub(crate) file: String,
    pub(crate) text: String,
}

/// Names that are looked for, and the files that may define them. Made with the index; files are read without it.
pub(crate) struct Search {
    wanted: HashMap<String, f32>,
    candidates: Vec<(String, f32)>,
    /// Places of the last edits in other files.
    edited: HashMap<String, Range<usize>>,
}

impl Search {
    /// The names to search for at a cursor, and the files; none if no name is known.
    pub(crate) fn of(index: &Index, file: &str, around: &Around<'_>) -> Option<Self> {
        let (tree, language) = (around.tree?, by_path(file)?);
        let wanted = wanted_names(around, tree);
        let imports = Imports::of(tree, around.text);
        let edited: HashMap<String, Range<usize>> = last_edits(around, file)
            .filter(|open| index.get(&open.file).is_some())
            .filter_map(|open| Some((open.file.clone(), open.edited.clone()?)))
            .collect();
        let candidates = candidates(index, file, language, &wanted, &imports, &edited);
        Some(Self { wanted, candidates, edited })
    }

    /// The files with the wanted definitions, and these definitions; the most relevant last.
    pub(crate) fn find(self, read: &dyn Fn(&str) -> Option<String>) -> Vec<Defined> {
        let mut n_left = MAX_PARSED;
        let mut found: Vec<(f32, Defined)> = Vec::new();
        for (candidate, rank) in self.candidates {
            let content = read(&candidate).filter(|content| content.len() <= MAX_FILE_BYTES.min(n_left));
            let Some(content) = content else { continue };
            n_left -= content.len();
            let edit = self.edited.get(&candidate);
            if let Some((score, text)) = definitions_in(&candidate, &content, &self.wanted, edit) {
                found.push((score * rank, Defined { file: candidate, text }));
            }
        }
        found.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.file.cmp(&b.1.file)));
        found.truncate(MAX_SHOWN);
        found.reverse();
        found.into_iter().map(|(_, defined)| defined).collect()
    }
}

/// The documents other than `file` that were edited last.
pub(crate) fn last_edits<'a>(around: &Around<'a>, file: &str) -> impl Iterator<Item = &'a OpenText> {
    let is_other = move |open: &&OpenText| open.edited.is_some() && open.file != file;
    around.others.iter().filter(is_other).take(MAX_EDITED)
}

/// The names near the cursor that the file does not define itself, with their weights.
fn wanted_names(around: &Around<'_>, tree: &SyntaxTree) -> HashMap<String, f32> {
    let text = around.text;
    let of_lines =
        |first: usize, end: usize| text.line_start(first)..text.line_start(end.min(text.n_lines()));
    let mut ranges: Vec<(Range<usize>, f32)> = Vec::new();
    for scope in tree.enclosing_scopes(text, text.line_end(around.line)) {
        ranges.push((scope.header, WEIGHTS[0]));
    }
    ranges.push((of_lines(around.line.saturating_sub(3), around.line + 1), WEIGHTS[0]));
    ranges.push((of_lines(around.line.saturating_sub(NEAR.0), around.line + NEAR.1), WEIGHTS[1]));
    for import in tree.imports(text, text.len()) {
        ranges.push((import, WEIGHTS[2]));
    }
    let own: HashSet<String> = tree
        .definitions(text)
        .into_iter()
        .filter(|definition| definition.body.is_some())
        .map(|definition| text.slice(definition.name).into_owned())
        .collect();
    let mut wanted: HashMap<String, f32> = HashMap::new();
    for (range, weight) in ranges {
        for name in tree.identifiers(text, range) {
            let name = text.slice(name);
            if name.len() >= 2 && !own.contains(name.as_ref()) {
                let known = wanted.entry(name.into_owned()).or_default();
                *known = known.max(weight);
            }
        }
    }
    wanted
}

/// Files that may define the names, each with its score; the highest first.
fn candidates(
    index: &Index,
    file: &str,
    language: &'static Language,
    wanted: &HashMap<String, f32>,
    imports: &Imports,
    edited: &HashMap<String, Range<usize>>,
) -> Vec<(String, f32)> {
    let mut ranks: BTreeMap<String, f32> = BTreeMap::new();
    let mut add = |candidate: &str, rank: f32| {
        let known = ranks.entry(candidate.to_owned()).or_default();
        *known = known.max(rank);
    };
    let here = folder_of(file);
    for (candidate, _) in index.files().filter(|(candidate, _)| *candidate != file) {
        if let Some(n_parts) = imports.names(candidate, here) {
            #[expect(clippy::cast_precision_loss, reason = "a few parts of a path")]
            add(candidate, 2.0 + n_parts as f32);
        } else if shares_package(language)
            && folder_of(candidate) == here
            && by_path(candidate) == Some(language)
        {
            add(candidate, 1.5);
        }
        if edited.contains_key(candidate) {
            add(candidate, 1.5);
        }
    }
    let mut names: Vec<(&String, &f32)> =
        wanted.iter().filter(|(_, weight)| **weight >= WEIGHTS[1]).collect();
    names.sort_by(|a, b| {
        b.1.total_cmp(a.1).then_with(|| b.0.len().cmp(&a.0.len())).then_with(|| a.0.cmp(b.0))
    });
    for (name, _) in names.into_iter().take(MAX_SEARCHED_NAMES) {
        for candidate in index.files_with(&words(name), MAX_FILES_OF_NAME) {
            if candidate != file {
                add(&candidate, 1.0);
            }
        }
    }
    let mut ranked: Vec<(String, f32)> = ranks.into_iter().collect();
    // The sort is stable and the files came by path.
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    ranked.truncate(MAX_FILES);
    ranked
}

/// The wanted definitions of a file as lines of it, and how much they are wanted. The one that holds the last edit
/// of the file is among them.
fn definitions_in(
    file: &str,
    content: &str,
    wanted: &HashMap<String, f32>,
    edit: Option<&Range<usize>>,
) -> Option<(f32, String)> {
    let text = Text::new(content);
    let all = parsed(file, &text)?;
    let edited = edit.and_then(|edit| edited_definition(&text, &all, edit));
    let is_edited =
        |definition: &Definition| edited.as_ref().is_some_and(|edited| edited.name == definition.name);
    let weight = |definition: &Definition| match is_edited(definition) {
        true => Some(WEIGHTS[0]),
        false => wanted.get(text.slice(definition.name.clone()).as_ref()).copied(),
    };
    let mut chosen: Vec<(&Definition, f32)> = all
        .iter()
        .filter(|definition| !stands_in_function(definition, &all))
        .filter_map(|definition| Some((definition, weight(definition)?)))
        .collect();
    let stem = file.rsplit('/').next()?.split('.').next()?;
    if chosen.is_empty()
        && let Some(weight) = wanted.get(stem).filter(|weight| **weight >= WEIGHTS[1])
    {
        // The module is named: what it holds may be named next.
        let outer = all.iter().filter(|definition| definition.depth == 0);
        chosen.extend(outer.take(MAX_OF_MODULE).map(|definition| (definition, weight / 2.0)));
    }
    let mut score = 0.0;
    // The weightiest first, as long as there is room; then in the order of the file.
    chosen.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.range.start.cmp(&b.0.range.start)));
    let mut shown: Vec<(Range<usize>, String)> = Vec::new();
    let mut n_bytes = 0;
    for (definition, weight) in chosen {
        let range = &definition.range;
        if shown.iter().any(|(other, _)| other.start <= range.start && range.end <= other.end) {
            continue;
        }
        let lines = signature_lines(&text, definition, &all, MAX_LINES);
        if n_bytes + lines.len() > MAX_BYTES {
            continue;
        }
        n_bytes += lines.len();
        score += weight;
        shown.push((range.clone(), lines));
    }
    shown.sort_by_key(|(range, _)| range.start);
    let text: String = shown.into_iter().map(|(_, lines)| lines).collect();
    (!text.is_empty()).then_some((score, text))
}
