//! Model servers (Ollama, llama.cpp, mlx-lm, vLLM, and others with OpenAI's interface) as models, behind one guarded connector.
//!
//! Lives here: the only code of the program that connects to a server (`connector.rs`), the rules for connections (`guard.rs`), the requests
//! to each kind of server (`dialect`), and the chain in which one model replaces another that fails. Invariant:
//! nothing but loopback and socket files is reachable unless the user listed a host; nothing here runs unless the settings
//! name a server; every failure has a cause and a remedy, and lets the next model be asked.

mod address;
mod chain;
mod collect;
mod connector;
mod dialect;
mod direct;
mod documents;
mod error;
mod exchange;
mod found;
mod guard;
mod probe;
mod server;
mod spec;
mod timeouts;
mod tls;

pub use address::Endpoint;
pub use chain::{Chain, Choice, LocalLoader};
pub use direct::DirectServer;
pub use error::{ServerError, ServerErrorKind};
pub use guard::{Guard, NetworkSettings, Resolver};
pub use probe::Purpose;
pub use server::ServerModel;
pub use spec::{FORMS, Kind, ServerSpec};
