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

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % most as u64) as usize
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

/// Texts that are easily split wrongly.
const ODD: &[&str] = &[
    "\r\n",
    "\r",
    "\t",
    "\t\t  ",
    "   ",
    "  \n \n",
    "\n\n\n",
    "\u{a0}",
    "\u{3000}",
    "\u{2028}",
    "\u{85}",
    "\u{b}",
    "\u{200b}",
    "\u{feff}",
    "0",
    "7",
    "1234567890",
    "3.14e-10",
    "0x1F",
    "１２",
    "٣٤",
    "½",
    "²",
    "Ⅷ",
    "é",
    "e\u{301}",
    "n\u{303}o",
    "a\u{308}\u{323}",
    "日本語",
    "한국어",
    "汉字",
    "Ελληνικά",
    "Привет",
    "שלום",
    "नमस्ते",
    "ไทย",
    "ß",
    "ŉ",
    "ǅ",
    "ʰ",
    "ﬁ",
    "😀",
    "👩‍👩‍👧",
    "🇩🇪",
    "❤️",
    "√",
    "→",
    "«»",
    "“”",
    "…",
    "—",
    "_",
    "__init__",
    "'s",
    "'S",
    "'ll",
    "'LL",
    "'\u{17f}",
    "don't",
    "I'VE",
    "it's",
    "x'y",
    "''",
    "$",
    "+=",
    "<=>",
    "^~|`",
    "/*",
    "//",
    "\\n",
    "#!",
    "@",
    "a1b2",
    "camelCaseWord",
    "HTTPServer",
    "snake_case",
    "αβγ",
    "İ",
    "ı",
    "\u{1}",
    "\u{7f}",
    "\u{e000}",
    "𝒳",
    "𐍈",
    "\u{301}",
    "\u{94d}",
    "☺",
    "▁",
    "Ġ",
    "Ċ",
    "<0x0A>",
    "{}[]();",
    "==",
    "!=",
    "-->",
    "&&",
];

/// Source files of this repository.
fn sources() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut folders =
        vec![root.join("server"), root.join("tests"), root.join("editors"), root.join("models/recipe")];
    let mut texts = vec![std::fs::read_to_string(root.join("README.md")).unwrap()];
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<PathBuf> =
            std::fs::read_dir(&folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && name != "node_modules" && name != "target" {
                folders.push(path);
            } else if path.metadata().is_ok_and(|metadata| metadata.len() < 200_000) {
                texts.extend(std::fs::read_to_string(&path));
            }
        }
    }
    assert!(texts.len() > 100);
    texts
}

fn slice<'a>(text: &'a str, random: &mut Random, longest: usize) -> &'a str {
    let boundary = |at: usize| text.floor_char_boundary(at.min(text.len()));
    let start = boundary(random.below(text.len().max(1)));
    &text[start..boundary(start + 1 + random.below(longest)).max(start)]
}

