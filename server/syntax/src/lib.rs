//! Syntax trees of open buffers.
//!
//! Contents: incremental parsing with a budget ([`SyntaxTree`]), what a tree says about a cursor (enclosing scopes, imports,
//! regions), and the check of a suggestion against it. Invariant: tree-sitter appears in no signature; offsets are bytes, and are
//! clamped to the text; nothing here blocks longer than its budget; every answer is of use while the code is being typed, that
//! is, while the tree has errors.

mod blocks;
mod brackets;
mod definitions;
mod embedded;
mod items;
mod layer;
mod names;
mod outline;
mod parse;
mod region;
mod scopes;
mod splice;
mod tree;
mod walk;

pub use definitions::{Definition, signature_lines};
pub use fimble_grammars::{BlockStyle, Language, all, by_language_id, by_path, detect, give_back_memory};
pub use names::{Name, NameRole};
pub use outline::{Outline, Part, PartKind};
pub use parse::{ParseBudget, ParseStopped};
pub use region::Region;
pub use scopes::Scope;
pub use splice::SpliceCheck;
pub use tree::SyntaxTree;
