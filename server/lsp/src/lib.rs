//! The language server: one session loop behind an ordering layer.
//!
//! Lives here: reading and writing of the protocol, the loop that owns all state, one handler file per method, settings,
//! the traces of requests, and an in-memory [`client`] for the demo, benchmarks and tests. Must hold: this is the only
//! crate that knows the protocol's types; edits take effect in the order in which they were read; every request is
//! answered exactly once; nothing on the loop waits for a model, a parse, the client or the disk.

mod action_job;
mod actions;
mod ahead;
mod allotment;
mod answers;
mod begun;
mod capabilities;
pub mod client;
mod completion_job;
mod convert;
mod counters;
mod document_files;
mod documents;
mod event;
mod framing;
#[doc(hidden)]
pub mod fuzzing;
mod handlers;
mod hidden_secrets;
mod inert_markdown;
mod intake;
mod main_loop;
mod model_load;
mod model_state;
mod notices;
mod old_editors;
mod open_document;
mod outgoing;
mod output;
mod panics;
mod parent;
mod parse_job;
mod partial;
mod private_files;
mod project;
mod protocol;
mod repair;
mod requests;
mod server;
mod service;
mod session;
mod settings;
mod shown;
mod shown_documents;
mod small_first;
mod status;
mod suggest;
mod trace;
mod trace_ring;
mod trace_text;
mod turn_times;
mod unfit;
mod walk_schedule;
mod workers;
mod workspace_edit;
mod workspace_index;

pub use convert::to_proto::file_uri;
pub use model_state::{
    LoadProgress, ModelLoader, ModelRole, ModelSettings, NetworkOptions, StandIn, WantedModel,
};
pub use panics::install_panic_hook;
pub use private_files::{create_private_file, create_private_folder};
pub use server::{
    EndWaiter, Ended, InputProbe, LogLevelSink, MessageSink, PowerProbe, ProcessProbe, ServerOptions, serve,
};
pub use settings::{AutoAlwaysNever, LogLevel, Settings, SettingsProblem, settings_schema};
pub use trace::{
    AnswerPath, Decision, FilterTrace, PieceTrace, RequestTrace, StepTimes, TokenCounts, TraceMethod,
    TraceTrigger,
};
pub use trace_ring::TraceSink;
pub use trace_text::{render_markdown, render_plain};
