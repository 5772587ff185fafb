//! The documents of a project, which a model with a project cache gets besides the prompt. Invariant: they change how likely a
//! continuation is, never the prompt.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The place of a document. The one that is written in is nearer than both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Layer {
    /// A file of the workspace that is not open.
    Workspace,
    /// A file that is open.
    Open,
}

/// The place in a project where a prompt was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectPlace {
    /// The document that is written in, by its path in [`crate::ContextIndex::upsert`].
    #[serde(with = "crate::shared_text")]
    pub source: Arc<str>,
    /// The cursor's line, from 0. What the project cache has of this line is not used.
    pub line: usize,
    /// The text right before the cursor: a few whole lines, and the typed part of the cursor's line at the end.
    pub before: String,
}

/// Whether a model has a project cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ProjectCacheUse {
    /// For models of up to 100 MB of weights: the larger ones copy well enough by themselves.
    #[default]
    Auto,
    /// For every model.
    Always,
    /// Never.
    Never,
}
