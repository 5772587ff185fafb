//! An editor for one server process: it opens a file, asks for an action, and takes what comes as an editor does. Invariant:
//! every wait ends; what the server asks is answered.

use std::collections::VecDeque;
use std::io::{BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::task::Task;

/// The longest that an action may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// From opening a file to the first message about its cursor, at most.
const MOMENT: Duration = Duration::from_millis(500);

/// What came of an action.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The new text of the file.
    Text(String),
    /// A file beside it.
    NewFile {
        /// Its name.
        name: String,
        /// What it holds.
        text: String,
    },
    /// Markdown.
    Words(String),
    /// Why there is nothing.
    Nothing(String),
}

/// A change with the time that it took.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What came.
    pub change: Change,
    /// From asking to the first text that is shown; none where nothing is shown while it comes.
    pub first: Option<Duration>,
    /// From asking to the end.
    pub whole: Duration,
}

/// A server with its client.
pub struct Editor {
    server: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    /// Notifications that came while something else was waited for.
    passed: VecDeque<Value>,
    n_sent: i64,
    folder: String,
}

impl Editor {
    /// Starts a server for a folder, and waits until the model is loaded.
    ///
    /// # Errors
    /// The server cannot be started, or the model cannot chat.
    pub fn start(program: &Path, model: &str, folder: &Path) -> anyhow::Result<Self> {
        let mut server = Command::new(program)
            .arg("lsp")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}; name the program with --fimble", program.display()))?;
        let input = server.stdin.take().context("the server has no input")?;
        let output = server.stdout.take().context("the server has no output")?;
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut output = BufReader::new(output);
            while let Some(message) = read_message(&mut output) {
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let folder = format!("file://{}", folder.display());
        let mut editor = Self { server, input, messages, passed: VecDeque::new(), n_sent: 0, folder };
        editor.initialize(model)?;
        Ok(editor)
    }

