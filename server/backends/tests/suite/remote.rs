//! The rules of the connector at work: encryption, keys, files that stay, and ways out that are no ways out.

use std::collections::BTreeMap;
use std::sync::Arc;

use fimble_backends::{Guard, NetworkSettings};
use fimble_model::{CancelToken, ModelError, ModelRouter};
use rustls::RootCertStore;
use serde_json::json;

use crate::encrypted::Encrypted;
use crate::stand_in::{Reply, StandIn, json as whole};
use crate::support::*;

/// A stand-in behind encryption, and a store that trusts it.
pub fn encrypted(name: &str) -> (u16, RootCertStore, StandIn) {
    let server = openai("qwen2.5-coder", openai_said("qwen2.5-coder"));
    let encrypted = Encrypted::before(&server, name);
    let mut roots = RootCertStore::empty();
    roots.add(encrypted.certificate).unwrap();
    (encrypted.port, roots, server)
}

#[test]
fn encryption_checks_the_name_and_the_signer() {
    let (port, roots, server) = encrypted("localhost");
    let name = format!("vllm@https://localhost:{port}");
    assert!(open(std::slice::from_ref(&name), impatient().with_roots(roots.clone())).is_ok());
    assert!(server.heads().concat().contains("GET /v1/models"));
    let n_sent = server.heads().len();
    let stranger = refused(&[name], impatient().with_roots(RootCertStore::empty()));
    assert!(stranger.contains("encrypted"), "{stranger}");
    let (port, _, other) = encrypted("another.example");
    let wrong = refused(&[format!("vllm@https://localhost:{port}")], impatient().with_roots(roots));
    assert!(wrong.contains("encrypted"), "{wrong}");
    assert_eq!((server.heads().len(), other.heads().len()), (n_sent, 0), "nothing is sent before the check");
}

#[test]
fn a_redirect_is_an_answer_and_no_way_out() {
    let elsewhere = StandIn::start([("/v1/models", whole(200, &json!({"data": [{"id": "a"}]})))]);
    let location = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://{}/v1/models\r\nContent-Length: 0\r\n\r\n",
        elsewhere.address()
    );
    let server = StandIn::start([("/v1/models", Reply::Raw(location.into_bytes()))]);
    let error = refused(&[format!("vllm@{}", server.address())], impatient());
    assert!(error.contains("redirects are not followed"), "{error}");
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
    let guard = Guard::new(&NetworkSettings { api_keys, ..NetworkSettings::default() });
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
    let (chain, model) = connect_under(&format!("llama.cpp@{}", server.address()), Guard::new(&settings));
    assert!(chain.member_for(&["secret.py".to_owned()]).is_some());
    assert_eq!(complete(&*model).unwrap().text, "self.entries)");
}

#[test]
fn a_socket_file_is_a_server_of_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.sock");
    let error = refused(&[format!("llama.cpp@unix:{}", path.display())], impatient());
    assert!(error.contains("none.sock"), "{error}");
}

/// A server that listens and takes no connections keeps those waiting who connect to its socket file.
#[cfg(unix)]
#[test]
fn a_socket_file_whose_server_is_stuck_is_not_waited_for() {
    use std::os::unix::net::{UnixListener, UnixStream};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stuck.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    let theirs = path.clone();
    // Takes all places in the queue, and waits for one more until the end of the test.
    std::thread::spawn(move || {
        let mut taken = Vec::new();
        while let Ok(stream) = UnixStream::connect(&theirs) {
            taken.push(stream);
        }
    });
    let start = std::time::Instant::now();
    loop {
        let reason = refused(&[format!("llama.cpp@unix:{}", path.display())], impatient());
        assert!(reason.contains("stuck.sock"), "{reason}");
        if reason.contains("accepts no connections") {
            break;
        }
        assert!(start.elapsed() < crate::stand_in::PATIENCE, "{reason}");
    }
}

#[test]
fn a_cancelled_request_is_not_even_sent() {
    let server = llama_cpp(Some(llama_said()), Reply::Silence);
    let (_chain, model) = connect(&format!("llama.cpp@{}", server.address()));
    let n_before = server.heads().len();
    let cancel = CancelToken::new();
    cancel.cancel();
    let outcome = model.generate(request(&*model, 8), &cancel, Box::new(every));
    assert!(!matches!(outcome, Err(ModelError::Unavailable(_))));
    assert_eq!(server.heads().len(), n_before);
}
