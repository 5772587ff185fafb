//! The ends of windows and engine processes.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fimble_shared::host::{self, HostEnd};
use fimble_shared::{AttachError, Attachment};
use serde_json::json;

use crate::support::*;

#[test]
fn it_ends_a_while_after_its_last_window_and_leaves_no_socket() {
    let host = Host::start();
    let socket = host.place().files().socket;
    let (one, other) = (host.window(), host.window());
    let (first, second) = (one.open("small", None).unwrap(), other.open("small", None).unwrap());
    drop(first);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(ask(&second, "say:ok").unwrap().text, "ok", "a window holds it");
    drop(second);
    let left = Instant::now();
    assert_eq!(host.end().unwrap(), HostEnd::Idle);
    assert!(left.elapsed() >= Duration::from_millis(190), "{:?}", left.elapsed());
    assert!(!socket.exists());
}

#[test]
fn what_a_killed_window_had_asked_is_cancelled_and_its_documents_go() {
    let host = Host::start();
    let window = host.window();
    let staying = window.open("small", Some("/w")).unwrap();
    let killed = RawWindow::greet(&host.place());
    killed.send(&json!({"Open": {"call": 0, "spec": "small", "workspace": "/w"}}));
    let opened = killed.receive();
    let model = &opened["Last"]["answer"]["Opened"]["Ok"]["model"];
    killed.send(&json!({"Upsert": {"model": model, "source": "a.rs", "layer": "Open", "text": "one"}}));
    wait_until("it is shared", || ask(&staying, "remembered").unwrap().text == "a.rs=one");
    let request = serde_json::to_value(request("hold")).unwrap();
    killed.send(&json!({"Generate": {"call": 1, "model": model, "request": request, "n_lines": null}}));
    wait_until("it runs", || host.state.n_running.load(Ordering::SeqCst) == 1);
    // The system closes the connections of a process that is killed.
    drop(killed);
    assert_eq!(ask(&staying, "remembered").unwrap().text, "");
    assert_eq!(host.state.n_cancelled.load(Ordering::SeqCst), 1);
    assert_eq!(window.report().unwrap().use_of_it.unwrap().0, 1);
}

#[test]
fn bytes_that_are_no_message_end_one_connection_only() {
    let host = Host::start();
    let window = host.window();
    let model = window.open("small", None).unwrap();
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 64], &[2, 0, 0, 0, b'{', b'}'], &[]] {
        let mut stream = raw_stream(&host.place()).unwrap();
        stream.write_all(bytes).unwrap();
        // A pipe has no such end: there it is the time for the greeting that ends a connection without a byte.
        #[cfg(unix)]
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty(), "{bytes:?}");
    }
    let raw = RawWindow::greet(&host.place());
    raw.send(&json!({"Unknown": 3}));
    assert_eq!(ask(&model, "say:ok").unwrap().text, "ok");
}

#[test]
fn two_windows_that_start_it_at_once_have_one_engine_process() {
    let folder = tempfile::tempdir().unwrap();
    let state = Arc::default();
    let (n_started, n_served) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let starter = {
        let (path, state) = (folder.path().to_owned(), Arc::clone(&state));
        let (n_started, n_served) = (Arc::clone(&n_started), Arc::clone(&n_served));
        move || {
            n_started.fetch_add(1, Ordering::SeqCst);
            let (options, n_served) =
                (options(&path, &state, Duration::from_millis(300)), Arc::clone(&n_served));
            std::thread::spawn(move || {
                let ended = host::run(options).unwrap();
                n_served.fetch_add(usize::from(ended == HostEnd::Idle), Ordering::SeqCst);
            });
            Ok(())
        }
    };
    let windows: Vec<Attachment> = (0..6)
        .map(|_| Attachment::new(place_in(folder.path()), || Ok(identity()), Arc::new(starter.clone())))
        .collect();
    let all = std::sync::Barrier::new(windows.len());
    std::thread::scope(|scope| {
        for window in &windows {
            scope.spawn(|| {
                let model = window.open("small", None).unwrap();
                assert_eq!(ask(&model, "say:ok").unwrap().text, "ok");
                // None leaves before all have come.
                all.wait();
            });
        }
    });
    assert!(n_started.load(Ordering::SeqCst) >= 1);
    wait_until("it ends", || n_served.load(Ordering::SeqCst) > 0);
    assert_eq!((n_served.load(Ordering::SeqCst), state.n_loads.load(Ordering::SeqCst)), (1, 1));
    // The next window starts it again, and what a killed one left is no obstacle.
    let socket = place_in(folder.path()).files().socket;
    std::fs::write(&socket, "left").unwrap();
    assert_eq!(ask(&windows[0].open("small", None).unwrap(), "say:again").unwrap().text, "again");
}

#[test]
fn an_engine_process_that_cannot_be_started_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let refuse = || Err(std::io::Error::other("there is no program"));
    let window = Attachment::new(place_in(folder.path()), || Ok(identity()), Arc::new(refuse));
    assert_eq!(
        window.open("small", None).err(),
        Some(AttachError::NotStarted("there is no program".to_owned()))
    );
    assert_eq!(window.report(), None);
}