/// A piece of source or of odd text, in which texts of special tokens stand too.
fn piece(random: &mut Random, sources: &[String], specials: &[String]) -> String {
    let source = |random: &mut Random| {
        let text = random.of(sources).clone();
        slice(&text, random, 300).to_owned()
    };
    match random.below(8) {
        0..3 => source(random),
        3 => source(random).replace('\n', "\r\n"),
        4 => source(random).replace("    ", "\t"),
        5 => (0..1 + random.below(12)).map(|_| *random.of(ODD)).collect(),
        6 => {
            let mut text = String::new();
            for _ in 0..1 + random.below(5) {
                let special = random.of(specials).clone();
                write!(text, "{}{special}{}", slice(&source(random), random, 20), random.of(ODD)).unwrap();
            }
            text
        }
        _ => {
            let letters = (0..1 + random.below(30)).filter_map(|_| {
                let range =
                    random.of(&[0x20..0x7f, 0xa0..0x250, 0x300..0x600, 0x4e00..0x9fff, 0x1f300..0x1f650]);
                char::from_u32(range.start + random.below((range.end - range.start) as usize) as u32)
            });
            letters.collect()
        }
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
    let mut random = Random(7);
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

fn folder_in(variable: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(variable).map(PathBuf::from);
    if folder.is_none() {
        eprintln!("left out: {variable} is not set");
    }
    folder
}

#[test]
#[ignore = "needs llama.cpp's server and weights: FIMBLE_SERVERS and FIMBLE_WEIGHTS"]
fn tokens_are_those_of_llama_server() {
    let (Some(servers), Some(weights)) = (folder_in("FIMBLE_SERVERS"), folder_in("FIMBLE_WEIGHTS")) else {
        return;
    };
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

/// A file with the vocabulary of another, and weights that are nothing but zeros.
fn tiny_model(metadata: &Metadata, pre: &str) -> Vec<u8> {
    const WIDTH: u64 = 32;
    let tokens = metadata.strings("tokenizer.ggml.tokens").expect("there are tokens");
    let mut entries: Vec<(String, Vec<u8>)> = Vec::new();
    let text =
        |text: &str| [&8_u32.to_le_bytes()[..], &(text.len() as u64).to_le_bytes(), text.as_bytes()].concat();
    entries.push(("general.architecture".to_owned(), text("llama")));
    for (key, value) in [
        ("context_length", 256_u32),
        ("embedding_length", WIDTH as u32),
        ("block_count", 1),
        ("feed_forward_length", WIDTH as u32),
        ("attention.head_count", 1),
        ("vocab_size", tokens.len() as u32),
    ] {
        let value = [4_u32.to_le_bytes(), value.to_le_bytes()].concat();
        entries.push((format!("llama.{key}"), value));
    }
    let epsilon = [&6_u32.to_le_bytes()[..], &1e-5_f32.to_le_bytes()].concat();
    entries.push(("llama.attention.layer_norm_rms_epsilon".to_owned(), epsilon));
    entries.push(("tokenizer.ggml.model".to_owned(), text("gpt2")));
    entries.push(("tokenizer.ggml.pre".to_owned(), text(pre)));
    for key in ["tokenizer.ggml.tokens", "tokenizer.ggml.merges"] {
        let texts = metadata.strings(key).expect("there are texts");
        let mut value = [9_u32.to_le_bytes(), 8_u32.to_le_bytes()].concat();
        value.extend((texts.len() as u64).to_le_bytes());
        texts.iter().for_each(|one| value.extend_from_slice(&text(one)[4..]));
        entries.push((key.to_owned(), value));
    }
    let types = metadata.numbers("tokenizer.ggml.token_type").expect("there are types");
    let mut value = [9_u32.to_le_bytes(), 5_u32.to_le_bytes()].concat();
    value.extend((types.len() as u64).to_le_bytes());
    (0..types.len()).for_each(|index| value.extend((types.integer(index).unwrap() as i32).to_le_bytes()));
    entries.push(("tokenizer.ggml.token_type".to_owned(), value));
    for key in ["bos_token_id", "eos_token_id"] {
        let key = format!("tokenizer.ggml.{key}");
        let id = metadata.u64(&key).expect("it is named") as u32;
        entries.push((key, [4_u32.to_le_bytes(), id.to_le_bytes()].concat()));
    }
    let square = vec![WIDTH, WIDTH];
    let mut tensors = vec![
        ("token_embd.weight".to_owned(), vec![WIDTH, tokens.len() as u64]),
        ("output_norm.weight".to_owned(), vec![WIDTH]),
    ];
    for norm in ["attn_norm", "ffn_norm"] {
        tensors.push((format!("blk.0.{norm}.weight"), vec![WIDTH]));
    }
    for name in ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"] {
        tensors.push((format!("blk.0.{name}.weight"), square.clone()));
    }
    let mut file = [&b"GGUF"[..], &3_u32.to_le_bytes()].concat();
    file.extend((tensors.len() as u64).to_le_bytes());
    file.extend((entries.len() as u64).to_le_bytes());
    for (key, value) in entries {
        file.extend_from_slice(&text(&key)[4..]);
        file.extend(value);
    }
    let mut length: u64 = 0;
    for (name, shape) in tensors {
        file.extend_from_slice(&text(&name)[4..]);
        file.extend((shape.len() as u32).to_le_bytes());
        shape.iter().for_each(|dimension| file.extend(dimension.to_le_bytes()));
        file.extend(0_u32.to_le_bytes());
        file.extend(length.to_le_bytes());
        length += shape.iter().product::<u64>() * 4;
    }
    file.resize(file.len().next_multiple_of(32) + length as usize, 0);
    file
}

/// Ways that the server only comes near to, by its own comments: its expressions know no classes of upper and lower case.
const APPROXIMATED: &[&str] = &["tekken", "gpt-4o", "llama4", "kanana2", "minimax-m2"];

#[test]
#[ignore = "needs llama.cpp's server and weights: FIMBLE_SERVERS and FIMBLE_WEIGHTS"]
fn every_way_of_splitting_is_that_of_llama_server() {
    let (Some(servers), Some(weights)) = (folder_in("FIMBLE_SERVERS"), folder_in("FIMBLE_WEIGHTS")) else {
        return;
    };
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
