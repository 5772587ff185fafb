//! The rules of the house, as tests: who may import whom, who may know which library, that one file alone opens sockets, that
//! every source file says what lives there, and that each promise about privacy has a test.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Which of our crates each of our crates may import. Nothing below calls upwards.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("fimble-document", &[]),
    ("fimble-model", &[]),
    ("fimble-ngram", &[]),
    ("fimble-kernels", &[]),
    ("fimble-onnx", &["fimble-kernels"]),
    ("fimble-grammars", &[]),
    ("fimble-files", &[]),
    ("fimble-store", &["fimble-files"]),
    ("fimble-secrets", &[]),
    ("fimble-syntax", &["fimble-document", "fimble-grammars"]),
    ("fimble-engine", &["fimble-files", "fimble-kernels", "fimble-model", "fimble-ngram", "fimble-onnx"]),
    ("fimble-workspace", &["fimble-document", "fimble-files", "fimble-secrets", "fimble-syntax"]),
    ("fimble-backends", &["fimble-model", "fimble-secrets"]),
    ("fimble-completion", &["fimble-document", "fimble-syntax", "fimble-model"]),
    ("fimble-actions", &["fimble-document", "fimble-secrets", "fimble-syntax", "fimble-model"]),
    (
        "fimble-lsp",
        &[
            "fimble-document",
            "fimble-syntax",
            "fimble-model",
            "fimble-completion",
            "fimble-actions",
            "fimble-engine",
            "fimble-secrets",
            "fimble-workspace",
        ],
    ),
    (
        "fimble-tools",
        &[
            "fimble",
            "fimble-completion",
            "fimble-document",
            "fimble-engine",
            "fimble-model",
            "fimble-syntax",
            "fimble-workspace",
        ],
    ),
    // What measures the binary runs it as a process of its own.
    ("fimble-action-tasks", &["fimble-document", "fimble-syntax"]),
];

/// Packages of the workspace that users do not install.
const NOT_INSTALLED: &[&str] = &["fimble-tools", "fimble-action-tasks"];

/// Which of our crates may know which library.
const KNOWN_ONLY_TO: &[(&str, &[&str])] = &[
    ("ropey", &["fimble-document"]),
    ("tree-sitter", &["fimble-syntax", "fimble-grammars"]),
    ("ort", &["fimble-engine"]),
    ("tokenizers", &["fimble-engine"]),
    ("minijinja", &["fimble-engine"]),
    ("tower-lsp-server", &["fimble-lsp"]),
    ("http", &["fimble-backends"]),
    ("rustls", &["fimble-backends"]),
    ("ureq-proto", &["fimble-backends"]),
    // They belong to the packages and not to the binary.
    ("clap_complete", &["fimble-tools"]),
    ("clap_mangen", &["fimble-tools"]),
];

/// Libraries that open sockets; none may be in the binary. What only turns bytes into messages or encrypts them is allowed, to
/// one crate.
const NETWORK_LIBRARIES: &[&str] = &[
    "attohttpc",
    "curl",
    "h2",
    "hf-hub",
    "hyper",
    "isahc",
    "native-tls",
    "openssl",
    "quinn",
    "reqwest",
    "tungstenite",
    "ureq",
    "websocket",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The platform that this is built for: what others need may not even be downloaded.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host").to_owned()
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--filter-platform", &host()])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

/// Name of each workspace package with the names of what it imports outside of tests.
fn imports(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let members: BTreeSet<&str> =
        metadata["workspace_members"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .filter(|package| members.contains(package["id"].as_str().unwrap()))
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap();
            let normal = dependencies.iter().filter(|dependency| dependency["kind"].is_null());
            let names = normal.map(|dependency| dependency["name"].as_str().unwrap().to_owned()).collect();
            (package["name"].as_str().unwrap().to_owned(), names)
        })
        .collect()
}

#[test]
fn crates_import_only_what_lies_below_them() {
    let imports = imports(&metadata());
    for (name, allowed) in MAY_IMPORT {
        let ours = imports[*name].iter().filter(|import| import.starts_with("fimble"));
        for import in ours {
            assert!(allowed.contains(&import.as_str()), "{name} must not import {import}");
        }
    }
    for (name, its_imports) in &imports {
        let of_tools = its_imports.iter().find(|import| NOT_INSTALLED.contains(&import.as_str()));
        assert!(of_tools.is_none(), "{name} must not import {of_tools:?}: it is not installed");
    }
    let unknown: Vec<_> = imports
        .keys()
        .filter(|name| *name != "fimble" && !MAY_IMPORT.iter().any(|(known, _)| known == name))
        .collect();
    assert!(unknown.is_empty(), "crates without an import rule: {unknown:?}");
}

