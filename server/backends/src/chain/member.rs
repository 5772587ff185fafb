//! A member of a chain: its state, and how it is opened. Invariant: the state is not locked while a server is waited for; it is read in
//! one step, because other threads change it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fimble_model::{ErrorCode, LoadError, Model};

use super::project::Project;
use crate::error::{ServerError, ServerErrorKind};
use crate::guard::Guard;
use crate::probe::{Purpose, find};
use crate::server::ServerModel;
use crate::spec::ServerSpec;

/// Pause after the first failure of a server. Each further failure doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The same for a model of the engine process that ended soon after it was opened.
const FIRST_SHARED_PAUSE: Duration = Duration::from_millis(50);
/// A model of the engine process that was open for so long is opened again without a pause.
const STABLE: Duration = Duration::from_secs(10);

/// Loads a model into this process.
pub type LocalLoader = Arc<dyn Fn() -> Result<Arc<dyn Model>, LoadError> + Send + Sync>;

/// A member to be.
pub enum Choice {
    /// A server.
    Server(ServerSpec),
    /// A model in this process: its name, and what loads it.
    Local(String, LocalLoader),
    /// A model in the engine process that the windows of a user share: its name, and what opens it there. It is opened again when
    /// that process has ended; models in this process that took over are freed then.
    Shared(String, LocalLoader),
}

/// A member's state.
pub(super) enum State {
    /// Not opened yet.
    Untried,
    /// A thread probes it again. It has the error of the failure before.
    Probing(LoadError),
    /// Open.
    Ready(Arc<dyn Model>),
    /// Failed: the error, and when it is probed again; none means never.
    Down(LoadError, Option<Instant>),
}

/// Whether a member can be used.
pub(super) enum Availability {
    /// It is open.
    Ready(Arc<dyn Model>),
    /// It failed, with this error.
    Down(LoadError),
    /// It was not opened yet.
    Untried,
}

/// Why a member was not opened.
#[derive(Debug)]
pub(super) enum Failure {
    /// It may be available later.
    Passing(LoadError),
    /// It is not available with these settings and files.
    Lasting(LoadError),
    /// The request was cancelled.
    Stopped,
}

pub(super) struct Member {
    pub(super) choice: Choice,
    state: Mutex<State>,
    pause: Mutex<Duration>,
    /// When it was opened last.
    opened: Mutex<Option<Instant>>,
}

