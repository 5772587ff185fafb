//! From a cursor to a prompt, and from a generation to a suggestion.
//!
//! Lives here: whether to answer at all ([`gate`]), what the model reads ([`plan`]), when it has said enough
//! ([`StopRule`]), what of its answer is shown ([`finish`]), and what was shown before ([`SuggestionCache`]). Invariant:
//! everything is a function of its arguments, without I/O, clock or threads; offsets are bytes; no reason and no effect
//! that leaves this crate contains code.

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
