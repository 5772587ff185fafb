//! Facts about a server that answered the probe. Invariant: `target` is what the guard allowed when it was probed.

use crate::dialect::Writing;
use crate::exchange::Target;
use crate::spec::Kind;

/// A server with the model that it has, and what that can do.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) kind: Kind,
    pub(crate) target: Target,
    /// The name to ask for.
    pub(crate) model: String,
    /// Tokens of prompt and answer.
    pub(crate) context_length: usize,
    pub(crate) writing: Writing,
    /// Why it cannot answer conversations, if it cannot.
    pub(crate) no_chat: Option<String>,
    /// What may be otherwise than the user thinks, in whole sentences.
    pub(crate) doubt: Option<String>,
    /// Whether what is asked goes to another machine.
    pub(crate) is_remote: bool,
}
