//! Next edits: where the user has to change what next, found without a model.
//!
//! Contents: the edits of a workspace ([`EditHistory`]), the edits that they call for ([`propose`]), and whether one of these is
//! shown ([`Gate`]). Invariant: everything is a function of its arguments, without I/O, clock or threads; offsets are bytes; what
//! is proposed applies to the present text, leaves no new syntax error, and neither reverts nor overlaps what the user just did;
//! no reason that leaves this crate contains code.

mod align;
mod binding;
mod calls;
mod change;
mod counterpart;
mod diff;
mod edit;
mod gate;
mod history;
mod hole;
mod hunk;
mod likelihood;
mod matching;
mod parameters;
mod pattern;
mod propose;
mod rename;
mod repeat;
mod replacement;
mod request;
mod siblings;
mod signature;
mod source;
mod styles;
mod tokens;
mod verify;
mod written;

pub use edit::{NextEdit, NextEditKind};
pub use gate::{Gate, Silence, Situation, Tally};
pub use history::EditHistory;
pub use hole::{Hole, holes};
pub use hunk::{Hunk, Reverted};
pub use propose::{candidates, propose};
pub use request::{OpenFile, Request};
pub use written::{SettledAnswer, WrittenRequest, written_edit};
