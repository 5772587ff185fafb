//! Code actions from a shell: the real server in this process runs them, as for an editor. Invariant: a file is written whole or
//! not at all, and a read-only file is not written; slow answers are waited for; warnings of the server are shown.
#![expect(clippy::print_stderr, reason = "what else there is to know is no answer")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context as _, bail};
use fimble_client::{Client, ClientError, ResponseError, ServerMessage};
use fimble_document::{Position, PositionEncoding, PositionRange, Text};
use fimble_lsp::file_uri;
use fimble_model::ErrorCode;
use serde_json::{Value, json};

use super::chat_args::ChatArgs;
use super::complete::project_of;
use super::loader;
use super::local_server::LocalServer;

/// Lines of a file: `FILE`, `FILE:LINE` for the item at a line, or `FILE:FIRST-LAST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines {
    /// The file.
    pub file: PathBuf,
    /// First and last line, from 1; none means the whole file.
    pub lines: Option<(u32, u32)>,
}

impl FromStr for Lines {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let whole = || Self { file: PathBuf::from(text), lines: None };
        let Some((file, lines)) = text.rsplit_once(':') else { return Ok(whole()) };
        if !lines.starts_with(|c: char| c.is_ascii_digit()) || file.is_empty() {
            return Ok(whole());
        }
        let (first, last) = lines.split_once('-').unwrap_or((lines, lines));
        let numbers = (first.parse().ok(), last.parse().ok());
        match numbers {
            (Some(first), Some(last)) if first > 0 && first <= last => {
                Ok(Self { file: PathBuf::from(file), lines: Some((first, last)) })
            }
            _ => {
                Err(format!("{text:?} is not FILE, FILE:LINE or FILE:FIRST-LAST, such as src/main.rs:10-20"))
            }
        }
    }
}

impl Lines {
    /// The range in a text, in the protocol's form: a single line is a cursor at its end, and means the item there.
    fn range(&self, text: &Text) -> anyhow::Result<Value> {
        let n_lines = u32::try_from(text.n_lines())?;
        let (first, last) = self.lines.unwrap_or((1, n_lines));
        if last > n_lines {
            bail!("{} has {n_lines} lines; there is no line {last}", self.file.display());
        }
        let end_of = |line: u32| {
            let offset = text.line_end(line as usize - 1);
            text.position(offset, PositionEncoding::Utf32).character
        };
        let end = json!({"line": last - 1, "character": end_of(last)});
        let start = if first == last && self.lines.is_some() {
            end.clone()
        } else {
            json!({"line": first - 1, "character": 0})
        };
        Ok(json!({"start": start, "end": end}))
    }
}

/// The message type of a warning, in the protocol.
const WARNING: u64 = 2;

/// The error code of an action for which there is no model.
const NO_MODEL: i64 = -32001;

/// The error code of an action for which no model can be asked now.
const UNAVAILABLE: i64 = -32004;

/// A server that does code actions.
pub struct ActionServer {
    server: LocalServer,
}

/// The outcome of an action on code.
pub enum Made {
    /// The new text of the file.
    Text(String),
    /// A file beside it: its name and its text.
    NewFile(String, String),
    /// Markdown that belongs into no file.
    Words(String),
    /// Why there is nothing.
    Nothing(String),
}

