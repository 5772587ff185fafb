//! A new job: what it sees is copied out of the session. Invariant: a job is made in this one place, whatever it is for.

use std::sync::Arc;
use std::time::Instant;

use fimble_completion::{SelectedItem, Trigger};
use fimble_model::{CancelToken, Model};

use crate::completion::job::{CompletionJob, Purpose};
use crate::completion::progress::JobProgress;
use crate::completion::registry::{Target, View, Work};
use crate::documents::snapshot::DocumentSnapshot;
use crate::session::Session;
use crate::trace::RequestTrace;
use crate::workspace::document_update::DocumentUpdate;

/// What differs from job to job.
pub(crate) struct JobParts {
    pub(crate) serial: u64,
    pub(crate) purpose: Purpose,
    pub(crate) model: Arc<dyn Model>,
    pub(crate) snapshot: DocumentSnapshot,
    /// An update of the model's memory of the project that comes first.
    pub(crate) update: Option<DocumentUpdate>,
    pub(crate) offset: usize,
    pub(crate) trigger: Trigger,
    pub(crate) selected: Option<SelectedItem>,
    pub(crate) cancel: CancelToken,
    pub(crate) progress: Arc<JobProgress>,
    pub(crate) trace: RequestTrace,
}

impl Session {
    /// A job under the settings of this moment.
    pub(crate) fn new_job(&self, parts: JobParts) -> CompletionJob {
        let JobParts {
            serial,
            purpose,
            model,
            snapshot,
            update,
            offset,
            trigger,
            selected,
            cancel,
            progress,
            trace,
        } = parts;
        let workspace = self.snippet_source();
        // A small model reads no definitions of other documents.
        let reads_others = workspace.is_some() && model.info().writes_code;
        let others = if reads_others { self.documents.edited_last(snapshot.document) } else { Vec::new() };
        CompletionJob {
            serial,
            purpose,
            snapshot,
            update,
            offset,
            trigger,
            selected,
            settings: Arc::clone(&self.settings),
            settings_key: self.completion.settings_key,
            model,
            workspace,
            others,
            cancel,
            progress,
            reporters: self.completion.reporters.clone(),
            trace,
            queued: Instant::now(),
        }
    }

    /// What the registry knows of a job that completes a place.
    pub(crate) fn new_work(
        &self,
        snapshot: &DocumentSnapshot,
        offset: usize,
        has_selected: bool,
        progress: &Arc<JobProgress>,
        target: Option<Target>,
    ) -> Work {
        let settings_key = self.completion.settings_key;
        let view = View { text: snapshot.text.clone(), offset, settings_key, has_selected };
        Work { view: Some(view), progress: Arc::clone(progress), target }
    }
}
