//! Typing sessions: the file format that `fimble lsp --record` writes and `fimble-bench replay` reads. Invariant: a line that cannot be
//! read is refused with its number and the reason; what is written is read again as it was.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The first line of a session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Its name; results are listed under it.
    pub session: String,
    /// What happens in it, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// The files by name. A name may have folders in it; it is what a model sees as the path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, SourceFile>,
}

/// A file as it is when it is opened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceFile {
    /// Language identifier of the protocol.
    pub language: String,
    /// Its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Lines>,
    /// Where its text is instead, relative to the session's own folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixture: Option<String>,
}

/// A text, in the form that is easier to write.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a text, or a list of lines")]
pub enum Lines {
    /// As one string.
    Whole(String),
    /// As lines; a line break follows each.
    Lines(Vec<String>),
}

impl Lines {
    fn into_text(self) -> String {
        match self {
            Self::Whole(text) => text,
            Self::Lines(lines) => lines.into_iter().map(|line| line + "\n").collect(),
        }
    }
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a place: [line, character], or text that the file holds once")]
pub enum Place {
    /// Line and character from 0, in UTF-16 code units.
    At(u32, u32),
    /// Right behind this text.
    Behind(String),
}

/// What happens; one line each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Action {
    /// A file is opened and becomes the current one.
    #[serde(rename_all = "camelCase")]
    Open {
        /// Its name.
        file: String,
        /// Its language, if the header does not know the file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        language: Option<String>,
        /// Its text, if the header does not know the file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// An open file becomes the current one.
    Switch(String),
    /// A file is saved.
    Save(String),
    /// A file is closed.
    Close(String),
    /// The cursor moves; nothing is asked for.
    Go(Place),
    /// The cursor moves and a suggestion is asked for.
    Cursor(Place),
    /// Text is typed: a change and a request for each character. A line break and the indentation behind it are one key.
    Type(String),
    /// So many characters are deleted left of the cursor, one by one.
    Delete(usize),
    /// Text is pasted: one change, one request.
    Paste(String),
    /// Text that the file holds once is replaced in one change; no request.
    Replace {
        /// What is replaced.
        text: String,
        /// What stands there afterwards; the cursor is behind it.
        with: String,
    },
    /// One change as the protocol has it; no request.
    Change {
        /// Start and end as line and character.
        range: [(u32, u32); 2],
        /// What stands there afterwards.
        text: String,
    },
    /// So many changes of the current file are taken back, one by one, with a request each.
    Undo(usize),
    /// A suggestion is accepted: its text is inserted at the cursor and the server is told. Without a text it is only
    /// told: the change stands on a line of its own.
    Accept {
        /// What was suggested.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        text: String,
    },
    /// The suggestion at the cursor is dismissed.
    Dismiss {},
}

/// One line after the header.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// Milliseconds since the session began. Events without come one after the other at the typing speed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// What happens.
    #[serde(flatten)]
    pub action: Action,
}

/// A session with the texts of its files.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// Its name.
    pub name: String,
    /// Language and text of each file that the header knows.
    pub files: BTreeMap<String, (String, String)>,
    /// What happens, with the number of its line.
    pub events: Vec<(usize, Event)>,
}

impl Session {
    /// Reads a session and the files that it names.
    ///
    /// # Errors
    /// It cannot be read; the error names file and line.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let content =
            std::fs::read_to_string(path).with_context(|| format!("cannot read the session {shown}"))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        Self::parse(&content, &|fixture| {
            let path = folder.join(fixture);
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
        })
        .with_context(|| format!("in the session {shown}"))
    }

    /// Reads the text of a session. `fixture` reads the files that it names.
    ///
    /// # Errors
    /// The first bad line with its number and the reason.
    pub fn parse(content: &str, fixture: &dyn Fn(&str) -> anyhow::Result<String>) -> anyhow::Result<Self> {
        let mut lines =
            (1..).zip(content.lines()).filter(|(_, line): &(usize, &str)| !line.trim().is_empty());
        let Some((number, first)) = lines.next() else {
            bail!("line 1: it is empty; it begins with a header such as {{\"session\": \"name\"}}");
        };
        let header: Header = serde_json::from_str(first)
            .map_err(|error| anyhow::anyhow!("line {number}: not a header: {}", reason(&error)))?;
        let mut files = BTreeMap::new();
        for (name, file) in header.files {
            let text = match (file.text, file.fixture) {
                (Some(text), None) => text.into_text(),
                (None, Some(path)) => {
                    fixture(&path).with_context(|| format!("line {number}: the file {name:?}"))?
                }
                _ => bail!("line {number}: the file {name:?} needs either a text or a fixture"),
            };
            files.insert(name, (file.language, text));
        }
        let events = lines
            .map(|(number, line)| {
                let event = Event::parse(line).with_context(|| format!("line {number}"))?;
                Ok((number, event))
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Self { name: header.session, files, events })
    }
}

