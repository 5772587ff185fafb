//! The command line as a library: the binary runs [`Cli`], and the measuring tools of the workspace use the same ways to the
//! runtime, the models, the server and recorded sessions. Invariant: nothing is offered here for other packages than `tools`.

mod cli;

pub use cli::Cli;

/// What `tools` shares with the subcommands.
pub mod shared {
    pub use crate::cli::gguf_import::Precision;
    pub use crate::cli::loader::{initialize_runtime, model_name, source};
    pub use crate::cli::local_server::{LocalServer, capabilities, capabilities_counting, ensure_runtime};
    pub use crate::cli::process_memory::{resident_mb, status_mb};
    pub use crate::cli::progress::ProgressReporter;
    pub use crate::cli::quantiles::{Quantiles, millis};
    pub use crate::cli::session_file;
    pub use crate::outln;
    pub use fimble_lsp::file_uri;
}
