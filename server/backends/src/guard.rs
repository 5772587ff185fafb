//! What may be connected to, and what may be told to whom. Must hold: without `allowRemote` nothing but this machine is
//! reachable, whatever a name resolves to; a rule that cannot be read forbids all servers beyond this machine; keys are read
//! when they are needed, and never shown.

mod kept_files;
mod keys;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::address::Endpoint;
use crate::error::ServerError;
use crate::patience::Patience;
use kept_files::KeptFiles;
use keys::Keys;

/// The settings about servers, as the user wrote them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct NetworkSettings {
    /// `host:port` of servers beyond this machine that may be spoken to.
    pub allow_remote: Vec<String>,
    /// Keys by `host:port`: `env:NAME` or `file:PATH`.
    pub api_keys: BTreeMap<String, String>,
    /// Files, as patterns of paths, whose text never leaves this machine.
    pub no_remote_paths: Vec<String>,
}

/// Turns a name into addresses.
type LookUp = dyn Fn(&str, u16) -> std::io::Result<Vec<SocketAddr>> + Send + Sync;

/// The same, to be kept.
pub type Resolver = Arc<LookUp>;

/// The rules.
#[derive(Clone)]
pub struct Guard {
    allowed: Vec<(String, u16)>,
    keys: Keys,
    kept: KeptFiles,
    /// In the place of this machine's name service.
    resolver: Option<Resolver>,
    /// How long a completion may take.
    pub(crate) patience: Patience,
    /// Who may sign for servers; none means those that this machine trusts.
    pub(crate) roots: Option<Arc<rustls::RootCertStore>>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

/// Where a connection leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// This machine.
    Own,
    /// Another machine that the user listed.
    Listed,
}

impl Guard {
    /// Reads the rules.
    ///
    /// # Errors
    /// One sentence with the setting and what it allows.
    pub fn new(settings: &NetworkSettings) -> Result<Self, String> {
        let mut allowed = Vec::new();
        for entry in &settings.allow_remote {
            allowed.push(host_and_port(entry).ok_or_else(|| {
                format!("allowRemote: {entry:?} is no host with a port. Write it as \"models.example:443\"")
            })?);
        }
        let keys = Keys::new(&settings.api_keys)?;
        let kept = KeptFiles::new(&settings.no_remote_paths)?;
        Ok(Self { allowed, keys, kept, ..Self::own_machine_only() })
    }

    /// The rules of one who may speak to this machine only.
    #[must_use]
    pub fn own_machine_only() -> Self {
        Self {
            allowed: Vec::new(),
            keys: Keys::default(),
            kept: KeptFiles::default(),
            resolver: None,
            patience: Patience::TYPING,
            roots: None,
        }
    }

    /// With another way from names to addresses. For tests.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Resolver) -> Self {
        self.resolver = Some(resolver);
        self
    }

    /// With another time that a completion may wait for each step. For tests.
    #[must_use]
    pub fn with_patience(mut self, step: Duration) -> Self {
        self.patience = Patience { connect: step, first: step, next: step };
        self
    }

    /// With these signers in the place of those that the machine trusts. For tests.
    #[must_use]
    pub fn with_roots(mut self, roots: rustls::RootCertStore) -> Self {
        self.roots = Some(Arc::new(roots));
        self
    }

    /// The addresses of a host, each of which may be connected to. `name_service` is this machine's.
    pub(crate) fn addresses(
        &self,
        endpoint: &Endpoint,
        name_service: &LookUp,
    ) -> Result<(Vec<SocketAddr>, Reach), ServerError> {
        let Endpoint::Tcp { host, port, tls, .. } = endpoint else {
            return Ok((Vec::new(), Reach::Own));
        };
        let addresses = if host == "localhost" {
            // By definition this machine: no name service is asked.
            vec![
                SocketAddr::from(([127, 0, 0, 1], *port)),
                SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], *port)),
            ]
        } else if let Ok(number) = host.parse::<IpAddr>() {
            vec![SocketAddr::new(number, *port)]
        } else {
            let look_up = self.resolver.as_deref().unwrap_or(name_service);
            look_up(host, *port).map_err(|error| ServerError::unreachable(endpoint, error))?
        };
        if addresses.is_empty() {
            return Err(ServerError::unreachable(endpoint, "its name has no address"));
        }
        let Some(foreign) = addresses.iter().find(|address| !is_own(address.ip())) else {
            return Ok((addresses, Reach::Own));
        };
        let place = authority(host, *port);
        if !self.allowed.iter().any(|(name, at)| name == host && at == port) {
            return Err(ServerError::forbidden(
                format!("{place} is not on this machine (it is {}), and nothing was sent", foreign.ip()),
                format!("Name a server of this machine, or list \"{place}\" in the setting allowRemote"),
            ));
        }
        if !tls {
            return Err(ServerError::forbidden(
                format!("{place} is not on this machine, and the connection would not be encrypted"),
                format!("Write https://{place}"),
            ));
        }
        Ok((addresses, Reach::Listed))
    }

    /// Why text of these files must not go to another machine, if so.
    #[must_use]
    pub fn withholds(&self, sources: &[String]) -> Option<String> {
        self.kept.withholds(sources)
    }

    /// The key for a server, if one is named.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn key(&self, endpoint: &Endpoint) -> Result<Option<String>, ServerError> {
        self.keys.read(endpoint)
    }
}

/// Whether an address is this machine's. An IPv4 address in IPv6's clothes is judged as what it is.
fn is_own(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.trim().rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_lowercase();
    let is_host = !host.is_empty() && !host.contains(['/', '@', ' ', '*']);
    let port: u16 = port.parse().ok().filter(|port| *port > 0)?;
    is_host.then_some((host, port))
}

#[cfg(test)]
mod tests;
