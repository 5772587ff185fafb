//! What was told of a project and is not taken in yet. Must hold: what is told of one text takes effect in the order of the
//! telling, and only the last of it has to; open texts go before those of the workspace, and the text that somebody waits in
//! before all; everything runs on the engine's thread, a step at a time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fimble_model::{Layer, ProjectPlace};

use super::indexing::Indexing;
use super::{ProjectCache, locked};
use crate::tokenizer::TextTokenizer;

/// One thing that was told.
enum Told {
    /// A text, on its way into the cache.
    Text(Indexing),
    /// To forget a text.
    Forget(Arc<str>),
}

impl Told {
    fn source(&self) -> &str {
        match self {
            Self::Text(indexing) => indexing.source(),
            Self::Forget(source) => source,
        }
    }
}

/// What waits, by urgency; first told, first done in each.
#[derive(Default)]
struct Queue {
    /// Of open texts, and to forget any.
    urgent: VecDeque<Told>,
    workspace: VecDeque<Told>,
}

impl Queue {
    fn both(&mut self) -> [&mut VecDeque<Told>; 2] {
        [&mut self.urgent, &mut self.workspace]
    }

    /// Drops texts that something newer was told of. To forget one holds for what was taken in before.
    fn drop_texts_of(&mut self, source: &str) {
        for queue in self.both() {
            queue.retain(|told| !matches!(told, Told::Text(_)) || told.source() != source);
        }
    }

    /// Takes the first that is wanted, with whether it is urgent.
    fn take(&mut self, is_wanted: impl Fn(&Told) -> bool) -> Option<(Told, bool)> {
        let [urgent, workspace] = self.both();
        for (queue, is_urgent) in [(urgent, true), (workspace, false)] {
            if let Some(told) = queue.iter().position(&is_wanted).and_then(|at| queue.remove(at)) {
                return Some((told, is_urgent));
            }
        }
        None
    }

    /// Puts back what is not done yet, unless something newer was told meanwhile.
    fn put_back(&mut self, told: Told, is_urgent: bool) {
        let is_known =
            self.both().into_iter().any(|queue| queue.iter().any(|other| other.source() == told.source()));
        if !is_known {
            let [urgent, workspace] = self.both();
            if is_urgent { urgent.push_front(told) } else { workspace.push_front(told) }
        }
    }
}

/// The memory of a project, and what is on its way into it.
pub(crate) struct Project {
    cache: Mutex<ProjectCache>,
    tokenizer: Arc<TextTokenizer>,
    queue: Mutex<Queue>,
}

impl Project {
    /// An empty one that may take about so many bytes.
    pub(crate) fn new(max_bytes: usize, tokenizer: &Arc<TextTokenizer>) -> Self {
        Self {
            cache: Mutex::new(ProjectCache::new(max_bytes)),
            tokenizer: Arc::clone(tokenizer),
            queue: Mutex::default(),
        }
    }

    /// What was taken in.
    pub(crate) fn cache(&self) -> &Mutex<ProjectCache> {
        &self.cache
    }

    /// Memory of what was taken in, in bytes, about.
    pub(crate) fn n_bytes(&self) -> usize {
        locked(&self.cache).n_bytes()
    }

    /// Tells of a text: [`Project::step`] takes it in.
    pub(crate) fn remember(&self, source: Arc<str>, layer: Layer, text: Arc<str>) {
        let mut queue = self.queue();
        queue.drop_texts_of(&source);
        let told = Told::Text(Indexing::new(source, layer, text));
        match layer {
            Layer::Open => queue.urgent.push_back(told),
            Layer::Workspace => queue.workspace.push_back(told),
        }
    }

    /// Tells to forget a text.
    pub(crate) fn forget(&self, source: &str) {
        let mut queue = self.queue();
        queue.drop_texts_of(source);
        queue.urgent.push_back(Told::Forget(source.into()));
    }

    /// Does about a millisecond of work. Returns whether there is more.
    pub(crate) fn step(&self) -> bool {
        let next = self.queue().take(|_| true);
        let Some((told, is_urgent)) = next else { return false };
        let unfinished = self.advance(told);
        let mut queue = self.queue();
        if let Some(told) = unfinished {
            queue.put_back(told, is_urgent);
        }
        !(queue.urgent.is_empty() && queue.workspace.is_empty())
    }

    /// Takes in what waits of the text that somebody is in, the lines nearest to them first, until `is_enough`.
    pub(crate) fn catch_up(&self, place: &ProjectPlace, is_enough: &dyn Fn() -> bool) {
        while !is_enough() {
            let next = self.queue().take(|told| told.source() == &*place.source);
            let Some((told, is_urgent)) = next else { return };
            let mut left = self.advance(told);
            if let Some(Told::Text(indexing)) = &mut left {
                indexing.aim(place.line);
            }
            while !is_enough()
                && let Some(told) = left.take()
            {
                left = self.advance(told);
            }
            if let Some(told) = left {
                self.queue().put_back(told, is_urgent);
            }
        }
    }

    /// Does one step. Returns what is not done.
    fn advance(&self, told: Told) -> Option<Told> {
        match told {
            Told::Text(mut indexing) => {
                indexing.step(&self.cache, &self.tokenizer).then_some(Told::Text(indexing))
            }
            Told::Forget(source) => {
                locked(&self.cache).forget(&source);
                None
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