impl ActionServer {
    /// Starts a server for a file, or for the files of a folder, with the model that is named, or with the one in use.
    ///
    /// # Errors
    /// The model cannot be loaded, or cannot answer messages although it was named for that.
    pub fn start(chat: &ChatArgs, place: &Path) -> anyhow::Result<Self> {
        let place = std::path::absolute(place).with_context(|| not_found(place))?;
        let project = if place.is_dir() { project_of(&place.join("file")) } else { project_of(&place) };
        let settings = chat.settings()?;
        let capabilities = json!({
            "general": {"positionEncodings": ["utf-32"]},
            "textDocument": {
                "inlineCompletion": {},
                "codeAction": {"codeActionLiteralSupport": {}, "resolveSupport": {"properties": ["edit"]}},
            },
            // A patch is read before it is applied.
            "workspace": {"workspaceEdit": {
                "documentChanges": true, "changeAnnotationSupport": {}, "resourceOperations": ["create"],
            }},
            "experimental": {"fimble": {"virtualDocuments": true, "actionErrors": true}},
        });
        let server = if chat.names_any() {
            LocalServer::start_chatting_in(&project, &capabilities, &settings)
        } else {
            LocalServer::start_for_in(&project, &capabilities, &settings)
        };
        let server = server.map_err(|error| {
            let code = loader::coded(&error).map(|error| error.code);
            anyhow::anyhow!(as_options(&error.to_string(), code))
        })?;
        Ok(Self { server })
    }

    /// Explains lines of a file. Hands over the text as it grows, whole each time, and it need not begin as before; returns
    /// all of it, or why there is none.
    ///
    /// # Errors
    /// There is no model that can, or none that can be asked now.
    pub fn explain(
        &mut self,
        lines: &Lines,
        text: &str,
        shown: &mut dyn FnMut(&str),
    ) -> anyhow::Result<Result<String, String>> {
        let client = self.server.client();
        let uri = uri_of(lines)?;
        client.open(&uri, "", text);
        let place = json!([{"textDocument": {"uri": uri}, "range": lines.range(&Text::new(text))?}]);
        let asked = client.execute_command("fimble.explain", &place);
        let result = asked.and_then(|answer| {
            loop {
                let message = match client.next_message("fimble/document") {
                    // A slow model may think for longer than an answer is waited for.
                    Err(ClientError::Silence) => continue,
                    other => other?.params,
                };
                if message["uri"] != answer["uri"] {
                    continue;
                }
                let text = message["text"].as_str().unwrap_or_default();
                let error = &message["error"];
                if !error.is_null() {
                    let sentences = text.trim().trim_matches('*').to_owned();
                    return match error["code"].as_str().and_then(ErrorCode::from_name) {
                        Some(ErrorCode::NoModelAvailable) => {
                            let (code, data) = (UNAVAILABLE, error.clone());
                            Err(ClientError::Response(ResponseError { code, message: sentences, data }))
                        }
                        _ => Ok(Err(sentences)),
                    };
                }
                shown(text);
                if message["done"] == true {
                    return Ok(Ok(text.to_owned()));
                }
            }
        });
        client.close(&uri);
        if !result.as_ref().is_err_and(is_unavailable) {
            tell_warnings(&client.take_messages());
        }
        result.map_err(as_sentence)
    }

    /// Does an action on lines of a file.
    ///
    /// # Errors
    /// There is no model that can, or none that can be asked now.
    pub fn act(&mut self, kind: &str, instruction: &str, lines: &Lines, text: &str) -> anyhow::Result<Made> {
        let client = self.server.client();
        let uri = uri_of(lines)?;
        client.open(&uri, "", text);
        let range = lines.range(&Text::new(text))?;
        let data = json!({"kind": kind, "uri": uri, "range": range, "instruction": instruction});
        let id = client.send("codeAction/resolve", &json!({"title": kind, "data": data}));
        let answer = loop {
            match client.wait(id) {
                Err(ClientError::Silence) => {}
                other => break other,
            }
        };
        client.close(&uri);
        let messages = client.take_messages();
        if !answer.as_ref().is_err_and(is_unavailable) {
            tell_warnings(&messages);
        }
        let answer = match answer {
            Ok(answer) => answer,
            // What the model cannot do at all is an error; what it did not manage is an outcome.
            Err(error @ ClientError::Response(ResponseError { code: NO_MODEL | UNAVAILABLE, .. })) => {
                return Err(as_sentence(error));
            }
            Err(ClientError::Response(error)) => return Ok(Made::Nothing(error.message)),
            Err(other) => return Err(other.into()),
        };
        let changes = &answer["edit"]["documentChanges"];
        if changes[0]["kind"] == "create" {
            let name = changes[0]["uri"].as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default();
            let text = changes[1]["edits"][0]["newText"].as_str().unwrap_or_default();
            return Ok(Made::NewFile(name.to_owned(), text.to_owned()));
        }
        match changes[0]["edits"].as_array() {
            Some(edits) => Ok(Made::Text(applied(text, edits)?)),
            // What belongs into no file is shown in a document, which may come after the answer.
            None => match shown_text(messages, client) {
                Ok(text) => Ok(Made::Words(text)),
                Err(ClientError::Silence) => Ok(Made::Nothing("The model changed nothing.".to_owned())),
                Err(other) => Err(other.into()),
            },
        }
    }

