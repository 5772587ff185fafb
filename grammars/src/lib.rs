//! The languages that Fimble supports.
//!
//! Contents: the registry read from `languages.toml` ([`Language`], [`detect`]), the grammars behind one Cargo feature each, and
//! our queries under `queries/<language>/` ([`QueryKind`]). Invariant: nothing is read or compiled before it is first asked for;
//! a language whose feature is off does not exist, so that its files are plain text; every query compiles (a test goes through
//! all of them).

mod blocks;
mod bounded_parse;
mod grammar;
#[cfg(unix)]
mod interrupt;
mod language;
mod memory;
mod registry;
mod scanner_guard;

pub use bounded_parse::{BoundedParse, ParseBounds, parse_bounded};
pub use grammar::QueryKind;
pub use language::{BlockStyle, Language};
pub use memory::{MemoryMeter, give_back_memory};
pub use registry::{all, by_language_id, by_path, by_shebang, detect};
pub use scanner_guard::{ScannerRefusal, is_refused, limit_scanners, take_refusal};