impl Member {
    pub(super) fn new(choice: Choice) -> Self {
        let pause = match choice {
            Choice::Shared(..) => FIRST_SHARED_PAUSE,
            Choice::Server(_) | Choice::Local(..) => FIRST_PAUSE,
        };
        let (state, pause) = (Mutex::new(State::Untried), Mutex::new(pause));
        Self { choice, state, pause, opened: Mutex::default() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn name(&self) -> String {
        match &self.choice {
            Choice::Server(spec) => spec.to_string(),
            Choice::Local(name, _) | Choice::Shared(name, _) => name.clone(),
        }
    }

    pub(super) fn availability(&self) -> Availability {
        match &*self.state() {
            State::Ready(model) => Availability::Ready(Arc::clone(model)),
            State::Down(error, _) | State::Probing(error) => Availability::Down(error.clone()),
            State::Untried => Availability::Untried,
        }
    }

    pub(super) fn ready(&self) -> Option<Arc<dyn Model>> {
        match self.availability() {
            Availability::Ready(model) => Some(model),
            Availability::Down(_) | Availability::Untried => None,
        }
    }

    /// Whether it may be opened later, and gets the documents of the project then.
    pub(super) fn awaits_documents(&self) -> bool {
        match self.choice {
            Choice::Server(_) => false,
            Choice::Local(..) => matches!(self.availability(), Availability::Untried),
            Choice::Shared(..) => true,
        }
    }

    pub(super) fn is_shared(&self) -> bool {
        matches!(self.choice, Choice::Shared(..))
    }

    /// Frees a model in this process, which is loaded again when it is needed. Who uses it has it until then.
    pub(super) fn release(&self) {
        let mut state = self.state();
        if matches!((&self.choice, &*state), (Choice::Local(..), State::Ready(_))) {
            let released = std::mem::replace(&mut *state, State::Untried);
            drop(state);
            drop(released);
        }
    }

    /// Why it failed, if it did.
    pub(super) fn down_reason(&self) -> Option<LoadError> {
        match self.availability() {
            Availability::Down(error) => Some(error),
            Availability::Ready(_) | Availability::Untried => None,
        }
    }

    /// Makes it unavailable, for a while if it is a server.
    pub(super) fn fail(&self, error: LoadError) {
        *self.state() = self.down(error);
    }

    /// The same for what a model said of itself: whole sentences.
    pub(super) fn fail_with(&self, sentences: &str) {
        let (code, cause) = (ErrorCode::NoModelAvailable, sentences.to_owned());
        self.fail(LoadError { code, cause, remedy: String::new() });
    }

    /// The same for a model that failed, unless it was replaced meanwhile.
    pub(super) fn fail_of(&self, model: &Arc<dyn Model>, sentences: &str) {
        let is_current = self.ready().is_some_and(|ready| Arc::ptr_eq(&ready, model));
        if is_current {
            self.fail_with(sentences);
        }
    }

    /// As [`Member::fail`], unless another thread has opened it meanwhile.
    pub(super) fn stay_down(&self, error: LoadError) {
        let down = self.down(error);
        let mut state = self.state();
        if !matches!(&*state, State::Ready(_)) {
            *state = down;
        }
    }

    fn down(&self, error: LoadError) -> State {
        let mut pause = self.pause.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner).take();
        let now = Instant::now();
        let again = match self.choice {
            Choice::Server(_) => Some(now + *pause),
            // One that ends again and again is not opened with every request.
            Choice::Shared(..) => match opened {
                Some(opened) if opened.elapsed() >= STABLE => {
                    *pause = FIRST_SHARED_PAUSE;
                    return State::Down(error, Some(now));
                }
                _ => Some(now + *pause),
            },
            Choice::Local(..) => None,
        };
        *pause = (*pause * 2).min(LONGEST_PAUSE);
        State::Down(error, again)
    }

    fn succeed(&self, model: Arc<dyn Model>) {
        if !self.is_shared() {
            *self.pause.lock().unwrap_or_else(PoisonError::into_inner) = FIRST_PAUSE;
        }
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        *self.state() = State::Ready(model);
    }

    /// Finds its server or loads its model, and gives it the documents of the project. Waits, and sets the state.
    pub(super) fn open(
        &self,
        guard: &Guard,
        purpose: Purpose,
        project: &Project,
        stop: &dyn Fn() -> bool,
    ) -> Result<Arc<dyn Model>, Failure> {
        let opened = match &self.choice {
            Choice::Local(_, load) => load().map_err(Failure::Lasting),
            Choice::Shared(_, open) => open().map_err(Failure::Passing),
            Choice::Server(spec) => find_server(spec, guard, purpose, stop).map_err(|error| error.into()),
        };
        match &opened {
            Ok(model) => project.hand_over(&**model, || self.succeed(Arc::clone(model))),
            Err(Failure::Passing(error) | Failure::Lasting(error)) => self.stay_down(error.clone()),
            Err(Failure::Stopped) => {}
        }
        opened
    }

    /// The model, for an explicit request: a member that is down is probed at once.
    pub(super) fn wake(
        &self,
        guard: &Guard,
        purpose: Purpose,
        project: &Project,
        stop: &dyn Fn() -> bool,
    ) -> Result<Arc<dyn Model>, Failure> {
        let known = match &*self.state() {
            State::Ready(model) => Some(Ok(Arc::clone(model))),
            State::Down(error, None) => Some(Err(Failure::Lasting(error.clone()))),
            // A probe that is running may have begun before the server started.
            State::Down(_, Some(_)) | State::Probing(_) | State::Untried => None,
        };
        known.unwrap_or_else(|| self.open(guard, purpose, project, stop))
    }
}

fn find_server(
    spec: &ServerSpec,
    guard: &Guard,
    purpose: Purpose,
    stop: &dyn Fn() -> bool,
) -> Result<Arc<dyn Model>, ServerError> {
    let started = Instant::now();
    let found = find(spec, guard, purpose, stop)?;
    let server = ServerModel::new(found, started.elapsed());
    // A model for conversations is loaded by its first request: it is large, and may evict the one that completes.
    if purpose == Purpose::Completion {
        server.warm_up(stop)?;
    }
    Ok(Arc::new(server))
}

impl From<ServerError> for Failure {
    fn from(error: ServerError) -> Self {
        match error.kind {
            ServerErrorKind::Stopped => Self::Stopped,
            ServerErrorKind::Forbidden => Self::Lasting(error.into()),
            _ => Self::Passing(error.into()),
        }
    }
}
