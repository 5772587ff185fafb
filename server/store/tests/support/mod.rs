//! A stand-in of a file server on loopback. Invariant: it answers what the test says, one request on each connection, and keeps
//! what it was asked.
#![allow(clippy::disallowed_methods, reason = "it is a server, on loopback")]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request of a client.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    headers: Vec<(String, String)>,
    /// The number of earlier requests for the same path.
    pub nth: usize,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.as_str())
    }

    /// The first byte that is wanted.
    pub fn from(&self) -> usize {
        let range = self.header("range").and_then(|range| range.strip_prefix("bytes="));
        range.and_then(|range| range.strip_suffix('-')).map_or(0, |first| first.parse().unwrap())
    }
}

/// A reply of the server.
#[derive(Clone, Default)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// Bytes of the body after which the connection is cut.
    cut_after: Option<usize>,
    /// Whether the connection then stays open until the other side goes.
    holds: bool,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self { status, body: b"not for you".to_vec(), ..Self::default() }
    }

    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, body: body.into(), ..Self::default() }
    }

    /// A whole file or the part of it that was asked for.
    pub fn part_of(body: &[u8], request: &Request) -> Self {
        let from = request.from();
        if from == 0 {
            return Self::ok(body);
        }
        let Some(rest) = body.get(from..) else { return Self::status(416) };
        Self { status: 206, body: rest.to_vec(), ..Self::default() }
            .with("Content-Range", &format!("bytes {from}-{}/{}", body.len() - 1, body.len()))
    }

    pub fn redirect(to: &str) -> Self {
        Self { status: 302, body: b"go there".to_vec(), ..Self::default() }.with("Location", to)
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn cut_after(self, n_bytes: usize) -> Self {
        Self { cut_after: Some(n_bytes), ..self }
    }

    pub fn hold_after(self, n_bytes: usize) -> Self {
        Self { cut_after: Some(n_bytes), holds: true, ..self }
    }
}

/// A server that lives as long as the tests.
pub struct StandIn {
    pub address: String,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl StandIn {
    pub fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept: Arc<Mutex<Vec<Request>>> = Arc::clone(&asked);
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let Some(mut request) = read_request(&stream) else { return };
                    {
                        let mut kept = kept.lock().unwrap();
                        request.nth = kept.iter().filter(|other| other.path == request.path).count();
                        kept.push(request.clone());
                    }
                    write_reply(stream, &answer(&request));
                });
            }
        });
        Self { address, asked }
    }

    pub fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }
}

fn read_request(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let (method, rest) = first.split_once(' ')?;
    let path = rest.split(' ').next()?.to_owned();
    let mut headers = Vec::new();
    for line in lines.map_while(Result::ok).take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    Some(Request { method: method.to_owned(), path, headers, nth: 0 })
}

/// A client may close the connection in the middle.
fn write_reply(mut stream: TcpStream, reply: &Reply) {
    let mut head = format!("HTTP/1.1 {} x\r\nConnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", reply.body.len()));
    let sent = reply.cut_after.unwrap_or(reply.body.len()).min(reply.body.len());
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&reply.body[..sent]));
    if reply.holds {
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    }
}
