//! Encryption, for the servers beyond this machine that the user listed. Invariant: the server's name is checked against
//! certificates that this machine trusts; there is no switch that turns the check off.

use std::net::TcpStream;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::address::Endpoint;
use crate::error::ServerError;

/// Puts encryption around a connection. The handshake happens with the first bytes. `signers` may sign for the server; none
/// means those that this machine trusts.
pub(crate) fn encrypt(
    signers: Option<&Arc<RootCertStore>>,
    endpoint: &Endpoint,
    host: &str,
    stream: TcpStream,
) -> Result<StreamOwned<ClientConnection, TcpStream>, ServerError> {
    let failed = |reason: String| {
        ServerError::forbidden(
            format!("no encrypted connection to {endpoint} can be made ({reason})"),
            "See whether the name and the certificates of this machine are right",
        )
    };
    let roots = signers.cloned().unwrap_or_else(trusted_here);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(|error| failed(error.to_string()))?;
    let client = ClientConnection::new(Arc::new(config), name).map_err(|error| failed(error.to_string()))?;
    Ok(StreamOwned::new(client, stream))
}

/// The certificates that the system trusts, so that those of a company count too. Read once.
fn trusted_here() -> Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    Arc::clone(ROOTS.get_or_init(|| {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        let (n_added, n_ignored) = roots.add_parsable_certificates(found.certs);
        tracing::debug!(n_added, n_ignored, "certificates of this machine");
        Arc::new(roots)
    }))
}
