//! Model servers (Ollama, llama.cpp, mlx-lm, vLLM, and what speaks OpenAI's interface) as models, behind one guarded
//! connector.
//!
//! Lives here: the only code of the program that opens a socket (`connector.rs`), the rules that it obeys (`guard.rs`),
//! what is said to each kind of server (`dialect`), and the chain that falls back from one model to the next. Must hold:
//! nothing but loopback and socket files is reachable unless the user listed a host; nothing here runs unless the settings
//! name a server; every failure comes as a cause and a remedy, and as a reason to ask the next model.

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
mod patience;
mod probe;
mod server;
mod spec;
mod tls;

pub use address::Endpoint;
pub use chain::{Chain, Choice, LocalLoader};
pub use direct::DirectServer;
pub use error::{Fault, ServerError};
pub use guard::{Guard, NetworkSettings, Resolver};
pub use probe::Purpose;
pub use server::ServerModel;
pub use spec::{FORMS, Kind, ServerSpec};
