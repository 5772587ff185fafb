//! The real loop, over the real protocol, in memory, with a scripted model. Invariant: every client here is strict, so
//! that a request which is never answered, or answered twice, fails the test that sent it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod acceptance;
mod accounting;
mod actions;
mod ahead;
mod alternatives;
mod answers;
mod bad_input;
mod budget;
mod chatting;
mod disk;
mod documents;
mod interleaving;
mod keeping;
mod lifecycle;
mod lsp4ij;
mod members;
mod menu;
mod model_loading;
mod next_edit;
mod next_edit_random;
mod next_edit_written;
mod ordering;
mod partial;
mod project;
mod reloading;
mod secrets;
mod settings;
mod small_first;
mod snippets;
mod soak;
mod stand_in;
mod support;
mod two_models;
mod two_providers;
mod why;