    /// Ends the server.
    ///
    /// # Errors
    /// It did not answer.
    pub fn shut_down(self) -> anyhow::Result<()> {
        self.server.shut_down()
    }
}

/// The text of a complete document of the server, among these messages or to come.
fn shown_text(messages: Vec<ServerMessage>, client: &Client) -> Result<String, ClientError> {
    let mut came = messages.into_iter().filter(|message| message.method == "fimble/document");
    loop {
        let message = came.next().map_or_else(|| client.next_message("fimble/document"), Ok)?;
        if message.params["done"] == true {
            return Ok(message.params["text"].as_str().unwrap_or_default().to_owned());
        }
    }
}

/// An error of the server as the sentence that it holds.
fn as_sentence(error: ClientError) -> anyhow::Error {
    match error {
        ClientError::Response(error) if error.code == NO_MODEL => {
            anyhow::anyhow!("{} On the command line, name it with `--chat`.", error.message)
        }
        ClientError::Response(error) => {
            let code = error.data["code"].as_str().and_then(ErrorCode::from_name);
            anyhow::anyhow!(as_options(&error.message, code))
        }
        other => other.into(),
    }
}

/// Whether an error says of every model why it cannot be asked now.
fn is_unavailable(error: &ClientError) -> bool {
    matches!(error, ClientError::Response(ResponseError { code: UNAVAILABLE, .. }))
}

/// The message for the user, with the option that corresponds to the setting in it.
fn as_options(sentences: &str, code: Option<ErrorCode>) -> String {
    match code {
        Some(ErrorCode::RemoteNotAllowed) => {
            format!("{sentences} On the command line that is `--allow-remote HOST:PORT`.")
        }
        _ => sentences.to_owned(),
    }
}

/// Says what the server warns of, such as a model that answers instead of the one that was named.
fn tell_warnings(messages: &[ServerMessage]) {
    let warns = |message: &&ServerMessage| {
        message.method == "window/showMessage" && message.params["type"].as_u64() == Some(WARNING)
    };
    for message in messages.iter().filter(warns) {
        let text = message.params["message"].as_str().unwrap_or_default();
        eprintln!("{}", text.trim_start_matches("Fimble: "));
    }
}

fn not_found(file: &Path) -> String {
    format!("cannot find {}", file.display())
}

fn uri_of(lines: &Lines) -> anyhow::Result<String> {
    let path = std::path::absolute(&lines.file);
    Ok(file_uri(&path.with_context(|| not_found(&lines.file))?))
}

/// A text with edits of the protocol applied.
fn applied(text: &str, edits: &[Value]) -> anyhow::Result<String> {
    let document = Text::new(text);
    let mut ranges = Vec::new();
    for edit in edits {
        let place = |end: &str| -> anyhow::Result<Position> {
            let place = &edit["range"][end];
            let number = |name: &str| place[name].as_u64().and_then(|number| u32::try_from(number).ok());
            let (line, character) =
                number("line").zip(number("character")).context("an edit has no place")?;
            Ok(Position { line, character })
        };
        let range = PositionRange { start: place("start")?, end: place("end")? };
        let offset = |position| document.offset(position, PositionEncoding::Utf32);
        ranges.push((offset(range.start)..offset(range.end), edit["newText"].as_str().unwrap_or_default()));
    }
    ranges.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    let mut new = text.to_owned();
    for (range, text) in ranges {
        new.replace_range(range, text);
    }
    Ok(new)
}