    fn initialize(&mut self, model: &str) -> anyhow::Result<()> {
        let capabilities = json!({
            "general": {"positionEncodings": ["utf-8"]},
            "textDocument": {
                "inlineCompletion": {},
                "codeAction": {"codeActionLiteralSupport": {}, "resolveSupport": {"properties": ["edit"]}},
            },
            "workspace": {"workspaceEdit": {
                "documentChanges": true, "changeAnnotationSupport": {}, "resourceOperations": ["create"],
            }},
            "experimental": {"fimble": {"virtualDocuments": true, "actionErrors": true}},
        });
        let params = json!({
            "processId": std::process::id(),
            "capabilities": capabilities,
            "workspaceFolders": [{"uri": self.folder, "name": "tasks"}],
            "initializationOptions": {"chat": model, "model": "bundled", "experimental": {"snippets": false}},
        });
        self.ask("initialize", &params)?;
        self.notify("initialized", &json!({}))?;
        let started = Instant::now();
        loop {
            let status = self.ask("workspace/executeCommand", &json!({"command": "fimble.status"}))?;
            if let Some(reason) = status["chat"]["reason"].as_str() {
                bail!("{reason}");
            }
            if status["chat"]["state"] != "loading" {
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                bail!("the model was not loaded within {} s", PATIENCE.as_secs());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Opens the file of a task, rests with the cursor at the place for `pause`, and does the action.
    ///
    /// # Errors
    /// The server ended, or does not answer.
    pub fn act(&mut self, task: &Task, pause: Duration) -> anyhow::Result<Answer> {
        let uri = format!("{}/{}", self.folder, task.file.file);
        let item = json!({"uri": uri, "languageId": task.language, "version": 1, "text": task.source});
        self.notify("textDocument/didOpen", &json!({"textDocument": item}))?;
        let place = |offset: usize| {
            let (line, character) = task.position(offset);
            json!({"line": line, "character": character})
        };
        let range = json!({"start": place(task.selected.start), "end": place(task.selected.end)});
        // As editors do where the cursor rests; before that the file has been open for a moment.
        std::thread::sleep(pause.min(MOMENT));
        let context = json!({"diagnostics": [], "triggerKind": 2});
        let asked = json!({"textDocument": {"uri": uri}, "range": range, "context": context});
        self.ask("textDocument/codeAction", &asked)?;
        std::thread::sleep(pause.saturating_sub(MOMENT));
        self.passed.clear();
        let answer = if task.file.action == "explain" {
            self.explain(&uri, &range)
        } else {
            self.edit(task, &uri, &range)
        };
        self.notify("textDocument/didClose", &json!({"textDocument": {"uri": uri}}))?;
        answer
    }

    fn explain(&mut self, uri: &str, range: &Value) -> anyhow::Result<Answer> {
        let started = Instant::now();
        let place = json!({"textDocument": {"uri": uri}, "range": range});
        let command = json!({"command": "fimble.explain", "arguments": [place]});
        let shown = match self.try_ask("workspace/executeCommand", &command)? {
            Ok(shown) => shown["uri"].clone(),
            Err(reason) => return Ok(nothing(reason, started)),
        };
        let mut first = None;
        loop {
            let message = self.next("fimble/document", started)?;
            let text = message["text"].as_str().unwrap_or_default();
            if message["uri"] != shown || text.trim().is_empty() {
                continue;
            }
            if message["failed"] == true {
                return Ok(nothing(text.to_owned(), started));
            }
            first = first.or(Some(started.elapsed()));
            if message["done"] == true {
                let change = Change::Words(text.to_owned());
                return Ok(Answer { change, first, whole: started.elapsed() });
            }
        }
    }

    fn edit(&mut self, task: &Task, uri: &str, range: &Value) -> anyhow::Result<Answer> {
        let started = Instant::now();
        let mut data = json!({
            "kind": task.file.action, "uri": uri, "version": 1, "range": range, "instruction": task.file.instruction,
        });
        if !task.file.message.is_empty() {
            data["problems"] = json!([{"range": range, "message": task.file.message}]);
        }
        let action = json!({"title": task.file.action, "data": data});
        let answer = match self.try_ask("codeAction/resolve", &action)? {
            Ok(answer) => answer,
            Err(reason) => return Ok(nothing(reason, started)),
        };
        let whole = started.elapsed();
        let changes = &answer["edit"]["documentChanges"];
        let change = if changes[0]["kind"] == "create" {
            let uri = changes[0]["uri"].as_str().unwrap_or_default();
            let name = uri.rsplit('/').next().unwrap_or_default().to_owned();
            let text = changes[1]["edits"][0]["newText"].as_str().unwrap_or_default().to_owned();
            Change::NewFile { name, text }
        } else if let Some(edits) = changes[0]["edits"].as_array() {
            Change::Text(applied(&task.source, edits)?)
        } else {
            let shown = loop {
                let shown = self.next("fimble/document", started)?;
                if shown["done"] == true {
                    break shown;
                }
            };
            Change::Words(shown["text"].as_str().unwrap_or_default().to_owned())
        };
        Ok(Answer { change, first: None, whole })
    }

    /// The params of the next notification with this method.
    fn next(&mut self, method: &str, started: Instant) -> anyhow::Result<Value> {
        loop {
            let message = match self.passed.pop_front() {
                Some(message) => message,
                None => self.receive(started)?,
            };
            if message["method"] == method {
                return Ok(message["params"].clone());
            }
        }
    }

    fn ask(&mut self, method: &str, params: &Value) -> anyhow::Result<Value> {
        self.try_ask(method, params)?.map_err(|reason| anyhow::anyhow!("{method}: {reason}"))
    }

    /// The answer to a request, or what its error says.
    fn try_ask(&mut self, method: &str, params: &Value) -> anyhow::Result<Result<Value, String>> {
        self.n_sent += 1;
        let id = self.n_sent;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))?;
        let started = Instant::now();
        let answer = loop {
            let message = self.receive(started)?;
            if message["method"].is_null() && message["id"] == id {
                break message;
            }
            self.passed.push_back(message);
        };
        Ok(match answer["error"]["message"].as_str() {
            Some(reason) => Err(reason.to_owned()),
            None => Ok(answer["result"].clone()),
        })
    }

    /// The next message; what the server asks is answered on the way.
    fn receive(&mut self, started: Instant) -> anyhow::Result<Value> {
        let left = PATIENCE.saturating_sub(started.elapsed());
        let message = match self.messages.recv_timeout(left) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => bail!("no answer within {} s", PATIENCE.as_secs()),
            Err(RecvTimeoutError::Disconnected) => bail!("the server ended"),
        };
        if !message["method"].is_null() && !message["id"].is_null() {
            let n_items = message["params"]["items"].as_array().map(Vec::len);
            let result = n_items.map_or(Value::Null, |n| json!(vec![Value::Null; n]));
            self.send(&json!({"jsonrpc": "2.0", "id": message["id"], "result": result}))?;
        }
        Ok(message)
    }

