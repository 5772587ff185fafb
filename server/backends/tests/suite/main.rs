//! Models behind servers, against stand-ins that answer with the recorded shapes of each interface, well and badly. Invariant:
//! every socket is on loopback; no test depends on chance.

#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "they play servers, on loopback")]

mod bad_answers;
mod chain;
mod chat;
#[cfg(unix)]
mod elsewhere;
mod embeddings;
#[allow(dead_code, reason = "the tests of the binary need more of it")]
mod encrypted;
mod kinds;
mod remote;
mod stand_in;
mod support;
