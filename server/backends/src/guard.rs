//! The rules for connections, and for the text that is sent. Invariant: without `allowRemote`, only this machine is reachable, whatever
//! a name resolves to; a rule that cannot be read forbids all servers beyond this machine; keys are read when they are needed, and
//! never shown.

mod exclusions;
mod keys;
mod path_form;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use fimble_model::ErrorCode;

use crate::address::Endpoint;
use crate::error::ServerError;
use crate::timeouts::Timeouts;
use exclusions::Exclusions;
use keys::Keys;

/// The settings about servers, as the user wrote them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct NetworkSettings {
    /// `host:port` of servers beyond this machine that may be spoken to.
    pub allow_remote: Vec<String>,
    /// Keys by `host:port`: `env:NAME` or `file:PATH`.
    pub api_keys: BTreeMap<String, String>,
    /// Files, as patterns of paths, whose text never leaves this machine; with `!` in front of one, files that servers may see
    /// although their names say that they hold secrets.
    pub no_remote_paths: Vec<String>,
    /// Rules that cannot be read, in sentences. One forbids every server beyond
    /// this machine.
    pub unreadable: Vec<String>,
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
    exclusions: Exclusions,
    /// The rules that cannot be read, in sentences.
    faults: Vec<String>,
    /// How many of them are faults of the settings, which the user saw already.
    n_known_faults: usize,
    /// Replaces the name service of this machine in tests.
    resolver: Option<Resolver>,
    /// How long a completion may take.
    pub(crate) timeouts: Timeouts,
    /// Certificate authorities; none means those of this machine.
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
    /// Reads the rules. Where one of them cannot be read, the others hold for servers of this machine, and all others are
    /// forbidden.
    #[must_use]
    pub fn new(settings: &NetworkSettings) -> Self {
        let mut guard = Self {
            faults: settings.unreadable.clone(),
            n_known_faults: settings.unreadable.len(),
            ..Self::own_machine_only()
        };
        for entry in &settings.allow_remote {
            match host_and_port(entry) {
                Some(place) => guard.allowed.push(place),
                None => guard.faults.push(format!(
                    "allowRemote: {entry:?} is no host with a port. Write it as \"models.example:443\""
                )),
            }
        }
        match Keys::new(&settings.api_keys) {
            Ok(keys) => guard.keys = keys,
            Err(fault) => guard.faults.push(fault),
        }
        match Exclusions::new(&settings.no_remote_paths) {
            Ok(exclusions) => guard.exclusions = exclusions,
            Err(fault) => guard.faults.push(fault),
        }
        if !guard.faults.is_empty() {
            guard.allowed.clear();
        }
        guard
    }

    /// The rules where only this machine may be reached.
    #[must_use]
    pub fn own_machine_only() -> Self {
        Self {
            allowed: Vec::new(),
            keys: Keys::default(),
            exclusions: Exclusions::default(),
            faults: Vec::new(),
            n_known_faults: 0,
            resolver: None,
            timeouts: Timeouts::COMPLETION,
            roots: None,
        }
    }

    /// Messages for the user about rules that cannot be read, without those that the user saw already.
    pub(crate) fn notices(&self) -> impl Iterator<Item = String> + '_ {
        let new = self.faults.iter().skip(self.n_known_faults);
        new.map(|fault| format!("No server beyond this machine is asked: {fault}."))
    }

    /// With another way from names to addresses. For tests.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Resolver) -> Self {
        self.resolver = Some(resolver);
        self
    }

    /// With another time that a completion may wait for each step. For tests.
    #[must_use]
    pub fn with_timeouts(mut self, step: Duration) -> Self {
        self.timeouts = Timeouts { connect: step, first_byte: step, idle: step };
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
        if let Some(fault) = self.faults.first() {
            return Err(ServerError::forbidden(
                format!(
                    "{place} is not on this machine, and a rule about such servers cannot be read: {fault}"
                ),
                "Nothing was sent; correct that setting",
            ));
        }
        if !self.allowed.iter().any(|(name, at)| name == host && at == port) {
            return Err(ServerError::forbidden(
                format!("{place} is not on this machine (it is {}), and nothing was sent", foreign.ip()),
                format!("Name a server of this machine, or list \"{place}\" in the setting allowRemote"),
            )
            .with_code(ErrorCode::RemoteNotAllowed));
        }
        if !tls {
            return Err(ServerError::forbidden(
                format!("{place} is not on this machine, and the connection would not be encrypted"),
                format!("Write https://{place}"),
            ));
        }
        Ok((addresses, Reach::Listed))
    }

    /// Why text of these files must not go to a server, if so; `is_remote` says whether it is beyond this machine.
    #[must_use]
    pub fn withholds(&self, sources: &[String], is_remote: bool) -> Option<String> {
        let beyond = || is_remote.then(|| self.exclusions.keep_on_machine(sources)).flatten();
        self.exclusions.keep_in_process(sources).or_else(beyond)
    }

    /// The key for a server, if one is named.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn key(&self, endpoint: &Endpoint) -> Result<Option<String>, ServerError> {
        self.keys.read(endpoint)
    }
}

/// Whether an address is this machine's. An IPv4-mapped IPv6 address is judged as the IPv4 address that it stands for.
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
