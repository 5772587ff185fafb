//! `fimble lsp --record`: writes a session of a real editor in the format that `fimble-bench replay` plays. Invariant: it runs
//! only on request, and a message says so; only the user may read the file, and it holds no secret that the detector knows; the
//! server never waits for the file; after a crash it has all typed text except the last line.

mod hiding;

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Instant;

use anyhow::Context as _;
use fimble_document::{Document, Position, PositionEncoding, PositionRange, Text, TextChange};
use fimble_lsp::{MessageSink, create_private_file};
use serde_json::Value;

use super::session_file::{Action, Event, Header, Place};
use hiding::{Edited, Held, Step};

/// A message and when it was read; none ends the recording.
type Read = Option<(Instant, Vec<u8>)>;

/// A recording under way.
pub struct Recorder {
    path: PathBuf,
    messages: mpsc::Sender<Read>,
    thread: JoinHandle<()>,
}

impl Recorder {
    /// Starts to record into a new file.
    ///
    /// # Errors
    /// The file exists, or cannot be written.
    pub fn start(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let mut file = create_private_file(path)
            .with_context(|| format!("cannot record into {shown}: it must be a new file"))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let about = "Recorded by fimble lsp --record".to_owned();
        let header = Header { session: name, about, ..Header::default() };
        writeln!(file, "{}", serde_json::to_string(&header)?)
            .with_context(|| format!("cannot write {shown}"))?;
        let (messages, read) = mpsc::channel::<Read>();
        let started = Instant::now();
        let mut recording = Recording::default();
        let mut held = Held::default();
        let thread = std::thread::Builder::new().name("fimble-record".to_owned()).spawn(move || {
            let mut write = |events: Vec<Event>| {
                let written = events.iter().try_for_each(|event| write_event(&mut file, event));
                written.inspect_err(|error| tracing::error!(%error, "the recording ends here")).is_ok()
            };
            while let Ok(Some((at, message))) = read.recv() {
                let Ok(message) = serde_json::from_slice::<Value>(&message) else { continue };
                let at = u64::try_from(at.saturating_duration_since(started).as_millis()).ok();
                let mut steps = recording.steps(&message).into_iter();
                if !steps.all(|step| write(held.take(at, step))) {
                    return;
                }
            }
            write(held.rest());
        })?;
        Ok(Self { path: path.to_owned(), messages, thread })
    }

    /// The message for the user.
    pub fn notice(&self) -> String {
        format!(
            "Fimble records this session: the text of every file that you open, and all that you type, is written to {}. \
             Start the server without --record to stop that.",
            self.path.display()
        )
    }

    /// Takes the messages of the client.
    pub fn sink(&self) -> MessageSink {
        let messages = self.messages.clone();
        Arc::new(move |message| {
            // A recording that has ended (a full disk) is no reason to stop serving.
            let _ = messages.send(Some((Instant::now(), message.to_vec())));
        })
    }

    /// Writes what was read so far and ends.
    pub fn finish(self) {
        let _ = self.messages.send(None);
        let _ = self.thread.join();
    }
}

/// Writes a line at once, so that a crash loses none.
fn write_event(file: &mut File, event: &Event) -> std::io::Result<()> {
    writeln!(file, "{}", serde_json::to_string(event)?)
}

/// The state of the files that the client has open.
#[derive(Default)]
struct Recording {
    encoding: PositionEncoding,
    /// Folder of the workspace as a URI that ends in a slash; empty if the client has none.
    root: String,
    /// The names of the files in the session, by URI.
    names: HashMap<String, String>,
    files: HashMap<String, Document>,
    current: Option<String>,
}

