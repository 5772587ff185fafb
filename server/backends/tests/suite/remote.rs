//! The rules of the connector at work: encryption, keys, files that stay, and ways out that are no ways out.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use fimble_backends::{Guard, NetworkSettings};
use fimble_model::{CancelToken, Model, ModelError};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use crate::stand_in::{Reply, StandIn, json as whole};
use crate::support::*;

/// A server with encryption for this name: it plays vLLM. What it was sent is written down.
fn encrypted(name: &str) -> (u16, RootCertStore, Arc<Mutex<String>>) {
    let signed = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let certificate: CertificateDer<'static> = signed.cert.der().clone();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let key = PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = Arc::new(config);
    let sent: Arc<Mutex<String>> = Arc::default();
    let written = Arc::clone(&sent);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { break };
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            let mut bytes = Vec::new();
            let mut block = [0; 4096];
            while !bytes.windows(4).any(|four| four == b"\r\n\r\n") {
                match stream.read(&mut block) {
                    Ok(n) if n > 0 => bytes.extend_from_slice(&block[..n]),
                    _ => break,
                }
            }
            let head = String::from_utf8_lossy(&bytes).into_owned();
            let body = json!({"data": [{"id": "qwen2.5-coder"}]}).to_string();
            written.lock().unwrap().push_str(&head);
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    (port, roots, sent)
}

#[test]
fn encryption_checks_the_name_and_the_signer() {
    let (port, roots, sent) = encrypted("localhost");
    let name = format!("vllm@https://localhost:{port}");
    assert!(open(std::slice::from_ref(&name), impatient().with_roots(roots.clone())).is_ok());
    assert!(sent.lock().unwrap().contains("GET /v1/models"));
    sent.lock().unwrap().clear();
    let stranger = open(&[name], impatient().with_roots(RootCertStore::empty())).err().unwrap();
    assert!(stranger.cause.contains("encrypted"), "{stranger}");
    let (port, _, _) = encrypted("another.example");
    let wrong =
        open(&[format!("vllm@https://localhost:{port}")], impatient().with_roots(roots)).err().unwrap();
    assert!(wrong.cause.contains("encrypted"), "{wrong}");
    assert_eq!(*sent.lock().unwrap(), "", "nothing is sent before the check");
}

#[test]
fn a_redirect_is_an_answer_and_no_way_out() {
    let elsewhere = StandIn::start([("/v1/models", whole(200, &json!({"data": [{"id": "a"}]})))]);
    let location = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://{}/v1/models\r\nContent-Length: 0\r\n\r\n",
        elsewhere.address()
    );
    let server = StandIn::start([("/v1/models", Reply::Raw(location.into_bytes()))]);
    let error = open(&[format!("vllm@{}", server.address())], impatient()).err().unwrap();
    assert!(error.cause.contains("redirects are not followed"), "{error}");
    assert!(elsewhere.heads().is_empty());
}

#[test]
fn a_name_that_leads_elsewhere_later_is_not_followed() {
    let server = llama_cpp(Some(llama_said()), Reply::Silence);
    let port: u16 = server.address().rsplit_once(':').unwrap().1.parse().unwrap();
    let moved = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let guard = Guard::own_machine_only().with_resolver({
        let moved = Arc::clone(&moved);
        Arc::new(move |_, port| {
            let number = if moved.load(std::sync::atomic::Ordering::SeqCst) {
                [203, 0, 113, 7]
            } else {
                [127, 0, 0, 1]
            };
            Ok(vec![std::net::SocketAddr::from((number, port))])
        })
    });
    let (_chain, model) = connect_under(&format!("llama.cpp@gpu-box:{port}"), guard);
    assert_eq!(complete(&*model).unwrap().text, "self.entries)");
    let n_before = server.heads().len();
    moved.store(true, std::sync::atomic::Ordering::SeqCst);
    let error = complete(&*model).unwrap_err().to_string();
    assert!(error.contains("203.0.113.7") && error.contains("nothing was sent"), "{error}");
    assert_eq!(server.heads().len(), n_before);
}

#[test]
fn a_key_goes_to_its_server_only_and_is_shown_to_nobody() {
    let server = openai("qwen2.5-coder", whole(401, &json!({"error": {"message": "wrong key"}})));
    let other = openai("qwen2.5-coder", openai_said("qwen2.5-coder"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, "the-secret-key\n").unwrap();
    let api_keys = BTreeMap::from([(server.address(), format!("file:{}", file.display()))]);
    let guard = Guard::new(&NetworkSettings { api_keys, ..NetworkSettings::default() }).unwrap();
    let (_chain, model) = connect_under(&format!("vllm@{}", server.address()), guard.clone());
    let error = complete(&*model).unwrap_err().to_string();
    assert!(error.contains("refuses the key") && !error.contains("the-secret-key"), "{error}");
    assert!(
        server
            .heads()
            .iter()
            .all(|head| head.to_lowercase().contains("authorization: bearer the-secret-key"))
    );
    assert!(!format!("{guard:?}").contains("secret"));
    let (_chain, model) = connect_under(&format!("vllm@{}", other.address()), guard);
    complete(&*model).unwrap();
    assert!(other.heads().iter().all(|head| !head.to_lowercase().contains("authorization")));
}

#[test]
fn files_that_stay_here_are_no_matter_for_servers_of_this_machine() {
    let settings = NetworkSettings { no_remote_paths: vec!["**".to_owned()], ..NetworkSettings::default() };
    let server = llama_cpp(Some(llama_said()), Reply::Silence);
    let (chain, model) =
        connect_under(&format!("llama.cpp@{}", server.address()), Guard::new(&settings).unwrap());
    assert!(chain.member_for(&["secret.py".to_owned()]).is_some());
    assert_eq!(complete(&*model).unwrap().text, "self.entries)");
}

#[test]
fn a_socket_file_is_a_server_of_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.sock");
    let error = open(&[format!("llama.cpp@unix:{}", path.display())], impatient()).err().unwrap();
    assert!(error.cause.contains("none.sock"), "{error}");
}

#[test]
fn a_cancelled_request_is_not_even_sent() {
    let server = llama_cpp(Some(llama_said()), Reply::Silence);
    let (_chain, model) = connect(&format!("llama.cpp@{}", server.address()));
    let n_before = server.heads().len();
    let cancel = CancelToken::new();
    cancel.cancel();
    let outcome = model.generate(request(&*model, 8), &cancel, Box::new(all));
    assert!(!matches!(outcome, Err(ModelError::Unavailable(_))));
    assert_eq!(server.heads().len(), n_before);
}
