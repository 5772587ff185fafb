//! The rules of the architecture, as tests: which crate may import which, that imports between files have no cycles, which crate
//! may use which library, which files open sockets, that every source file says what is in it, and that each promise
//! about privacy has a test.

#![allow(clippy::unwrap_used, reason = "a test")]

mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use sources::rust_files;

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
    ("fimble-shared", &["fimble-model"]),
    ("fimble-completion", &["fimble-document", "fimble-syntax", "fimble-model"]),
    ("fimble-actions", &["fimble-document", "fimble-secrets", "fimble-syntax", "fimble-model"]),
    ("fimble-next-edit", &["fimble-document", "fimble-model", "fimble-syntax"]),
    (
        "fimble-lsp",
        &[
            "fimble-document",
            "fimble-syntax",
            "fimble-model",
            "fimble-completion",
            "fimble-actions",
            "fimble-next-edit",
            "fimble-engine",
            "fimble-secrets",
            "fimble-workspace",
        ],
    ),
    ("fimble-client", &["fimble-lsp"]),
    ("fimble-serve", &["fimble-model", "fimble-secrets"]),
    (
        "fimble-tools",
        &[
            "fimble",
            "fimble-backends",
            "fimble-client",
            "fimble-completion",
            "fimble-document",
            "fimble-engine",
            "fimble-lsp",
            "fimble-model",
            "fimble-next-edit",
            "fimble-syntax",
            "fimble-workspace",
        ],
    ),
    // What measures the binary runs it as a process of its own.
    ("fimble-action-tasks", &["fimble-document", "fimble-syntax"]),
    ("fimble-fuzz", &["fimble-document", "fimble-lsp", "fimble-onnx"]),
];

/// Packages of the workspace that users do not install.
const NOT_INSTALLED: &[&str] = &["fimble-tools", "fimble-action-tasks", "fimble-fuzz"];

/// Which of our crates may know which library.
const KNOWN_ONLY_TO: &[(&str, &[&str])] = &[
    ("ropey", &["fimble-document"]),
    ("tree-sitter", &["fimble-syntax", "fimble-grammars"]),
    ("ort", &["fimble-engine"]),
    ("tokenizers", &["fimble-engine"]),
    ("minijinja", &["fimble-engine"]),
    ("llguidance", &["fimble-engine"]),
    ("axum", &["fimble-serve"]),
    ("hyper", &["fimble-serve"]),
    ("hyper-util", &["fimble-serve"]),
    ("tower-lsp-server", &["fimble-lsp"]),
    ("http", &["fimble-backends"]),
    ("rustls", &["fimble-backends"]),
    ("ureq-proto", &["fimble-backends"]),
    // They belong to the packages and not to the binary.
    ("clap_complete", &["fimble-tools"]),
    ("clap_mangen", &["fimble-tools"]),
    ("libfuzzer-sys", &["fimble-fuzz"]),
];

/// Libraries that open sockets; none may be in the binary. What only turns bytes into messages or encrypts them is allowed, to
/// one crate. tokio's sockets and hyper's answers are for the one crate that listens on this machine.
const NETWORK_LIBRARIES: &[&str] = &[
    "attohttpc",
    "curl",
    "h2",
    "hf-hub",
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
            "hyper" | "hyper-util" => assert!(
                !features.iter().any(|feature| feature.starts_with("client")),
                "{name} would ask other servers"
            ),
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

/// Code without comments, and without the modules of tests, which stand at the end of a file.
fn without_comments_and_tests(text: &str) -> String {
    let code: String = text.lines().flat_map(|line| [line.split("//").next().unwrap(), "\n"]).collect();
    let begins_tests = |at: &usize| {
        let mut lines = code[*at..].lines();
        let is_for_tests =
            lines.next().is_some_and(|line| line.contains("(test)") || line.contains("all(test,"));
        let module = lines.find(|line| !line.starts_with("#[")).unwrap_or_default();
        is_for_tests && module.ends_with('{') && (module.starts_with("mod ") || module.contains(" mod "))
    };
    let end = code.match_indices("#[cfg(").map(|(at, _)| at).find(begins_tests);
    code[..end.unwrap_or(code.len())].to_owned()
}

/// Reads a path and what follows it in braces, and adds each path that is named. Returns the rest of the code.
fn read_path<'a>(mut code: &'a str, before: &[String], found: &mut Vec<Vec<String>>) -> &'a str {
    let mut path = before.to_vec();
    loop {
        let end = code.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(code.len());
        if end > 0 {
            path.push(code[..end].to_owned());
        }
        code = &code[end..];
        if let Some(items) = code.strip_prefix('{').filter(|_| end == 0) {
            code = items.trim_start();
            while !code.is_empty() && !code.starts_with('}') {
                let rest = read_path(code, &path, found);
                // What is no path, such as the comma behind one, is passed over.
                let skipped =
                    if rest.len() == code.len() { code.chars().next().unwrap().len_utf8() } else { 0 };
                code = rest[skipped..].trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            }
            return code.strip_prefix('}').unwrap_or(code);
        }
        match code.strip_prefix("::").filter(|_| end > 0) {
            Some(rest) => code = rest,
            None => break,
        }
    }
    if path.len() > before.len() || !before.is_empty() {
        found.push(path);
    }
    code
}

