//! The grammar and the queries of each language: the only list that names the grammar crates. Invariant: one entry for each
//! feature, and each entry's name occurs in `languages.toml`.

use std::sync::OnceLock;

use crate::scanner_guard::{Guarded, Scanner, frees_by_writing, guard, is_readable};

/// The queries that each language has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QueryKind {
    /// Nodes that enclose: `@scope` with `@scope.body` and `@scope.name`; `@item` where something self-contained starts.
    Scopes,
    /// Statements that bring names in: `@import`.
    Imports,
    /// Names: `@identifier`, and `@definition` where the name is introduced.
    Identifiers,
    /// Where no code stands: `@comment` and `@string`; `@code` for code inside a string.
    Regions,
    /// The language of what a node introduces, such as a tag its script: the property `language`. It is asked about that
    /// node alone; of several patterns that match, the last counts.
    Embedded,
}

impl QueryKind {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Scopes, Self::Imports, Self::Identifiers, Self::Regions, Self::Embedded];
}

/// A grammar as compiled in, with the sources of its queries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grammar {
    pub(crate) tree_sitter: fn() -> tree_sitter::Language,
    /// Query sources in the order of [`QueryKind::ALL`].
    pub(crate) queries: [&'static str; QueryKind::ALL.len()],
}

/// The source of a query: that of the language it builds on, if it does, and its own.
macro_rules! query {
    ($file:literal, $name:literal $(, $base:literal)?) => {
        concat!(
            $(include_str!(concat!("../queries/", $base, "/", $file)), "\n",)?
            include_str!(concat!("../queries/", $name, "/", $file)),
        )
    };
}

macro_rules! grammars {
    ($($name:literal $(on $base:literal)? $(embeds as $embeds:literal)? => $language:expr;)*) => {
        /// The grammar of the language with this name; none when its feature is off.
        pub(crate) fn grammar(name: &str) -> Option<Grammar> {
            match name {
                $(
                    #[cfg(feature = $name)]
                    $name => {
                        /// The type of this grammar's scanner.
                        enum Guard {}
                        impl Guarded for Guard {
                            fn scanner() -> &'static OnceLock<Scanner> {
                                static SCANNER: OnceLock<Scanner> = OnceLock::new();
                                &SCANNER
                            }
                            fn is_readable(state: &[u8]) -> bool {
                                is_readable($name, state)
                            }
                            fn frees_by_writing() -> bool {
                                frees_by_writing($name)
                            }
                        }
                        Some(Grammar {
                        tree_sitter: || guard::<Guard>($language),
                        queries: [
                            query!("scopes.scm", $name $(, $base)?),
                            query!("imports.scm", $name $(, $base)?),
                            query!("identifiers.scm", $name $(, $base)?),
                            query!("regions.scm", $name $(, $base)?),
                            // Most languages hold no other.
                            concat!($(include_str!(concat!("../queries/", $embeds, "/embedded.scm")))?),
                        ],
                    })
                    }
                )*
                _ => None,
            }
        }
    };
}

grammars! {
    "bash" => tree_sitter_bash::LANGUAGE;
    "c" => tree_sitter_c::LANGUAGE;
    "cpp" => tree_sitter_cpp::LANGUAGE;
    "csharp" => tree_sitter_c_sharp::LANGUAGE;
    "css" => tree_sitter_css::LANGUAGE;
    "dart" => tree_sitter_dart::LANGUAGE;
    "dockerfile" => tree_sitter_containerfile::LANGUAGE;
    "go" => tree_sitter_go::LANGUAGE;
    "hcl" => tree_sitter_hcl::LANGUAGE;
    "html" embeds as "html" => tree_sitter_html::LANGUAGE;
    "java" => tree_sitter_java::LANGUAGE;
    "javascript" => tree_sitter_javascript::LANGUAGE;
    "json" => tree_sitter_json::LANGUAGE;
    "kotlin" => tree_sitter_kotlin_ng::LANGUAGE;
    "lua" => tree_sitter_lua::LANGUAGE;
    "make" => tree_sitter_make::LANGUAGE;
    "markdown" => tree_sitter_md::LANGUAGE;
    "php" => tree_sitter_php::LANGUAGE_PHP;
    "proto" => tree_sitter_proto::LANGUAGE;
    "python" => tree_sitter_python::LANGUAGE;
    "ruby" => tree_sitter_ruby::LANGUAGE;
    "rust" => tree_sitter_rust::LANGUAGE;
    "scala" => tree_sitter_scala::LANGUAGE;
    "sql" => tree_sitter_sequel::LANGUAGE;
    "svelte" embeds as "html" => tree_sitter_svelte_ng::LANGUAGE;
    "swift" => tree_sitter_swift::LANGUAGE;
    "toml" => tree_sitter_toml_ng::LANGUAGE;
    "tsx" on "typescript" => tree_sitter_typescript::LANGUAGE_TSX;
    "typescript" => tree_sitter_typescript::LANGUAGE_TYPESCRIPT;
    "vue" on "svelte" embeds as "html" => tree_sitter_svelte_ng::LANGUAGE;
    "yaml" => tree_sitter_yaml::LANGUAGE;
}
