//! Builds a prompt from a cursor, and a suggestion from a generation.
//!
//! Contents: whether a place gets suggestions ([`gate`]), what the model reads ([`plan`]), when a generation ends ([`StopRule`]),
//! which part of it is shown ([`finish`]), and what was shown before ([`SuggestionCache`]). Invariant: everything is a function
//! of its arguments, without I/O, clock or threads; offsets are bytes; no reason and no effect that leaves this crate contains
//! code.

mod agreement;
mod beginning;
mod brackets;
mod budget;
mod confidence;
mod context;
mod dismissals;
mod finish;
mod gate;
mod indent;
mod input;
mod insertion;
mod lines;
mod mode;
mod outline;
mod personal;
mod places;
mod plan;
mod post_process;
mod refusal;
mod settings;
mod stop;
mod suggestions;
mod surroundings;
mod window;

pub use agreement::agrees;
pub use budget::TokenBudget;
pub use context::{Context, ContextPiece};
pub use finish::{FilterStep, Finished, Suggestion, candidates, finish};
pub use gate::gate;
pub use input::{CursorInput, Elsewhere, SelectedItem, Trigger};
pub use mode::Mode;
pub use plan::{Plan, plan, plan_reading};
pub use refusal::{Refusal, RefusalKind};
pub use settings::{CompletionSettings, MultiLine};
pub use stop::{StopCause, StopLimits, StopRule};
pub use suggestions::{CacheHit, HitKind, SuggestionCache, place_key};
