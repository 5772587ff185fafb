//! What a model is told of the project around the cursor, beyond the prompt: the texts that names and phrases are likely
//! to be repeated from. Must hold: it changes how likely the model finds a continuation, never what it was asked.

use std::sync::Arc;

/// How near a remembered text is to the one being written. The text being written itself is nearer than both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// A file of the workspace that is not open.
    Workspace,
    /// A file that is open.
    Open,
}

/// Where in a remembered project a prompt was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectPlace {
    /// The text being written, by its path in [`crate::Model::remember`].
    pub source: Arc<str>,
    /// The cursor's line in that text, from 0: what was remembered of this very line is not looked at.
    pub line: usize,
    /// The text right before the cursor: a few whole lines, and the typed part of the cursor's line at the end.
    pub before: String,
}

/// Whether what a project repeats is mixed into what the model finds likely.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ProjectCacheUse {
    /// For models of up to 100 MB of weights: the larger ones copy well enough by themselves.
    #[default]
    Auto,
    /// Whatever the model.
    Always,
    /// Never.
    Never,
}