/// The paths that code names from the root of its crate (`crate::`), its parent (`super::`) or itself (`self::`), whether they
/// are imported or stand in the code.
fn paths_in(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in code.match_indices(start) {
            let is_inside = code[..at].ends_with(|c: char| c.is_alphanumeric() || "_:$".contains(c));
            if !is_inside {
                read_path(&code[at..], &[], &mut found);
            }
        }
    }
    found
}

/// The files of one crate: by the path of its module, which is empty for the root.
type Modules = BTreeMap<Vec<String>, PathBuf>;

/// The files below `root`, without those of tests.
fn modules(root: &Path, files: &[PathBuf]) -> Modules {
    let path_of = |file: &PathBuf| {
        let inside = file.strip_prefix(root).unwrap().with_extension("");
        let mut path: Vec<String> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if path.last().is_some_and(|last| last == "mod") || ["lib", "main"].iter().any(|name| path == [*name])
        {
            path.pop();
        }
        (path, file.clone())
    };
    files.iter().map(path_of).filter(|(path, _)| !path.iter().any(|part| part == "tests")).collect()
}

/// The file that a path leads to, which the code of a module names.
fn file_of(path: &[String], module: &[String], modules: &Modules) -> Vec<String> {
    let mut whole = if path[0] == "crate" { Vec::new() } else { module.to_vec() };
    for part in path {
        match part.as_str() {
            "crate" | "self" => {}
            "super" => drop(whole.pop()),
            name => whole.push(name.to_owned()),
        }
    }
    while !whole.is_empty() && !modules.contains_key(&whole) {
        whole.pop();
    }
    whole
}

/// The files that can be reached from themselves by following imports.
fn in_circles(imports: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>) -> Vec<String> {
    let reaches_itself = |module: &&Vec<String>| {
        let mut reached = BTreeSet::new();
        let mut to_visit: Vec<_> = imports[*module].iter().collect();
        while let Some(next) = to_visit.pop() {
            if reached.insert(next) {
                to_visit.extend(imports.get(next).into_iter().flatten());
            }
        }
        reached.contains(module)
    };
    imports.keys().filter(reaches_itself).map(|module| module.join("::")).collect()
}

/// The files of a crate that import each other in a circle, by the paths of their modules.
fn circles(modules: &Modules) -> Vec<String> {
    let imports = modules.iter().map(|(module, file)| {
        let code = without_comments_and_tests(&std::fs::read_to_string(file).unwrap());
        let mut imported: BTreeSet<_> =
            paths_in(&code).iter().map(|path| file_of(path, module, modules)).collect();
        imported.remove(module);
        (module.clone(), imported)
    });
    in_circles(&imports.collect())
}

#[test]
fn paths_are_read_as_rust_reads_them() {
    let code = "use crate::{a::{B, c}, d};\nuse super::e::*; // crate::no\nfn f(x: self::g::H) { crate::i::j::<u8>(x) }\n\
                use other_crate::k; $crate::l!();\n#[cfg(test)]\nmod tests {\n    use super::m;\n}\n";
    let mut found: Vec<String> =
        paths_in(&without_comments_and_tests(code)).iter().map(|path| path.join("::")).collect();
    found.sort();
    assert_eq!(found, ["crate::a::B", "crate::a::c", "crate::d", "crate::i::j", "self::g::H", "super::e"]);
    let path = |text: &str| text.split("::").map(str::to_owned).collect::<Vec<_>>();
    let modules = ["a", "a::c", "b"].map(|name| (path(name), PathBuf::new()));
    let modules = Modules::from(modules);
    for (named, file) in
        [("crate::a::B", "a"), ("super::c::D", "a::c"), ("super::super::b", "b"), ("self::x", "a::x")]
    {
        let module = if file == "a::x" { "b" } else { "a::x" };
        let expected = if file == "a::x" { path("b") } else { path(file) };
        assert_eq!(file_of(&path(named), &path(module), &modules), expected, "{named}");
    }
}

