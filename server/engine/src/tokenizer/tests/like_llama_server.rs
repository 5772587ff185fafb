//! Tokenizers that were converted from GGUF files against llama.cpp's server with the same files. Invariant: only servers that
//! were started here are asked and ended, on loopback.
//!
//! Left out unless both variables are set: `FIMBLE_SERVERS` names the folder that `tests/servers/setup.sh` makes, and
//! `FIMBLE_WEIGHTS` a folder with GGUF files; every `.gguf` in it is compared.

#![allow(clippy::disallowed_methods, reason = "a test asks a server on loopback")]

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fimble_model::TokenId;
use fimble_onnx::gguf::{GgufFile, Metadata, Value};
use fimble_onnx::tokenizer::known_splitters;
use serde_json::{Value as Json, json};

use super::from_gguf::load;
use super::random_texts::{Random, piece, sources};
use super::tiny_model::tiny_model;

const N_PIECES: usize = 5000;
const PORTS: std::ops::RangeInclusive<u16> = 18100..=18110;

/// A server with one file.
struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Server {
    /// None if it ends by itself: it does not know the file's way of splitting.
    fn start(servers: &Path, file: &Path) -> Option<Self> {
        let port = PORTS.into_iter().find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
        let port = port.expect("one of the ports is free");
        let mut command = Command::new(servers.join("bin/llama-server"));
        command.arg("--model").arg(file).args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        command.args(["--ctx-size", "256", "--threads", "1", "--no-warmup", "--parallel", "1"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("the server starts");
        let mut server = Self { child, port };
        let start = Instant::now();
        while server.ask("GET", "/health", "").is_none_or(|answer| answer["status"] != "ok") {
            if server.child.try_wait().expect("it can be asked for").is_some() {
                return None;
            }
            assert!(start.elapsed() < Duration::from_secs(120), "the server does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(server)
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Option<Json> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(body.as_bytes()).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let at = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
        serde_json::from_slice(&answer[at + 4..]).ok()
    }

    fn tokenize(&self, text: &str) -> Vec<TokenId> {
        let body = json!({"content": text, "add_special": false, "parse_special": false}).to_string();
        let answer = self.ask("POST", "/tokenize", &body).expect("the server answers");
        let ids = answer["tokens"].as_array().unwrap_or_else(|| panic!("no tokens in {answer}"));
        ids.iter().map(|id| id.as_u64().unwrap() as TokenId).collect()
    }
}

/// The texts of the control tokens, and the texts of tokens that the server finds in any text and we do not.
fn special_texts(metadata: &Metadata) -> (Vec<String>, Vec<String>) {
    let tokens = metadata.strings("tokenizer.ggml.tokens").expect("there are tokens");
    let types = metadata.numbers("tokenizer.ggml.token_type").expect("there are types");
    let of_type = |wanted: i64| {
        let fitting = tokens.iter().enumerate().filter(|(index, _)| types.integer(*index) == Some(wanted));
        fitting.map(|(_, text)| text.clone()).collect()
    };
    (of_type(3), of_type(4))
}

/// Compares one file; what differs, for people.
fn differences(server: &Server, metadata: &Metadata, n_pieces: usize) -> Vec<String> {
    let (_folder, tokenizer) = load(metadata);
    let (specials, added) = special_texts(metadata);
    // The server puts a space in front of a text of this kind; ours never does.
    let has_space = metadata.str("tokenizer.ggml.model") == Some("llama")
        && metadata.bool("tokenizer.ggml.add_space_prefix").unwrap_or(true);
    let sources = sources();
    let mut random = Random(crate::random::SplitMix64::new(7));
    let mut found = Vec::new();
    let mut n_compared = 0;
    while n_compared < n_pieces {
        let text = piece(&mut random, &sources, &specials);
        // A marker of this kind is a token to the server even in ordinary text; here it is text.
        if text.is_empty() || added.iter().any(|added| added.contains('<') && text.contains(added)) {
            continue;
        }
        n_compared += 1;
        let ours = if has_space { tokenizer.encode(&format!(" {text}")) } else { tokenizer.encode(&text) };
        let (ours, theirs) = (ours.expect("it is encoded"), server.tokenize(&text));
        if ours != theirs {
            let spelled = |ids: &[TokenId]| {
                let bytes = |id: &TokenId| String::from_utf8_lossy(tokenizer.bytes().bytes(*id)).into_owned();
                ids.iter().map(bytes).collect::<Vec<_>>()
            };
            found.push(format!("{text:?}\n  ours   {:?}\n  theirs {:?}", spelled(&ours), spelled(&theirs)));
        }
    }
    found
}

fn folder_in(variable: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| panic!("{variable} names no folder"), PathBuf::from)
}

#[test]
#[ignore = "needs real servers and weights: tests/servers/run"]
fn tokens_are_those_of_llama_server() {
    let (servers, weights) = (folder_in("FIMBLE_SERVERS"), folder_in("FIMBLE_WEIGHTS"));
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(weights).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "gguf"));
    files.sort();
    assert!(!files.is_empty(), "FIMBLE_WEIGHTS holds no .gguf file");
    for path in files {
        let file = GgufFile::open(&path).expect("it is read");
        let server = Server::start(&servers, &path).expect("the server knows the file");
        let found = differences(&server, file.metadata(), N_PIECES);
        let shown = found.iter().take(10).cloned().collect::<Vec<_>>().join("\n");
        assert!(found.is_empty(), "{}: {} of {N_PIECES} differ:\n{shown}", path.display(), found.len());
        eprintln!("{}: {N_PIECES} pieces are equal", path.display());
    }
}

/// Ways that the server only comes near to, by its own comments: its expressions know no classes of upper and lower case.
const APPROXIMATED: &[&str] = &["tekken", "gpt-4o", "llama4", "kanana2", "minimax-m2"];

#[test]
#[ignore = "needs real servers and weights: tests/servers/run"]
fn every_way_of_splitting_is_that_of_llama_server() {
    let (servers, weights) = (folder_in("FIMBLE_SERVERS"), folder_in("FIMBLE_WEIGHTS"));
    let vocabulary =
        GgufFile::open(&weights.join("qwen2.5-coder-0.5b-instruct-q4_k_m.gguf")).expect("it is read");
    let folder = tempfile::tempdir().unwrap();
    let mut report = String::new();
    let mut n_equal = 0;
    let only = std::env::var("FIMBLE_SPLITTER").ok();
    for pre in known_splitters().filter(|pre| only.as_ref().is_none_or(|only| only == pre)) {
        let path = folder.path().join("tiny.gguf");
        std::fs::write(&path, tiny_model(vocabulary.metadata(), pre)).unwrap();
        let Some(server) = Server::start(&servers, &path) else {
            eprintln!("{pre}: not known to this server");
            continue;
        };
        let tiny = GgufFile::open(&path).expect("it is read");
        assert_eq!(tiny.metadata().get("tokenizer.ggml.pre"), Some(&Value::String(pre.to_owned())));
        let found = differences(&server, tiny.metadata(), 1000);
        eprintln!("{pre}: {} of 1000 differ", found.len());
        if found.is_empty() {
            n_equal += 1;
        } else if !APPROXIMATED.contains(&pre) {
            write!(report, "{pre}: {} differ:\n{}\n", found.len(), found[..found.len().min(4)].join("\n"))
                .unwrap();
        }
    }
    assert!(report.is_empty(), "{report}");
    assert!(n_equal > 0);
}
