//! Clients that leave, that are slow, that send too much, and many at once. Invariant: none holds up another, and no work goes on for
//! one that is gone.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;

use crate::client::Client;
use crate::scripted::{Scripted, World};

/// Connections at once.
const MANY: usize = 1000;

/// The time that clients of an impatient server may take for a step.
const STEP: Duration = Duration::from_millis(300);

#[test]
fn a_client_that_goes_away_stops_the_work_and_others_are_answered() {
    let scripted = Scripted::endless();
    let world = World::start(Arc::clone(&scripted));
    for (path, stream) in [
        ("/v1/completions", true),
        ("/v1/completions", false),
        ("/v1/chat/completions", true),
        ("/api/chat", false),
    ] {
        let before = scripted.n_stopped.load(Ordering::SeqCst);
        let mut client = world.client();
        client.send(
            "POST",
            path,
            &[],
            json!({"prompt": "a", "messages": [{"role": "user", "content": "a"}],
            "stream": stream})
            .to_string()
            .as_bytes(),
        );
        scripted.wait_until_running();
        drop(client);
        scripted.wait_for_stops(before + 1);
    }
}

#[test]
fn bodies_are_bounded_and_many_connections_are_answered() {
    let world = World::start(Scripted::saying(&["x"]));
    let mut client = world.client();
    client.send_head("POST", "/v1/completions", &[], 100 << 20);
    assert_eq!(client.receive().status, 413);
    // One whose length is not said.
    let mut client = world.client();
    client.send_chunked("/v1/completions", 9 << 20);
    assert_eq!(client.receive().status, 413);
    // Connections that say nothing hold nobody up.
    let silent: Vec<Client> = (0..200).map(|_| world.client()).collect();
    assert_eq!(world.post("/v1/completions", &json!({"prompt": "a"})).status, 200);
    drop(silent);
    let mut client = world.client();
    for _ in 0..3 {
        assert_eq!(
            client.request_on("POST", "/completion", &[], br#"{"prompt": "a"}"#).json()["content"],
            "x"
        );
    }
}

/// Lets this process have enough open files for both ends of the connections.
#[cfg(unix)]
fn raise_the_limit_of_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    const WANTED: u64 = 4096;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < WANTED) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(WANTED), ..limit }).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn a_thousand_connections_at_once_are_each_answered() {
    raise_the_limit_of_files();
    let world = World::start(Scripted::saying(&["x"]));
    let body = br#"{"prompt": "a"}"#;
    let mut clients: Vec<Client> = (0..MANY).map(|_| world.client()).collect();
    for client in &mut clients {
        client.send("POST", "/completion", &[], body);
    }
    let mut n_answered = 0;
    for client in &mut clients {
        let answer = client.receive();
        // So many cannot run or wait at a time; who is refused learns why.
        match answer.status {
            200 => n_answered += 1,
            503 => assert!(answer.text().contains("Try again later"), "{}", answer.text()),
            other => panic!("{other}: {}", answer.text()),
        }
    }
    assert!(n_answered >= 64, "{n_answered}");
    // All of them are open still, and the next request of each is answered, one after the other.
    for client in &mut clients {
        assert_eq!(client.request_on("POST", "/completion", &[], body).status, 200);
    }
}

#[test]
fn slow_clients_hold_nobody_up_and_are_answered_in_the_end() {
    let world = World::start(Scripted::saying(&["x"]));
    let (mut slow_head, mut slow_body) = (world.client(), world.client());
    let body = br#"{"prompt": "a"}"#;
    let head =
        format!("POST /completion HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len());
    slow_body.send_raw(head.as_bytes());
    for (head, body) in head.as_bytes().iter().zip(body.iter().map(Some).chain(std::iter::repeat(None))) {
        slow_head.send_raw(&[*head]);
        if let Some(body) = body {
            slow_body.send_raw(&[*body]);
        }
        assert_eq!(world.post("/completion", &json!({"prompt": "b"})).status, 200);
    }
    slow_head.send_raw(body);
    for mut client in [slow_head, slow_body] {
        assert_eq!(client.receive().json()["content"], "x");
    }
}

#[test]
fn who_stops_in_a_request_is_disconnected() {
    let world = World::start_impatient(Scripted::saying(&["x"]), STEP);
    let mut in_head = world.client();
    in_head.send_raw(b"POST /completion HT");
    in_head.wait_until_closed();
    for (path, field) in
        [("/v1/completions", "/error/message"), ("/completion", "/error/message"), ("/api/chat", "/error")]
    {
        let mut in_body = world.client();
        in_body.send_head("POST", path, &[], 100);
        in_body.send_raw(b"{");
        let answer = in_body.receive();
        let message = answer.json().pointer(field).and_then(|text| text.as_str().map(str::to_owned)).unwrap();
        assert!(answer.status == 408 && message.contains("did not arrive"), "{path}: {message}");
    }
    assert!(world.scripted.requests.lock().unwrap().is_empty(), "nothing ran for them");
}

#[test]
fn who_never_reads_a_stream_stops_its_work() {
    let scripted = Scripted::flooding();
    let world = World::start_impatient(Arc::clone(&scripted), STEP);
    let mut deaf = world.client();
    deaf.send("POST", "/completion", &[], br#"{"prompt": "a", "stream": true, "n_predict": -1}"#);
    scripted.wait_until_running();
    scripted.wait_for_stops(1);
    // The connection is still open on this side.
    drop(deaf);
}
