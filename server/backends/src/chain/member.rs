//! A member of a chain: its state, and how it is opened. Must hold: a state is never locked while a server is waited for; what
//! is known of a member is read at once, since others change it meanwhile.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fimble_model::{ErrorCode, LoadError, Model};

use super::project::Project;
use crate::error::{Fault, ServerError};
use crate::guard::Guard;
use crate::probe::{Purpose, find};
use crate::server::ServerModel;
use crate::spec::ServerSpec;

/// A server that failed is left alone for this long at first; each further failure doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Loads a model into this process.
pub type LocalLoader = Arc<dyn Fn() -> Result<Arc<dyn Model>, LoadError> + Send + Sync>;

/// What a chain is made of.
pub enum Choice {
    /// A server.
    Server(ServerSpec),
    /// A model in this process: its name, and what loads it.
    Local(String, LocalLoader),
}

/// A member's state.
pub(super) enum State {
    /// Not looked at: those before it answer.
    Untried,
    /// A thread looks at it again: why it failed before. That stays true until it answers, and need not be told anew.
    Probing(LoadError),
    /// It answers.
    Ready(Arc<dyn Model>),
    /// It failed: why, and when it is looked at again. No time means never.
    Down(LoadError, Option<Instant>),
}

/// What a member is at one moment.
pub(super) enum Standing {
    /// It can be asked.
    Ready(Arc<dyn Model>),
    /// It failed: why.
    Down(LoadError),
    /// Nobody has looked at it.
    Untried,
}

/// Why a member was not opened.
#[derive(Debug)]
pub(super) enum Failure {
    /// It may be there later: why it is not.
    Passing(LoadError),
    /// It is not there as long as the settings and the files are as they are: why.
    Lasting(LoadError),
    /// Nobody waits for it any more.
    Stopped,
}

pub(super) struct Member {
    pub(super) choice: Choice,
    state: Mutex<State>,
    pause: Mutex<Duration>,
}

impl Member {
    pub(super) fn new(choice: Choice) -> Self {
        Self { choice, state: Mutex::new(State::Untried), pause: Mutex::new(FIRST_PAUSE) }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn name(&self) -> String {
        match &self.choice {
            Choice::Server(spec) => spec.to_string(),
            Choice::Local(name, _) => name.clone(),
        }
    }

    pub(super) fn standing(&self) -> Standing {
        match &*self.state() {
            State::Ready(model) => Standing::Ready(Arc::clone(model)),
            State::Down(error, _) | State::Probing(error) => Standing::Down(error.clone()),
            State::Untried => Standing::Untried,
        }
    }

    pub(super) fn ready(&self) -> Option<Arc<dyn Model>> {
        match self.standing() {
            Standing::Ready(model) => Some(model),
            Standing::Down(_) | Standing::Untried => None,
        }
    }

    /// Whether it is a model in this process that may still be loaded.
    pub(super) fn is_untried_model(&self) -> bool {
        matches!(self.choice, Choice::Local(..)) && matches!(self.standing(), Standing::Untried)
    }

    /// Why it is not asked, if it failed.
    pub(super) fn down_reason(&self) -> Option<LoadError> {
        match self.standing() {
            Standing::Down(error) => Some(error),
            Standing::Ready(_) | Standing::Untried => None,
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

    /// The same at the end of a look at it, unless somebody else has found it meanwhile.
    pub(super) fn stay_down(&self, error: LoadError) {
        let down = self.down(error);
        let mut state = self.state();
        if !matches!(&*state, State::Ready(_)) {
            *state = down;
        }
    }

    fn down(&self, error: LoadError) -> State {
        let mut pause = self.pause.lock().unwrap_or_else(PoisonError::into_inner);
        let again = matches!(self.choice, Choice::Server(_)).then(|| Instant::now() + *pause);
        *pause = (*pause * 2).min(LONGEST_PAUSE);
        State::Down(error, again)
    }

    fn succeed(&self, model: Arc<dyn Model>) {
        *self.pause.lock().unwrap_or_else(PoisonError::into_inner) = FIRST_PAUSE;
        *self.state() = State::Ready(model);
    }

    /// Opens it: finds its server, or loads it, and tells it of the project. Waits, and notes what came of it.
    pub(super) fn open(
        &self,
        guard: &Guard,
        purpose: Purpose,
        project: &Project,
        stop: &dyn Fn() -> bool,
    ) -> Result<Arc<dyn Model>, Failure> {
        let opened = match &self.choice {
            Choice::Local(_, load) => load().map_err(Failure::Lasting),
            Choice::Server(spec) => find_server(spec, guard, purpose, stop).map_err(|error| error.into()),
        };
        match &opened {
            Ok(model) => project.hand_over(&**model, || self.succeed(Arc::clone(model))),
            Err(Failure::Passing(error) | Failure::Lasting(error)) => self.stay_down(error.clone()),
            Err(Failure::Stopped) => {}
        }
        opened
    }

    /// The model, for one who asks by hand and waits: where nothing answers, it is looked for here and now.
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
            // Who looks at it already may have begun before it was there.
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
    // A model for conversations is loaded when it is asked: it is large, and may push out the one that completes.
    if purpose == Purpose::Completion {
        server.warm_up(stop)?;
    }
    Ok(Arc::new(server))
}

impl From<ServerError> for Failure {
    fn from(error: ServerError) -> Self {
        match error.fault {
            Fault::Stopped => Self::Stopped,
            Fault::Forbidden => Self::Lasting(error.into()),
            _ => Self::Passing(error.into()),
        }
    }
}
