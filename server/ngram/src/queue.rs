//! Changes that are not in the index yet. Invariant: the changes of one document take effect in their order, and only the last one
//! has to; open documents come before those of the workspace.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::index::Layer;
use crate::indexing::Indexing;

/// One change of the index.
pub(crate) enum IndexTask {
    /// To add a document, or to replace it.
    Upsert(Indexing),
    /// To remove one.
    Remove(Arc<str>),
}

impl IndexTask {
    pub(crate) fn document(&self) -> &str {
        match self {
            Self::Upsert(indexing) => indexing.document(),
            Self::Remove(document) => document,
        }
    }
}

/// Tasks by urgency; in order of arrival in each.
#[derive(Default)]
pub(crate) struct Queue {
    /// Open documents, and the removal of any.
    urgent: VecDeque<IndexTask>,
    workspace: VecDeque<IndexTask>,
}

impl Queue {
    fn both(&mut self) -> [&mut VecDeque<IndexTask>; 2] {
        [&mut self.urgent, &mut self.workspace]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.workspace.is_empty()
    }

    /// Adds a task at the end. Upserts of the same document that wait are dropped. A removal that waits stays: it concerns what is
    /// in the index already.
    pub(crate) fn push(&mut self, task: IndexTask, layer: Layer) {
        for queue in self.both() {
            queue.retain(|other| {
                !matches!(other, IndexTask::Upsert(_)) || other.document() != task.document()
            });
        }
        match layer {
            Layer::Open => self.urgent.push_back(task),
            Layer::Workspace => self.workspace.push_back(task),
        }
    }

    /// Takes the first task that is wanted. Returns it with its layer.
    pub(crate) fn take(&mut self, is_wanted: impl Fn(&IndexTask) -> bool) -> Option<(IndexTask, Layer)> {
        let [urgent, workspace] = self.both();
        for (queue, layer) in [(urgent, Layer::Open), (workspace, Layer::Workspace)] {
            if let Some(task) = queue.iter().position(&is_wanted).and_then(|at| queue.remove(at)) {
                return Some((task, layer));
            }
        }
        None
    }

    /// Puts an unfinished task back at the front, unless a newer one of the same document arrived meanwhile.
    pub(crate) fn put_back(&mut self, task: IndexTask, layer: Layer) {
        let is_superseded = self
            .both()
            .into_iter()
            .any(|queue| queue.iter().any(|other| other.document() == task.document()));
        if !is_superseded {
            match layer {
                Layer::Open => self.urgent.push_front(task),
                Layer::Workspace => self.workspace.push_front(task),
            }
        }
    }
}
