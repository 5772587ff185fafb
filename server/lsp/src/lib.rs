//! The language server: one session loop behind an ordering layer.
//!
//! A message passes `transport`, becomes an [`event`](self) and reaches `dispatch`, which calls one of the `handlers`. The state is a
//! `session`, whose parts stand in `documents`, `completion`, `models`, `next_edit`, `actions`, `workspace`, `previews`, `settings` and `trace`.
//! `protocol` holds the types of messages. Invariant: this is the only crate that knows the protocol's types; edits take effect in
//! the order in which they were read; every request is answered exactly once; nothing on the loop waits for a model, a parse, the
//! client or the disk; no file imports, directly or by others, a file that imports it.

mod actions;
mod completion;
mod dispatch;
mod documents;
mod event;
mod exit_status;
#[doc(hidden)]
pub mod fuzzing;
mod handlers;
mod hidden_secrets;
mod main_loop;
mod messages;
mod models;
mod next_edit;
mod options;
mod outgoing;
mod panics;
mod previews;
mod private_files;
mod protocol;
mod report;
mod server;
mod session;
mod settings;
mod status;
mod trace;
mod transport;
mod workers;
mod workspace;

pub use exit_status::ExitStatus;
pub use models::state::{
    LoadProgress, ModelLoader, ModelRole, ModelSettings, NetworkOptions, SharedEngine, StandIn, WantedModel,
};
pub use next_edit::answers::{AnswerCounts, AnswerStore, AnswerStoreHandle};
pub use options::{
    EndWaiter, InputProbe, LogLevelSink, MessageSink, PowerProbe, ProcessProbe, ServerOptions,
};
pub use panics::install_panic_hook;
pub use private_files::{create_private_file, create_private_folder};
pub use protocol::convert::to_proto::file_uri;
pub use server::serve;
pub use settings::{AutoAlwaysNever, LogLevel, Settings, SettingsProblem, settings_schema};
pub use trace::ring::TraceSink;
pub use trace::text::{render_markdown, render_plain};
pub use trace::{
    AnswerPath, Decision, FilterTrace, PieceTrace, RequestTrace, StepTimes, TokenCounts, TraceMethod,
    TraceTrigger,
};
pub use transport::framing::{FrameDecoder, append_frame};