    fn notify(&mut self, method: &str, params: &Value) -> anyhow::Result<()> {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}))
    }

    fn send(&mut self, message: &Value) -> anyhow::Result<()> {
        let text = message.to_string();
        write!(self.input, "Content-Length: {}\r\n\r\n{text}", text.len())?;
        Ok(self.input.flush()?)
    }

    /// Ends the server.
    ///
    /// # Errors
    /// It does not answer.
    pub fn shut_down(mut self) -> anyhow::Result<()> {
        self.ask("shutdown", &Value::Null)?;
        self.notify("exit", &Value::Null)?;
        self.server.wait()?;
        Ok(())
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        // It has ended already, unless something failed.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn nothing(reason: String, started: Instant) -> Answer {
    let reason = reason.trim().trim_matches('*').to_owned();
    Answer { change: Change::Nothing(reason), first: None, whole: started.elapsed() }
}

fn read_message(output: &mut impl std::io::BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().ok()?;
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    output.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

/// A text with edits of the protocol applied; their characters are bytes.
fn applied(text: &str, edits: &[Value]) -> anyhow::Result<String> {
    let starts: Vec<usize> =
        std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let offset = |place: &Value| -> anyhow::Result<usize> {
        let number = |name: &str| place[name].as_u64().and_then(|number| usize::try_from(number).ok());
        let (line, character) = number("line").zip(number("character")).context("an edit has no place")?;
        let start = starts.get(line).copied().unwrap_or(text.len());
        Ok((start + character).min(text.len()))
    };
    let mut placed = Vec::new();
    for edit in edits {
        let range = offset(&edit["range"]["start"])?..offset(&edit["range"]["end"])?;
        placed.push((range, edit["newText"].as_str().unwrap_or_default()));
    }
    placed.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    let mut new = text.to_owned();
    for (range, text) in placed {
        new.replace_range(range, text);
    }
    Ok(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_applied_from_the_end() {
        let place = |line: u32, character: u32| json!({"line": line, "character": character});
        let edits = [
            json!({"range": {"start": place(0, 0), "end": place(1, 0)}, "newText": "ä\n"}),
            json!({"range": {"start": place(2, 1), "end": place(2, 1)}, "newText": "d"}),
        ];
        assert_eq!(applied("a\nb\nc\n", &edits).unwrap(), "ä\nb\ncd\n");
    }

    #[test]
    fn messages_are_read_by_their_length() {
        let mut bytes = &b"Content-Type: x\r\ncontent-length: 9\r\n\r\n{\"id\": 1}Content-"[..];
        assert_eq!(read_message(&mut bytes), Some(json!({"id": 1})));
        assert_eq!(read_message(&mut bytes), None);
    }
}
