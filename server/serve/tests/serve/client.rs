//! A client of HTTP that writes its requests itself, so that it can also write bad ones.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// One connection.
pub struct Client {
    stream: TcpStream,
    address: SocketAddr,
}

/// An answer.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    head: String,
    body: Vec<u8>,
}

impl Response {
    pub fn header(&self, name: &str) -> &str {
        let named = self.head.lines().filter_map(|line| line.split_once(": "));
        named.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

impl Client {
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self { stream, address }
    }

    pub fn request(mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        self.request_on(method, path, headers, body)
    }

    /// The same; the connection stays.
    pub fn request_on(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        self.send(method, path, headers, body);
        self.receive()
    }

    pub fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) {
        self.send_head(method, path, headers, body.len());
        self.stream.write_all(body).unwrap();
    }

    /// Sends these very bytes.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Waits until the server closes the connection. What it sends before is dropped.
    pub fn wait_until_closed(&mut self) {
        let mut buffer = [0; 4096];
        while self.stream.read(&mut buffer).is_ok_and(|n_read| n_read > 0) {}
    }

    pub fn send_head(&mut self, method: &str, path: &str, headers: &[(&str, &str)], n_bytes: usize) {
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {n_bytes}\r\n"
        );
        if !headers.iter().any(|(name, _)| *name == "Host") {
            head.push_str(&format!("Host: {}\r\n", self.address));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        self.stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    }

    /// Sends a body of this many bytes in chunks. The server may refuse it before all is sent.
    pub fn send_chunked(&mut self, path: &str, n_bytes: usize) {
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n", self.address);
        self.stream.write_all(head.as_bytes()).unwrap();
        let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
        for _ in 0..n_bytes.div_ceil(0x10000) {
            if self.stream.write_all(&chunk).is_err() {
                return;
            }
        }
        let _ = self.stream.write_all(b"0\r\n\r\n");
    }

    pub fn receive(&mut self) -> Response {
        let mut received = Vec::new();
        let mut more = |received: &mut Vec<u8>| {
            let mut buffer = [0; 4096];
            let n_read = self.stream.read(&mut buffer).unwrap();
            received.extend_from_slice(&buffer[..n_read]);
            assert!(n_read > 0, "the connection was closed: {}", String::from_utf8_lossy(received));
        };
        let head_end = loop {
            if let Some(at) = received.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            more(&mut received);
        };
        let head = String::from_utf8(received[..head_end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut response = Response { status, head, body: Vec::new() };
        let mut rest = received.split_off(head_end);
        if response.header("transfer-encoding") == "chunked" {
            loop {
                let Some(at) = rest.windows(2).position(|window| window == b"\r\n") else {
                    more(&mut rest);
                    continue;
                };
                let length = usize::from_str_radix(std::str::from_utf8(&rest[..at]).unwrap(), 16).unwrap();
                while rest.len() < at + 2 + length + 2 {
                    more(&mut rest);
                }
                response.body.extend_from_slice(&rest[at + 2..at + 2 + length]);
                rest.drain(..at + 2 + length + 2);
                if length == 0 {
                    return response;
                }
            }
        }
        let length: usize = response.header("content-length").parse().unwrap_or_default();
        while rest.len() < length {
            more(&mut rest);
        }
        response.body = rest;
        response
    }
}