#[test]
fn libraries_stay_in_their_rooms() {
    for (name, its_imports) in imports(&metadata()) {
        for (library, rooms) in KNOWN_ONLY_TO {
            let knows = its_imports.contains(*library);
            assert!(!knows || rooms.contains(&name.as_str()), "{name} must not know {library}");
        }
    }
}

#[test]
fn no_library_in_the_binary_opens_a_socket() {
    let metadata = metadata();
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let by_id: BTreeMap<&str, &Value> =
        nodes.iter().map(|node| (node["id"].as_str().unwrap(), node)).collect();
    let names: BTreeMap<&str, &str> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| (package["id"].as_str().unwrap(), package["name"].as_str().unwrap()))
        .collect();
    let mut to_visit: Vec<&str> =
        metadata["workspace_members"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let mut reached = BTreeSet::new();
    while let Some(id) = to_visit.pop() {
        if !reached.insert(id) {
            continue;
        }
        for dependency in by_id[id]["deps"].as_array().unwrap() {
            let kinds = dependency["dep_kinds"].as_array().unwrap();
            if kinds.iter().any(|kind| kind["kind"].is_null()) {
                to_visit.push(dependency["pkg"].as_str().unwrap());
            }
        }
    }
    for id in reached {
        let name = names[id];
        assert!(!NETWORK_LIBRARIES.contains(&name), "{name} speaks to the network");
        let features: Vec<&str> = by_id[id]["features"]
            .as_array()
            .unwrap()
            .iter()
            .map(|feature| feature.as_str().unwrap())
            .collect();
        match name {
            "tokio" => assert!(!features.contains(&"net"), "tokio's sockets are switched on"),
            "ort" | "ort-sys" => assert!(
                !features
                    .iter()
                    .any(|feature| feature.starts_with("download") || feature.starts_with("fetch")),
                "{name} would download"
            ),
            "tokenizers" => assert!(!features.contains(&"http"), "tokenizers would download"),
            _ => {}
        }
    }
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// What opens or accepts a connection, or asks for addresses, as it is written in Rust.
const SOCKET_CALLS: &[&str] = &[
    "TcpStream::connect",
    "TcpListener",
    "UdpSocket",
    "UnixStream::connect",
    "UnixListener",
    "UnixDatagram",
    "to_socket_addrs",
    "socket2",
    "libc::socket",
];

#[test]
fn one_file_of_ours_opens_sockets() {
    let mut files = Vec::new();
    rust_files(&root().join("server"), &mut files);
    rust_files(&root().join("grammars"), &mut files);
    rust_files(&root().join("tools"), &mut files);
    let mut found = BTreeSet::new();
    for file in files {
        let name = file.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
        // Tests play servers, an example asks one bare; none of them is in the binary.
        if ["/tests/", "/benches/", "/examples/"].iter().any(|folder| name.contains(folder)) {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        if SOCKET_CALLS.iter().any(|call| text.contains(call)) {
            found.insert(name);
        }
    }
    assert_eq!(found, BTreeSet::from(["server/backends/src/connector.rs".to_owned()]));
}

#[test]
fn every_source_file_says_what_lives_there() {
    let mut files = Vec::new();
    for folder in ["server", "grammars", "tests", "tools"] {
        rust_files(&root().join(folder), &mut files);
    }
    assert!(files.len() > 30, "the folders were not found");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//!"), "{} does not open with //!", file.display());
        let head: String = text.lines().take_while(|line| line.starts_with("//!")).collect();
        assert!(head.len() > 20, "{} says too little at its top", file.display());
    }
}

/// The tests that a row of a table names, as `file::name`.
fn tests_named_in(row: &str) -> Vec<(&str, &str)> {
    row.split('`').skip(1).step_by(2).filter_map(|code| code.split_once("::")).collect()
}

/// Whether a file has a test of this name.
fn has_test(text: &str, name: &str) -> bool {
    if text.contains(&format!("test(\"{name}\",")) {
        return true;
    }
    let head = format!("fn {name}(");
    let Some(at) = text.lines().position(|line| line.trim_start().starts_with(&head)) else { return false };
    let above: Vec<&str> = text.lines().take(at).collect();
    above
        .iter()
        .rev()
        .take_while(|line| line.trim_start().starts_with("#["))
        .any(|line| line.trim() == "#[test]")
}

#[test]
fn every_promise_about_privacy_names_tests_that_exist() {
    let page = std::fs::read_to_string(root().join("PRIVACY.md")).unwrap();
    let (_, table) = page.split_once("\n| promise | test |\n|---|---|\n").unwrap();
    let rows: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() >= 25, "the table was not found");
    for row in rows {
        let tests = tests_named_in(row);
        assert!(!tests.is_empty(), "no test is named: {row}");
        for (file, name) in tests {
            let text = std::fs::read_to_string(root().join(file));
            let text = text.unwrap_or_else(|error| panic!("{file}: {error}"));
            assert!(has_test(&text, name), "{file} has no test {name}");
        }
    }
}
