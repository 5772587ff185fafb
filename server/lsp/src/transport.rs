//! The connection: frames, decoding, the order of messages, delivery, and the end of the client.

pub(crate) mod client_process;
pub(crate) mod delivery;
pub(crate) mod framing;
pub(crate) mod message_filter;
pub(crate) mod ordered_service;
pub(crate) mod output;
pub(crate) mod repair;