impl Event {
    fn parse(line: &str) -> anyhow::Result<Self> {
        let mut fields: Map<String, Value> = serde_json::from_str(line)
            .map_err(|error| anyhow::anyhow!("not an event: {}", reason(&error)))?;
        let at = match fields.remove("at") {
            None => None,
            Some(at) => Some(at.as_u64().context("\"at\" is not a number of milliseconds")?),
        };
        if fields.len() != 1 {
            bail!("an event is one action, with or without \"at\"; this line has {}", fields.len());
        }
        let action = serde_json::from_value(Value::Object(fields))
            .map_err(|error| anyhow::anyhow!("not an event: {}", reason(&error)))?;
        Ok(Self { at, action })
    }
}

/// What was wrong, without a line number of its own.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(content: &str) -> anyhow::Result<Session> {
        Session::parse(content, &|path| Ok(format!("content of {path}")))
    }

    #[test]
    fn a_bad_line_is_named_with_its_number_and_the_reason() {
        let header = r#"{"session":"s"}"#;
        for (lines, expected) in [
            ("", "line 1: it is empty"),
            ("nonsense", "line 1: not a header: expected"),
            (r#"{"session":"s","file":{}}"#, "line 1: not a header: unknown field `file`"),
            (r#"{"session":"s","files":{"a":{"language":"c"}}}"#, "needs either a text or a fixture"),
            (
                &format!("{header}\n\n{{\"type\":\"a\"}}\n{{\"tpye\":\"a\"}}"),
                "line 4: not an event: unknown variant `tpye`",
            ),
            (&format!("{header}\n{{\"type\":3}}"), "line 2: not an event: invalid type: integer `3`"),
            (&format!("{header}\n{{\"at\":-1,\"type\":\"a\"}}"), "line 2: \"at\" is not a number"),
            (&format!("{header}\n{{\"type\":\"a\",\"delete\":1}}"), "line 2: an event is one action"),
            (&format!("{header}\n{{\"go\":{{}}}}"), "line 2: not an event: a place: [line, character]"),
            (&format!("{header}\n{{\"dismiss\":{{\"x\":1}}}}"), "line 2: not an event: unknown field `x`"),
            (&format!("{header}\n{{\"type\":"), "line 2: not an event: EOF"),
        ] {
            let error = format!("{:#}", parse(lines).unwrap_err());
            assert!(error.contains(expected), "{lines:?}: {error}");
        }
    }

    #[test]
    fn every_event_is_read_as_it_was_written() {
        let actions = [
            Action::Open {
                file: "a".to_owned(),
                language: Some("c".to_owned()),
                text: Some("x\n".to_owned()),
            },
            Action::Open { file: "a".to_owned(), language: None, text: None },
            Action::Switch("b".to_owned()),
            Action::Save("b".to_owned()),
            Action::Close("b".to_owned()),
            Action::Go(Place::At(1, 2)),
            Action::Cursor(Place::Behind("x".to_owned())),
            Action::Type("\n    ä".to_owned()),
            Action::Delete(3),
            Action::Paste("x".to_owned()),
            Action::Replace { text: "x".to_owned(), with: "y".to_owned() },
            Action::Change { range: [(0, 1), (2, 3)], text: "z".to_owned() },
            Action::Undo(2),
            Action::Accept { text: String::new() },
            Action::Accept { text: "x".to_owned() },
            Action::Dismiss {},
        ];
        for (at, action) in [None, Some(7)].into_iter().cycle().zip(actions) {
            let event = Event { at, action };
            let line = serde_json::to_string(&event).unwrap();
            assert_eq!(Event::parse(&line).unwrap(), event, "{line}");
        }
    }

    #[test]
    fn files_have_their_text_inline_or_elsewhere() {
        let header = r#"{"session":"s","files":{"a.c":{"language":"c","text":["x","y"]},"b.c":{"language":"c","fixture":"../b.c"}}}"#;
        let session = parse(header).unwrap();
        assert_eq!(session.files["a.c"], ("c".to_owned(), "x\ny\n".to_owned()));
        assert_eq!(session.files["b.c"], ("c".to_owned(), "content of ../b.c".to_owned()));
    }
}
