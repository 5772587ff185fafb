//! The files that the imports of a file refer to. Invariant: an import refers to a file if it contains the end of its path, part
//! by part; the languages differ in the separator and in whether a folder is a package; nothing else depends on the language.

use fimble_document::Text;
use fimble_syntax::{Language, SyntaxTree};

/// The parts of each import's path and names, in order.
#[derive(Debug, Default)]
pub(crate) struct Imports {
    imports: Vec<Vec<String>>,
}

/// Names of files that represent their folder.
const FOLDER_FILES: [&str; 6] = ["__init__", "index", "mod", "lib", "main", "init"];
/// Words of imports that name no file.
const WORDS: [&str; 14] = [
    "import",
    "from",
    "use",
    "using",
    "include",
    "require",
    "require_relative",
    "as",
    "crate",
    "self",
    "super",
    "pub",
    "static",
    "package",
];
/// Imports that are looked at.
const MAX_IMPORTS: usize = 64;

impl Imports {
    /// The imports of a file.
    pub(crate) fn of(tree: &SyntaxTree, text: &Text) -> Self {
        let ranges = tree.imports(text, text.len());
        let imports = ranges.into_iter().take(MAX_IMPORTS).map(|range| parts(&text.slice(range)));
        Self { imports: imports.filter(|parts| !parts.is_empty()).collect() }
    }

    /// The number of parts at the end of a file's path that occur in an import, at least one. `here` is the folder of the
    /// importing file.
    pub(crate) fn names(&self, file: &str, here: &str) -> Option<usize> {
        let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
        let stem = name.split('.').next().unwrap_or(name);
        let folders = || folder.rsplit('/').filter(|part| !part.is_empty());
        let as_file = || std::iter::once(stem).chain(folders());
        let of_file = self.imports.iter().filter_map(|parts| n_matching(parts, as_file)).max();
        let of_folder = FOLDER_FILES
            .contains(&stem)
            .then(|| self.imports.iter().filter_map(|parts| n_matching(parts, folders)).max())
            .flatten();
        // All files of a package are meant where a folder is a package.
        let of_package = file
            .ends_with(".go")
            .then(|| self.imports.iter().filter_map(|parts| ends_with(parts, folders)).max())
            .flatten();
        let n_parts = of_file.max(of_folder).max(of_package)?;
        // A single common name, such as `utils`, means the nearest file.
        (n_parts > 1 || shares_root(folder, here)).then_some(n_parts)
    }
}

/// Whether the files of one folder name each other's definitions without an import.
pub(crate) fn shares_package(language: &Language) -> bool {
    matches!(language.name(), "go" | "java" | "kotlin" | "scala" | "csharp" | "swift")
}

fn shares_root(folder: &str, here: &str) -> bool {
    folder == here
        || folder.strip_prefix(here).is_some_and(|rest| rest.starts_with('/'))
        || here.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
        || folder.rsplit_once('/').map(|(parent, _)| parent)
            == here.rsplit_once('/').map(|(parent, _)| parent)
}

/// The words of an import, without those of the language and without endings of files.
fn parts(import: &str) -> Vec<String> {
    let import = import.replace("index.js", "index");
    import
        .split(|letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == '-'))
        .filter(|part| !part.is_empty() && !WORDS.contains(part))
        .map(str::to_owned)
        .collect()
}

/// How many of `path`, whose last part comes first, stand one before the other in an import, from any place on.
fn n_matching<'a, P: Iterator<Item = &'a str>>(parts: &[String], path: impl Fn() -> P) -> Option<usize> {
    let best = (1..=parts.len()).map(|end| common(&parts[..end], path())).max()?;
    (best > 0).then_some(best)
}

/// The same at the end of the import.
fn ends_with<'a, P: Iterator<Item = &'a str>>(parts: &[String], path: impl Fn() -> P) -> Option<usize> {
    Some(common(parts, path())).filter(|n_parts| *n_parts > 0)
}

fn common<'a>(parts: &[String], path: impl Iterator<Item = &'a str>) -> usize {
    parts.iter().rev().zip(path).take_while(|(part, of_path)| *part == of_path).count()
}

#[cfg(test)]
mod tests {
    use fimble_syntax::{ParseBudget, by_path};

    use super::*;

    fn imports(file: &str, content: &str) -> Imports {
        let text = Text::new(content);
        let tree = SyntaxTree::parse(by_path(file).unwrap(), &text, None, &ParseBudget::unlimited()).unwrap();
        Imports::of(&tree, &text)
    }

    #[test]
    fn an_import_means_the_files_whose_path_it_ends() {
        for (file, content, meant, others) in [
            (
                "/w/shop/app.py",
                "from .ledger import Entry\nimport json\n",
                vec!["/w/shop/ledger.py"],
                vec!["/w/shop/entries.py"],
            ),
            (
                "/w/shop/app.py",
                "import shop.stock.items as items\n",
                vec!["/w/shop/stock/items.py"],
                vec!["/w/other/item.py"],
            ),
            (
                "/w/shop/app.py",
                "from shop.stock import Item\n",
                vec!["/w/shop/stock/__init__.py", "/w/shop/stock.py"],
                vec!["/w/shop/item.py"],
            ),
            (
                "/w/src/a.ts",
                "import { Quill } from './quill';\n",
                vec!["/w/src/quill.ts"],
                vec!["/w/src/pen.ts"],
            ),
            (
                "/w/src/a.ts",
                "import { x } from '../lib/deep/util.js';\n",
                vec!["/w/lib/deep/util.ts"],
                vec!["/w/lib/flat/other.ts"],
            ),
            (
                "/w/src/a.rs",
                "use crate::berth::Berth;\n",
                vec!["/w/src/berth.rs", "/w/src/berth/mod.rs"],
                vec!["/w/src/tariff.rs"],
            ),
            (
                "/w/cmd/main.go",
                "package main\n\nimport \"depot/store\"\n",
                vec!["/w/store/shelf.go"],
                vec!["/w/cmd2/other.go"],
            ),
            (
                "/w/src/a/B.java",
                "import org.shop.Item;\n",
                vec!["/w/src/org/shop/Item.java"],
                vec!["/w/src/org/shop/Other.java"],
            ),
            (
                "/w/src/a.c",
                "#include \"ring.h\"\n",
                vec!["/w/src/ring.h", "/w/src/ring.c"],
                vec!["/w/src/queue.h"],
            ),
            (
                "/w/lib/a.rb",
                "require_relative \"stock/item\"\n",
                vec!["/w/lib/stock/item.rb"],
                vec!["/w/lib/stock/other.rb"],
            ),
        ] {
            let found = imports(file, content);
            let here = crate::rank::folder_of(file);
            for path in meant {
                assert!(found.names(path, here).is_some(), "{content} means {path}: {found:?}");
            }
            for path in others {
                assert!(found.names(path, here).is_none(), "{content} does not mean {path}");
            }
        }
    }
}
