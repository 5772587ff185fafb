//! Encryption in front of a stand-in, on loopback: a server of another machine as far as anybody can tell. Its number is
//! 0.0.0.0, which no rule takes for this machine, and where Linux and macOS connect to it all the same.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::stand_in::{StandIn, read_whole};

/// Where this machine answers under a number that is not its own.
pub const ELSEWHERE: &str = "0.0.0.0";

/// A stand-in that is reached encrypted.
pub struct Encrypted {
    pub port: u16,
    /// Who signed for it: itself.
    pub certificate: CertificateDer<'static>,
    /// The same as text, as systems keep it.
    pub pem: String,
}

impl Encrypted {
    /// Puts encryption under this name or number in front of a stand-in.
    pub fn before(stand_in: &StandIn, name: &str) -> Self {
        let signed = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let certificate: CertificateDer<'static> = signed.cert.der().clone();
        let key = PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let behind: SocketAddr = stand_in.address().parse().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                let stream = StreamOwned::new(connection, stream);
                std::thread::spawn(move || hand_over(stream, behind));
            }
        });
        Self { port, certificate, pem: signed.cert.pem() }
    }
}

/// One request there and its answer back. Nothing that is no request gets through.
fn hand_over(mut client: StreamOwned<ServerConnection, TcpStream>, behind: SocketAddr) {
    let Some((request, _)) = read_whole(&mut client) else { return };
    let mut server = TcpStream::connect(behind).unwrap();
    server.write_all(&request).unwrap();
    let mut block = [0; 4096];
    while let Ok(n) = server.read(&mut block)
        && n > 0
    {
        if client.write_all(&block[..n]).and_then(|()| client.flush()).is_err() {
            return;
        }
    }
    client.conn.send_close_notify();
    let _ = client.flush();
}
