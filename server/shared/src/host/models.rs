//! The models of the engine process. Invariant: a model is loaded once for all windows that want it with the same settings; it is
//! freed when the last of them closes it, or a while after the last of them left.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use fimble_model::{ErrorCode, LoadError, Model};

use super::documents::Documents;
use super::turns::Turns;

/// A model that was loaded.
pub struct HostedModel {
    /// A handle with a memory of the project of its own.
    pub open: Box<dyn Fn() -> Arc<dyn Model> + Send + Sync>,
    /// The names of the code actions that it does badly.
    pub weak_actions: Vec<String>,
}

/// Loads a model by what the window said of it.
pub type HostLoader = Arc<dyn Fn(&str) -> Result<HostedModel, LoadError> + Send + Sync>;

/// A model in memory.
pub(super) struct Loaded {
    pub(super) hosted: HostedModel,
    pub(super) turns: Turns,
    name: String,
    workspaces: Mutex<HashMap<String, Weak<WorkspaceModel>>>,
}

/// A model with the memory of one workspace.
pub(super) struct WorkspaceModel {
    pub(super) loaded: Arc<Loaded>,
    pub(super) model: Arc<dyn Model>,
    pub(super) documents: Documents,
}

/// The place of a model with certain settings. Locked while it is loaded.
#[derive(Default)]
struct Slot(Mutex<Option<InUse>>);

struct InUse {
    loaded: Arc<Loaded>,
    n_users: usize,
    /// When the last user left.
    left: Instant,
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Option<InUse>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All models.
pub(super) struct Models {
    loader: HostLoader,
    slots: Mutex<HashMap<String, Arc<Slot>>>,
}

impl Models {
    pub(super) fn new(loader: HostLoader) -> Self {
        Self { loader, slots: Mutex::default() }
    }

    fn slots(&self) -> Vec<Arc<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The model of a window, which counts as a user until it calls [`Models::close`] or [`Models::leave`].
    pub(super) fn open(&self, spec: &str, workspace: Option<&str>) -> Result<Arc<WorkspaceModel>, LoadError> {
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry(spec.to_owned()).or_default())
        };
        let mut in_use = slot.lock();
        if in_use.is_none() {
            // Two large models may not fit into memory.
            self.free_unused(&slot);
            let loaded = Arc::new(self.load(spec)?);
            *in_use = Some(InUse { loaded, n_users: 0, left: Instant::now() });
        }
        let Some(in_use) = in_use.as_mut() else { unreachable!("it was loaded") };
        in_use.n_users += 1;
        Ok(in_use.loaded.for_workspace(workspace))
    }

    fn load(&self, spec: &str) -> Result<Loaded, LoadError> {
        let loaded = catch_unwind(AssertUnwindSafe(|| {
            let hosted = (self.loader)(spec)?;
            let name = (hosted.open)().info().name.clone();
            Ok(Loaded { hosted, turns: Turns::default(), name, workspaces: Mutex::default() })
        }));
        loaded.unwrap_or_else(|_| {
            Err(LoadError {
                code: ErrorCode::InternalError,
                cause: "loading the model in the engine process ended in a panic".to_owned(),
                remedy: "Run `fimble doctor` and report this.".to_owned(),
            })
        })
    }

    /// Frees the models without users, other than the one that is being loaded.
    fn free_unused(&self, loading: &Arc<Slot>) {
        for slot in self.slots() {
            // One that is locked is being loaded, for a user.
            if !Arc::ptr_eq(&slot, loading)
                && let Ok(mut in_use) = slot.0.try_lock()
                && in_use.as_ref().is_some_and(|in_use| in_use.n_users == 0)
            {
                *in_use = None;
            }
        }
    }

    fn slot(&self, spec: &str) -> Option<Arc<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).get(spec).cloned()
    }

    /// A window uses the model no more, and wants another one or none.
    pub(super) fn close(&self, spec: &str) {
        let Some(slot) = self.slot(spec) else { return };
        let mut in_use = slot.lock();
        if let Some(model) = in_use.as_mut() {
            model.n_users -= 1;
            if model.n_users == 0 {
                *in_use = None;
            }
        }
    }

    /// A window that used the model has left. The next one may want the same model.
    pub(super) fn leave(&self, spec: &str) {
        let Some(slot) = self.slot(spec) else { return };
        if let Some(model) = slot.lock().as_mut() {
            model.n_users -= 1;
            model.left = Instant::now();
        }
    }

    /// Frees the models that had no user for so long. Returns when the next one is due.
    pub(super) fn sweep(&self, idle: Duration) -> Option<Duration> {
        let mut next: Option<Duration> = None;
        for slot in self.slots() {
            let Ok(mut in_use) = slot.0.try_lock() else { continue };
            let unused = in_use.as_ref().filter(|model| model.n_users == 0).map(|model| model.left.elapsed());
            match unused {
                Some(unused) if unused >= idle => *in_use = None,
                Some(unused) => next = Some(next.map_or(idle - unused, |next| next.min(idle - unused))),
                None => {}
            }
        }
        next
    }

    /// The names of the models in memory.
    pub(super) fn names(&self) -> Vec<String> {
        let name = |slot: Arc<Slot>| {
            slot.0.try_lock().ok().and_then(|in_use| Some(in_use.as_ref()?.loaded.name.clone()))
        };
        let mut names: Vec<String> = self.slots().into_iter().filter_map(name).collect();
        names.sort();
        names
    }
}

impl Loaded {
    /// The handle of a workspace. Windows without a workspace share none.
    fn for_workspace(self: &Arc<Self>, workspace: Option<&str>) -> Arc<WorkspaceModel> {
        let new = || {
            let (loaded, model) = (Arc::clone(self), (self.hosted.open)());
            Arc::new(WorkspaceModel { loaded, model, documents: Documents::default() })
        };
        let Some(workspace) = workspace else { return new() };
        let mut workspaces = self.workspaces.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = workspaces.get(workspace).and_then(Weak::upgrade) {
            return known;
        }
        workspaces.retain(|_, model| model.strong_count() > 0);
        let model = new();
        workspaces.insert(workspace.to_owned(), Arc::downgrade(&model));
        model
    }
}
