//! Windows and engine processes: what is asked is answered once, whoever ends meanwhile.

#![allow(clippy::unwrap_used, reason = "a test")]

mod attached;
mod ends;
mod kills;
mod support;
mod turns;
mod versions;