#[test]
fn files_import_each_other_in_no_circle() {
    let server = root().join("server");
    let mut crates = Vec::new();
    for entry in std::fs::read_dir(&server).unwrap().map(Result::unwrap) {
        let source = entry.path().join("src");
        if source.is_dir() {
            crates.push((entry.file_name().to_string_lossy().into_owned(), source));
        }
    }
    crates.push(("grammars".to_owned(), root().join("grammars/src")));
    for folder in ["tools/shared", "tools/bench", "tools/eval"] {
        crates.push((folder.to_owned(), root().join(folder)));
    }
    crates.push(("tools/actions".to_owned(), root().join("tools/actions/src")));
    let mut found: Vec<_> = crates
        .into_iter()
        .map(|(name, source)| {
            let mut files = Vec::new();
            rust_files(&source, &mut files);
            assert!(!files.is_empty(), "{name} has no files");
            (name, circles(&modules(&source, &files)))
        })
        .collect();
    let mut files = vec![server.join("lib.rs"), server.join("cli.rs")];
    rust_files(&server.join("cli"), &mut files);
    found.push(("cli".to_owned(), circles(&modules(&server, &files))));
    for (name, circle) in found {
        assert!(
            circle.is_empty(),
            "{name} has files that import each other in a circle: {}",
            circle.join(", ")
        );
    }
}

/// Rust code that opens or accepts a connection, or resolves addresses.
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
    // Named pipes of Windows, and the folder in which they are opened as files.
    "NamedPipe",
    r"\\.\pipe",
];

/// The files that open sockets or pipes, and what each may call of the above.
const MAY_CALL: &[(&str, &[&str])] = &[
    ("server/backends/src/connector.rs", &["TcpStream::connect", "UnixStream::connect", "to_socket_addrs"]),
    // Socket files alone: nothing here can leave the machine.
    ("server/shared/src/socket.rs", &["UnixStream::connect", "UnixListener"]),
    // Named pipes in their place on Windows, which refuse other machines.
    ("server/shared/src/socket/name.rs", &[r"\\.\pipe"]),
    ("server/shared/src/socket/win32.rs", &["NamedPipe"]),
    // `fimble serve` listens on this machine. It connects to a socket file to see whether another program listens there.
    ("server/serve/src/listen.rs", &["TcpListener", "UnixStream::connect", "UnixListener"]),
];

#[test]
fn only_the_files_of_this_list_open_sockets() {
    let mut files = Vec::new();
    rust_files(&root().join("server"), &mut files);
    rust_files(&root().join("grammars"), &mut files);
    rust_files(&root().join("tools"), &mut files);
    let mut found = BTreeMap::new();
    for file in files {
        let name = file.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
        // Tests play servers, an example asks one bare; none of them is in the binary.
        if ["/tests/", "/benches/", "/examples/"].iter().any(|folder| name.contains(folder)) {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let calls: BTreeSet<&str> = SOCKET_CALLS.iter().copied().filter(|call| text.contains(call)).collect();
        if !calls.is_empty() {
            found.insert(name, calls);
        }
    }
    let may_call = MAY_CALL.iter().map(|(file, calls)| ((*file).to_owned(), calls.iter().copied().collect()));
    assert_eq!(found, may_call.collect::<BTreeMap<String, BTreeSet<&str>>>());
}

/// tokio's sockets are one feature for the whole program: only the crate that listens may ask for it, and name them.
#[test]
fn only_the_crate_that_listens_knows_tokios_sockets() {
    let metadata = metadata();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let uses_net = package["dependencies"].as_array().unwrap().iter().any(|dependency| {
            dependency["name"] == "tokio"
                && dependency["kind"].is_null()
                && dependency["features"].as_array().unwrap().iter().any(|feature| feature == "net")
        });
        assert!(
            !uses_net || !name.starts_with("fimble") || name == "fimble-serve",
            "{name} asks for tokio's sockets"
        );
    }
    let mut files = Vec::new();
    rust_files(&root().join("server"), &mut files);
    for file in files {
        let name = file.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(
            !text.contains("tokio::net") || name == "server/serve/src/listen.rs",
            "{name} names tokio's sockets"
        );
    }
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
