//! How a window comes to the models of the engine process: it connects, and starts the process if there is none. Invariant: a window
//! has one connection for all its models; an engine process of another version is used by nobody but its own windows.

use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use fimble_model::LoadError;

use crate::call::Outcome;
use crate::connection::{ConnectError, Connection};
use crate::identity::Identity;
use crate::place::EnginePlace;
use crate::shared_model::SharedModel;
use crate::wire::{Answer, ToEngine};

/// How long a new engine process may take until it listens.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// After so long it is started again: the one before may have found another one that was about to end.
const START_AGAIN: Duration = Duration::from_secs(3);
/// Pause between two tries to connect.
const PAUSE: Duration = Duration::from_millis(5);
/// How often a model is opened again if the engine process ends meanwhile.
const TRIES: usize = 3;

/// Starts an engine process. Returns before it listens.
pub type Starter = Arc<dyn Fn() -> io::Result<()> + Send + Sync>;

/// Why a window has no model of the engine process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttachError {
    /// The engine process is one of this other version.
    OtherVersion(String),
    /// There is none, and none could be started; the reason is for people.
    NotStarted(String),
    /// The model could not be loaded there.
    Model(LoadError),
}

/// What an engine process says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineReport {
    /// Its number.
    pub process: u32,
    /// The version of its program.
    pub version: String,
    /// The number of its windows and the names of its models; none if it is of another version.
    pub use_of_it: Option<(usize, Vec<String>)>,
}

type IdentitySource = Box<dyn Fn() -> io::Result<Identity> + Send + Sync>;

/// The way of one window to the engine process.
pub struct Attachment {
    place: EnginePlace,
    identity_source: IdentitySource,
    identity: OnceLock<Identity>,
    starter: Starter,
    connection: Mutex<Weak<Connection>>,
}

impl Attachment {
    /// A way to the engine process of this place, which is not used before the first model is opened.
    pub fn new(
        place: EnginePlace,
        identity: impl Fn() -> io::Result<Identity> + Send + Sync + 'static,
        starter: Starter,
    ) -> Self {
        let (identity_source, connection) = (Box::new(identity), Mutex::default());
        Self { place, identity_source, identity: OnceLock::new(), starter, connection }
    }

    /// Opens a model by what the loader of the engine process reads. Windows with the same name of a workspace share a memory of
    /// the project.
    ///
    /// # Errors
    /// There is no engine process that this window can use, or it cannot load the model.
    pub fn open(&self, spec: &str, workspace: Option<&str>) -> Result<SharedModel, AttachError> {
        for _ in 0..TRIES {
            let connection = self.connection()?;
            let message = |call| ToEngine::Open {
                call,
                spec: spec.to_owned(),
                workspace: workspace.map(str::to_owned),
            };
            match connection.request(message, None, None) {
                Outcome::Answered(Answer::Opened(opened)) => {
                    let opened = *opened.map_err(AttachError::Model)?;
                    return Ok(SharedModel::new(connection, opened));
                }
                Outcome::Broken { .. } => {}
                Outcome::Answered(_) | Outcome::ObserverPanicked => break,
            }
        }
        Err(AttachError::NotStarted("it ended while it loaded the model".to_owned()))
    }

    /// What the engine process says of itself; none if there is none. None is started.
    pub fn report(&self) -> Option<EngineReport> {
        let identity = self.identity().ok()?;
        let connection = match Connection::open(&self.place.files().socket, identity, false) {
            Ok(connection) => connection,
            Err(ConnectError::OtherVersion(welcome)) => {
                let version = welcome.identity.version().to_owned();
                return Some(EngineReport { process: welcome.process, version, use_of_it: None });
            }
            Err(ConnectError::Absent(_)) => return None,
        };
        let outcome = connection.request(|call| ToEngine::Report { call }, None, None);
        let Outcome::Answered(Answer::Report(report)) = outcome else { return None };
        Some(EngineReport {
            process: connection.process(),
            version: identity.version().to_owned(),
            use_of_it: Some((report.n_windows, report.models)),
        })
    }

    fn identity(&self) -> io::Result<&Identity> {
        if self.identity.get().is_none() {
            // Of two threads, the first one counts.
            let _ = self.identity.set((self.identity_source)()?);
        }
        self.identity.get().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The connection of this window. Threads that come at the same time wait for one of them to connect.
    fn connection(&self) -> Result<Arc<Connection>, AttachError> {
        let mut known = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = known.upgrade().filter(|connection| !connection.is_broken()) {
            return Ok(connection);
        }
        let connection = Arc::new(self.connect()?);
        *known = Arc::downgrade(&connection);
        Ok(connection)
    }

    fn connect(&self) -> Result<Connection, AttachError> {
        let not_started = |error: io::Error| AttachError::NotStarted(error.to_string());
        let identity = self.identity().map_err(not_started)?;
        self.place.prepare().map_err(not_started)?;
        let socket = self.place.files().socket;
        let started = Instant::now();
        let mut start_again = started;
        loop {
            let error = match Connection::open(&socket, identity, true) {
                Ok(connection) => return Ok(connection),
                Err(ConnectError::OtherVersion(welcome)) => {
                    return Err(AttachError::OtherVersion(welcome.identity.version().to_owned()));
                }
                Err(ConnectError::Absent(error)) => error,
            };
            let is_final = error.kind() == io::ErrorKind::PermissionDenied;
            if is_final || started.elapsed() >= START_TIMEOUT {
                return Err(not_started(error));
            }
            if Instant::now() >= start_again {
                (self.starter)().map_err(not_started)?;
                start_again = Instant::now() + START_AGAIN;
            }
            std::thread::sleep(PAUSE);
        }
    }
}
