//! Facts about a server that answered the probe. Invariant: `target` is what the guard allowed when it was probed.

use crate::dialect::Writing;
use crate::exchange::Target;
use crate::spec::Kind;

/// A server with its model, and what the model can do.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) kind: Kind,
    pub(crate) target: Target,
    /// The name of the model in requests.
    pub(crate) model: String,
    /// Tokens of prompt and answer.
    pub(crate) context_length: usize,
    pub(crate) writing: Writing,
    /// Why it has no conversations, if so.
    pub(crate) no_chat: Option<String>,
    /// Why the model may not be the one that the user expects, in whole sentences.
    pub(crate) doubt: Option<String>,
    /// Whether it is on another machine.
    pub(crate) is_remote: bool,
}
