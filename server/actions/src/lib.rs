//! Code actions: explain, refactor, document, test, fix.
//!
//! Contents: the target of an action ([`Target`]), the prompt for a chat model, and the edit from its answer. Invariant: nothing
//! here reads files or knows an editor; no edit adds errors to the syntax tree, touches lines that do not change, or brings other
//! line endings than the file's; whatever a model answers, the outcome is an edit that passed these checks or a [`Refusal`] that
//! says why there is none.

mod action;
mod answer;
mod comment;
mod doc_form;
mod edit;
mod fit;
mod hidden;
mod names;
mod perform;
mod prompt;
mod refusal;
mod style;
mod surroundings;
mod target;
mod test_file;
mod thoughts;

pub use action::{ActionKind, Needs};
pub use comment::{CommentPlace, comment_place};
pub use edit::{Edit, line_edits, patch};
pub use perform::{Change, ChatWork, Outcome, perform, read_ahead};
pub use prompt::{Problem, fenced};
pub use refusal::Refusal;
pub use style::Style;
pub use target::{Source, Target, find_target};
