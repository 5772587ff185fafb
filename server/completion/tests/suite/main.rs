//! Behaviour of the crate through its public functions. Invariant: no test needs a model, a clock or a file outside of
//! the repository.

mod any_text;
mod auto_closed;
mod cache;
mod embedded;
mod gate;
mod golden;
mod indentation;
mod prompts;
mod stop_rule;
mod support;
mod windows;
