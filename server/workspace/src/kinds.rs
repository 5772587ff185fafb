//! The kind of a file, judged by its name. Invariant: a name only ever leaves a file out, or lets it come before others;
//! whether a file of an unknown kind is written text depends on its content.

/// Endings of files in languages that have no grammar here, in lower case. They come before files of unknown kinds where not
/// all can be taken, and clients are asked to watch them.
const PLAIN_SOURCES: &[&str] = &[
    "adb",
    "adoc",
    "ads",
    "agda",
    "astro",
    "awk",
    "bat",
    "bazel",
    "bzl",
    "cairo",
    "cl",
    "clj",
    "cljc",
    "cljs",
    "cls",
    "cmake",
    "cmd",
    "coffee",
    "comp",
    "conf",
    "cr",
    "cshtml",
    "csproj",
    "d",
    "edn",
    "ejs",
    "el",
    "elm",
    "erb",
    "erl",
    "ex",
    "exs",
    "f",
    "f03",
    "f08",
    "f90",
    "f95",
    "feature",
    "fish",
    "frag",
    "fs",
    "fsi",
    "fsx",
    "gd",
    "gleam",
    "glsl",
    "gql",
    "gradle",
    "graphql",
    "groovy",
    "haml",
    "hbs",
    "hlsl",
    "hrl",
    "hs",
    "hx",
    "idl",
    "ini",
    "j2",
    "jinja",
    "jinja2",
    "jl",
    "less",
    "lhs",
    "liquid",
    "lisp",
    "m",
    "metal",
    "ml",
    "mli",
    "mm",
    "move",
    "mustache",
    "nim",
    "nix",
    "nu",
    "org",
    "pas",
    "pl",
    "pm",
    "pp",
    "pro",
    "properties",
    "ps1",
    "psm1",
    "pug",
    "purs",
    "qml",
    "r",
    "raku",
    "razor",
    "re",
    "res",
    "rkt",
    "rst",
    "s",
    "sass",
    "scm",
    "scss",
    "slim",
    "sml",
    "sol",
    "star",
    "styl",
    "sv",
    "svh",
    "tcl",
    "tex",
    "thrift",
    "twig",
    "v",
    "vb",
    "vert",
    "vhd",
    "vhdl",
    "vim",
    "wgsl",
    "wit",
    "xaml",
    "xml",
    "xsd",
    "xsl",
    "zig",
];

/// Whole names of such files that have no known ending.
const PLAIN_NAMES: &[&str] = &[
    "BUILD",
    "CMakeLists.txt",
    "Caddyfile",
    "Jenkinsfile",
    "Justfile",
    "Procfile",
    "WORKSPACE",
    "justfile",
    "meson.build",
];

/// Endings of files without text, or without typed text, in lower case: opening them would be useless.
const NO_SOURCES: &[&str] = &[
    "7z",
    "a",
    "aac",
    "ai",
    "apk",
    "arrow",
    "avi",
    "avif",
    "avro",
    "bak",
    "bin",
    "bmp",
    "bz2",
    "ckpt",
    "class",
    "crt",
    "csv",
    "dat",
    "db",
    "deb",
    "der",
    "diff",
    "dll",
    "dmg",
    "doc",
    "docx",
    "dylib",
    "ear",
    "eot",
    "eps",
    "exe",
    "flac",
    "gguf",
    "gif",
    "gz",
    "h5",
    "hdf5",
    "icns",
    "ico",
    "ipynb",
    "iso",
    "jar",
    "jpeg",
    "jpg",
    "lib",
    "log",
    "map",
    "mdb",
    "mkv",
    "mov",
    "mp3",
    "mp4",
    "npy",
    "npz",
    "o",
    "obj",
    "odp",
    "ods",
    "odt",
    "ogg",
    "onnx",
    "orc",
    "orig",
    "otf",
    "parquet",
    "patch",
    "pb",
    "pdf",
    "pickle",
    "pkl",
    "png",
    "ppt",
    "pptx",
    "ps",
    "psd",
    "pt",
    "pth",
    "pyc",
    "pyo",
    "rar",
    "rej",
    "rpm",
    "safetensors",
    "snap",
    "so",
    "sqlite",
    "sqlite3",
    "svg",
    "swp",
    "tar",
    "tflite",
    "tgz",
    "tif",
    "tiff",
    "tmp",
    "tsv",
    "ttf",
    "war",
    "wasm",
    "wav",
    "webm",
    "webp",
    "woff",
    "woff2",
    "xls",
    "xlsx",
    "xz",
    "zip",
    "zst",
];

