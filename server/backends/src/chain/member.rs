//! A member of a chain: its state, and how it is opened. Must hold: a state is never locked while a server is waited for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fimble_model::{LoadError, Model};

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
    Probing(String),
    /// It answers.
    Ready(Arc<dyn Model>),
    /// It failed: why, and when it is looked at again. No time means never.
    Down(String, Option<Instant>),
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

    pub(super) fn ready(&self) -> Option<Arc<dyn Model>> {
        match &*self.state() {
            State::Ready(model) => Some(Arc::clone(model)),
            _ => None,
        }
    }

    /// Why it is not asked, if it failed.
    pub(super) fn down_reason(&self) -> Option<String> {
        match &*self.state() {
            State::Down(reason, _) | State::Probing(reason) => Some(reason.clone()),
            _ => None,
        }
    }

    /// Makes it unavailable, for a while if it is a server.
    pub(super) fn fail(&self, reason: String) {
        let mut pause = self.pause.lock().unwrap_or_else(PoisonError::into_inner);
        let again = matches!(self.choice, Choice::Server(_)).then(|| Instant::now() + *pause);
        *pause = (*pause * 2).min(LONGEST_PAUSE);
        *self.state() = State::Down(reason, again);
    }

    pub(super) fn succeed(&self, model: Arc<dyn Model>) {
        *self.pause.lock().unwrap_or_else(PoisonError::into_inner) = FIRST_PAUSE;
        *self.state() = State::Ready(model);
    }
}

/// Opens a member: finds its server, or loads it.
pub(super) fn open(member: &Member, guard: &Guard, purpose: Purpose) -> Result<Arc<dyn Model>, String> {
    let model: Arc<dyn Model> = match &member.choice {
        Choice::Local(_, load) => load().map_err(|error| error.to_string())?,
        Choice::Server(spec) => {
            let started = Instant::now();
            let stop = || false;
            let found = find(spec, guard, purpose, &stop).map_err(|error| error.to_string())?;
            let server = ServerModel::new(found, started.elapsed());
            server.warm_up(&stop).map_err(|error| error.to_string())?;
            Arc::new(server)
        }
    };
    member.succeed(Arc::clone(&model));
    Ok(model)
}
