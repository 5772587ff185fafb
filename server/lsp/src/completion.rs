//! Completion: from a request to its answer. A keystroke passes `request`, `start`, `work`, `compute`, `outcome` and `answer`, in this
//! order; ARCHITECTURE.md names the files of other crates on its way.

pub(crate) mod acceptance;
pub(crate) mod answer;
pub(crate) mod compute;
pub(crate) mod early_answer;
pub(crate) mod inline_items;
pub(crate) mod job;
pub(crate) mod look_ahead;
pub(crate) mod menu_items;
pub(crate) mod new_job;
pub(crate) mod new_trace;
pub(crate) mod next_step;
pub(crate) mod outcome;
pub(crate) mod partial;
pub(crate) mod place;
pub(crate) mod progress;
pub(crate) mod registry;
pub(crate) mod request;
pub(crate) mod shown;
pub(crate) mod small_model;
pub(crate) mod speculation;
pub(crate) mod start;
pub(crate) mod state;
pub(crate) mod token_budget;
pub(crate) mod work;