/// Files that a tool keeps, by their ends.
const KEPT_BY_TOOLS: &[&str] =
    &["package-lock.json", "pnpm-lock.yaml", ".min.js", ".min.css", ".lock", "go.sum"];

/// Texts of the law, by the beginnings of their names in upper case.
const LEGAL: &[&str] = &["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE", "PATENTS"];

/// The kind of a file, judged by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A source file of a language that has a grammar.
    Grammar,
    /// A source file of another language.
    Plain,
    /// Possibly written text.
    Unknown,
}

/// The kind of a file, judged by its name; none if it is not to be read.
pub(crate) fn kind_of(path: &str) -> Option<Kind> {
    let name = path.rsplit('/').next().unwrap_or(path);
    if KEPT_BY_TOOLS.iter().any(|end| name.ends_with(end)) || fimble_secrets::is_secret_path(path) {
        return None;
    }
    if fimble_syntax::by_path(path).is_some() {
        return Some(Kind::Grammar);
    }
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_lowercase());
    let has = |list: &[&str]| extension.as_deref().is_some_and(|extension| list.contains(&extension));
    if PLAIN_NAMES.contains(&name) || has(PLAIN_SOURCES) {
        return Some(Kind::Plain);
    }
    let is_legal = LEGAL.iter().any(|start| name.to_uppercase().starts_with(start));
    (!has(NO_SOURCES) && !is_legal).then_some(Kind::Unknown)
}

/// Endings of the files that are watched.
pub(crate) fn extensions() -> impl Iterator<Item = &'static str> {
    let languages = fimble_syntax::all().iter();
    languages
        .flat_map(|language| language.extensions())
        .map(String::as_str)
        .chain(PLAIN_SOURCES.iter().copied())
}

/// Whole names of the files that are watched.
pub(crate) fn file_names() -> impl Iterator<Item = &'static str> {
    let languages = fimble_syntax::all().iter();
    languages
        .flat_map(|language| language.file_names())
        .map(String::as_str)
        .chain(PLAIN_NAMES.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_is_not_read_and_what_comes_first() {
        for (path, expected) in [
            ("src/main.rs", Some(Kind::Grammar)),
            ("db/001_init.SQL", Some(Kind::Grammar)),
            ("Makefile", Some(Kind::Grammar)),
            ("src/Main.HS", Some(Kind::Plain)),
            ("Justfile", Some(Kind::Plain)),
            ("CMakeLists.txt", Some(Kind::Plain)),
            ("src/rules.zz9", Some(Kind::Unknown)),
            ("scripts/deploy", Some(Kind::Unknown)),
            ("a/picture.PNG", None),
            ("data/points.csv", None),
            ("package-lock.json", None),
            ("Cargo.lock", None),
            ("LICENSE-MIT", None),
            ("id_rsa", None),
        ] {
            assert_eq!(kind_of(path), expected, "{path}");
        }
    }

    #[test]
    fn the_lists_are_sorted_and_share_nothing() {
        for list in [PLAIN_SOURCES, PLAIN_NAMES, NO_SOURCES] {
            assert!(list.is_sorted(), "{list:?}");
        }
        assert!(PLAIN_SOURCES.iter().all(|extension| !NO_SOURCES.contains(extension)));
    }
}
