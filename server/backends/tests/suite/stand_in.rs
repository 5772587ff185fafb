//! A tiny HTTP server on loopback that plays a model server: it answers each path as a test says, piece by piece, and writes
//! down what it was asked and whether the client left.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A wait that takes longer than this has failed.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What a path answers.
#[derive(Clone)]
pub enum Reply {
    /// A status, a content type and a body.
    Whole(u16, &'static str, String),
    /// Pieces of a stream, as chunks.
    Stream(&'static str, Vec<Vec<u8>>),
    /// The same without an end: the last piece again and again until the client leaves.
    Endless(&'static str, Vec<u8>),
    /// Pieces, and then the connection breaks.
    BreakOff(&'static str, Vec<Vec<u8>>),
    /// These very bytes, and then the connection closes.
    Raw(Vec<u8>),
    /// Nothing, until the client leaves.
    Silence,
    /// The same after this was done.
    #[allow(dead_code, reason = "the tests of the binary need it")]
    After(Arc<dyn Fn() + Send + Sync>, Box<Reply>),
    /// Another reply for each time that it is asked; the last one stays.
    Turns(Vec<Reply>),
}

/// What happened.
#[derive(Default)]
pub struct Seen {
    /// Path and body of each request.
    pub requests: Mutex<Vec<(String, String, Value)>>,
    changed: Condvar,
    left: AtomicUsize,
}

/// The server. It ends when it is dropped.
pub struct StandIn {
    address: SocketAddr,
    pub seen: Arc<Seen>,
    stopped: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
    replies: Arc<Mutex<HashMap<String, Reply>>>,
}

pub fn json(status: u16, body: &Value) -> Reply {
    Reply::Whole(status, "application/json", body.to_string())
}

/// Documents, one per line.
pub fn lines(documents: &[Value]) -> Reply {
    Reply::Stream(
        "application/x-ndjson",
        documents.iter().map(|document| format!("{document}\n").into_bytes()).collect(),
    )
}

/// Server-sent events with comments between them, as servers send to keep a connection open.
pub fn events(documents: &[Value]) -> Reply {
    let mut pieces: Vec<Vec<u8>> = vec![b": keepalive 1/2\n\n".to_vec()];
    pieces.extend(documents.iter().map(|document| format!("data: {document}\n\n").into_bytes()));
    pieces.push(b"data: [DONE]\n\n".to_vec());
    Reply::Stream("text/event-stream", pieces)
}

impl StandIn {
    pub fn start(replies: impl IntoIterator<Item = (&'static str, Reply)>) -> Self {
        Self::start_with(TcpListener::bind("127.0.0.1:0").unwrap(), replies)
    }

    /// On a port where one was before.
    pub fn restart(address: &str, replies: impl IntoIterator<Item = (&'static str, Reply)>) -> Self {
        let start = Instant::now();
        loop {
            match TcpListener::bind(address) {
                Ok(listener) => return Self::start_with(listener, replies),
                Err(error) => assert!(start.elapsed() < PATIENCE, "{error}"),
            }
            std::thread::yield_now();
        }
    }

    fn start_with(listener: TcpListener, replies: impl IntoIterator<Item = (&'static str, Reply)>) -> Self {
        let address = listener.local_addr().unwrap();
        let replies: HashMap<String, Reply> =
            replies.into_iter().map(|(path, reply)| (path.to_owned(), reply)).collect();
        let replies = Arc::new(Mutex::new(replies));
        let seen: Arc<Seen> = Arc::default();
        let stopped = Arc::new(AtomicBool::new(false));
        let its_replies = Arc::clone(&replies);
        let (its_seen, its_stopped) = (Arc::clone(&seen), Arc::clone(&stopped));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if its_stopped.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                let (seen, replies, stopped) =
                    (Arc::clone(&its_seen), Arc::clone(&its_replies), Arc::clone(&its_stopped));
                std::thread::spawn(move || serve(stream, &seen, &replies, &stopped));
            }
        });
        Self { address, seen, stopped, replies, thread: Some(thread) }
    }

    /// The same server with another reply on one path.
    pub fn answering(self, path: &str, reply: Reply) -> Self {
        self.replies.lock().unwrap().insert(path.to_owned(), reply);
        self
    }

    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Requests for a path.
    pub fn asked(&self, path: &str) -> Vec<Value> {
        let requests = self.seen.requests.lock().unwrap();
        requests.iter().filter(|(asked, ..)| asked == path).map(|(_, _, body)| body.clone()).collect()
    }

    /// Heads of all requests.
    pub fn heads(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().iter().map(|(_, head, _)| head.clone()).collect()
    }

    /// Waits until a path was asked so many times.
    pub fn wait_for(&self, path: &str, n: usize) {
        let requests = self.seen.requests.lock().unwrap();
        let is_missing = |requests: &mut Vec<(String, String, Value)>| {
            requests.iter().filter(|(asked, ..)| asked == path).count() < n
        };
        let (requests, outcome) =
            self.seen.changed.wait_timeout_while(requests, PATIENCE, is_missing).unwrap();
        drop(requests);
        assert!(!outcome.timed_out(), "{path} was never asked");
    }

    /// Waits until so many clients closed the connection before the end of an answer.
    pub fn wait_until_left(&self, n: usize) {
        let start = Instant::now();
        while self.seen.left.load(Ordering::SeqCst) < n {
            assert!(start.elapsed() < PATIENCE, "the client stays");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // The thread waits for a connection.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn serve(mut stream: TcpStream, seen: &Seen, replies: &Mutex<HashMap<String, Reply>>, stopped: &AtomicBool) {
    let Some((path, head, body)) = read_request(&mut stream) else { return };
    seen.requests.lock().unwrap().push((path.clone(), head, body));
    seen.changed.notify_all();
    let reply = {
        let mut replies = replies.lock().unwrap();
        match replies.get_mut(&path) {
            Some(Reply::Turns(turns)) if turns.len() > 1 => Some(turns.remove(0)),
            Some(Reply::Turns(turns)) => turns.first().cloned(),
            other => other.cloned(),
        }
    };
    let missing =
        || Reply::Whole(404, "application/json", r#"{"error":{"message":"no such path"}}"#.to_owned());
    answer(&mut stream, reply.unwrap_or_else(missing), seen, stopped);
}

/// The bytes of a request, and where its body begins.
pub fn read_whole(stream: &mut impl Read) -> Option<(Vec<u8>, usize)> {
    let mut bytes = Vec::new();
    let mut block = [0; 4096];
    let end = loop {
        let n = stream.read(&mut block).ok().filter(|n| *n > 0)?;
        bytes.extend_from_slice(&block[..n]);
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
    while bytes.len() < end + length {
        let n = stream.read(&mut block).ok().filter(|n| *n > 0)?;
        bytes.extend_from_slice(&block[..n]);
    }
    Some((bytes, end))
}

fn read_request(stream: &mut TcpStream) -> Option<(String, String, Value)> {
    let (bytes, end) = read_whole(stream)?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let path = head.split_whitespace().nth(1)?.to_owned();
    let body = serde_json::from_slice(&bytes[end..]).unwrap_or(Value::Null);
    Some((path, head, body))
}

fn chunk(piece: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
    chunk.extend_from_slice(piece);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

fn answer(stream: &mut TcpStream, reply: Reply, seen: &Seen, stopped: &AtomicBool) {
    let head = |status: u16, kind: &str, framing: &str| {
        format!("HTTP/1.1 {status} Reply\r\nContent-Type: {kind}\r\n{framing}Connection: close\r\n\r\n")
            .into_bytes()
    };
    let chunked = "Transfer-Encoding: chunked\r\n";
    match reply {
        Reply::Whole(status, kind, body) => {
            let length = format!("Content-Length: {}\r\nLocation: http://203.0.113.7/\r\n", body.len());
            let _ = stream.write_all(&head(status, kind, &length));
            let _ = stream.write_all(body.as_bytes());
        }
        Reply::Stream(kind, pieces) => {
            let _ = stream.write_all(&head(200, kind, chunked));
            for piece in pieces {
                if stream.write_all(&chunk(&piece)).is_err() {
                    seen.left.fetch_add(1, Ordering::SeqCst);
                    return;
                }
            }
            let _ = stream.write_all(b"0\r\n\r\n");
        }
        Reply::Endless(kind, piece) => {
            let _ = stream.write_all(&head(200, kind, chunked));
            while !stopped.load(Ordering::SeqCst) {
                if stream.write_all(&chunk(&piece)).is_err() {
                    seen.left.fetch_add(1, Ordering::SeqCst);
                    return;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        Reply::BreakOff(kind, pieces) => {
            let _ = stream.write_all(&head(200, kind, chunked));
            for piece in pieces {
                let _ = stream.write_all(&chunk(&piece));
            }
        }
        Reply::Raw(bytes) => {
            let _ = stream.write_all(&bytes);
        }
        Reply::Silence => {
            let mut byte = [0];
            // The client sends nothing more: this ends when it leaves.
            let _ = stream.read(&mut byte);
            seen.left.fetch_add(1, Ordering::SeqCst);
        }
        Reply::After(act, reply) => {
            act();
            answer(stream, *reply, seen, stopped);
        }
        Reply::Turns(_) => unreachable!("turns hold no turns"),
    }
}