impl Recording {
    /// The steps of the session for a message.
    fn steps(&mut self, message: &Value) -> Vec<Step> {
        let params = &message["params"];
        // Only messages about a file have one.
        let uri = params["textDocument"]["uri"].as_str().unwrap_or_default();
        let name = self.name(uri);
        match message["method"].as_str().unwrap_or_default() {
            "initialize" => {
                self.initialize(params);
                Vec::new()
            }
            "textDocument/didOpen" => from(self.open(name, &params["textDocument"])),
            "textDocument/didChange" => self.change(&name, &params["contentChanges"]),
            "textDocument/inlineCompletion" | "textDocument/completion" => {
                let Some(position) = self.in_utf16(&name, &params["position"]) else { return Vec::new() };
                let asked = Action::Cursor(Place::At(position.line, position.character));
                from(self.switch_to(&name).into_iter().chain([asked]))
            }
            "textDocument/didSave" if self.files.contains_key(&name) => from([Action::Save(name)]),
            "textDocument/didClose" if self.files.remove(&name).is_some() => {
                self.current = self.current.take().filter(|current| *current != name);
                from([Action::Close(name)])
            }
            "workspace/executeCommand" if self.current.is_some() => match params["command"].as_str() {
                Some("fimble.accepted") => from([Action::Accept { text: String::new() }]),
                Some("fimble.dismissed") => from([Action::Dismiss {}]),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    fn initialize(&mut self, params: &Value) {
        let offered = params["capabilities"]["general"]["positionEncodings"].as_array();
        let known = offered.into_iter().flatten().find_map(|encoding| match encoding.as_str()? {
            "utf-8" => Some(PositionEncoding::Utf8),
            "utf-16" => Some(PositionEncoding::Utf16),
            "utf-32" => Some(PositionEncoding::Utf32),
            _ => None,
        });
        self.encoding = known.unwrap_or_default();
        let root = params["workspaceFolders"][0]["uri"].as_str().or(params["rootUri"].as_str());
        self.root = root.map(|root| format!("{}/", root.trim_end_matches('/'))).unwrap_or_default();
    }

    /// A file's path in the workspace, without the folders above, which are private.
    fn name(&mut self, uri: &str) -> String {
        if let Some(name) = self.names.get(uri) {
            return name.clone();
        }
        let inside = uri.strip_prefix(self.root.as_str()).filter(|_| !self.root.is_empty());
        let short = inside.or_else(|| uri.rsplit('/').next()).unwrap_or(uri);
        // Outside of the workspace, several files can have the same name.
        let number = self.names.values().filter(|name| name.rsplit('/').next() == Some(short)).count();
        let name = if number == 0 { short.to_owned() } else { format!("{number}/{short}") };
        self.names.insert(uri.to_owned(), name.clone());
        name
    }

    fn open(&mut self, name: String, document: &Value) -> Vec<Action> {
        let text = Text::new(document["text"].as_str().unwrap_or_default());
        let language = document["languageId"].as_str().unwrap_or_default().to_owned();
        let (shown, _) = hiding::shown(&text, 0..text.len(), self.is_secret(&name));
        let is_open = self.files.insert(name.clone(), Document::new(text, 0)).is_some();
        self.current = Some(name.clone());
        let closed = is_open.then(|| Action::Close(name.clone()));
        let opened = Action::Open { file: name, language: Some(language), text: Some(shown) };
        closed.into_iter().chain([opened]).collect()
    }

    fn change(&mut self, name: &str, changes: &Value) -> Vec<Step> {
        let is_secret = self.is_secret(name);
        let mut steps = Vec::new();
        for change in changes.as_array().into_iter().flatten() {
            let Some(text) = change["text"].as_str() else { continue };
            let range = match &change["range"] {
                Value::Null => self.files.get(name).map(whole),
                range => self.in_utf16(name, &range["start"]).zip(self.in_utf16(name, &range["end"])),
            };
            let (Some((start, end)), Some(document)) = (range, self.files.get_mut(name)) else { continue };
            let edit = TextChange::Part { range: PositionRange { start, end }, text: text.to_owned() };
            let version = document.version() + 1;
            let at = document.text().offset(start, PositionEncoding::Utf16);
            if document.apply(version, &[edit], PositionEncoding::Utf16, |_, _| {}).is_ok() {
                let (shown, has_secret) = hiding::shown(document.text(), at..at + text.len(), is_secret);
                let is_one_line = start.line == end.line && !text.contains(['\n', '\r']);
                let edited = Edited { file: name.to_owned(), line: start.line, is_one_line, has_secret };
                let range = [start, end].map(|position| (position.line, position.character));
                steps.extend(self.switch_to(name).map(Step::from));
                steps.push(Step { action: Action::Change { range, text: shown }, edited: Some(edited) });
            }
        }
        steps
    }

    /// Whether a file holds secrets by its name.
    fn is_secret(&self, name: &str) -> bool {
        let mut uris = self.names.iter().filter(|(_, known)| *known == name).map(|(uri, _)| uri);
        uris.any(|uri| fimble_secrets::is_secret_path(uri.split(['?', '#']).next().unwrap_or(uri)))
    }

    fn switch_to(&mut self, name: &str) -> Option<Action> {
        let is_other = self.files.contains_key(name) && self.current.as_deref() != Some(name);
        is_other.then(|| {
            self.current = Some(name.to_owned());
            Action::Switch(name.to_owned())
        })
    }

    /// A position of the client in an open file, clamped as the server does it.
    fn in_utf16(&self, name: &str, position: &Value) -> Option<Position> {
        let number = |field: &str| u32::try_from(position[field].as_u64()?).ok();
        let position = Position { line: number("line")?, character: number("character")? };
        let text = self.files.get(name)?.text();
        Some(text.position(text.offset(position, self.encoding), PositionEncoding::Utf16))
    }
}

fn from(actions: impl IntoIterator<Item = Action>) -> Vec<Step> {
    actions.into_iter().map(Step::from).collect()
}

fn whole(document: &Document) -> (Position, Position) {
    let text = document.text();
    (Position::default(), text.position(text.len(), PositionEncoding::Utf16))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(recording: &mut Recording, method: &str, params: Value) -> Vec<String> {
        let steps = recording.steps(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
        steps.into_iter().map(|step| serde_json::to_string(&step.action).unwrap()).collect()
    }

    fn started(encoding: &str) -> Recording {
        let mut recording = Recording::default();
        let params = json!({
            "capabilities": {"general": {"positionEncodings": [encoding]}},
            "rootUri": "file:///home/me/project",
        });
        assert!(lines(&mut recording, "initialize", params).is_empty());
        for (uri, text) in [("file:///home/me/project/src/a.c", "😀x\n"), ("file:///elsewhere/b.c", "")] {
            let document = json!({"uri": uri, "languageId": "c", "version": 1, "text": text});
            lines(&mut recording, "textDocument/didOpen", json!({"textDocument": document}));
        }
        recording
    }

    #[test]
    fn positions_are_written_in_utf_16_whatever_the_client_counts() {
        for (encoding, character) in [("utf-8", 4), ("utf-16", 2), ("utf-32", 1)] {
            let mut recording = started(encoding);
            let place = json!({"line": 0, "character": character});
            let document = json!({"uri": "file:///home/me/project/src/a.c", "version": 2});
            let change = json!({"range": {"start": place, "end": place}, "text": "y"});
            let params = json!({"textDocument": document, "contentChanges": [change]});
            let expected = [r#"{"switch":"src/a.c"}"#, r#"{"change":{"range":[[0,2],[0,2]],"text":"y"}}"#];
            assert_eq!(lines(&mut recording, "textDocument/didChange", params), expected, "{encoding}");
            let params = json!({"textDocument": document, "position": {"line": 0, "character": 99}});
            assert_eq!(
                lines(&mut recording, "textDocument/inlineCompletion", params),
                [r#"{"cursor":[0,4]}"#]
            );
        }
    }

    #[test]
    fn a_new_full_text_replaces_the_old_one() {
        let mut recording = started("utf-16");
        let document = json!({"uri": "file:///home/me/project/src/a.c"});
        let params = json!({"textDocument": document, "contentChanges": [{"text": "int"}]});
        let expected = [r#"{"switch":"src/a.c"}"#, r#"{"change":{"range":[[0,0],[1,0]],"text":"int"}}"#];
        assert_eq!(lines(&mut recording, "textDocument/didChange", params), expected);
        let other = json!({"uri": "file:///other/b.c", "languageId": "c", "version": 1, "text": "z"});
        let expected = [r#"{"open":{"file":"1/b.c","language":"c","text":"z"}}"#];
        assert_eq!(lines(&mut recording, "textDocument/didOpen", json!({"textDocument": other})), expected);
        let params = json!({"textDocument": document});
        assert_eq!(
            lines(&mut recording, "textDocument/didClose", params.clone()),
            [r#"{"close":"src/a.c"}"#]
        );
        assert!(lines(&mut recording, "textDocument/didSave", params).is_empty());
    }
    #[test]
    fn a_recording_is_for_its_user_alone_and_holds_no_secret() {
        let password = ["x9Kd02", "mmQpL7aa31Zb"].concat();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("session.jsonl");
        let recorder = Recorder::start(&path).unwrap();
        let sink = recorder.sink();
        let send = |method: &str, params: Value| {
            sink(json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string().as_bytes());
        };
        send("initialize", json!({"rootUri": "file:///p", "capabilities": {}}));
        let opened = [
            ("a.py", format!("password = \"{password}\"\n")),
            ("secrets/b.yaml", format!("note: {password}\n")),
        ];
        for (name, text) in opened {
            let document =
                json!({"uri": format!("file:///p/{name}"), "languageId": "", "version": 1, "text": text});
            send("textDocument/didOpen", json!({"textDocument": document}));
        }
        for (at, key) in format!("token = \"{password}\"").chars().enumerate() {
            let place = json!({"line": 1, "character": at});
            let change = json!({"range": {"start": place, "end": place}, "text": key.to_string()});
            let document = json!({"uri": "file:///p/a.py", "version": at + 2});
            send("textDocument/didChange", json!({"textDocument": document, "contentChanges": [change]}));
        }
        recorder.finish();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("a.py") && !text.contains(&password), "{text}");
        let typed: String = text
            .lines()
            .filter_map(|line| {
                serde_json::from_str::<Value>(line).ok()?["change"]["text"].as_str().map(str::to_owned)
            })
            .collect();
        assert_eq!(typed.chars().count(), "token = \"\"".len() + password.len());
        assert!(!typed.contains(&password[..4]), "{typed}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;

            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
