//! Tests of the engine against real models: tiny ones whose answers the `transformers` library computed
//! (fixtures/models), and the bundled one. The runtime is fetched if this machine has none yet.

mod agreement;
mod cache;
mod chat;
mod embeddings;
mod faults;
mod grammar;
mod healing;
mod kv_precision;
mod low_confidence;
mod onnx_edit;
mod project;
mod scheduling;
mod speculation;
mod support;
mod text;