/// Reads a file of text.
///
/// # Errors
/// It cannot be read, or is no text.
pub fn read_text(file: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(_) => bail!("{} is not UTF-8 text; convert it first (`iconv -t utf-8`)", file.display()),
    }
}

/// Writes a file that appears whole or not at all. A link stays one: what it leads to is written.
///
/// # Errors
/// It cannot be written, or is not to be.
pub fn write_whole(file: &Path, text: &str) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", file.display());
    let file = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let metadata = std::fs::metadata(&file).ok();
    if metadata.as_ref().is_some_and(|metadata| metadata.permissions().readonly()) {
        bail!("{} is read-only, and was left as it is", file.display());
    }
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).with_context(failed)?;
    }
    // A random name that cannot exist already, and for the user alone until the text is whole.
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut staged = tempfile::Builder::new().prefix(".fimble-").tempfile_in(folder).with_context(failed)?;
    staged.write_all(text.as_bytes()).with_context(failed)?;
    match metadata {
        Some(metadata) => staged.as_file().set_permissions(metadata.permissions()).with_context(failed)?,
        None => give_usual_permissions(staged.as_file()).with_context(failed)?,
    }
    staged.as_file().sync_all().with_context(failed)?;
    staged.persist(&file).map_err(|error| error.error).with_context(failed)?;
    Ok(())
}

/// Those of a new source file: readable for all, as far as the user's mask allows.
#[cfg(unix)]
fn give_usual_permissions(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    // The mask can only be read by setting it, which would race with other threads: a new file shows it.
    let probe = tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o666)).tempfile()?;
    file.set_permissions(probe.as_file().metadata()?.permissions())
}

#[cfg(not(unix))]
fn give_usual_permissions(_file: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_from_the_right() {
        for (text, file, lines) in [
            ("a.rs", "a.rs", None),
            ("a.rs:3", "a.rs", Some((3, 3))),
            ("a.rs:3-7", "a.rs", Some((3, 7))),
            (r"C:\a.rs", r"C:\a.rs", None),
            (r"C:\a.rs:1-2", r"C:\a.rs", Some((1, 2))),
        ] {
            assert_eq!(text.parse(), Ok(Lines { file: PathBuf::from(file), lines }), "{text}");
        }
        for wrong in ["a.rs:0", "a.rs:7-3", "a.rs:1-x"] {
            assert!(wrong.parse::<Lines>().unwrap_err().contains("FIRST-LAST"), "{wrong}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_stay_links_and_what_is_read_only_stays_what_it_is() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("a.rs"), folder.path().join("b.rs"));
        std::fs::write(&file, "old").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o750)).unwrap();
        std::os::unix::fs::symlink("a.rs", &link).unwrap();
        write_whole(&link, "new").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o750);
        // A name that was easy to foresee led the text elsewhere once.
        let victim = folder.path().join("victim");
        std::fs::write(&victim, "kept").unwrap();
        let planted = folder.path().join(format!("a.rs.fimble-{}", std::process::id()));
        std::os::unix::fs::symlink(&victim, &planted).unwrap();
        write_whole(&file, "new").unwrap();
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "kept");
        assert!(!std::fs::symlink_metadata(&file).unwrap().is_symlink());
        [victim, planted].iter().for_each(|path| std::fs::remove_file(path).unwrap());
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o440)).unwrap();
        let error = write_whole(&file, "newer").unwrap_err().to_string();
        assert!(error.contains("read-only"), "{error}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn edits_of_the_protocol_are_applied() {
        let place = |line: u32| json!({"line": line, "character": 0});
        let edits = [
            json!({"range": {"start": place(0), "end": place(1)}, "newText": "ä\n"}),
            json!({"range": {"start": place(2), "end": place(2)}, "newText": "new\n"}),
        ];
        assert_eq!(applied("a\nb\nc\n", &edits).unwrap(), "ä\nb\nnew\nc\n");
    }
}
