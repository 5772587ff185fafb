//! Tests of a connection and of a listener, the same on all systems.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::*;
use crate::frames;

/// Nothing in a test takes so long.
const LONG: Duration = Duration::from_secs(30);

/// A folder with the place of a socket.
fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("engine.sock");
    (folder, socket)
}

/// Both ends of a connection: the window's and that of the listener.
fn pair(socket: &Path) -> (Stream, Stream) {
    let listener = Listener::bind(socket, None).unwrap();
    std::thread::scope(|scope| {
        let window = scope.spawn(|| Stream::connect(socket).unwrap());
        let engine = listener.accept().unwrap();
        (window.join().unwrap(), engine)
    })
}

fn read(stream: &Stream) -> io::Result<String> {
    frames::read(&mut &*stream)
}

fn write(stream: &Stream, text: &str) -> io::Result<()> {
    frames::write(&mut &*stream, &text)
}

/// Reads until the end of the stream.
fn read_all(mut stream: &Stream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn long_messages_cross_while_both_sides_write() {
    let (_folder, socket) = place();
    let (window, engine) = pair(&socket);
    let texts: Vec<String> = (0..4).map(|n| n.to_string().repeat(1 << 20)).collect();
    std::thread::scope(|scope| {
        for stream in [&window, &engine] {
            // A thread reads all the time, so a write must not wait for it.
            let reader = scope.spawn(|| texts.iter().all(|text| read(stream).unwrap() == *text));
            scope.spawn(|| texts.iter().for_each(|text| write(stream, text).unwrap()));
            scope.spawn(|| assert!(reader.join().unwrap()));
        }
    });
}

#[test]
fn a_side_that_waits_for_a_message_can_write() {
    let (_folder, socket) = place();
    let (window, engine) = pair(&socket);
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| read(&window).unwrap());
        // The engine's side answers only what it has read, so the window reads meanwhile.
        write(&window, "question").unwrap();
        assert_eq!(read(&engine).unwrap(), "question");
        write(&engine, "answer").unwrap();
        assert_eq!(answer.join().unwrap(), "answer");
    });
}

#[test]
fn a_read_ends_after_its_timeout_and_loses_nothing() {
    let (_folder, socket) = place();
    let (window, engine) = pair(&socket);
    window.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let error = read(&window).unwrap_err();
    assert!(matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock), "{error}");
    window.set_read_timeout(None).unwrap();
    write(&engine, "later").unwrap();
    assert_eq!(read(&window).unwrap(), "later");
}

#[test]
fn a_shutdown_wakes_both_sides_and_loses_nothing_written() {
    let (_folder, socket) = place();
    let (window, engine) = pair(&socket);
    let start = Instant::now();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| read_all(&window));
        (&window).write_all(b"last").unwrap();
        window.shut_down();
        assert_eq!(waiting.join().unwrap(), b"");
    });
    assert_eq!(read_all(&engine), b"last");
    assert!((&window).write_all(b"more").is_err());
    assert_eq!(read_all(&window), b"");
    drop(window);
    // The system may take bytes for a moment, and then knows that nobody reads them.
    while (&engine).write_all(b"late").is_ok() {
        assert!(start.elapsed() < LONG);
    }
}

#[test]
fn a_side_that_is_dropped_leaves_what_it_wrote() {
    let (_folder, socket) = place();
    let (window, engine) = pair(&socket);
    write(&engine, "another version").unwrap();
    drop(engine);
    assert_eq!(read(&window).unwrap(), "another version");
    assert_eq!(read_all(&window), b"");
}

#[test]
fn many_windows_that_come_at_once_are_all_served() {
    const N_WINDOWS: usize = 24;
    let (_folder, socket) = place();
    let listener = Listener::bind(&socket, None).unwrap();
    std::thread::scope(|scope| {
        let windows: Vec<_> = (0..N_WINDOWS)
            .map(|n| {
                let socket = &socket;
                scope.spawn(move || {
                    let stream = Stream::connect(socket).unwrap();
                    write(&stream, &n.to_string()).unwrap();
                    assert_eq!(read(&stream).unwrap(), n.to_string());
                })
            })
            .collect();
        for _ in 0..N_WINDOWS {
            let stream = listener.accept().unwrap();
            let text = read(&stream).unwrap();
            write(&stream, &text).unwrap();
        }
        windows.into_iter().for_each(|window| window.join().unwrap());
    });
}

#[test]
fn another_user_gets_no_stream() {
    #[cfg(unix)]
    let other = own_user() + 1;
    #[cfg(windows)]
    let other = "S-1-5-21-1-2-3-1001".to_owned();
    let (_folder, socket) = place();
    let listener = Listener::bind(&socket, Some(other)).unwrap();
    std::thread::scope(|scope| {
        let window = scope.spawn(|| Stream::connect(&socket));
        let error = listener.accept().err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        // The window may have connected, but there is nobody.
        let window = window.join().unwrap();
        assert!(window.is_err() || window.is_ok_and(|stream| read(&stream).is_err()));
    });
}

#[test]
fn a_listener_that_closes_wakes_and_lets_nobody_connect() {
    let (_folder, socket) = place();
    let listener = Listener::bind(&socket, None).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| listener.accept().map(drop));
        drop(Stream::connect(&socket).unwrap());
        // A window that has left already may be an error.
        let _ = waiting.join().unwrap();
        let waiting = scope.spawn(|| listener.accept().map(drop));
        listener.close();
        // On Unix, this is the connection that wakes it.
        let _ = waiting.join().unwrap();
    });
    assert!(Stream::connect(&socket).is_err());
    Listener::bind(&socket, None).unwrap();
}

#[cfg(windows)]
#[test]
fn a_name_that_is_taken_is_refused() {
    let (_folder, socket) = place();
    let _first = Listener::bind(&socket, None).unwrap();
    let error = Listener::bind(&socket, None).err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
}
