//! From a session to what is sent: one beat for each key, with its messages and its question. Invariant: everything that
//! can be wrong with a session is found here, before a server is started, and is named by line; the texts of the files are
//! followed exactly, so that positions fit.

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::{Context as _, bail};
use fimble::shared::session_file::{Action, Event, Place, Session};
use fimble_document::{Document, Position, PositionEncoding, PositionRange, Text, TextChange};

/// Positions in sessions, and between client and server during a replay.
pub const ENCODING: PositionEncoding = PositionEncoding::Utf16;

/// What a session is played as.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// Name of the session.
    pub name: String,
    /// The keys in order.
    pub beats: Vec<Beat>,
}

/// One key, or one action of the editor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Beat {
    /// Milliseconds since the session began, where it was recorded.
    pub at: Option<u64>,
    /// What is sent, before the question.
    pub messages: Vec<Message>,
    /// What is asked.
    pub ask: Option<Ask>,
    /// What the change did to the text, if there is one.
    pub edit: Option<Edit>,
}

/// A message to the server.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// A file is opened.
    Open {
        /// Its name.
        file: String,
        /// Its language.
        language: String,
        /// Its text.
        text: String,
    },
    /// A file is closed.
    Close(String),
    /// A file is saved.
    Save(String),
    /// A range is replaced.
    Change {
        /// The file.
        file: String,
        /// What is replaced.
        range: [(u32, u32); 2],
        /// What stands there afterwards.
        text: String,
    },
    /// The suggestion of the last question was inserted.
    Accepted,
    /// The suggestion at a place is not wanted.
    Dismissed {
        /// The file.
        file: String,
        /// The place.
        place: (u32, u32),
    },
}

/// A question for a suggestion.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// The file.
    pub file: String,
    /// The cursor.
    pub place: (u32, u32),
    /// The cursor in bytes.
    pub offset: usize,
    /// The cursor's line, left and right of it.
    pub line: (String, String),
    /// Whether one key was typed on the line of the last question, and nothing else happened in between.
    pub goes_on_in_line: bool,
}

/// A change in bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    /// The file.
    pub file: String,
    /// What was replaced.
    pub removed: Range<usize>,
    /// What stands there now.
    pub inserted: String,
    /// Whether somebody typed it (or accepted it, having read it).
    pub is_typed: bool,
}

impl Script {
    /// Follows a session through its files.
    ///
    /// # Errors
    /// The first event that does not fit the text, with its line.
    pub fn of(session: &Session) -> anyhow::Result<Self> {
        let mut writer =
            Writer { session, files: BTreeMap::new(), current: None, last: None, beats: Vec::new() };
        for (line, event) in &session.events {
            writer.event(event).with_context(|| format!("in the session {}, line {line}", session.name))?;
        }
        Ok(Self { name: session.name.clone(), beats: writer.beats })
    }
}

struct OpenFile {
    document: Document,
    cursor: usize,
    /// Changes, to take back: what each inserted, and what was there before.
    undo: Vec<(Range<usize>, String)>,
}

/// A question that the next key may go on from: file, line and number of its beat.
type LastAsk = (String, u32, usize);

struct Writer<'a> {
    session: &'a Session,
    files: BTreeMap<String, OpenFile>,
    current: Option<String>,
    last: Option<LastAsk>,
    beats: Vec<Beat>,
}

impl Writer<'_> {
    fn event(&mut self, event: &Event) -> anyhow::Result<()> {
        let n_beats = self.beats.len();
        self.act(&event.action)?;
        // Only the first key of several has the event's time; the others follow at the typing speed.
        if let Some(beat) = self.beats.get_mut(n_beats) {
            beat.at = event.at;
        }
        Ok(())
    }

    fn act(&mut self, action: &Action) -> anyhow::Result<()> {
        match action {
            Action::Open { file, language, text } => self.open(file, language.as_deref(), text.as_deref()),
            Action::Switch(file) => {
                self.known(file)?;
                self.current = Some(file.clone());
                Ok(())
            }
            Action::Save(file) => {
                self.known(file)?;
                self.say(Message::Save(file.clone()));
                Ok(())
            }
            Action::Close(file) => {
                self.known(file)?;
                self.files.remove(file);
                self.current = self.current.take().filter(|current| current != file);
                self.say(Message::Close(file.clone()));
                Ok(())
            }
            Action::Go(place) => self.go(place),
            Action::Cursor(place) => {
                self.go(place)?;
                self.ask_at_cursor()
            }
            Action::Type(text) => keys(text).into_iter().try_for_each(|key| self.insert(key, true)),
            Action::Delete(count) => (0..*count).try_for_each(|_| self.delete()),
            Action::Paste(text) => self.insert(text, false),
            Action::Replace { text, with } => {
                let range = self.range_of(text)?;
                self.change(range, with, false)
            }
            Action::Change { range, text } => {
                let [start, end] = range.map(|place| self.offset(place));
                let range = start?..end?;
                if range.end < range.start {
                    bail!("the range ends before it begins");
                }
                self.change(range, text, true)
            }
            Action::Undo(count) => (0..*count).try_for_each(|_| self.undo()),
            Action::Accept { text } => {
                if !text.is_empty() {
                    self.insert(text, true)?;
                }
                match self.beats.last_mut() {
                    Some(beat) => beat.messages.push(Message::Accepted),
                    None => bail!("nothing was suggested yet"),
                }
                Ok(())
            }
            Action::Dismiss {} => {
                let (file, open) = self.current()?;
                let place = place_of(open.document.text(), open.cursor);
                let message = Message::Dismissed { file: file.to_owned(), place };
                self.say(message);
                Ok(())
            }
        }
    }

    fn known(&mut self, file: &str) -> anyhow::Result<&mut OpenFile> {
        self.files.get_mut(file).with_context(|| format!("the file {file:?} is not open"))
    }

    fn current(&self) -> anyhow::Result<(&str, &OpenFile)> {
        let name = self.current.as_deref().context("no file is open")?;
        Ok((name, self.files.get(name).context("the current file is not open")?))
    }

    fn say(&mut self, message: Message) {
        self.beats.push(Beat { messages: vec![message], ..Beat::default() });
    }

    fn open(&mut self, name: &str, language: Option<&str>, text: Option<&str>) -> anyhow::Result<()> {
        if self.files.contains_key(name) {
            bail!("the file {name:?} is open already");
        }
        let known = self.session.files.get(name);
        let language = language.or(known.map(|(language, _)| language.as_str()));
        let text = text.or(known.map(|(_, text)| text.as_str()));
        let (Some(language), Some(text)) = (language, text) else {
            bail!("the header has no file {name:?}, and the event has no language and text");
        };
        let document = Document::new(text, 1);
        self.files.insert(name.to_owned(), OpenFile { document, cursor: 0, undo: Vec::new() });
        self.current = Some(name.to_owned());
        self.say(Message::Open {
            file: name.to_owned(),
            language: language.to_owned(),
            text: text.to_owned(),
        });
        Ok(())
    }

    fn go(&mut self, place: &Place) -> anyhow::Result<()> {
        let offset = match place {
            Place::At(line, character) => self.offset((*line, *character))?,
            Place::Behind(text) => self.range_of(text)?.end,
        };
        let name = self.current()?.0.to_owned();
        self.known(&name)?.cursor = offset;
        Ok(())
    }

    /// Byte offset of a place that must be there.
    fn offset(&self, (line, character): (u32, u32)) -> anyhow::Result<usize> {
        let (name, open) = self.current()?;
        let text = open.document.text();
        let position = Position { line, character };
        let offset = text.offset(position, ENCODING);
        if text.position(offset, ENCODING) != position {
            bail!("[{line}, {character}] is outside of the text of {name:?}, or inside a character");
        }
        Ok(offset)
    }

    /// Where a text stands that must be there once.
    fn range_of(&self, wanted: &str) -> anyhow::Result<Range<usize>> {
        let (name, open) = self.current()?;
        let text = open.document.text().to_string();
        let mut found = text.match_indices(wanted);
        match (found.next(), found.count()) {
            (Some((start, _)), 0) => Ok(start..start + wanted.len()),
            (None, _) => bail!("{name:?} does not hold {wanted:?}"),
            (Some(_), more) => bail!("{name:?} holds {wanted:?} {} times; name more of it", more + 1),
        }
    }

    fn insert(&mut self, text: &str, is_typed: bool) -> anyhow::Result<()> {
        let cursor = self.current()?.1.cursor;
        self.change(cursor..cursor, text, is_typed)?;
        self.ask_at_cursor()
    }

    fn delete(&mut self) -> anyhow::Result<()> {
        let (name, open) = self.current()?;
        let cursor = open.cursor;
        let Some(last) = open.document.text().chars_before(cursor).next() else {
            bail!("the cursor is at the start of {name:?}: nothing is left to delete");
        };
        self.change(cursor - last.len_utf8()..cursor, "", false)?;
        self.ask_at_cursor()
    }

    fn undo(&mut self) -> anyhow::Result<()> {
        let name = self.current()?.0.to_owned();
        let Some((range, before)) = self.known(&name)?.undo.pop() else {
            bail!("{name:?} has no more changes to take back");
        };
        self.change(range, &before, false)?;
        // Taking back is no change that could be taken back.
        self.known(&name)?.undo.pop();
        self.ask_at_cursor()
    }

    fn change(&mut self, range: Range<usize>, text: &str, is_typed: bool) -> anyhow::Result<()> {
        let name = self.current()?.0.to_owned();
        let open = self.known(&name)?;
        let [start, end] = [range.start, range.end].map(|at| place_of(open.document.text(), at));
        let removed = open.document.text().slice(range.clone()).into_owned();
        let [from, to] = [start, end].map(|(line, character)| Position { line, character });
        let change =
            TextChange::Part { range: PositionRange { start: from, end: to }, text: text.to_owned() };
        let version = open.document.version() + 1;
        open.document.apply(version, &[change], ENCODING, |_, _| {})?;
        open.cursor = range.start + text.len();
        open.undo.push((range.start..open.cursor, removed));
        let message = Message::Change { file: name.clone(), range: [start, end], text: text.to_owned() };
        let edit = Edit { file: name, removed: range, inserted: text.to_owned(), is_typed };
        self.beats.push(Beat { messages: vec![message], edit: Some(edit), ..Beat::default() });
        Ok(())
    }

    /// Asks. A question right behind a change belongs to the same key.
    fn ask_at_cursor(&mut self) -> anyhow::Result<()> {
        let (name, open) = self.current()?;
        let text = open.document.text();
        let (file, offset) = (name.to_owned(), open.cursor);
        let place = place_of(text, offset);
        let line = text.line_of(offset);
        let left = text.slice(text.line_start(line)..offset).into_owned();
        let right = text.slice(offset..text.line_end(line)).into_owned();
        let belongs = self.beats.last().is_some_and(|beat| {
            beat.ask.is_none()
                && beat.edit.as_ref().is_some_and(|edit| {
                    edit.file == file && edit.removed.start + edit.inserted.len() == offset
                })
        });
        if !belongs {
            self.beats.push(Beat::default());
        }
        let number = self.beats.len() - 1;
        let beat = &mut self.beats[number];
        let goes_on_in_line = beat.edit.as_ref().is_some_and(|edit| {
            edit.is_typed && edit.inserted.chars().count() == 1 && edit.removed.is_empty()
        }) && self.last.as_ref().is_some_and(|(last_file, last_line, last_beat)| {
            *last_file == file && *last_line == place.0 && last_beat + 1 == number
        });
        self.last = Some((file.clone(), place.0, number));
        beat.ask = Some(Ask { file, place, offset, line: (left, right), goes_on_in_line });
        Ok(())
    }
}

fn place_of(text: &Text, offset: usize) -> (u32, u32) {
    let position = text.position(offset, ENCODING);
    (position.line, position.character)
}

/// The keys that type a text. Editors indent a new line by themselves.
fn keys(text: &str) -> Vec<&str> {
    let mut keys = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let behind = &rest[first.len_utf8()..];
        let n_indentation =
            if first == '\n' { behind.len() - behind.trim_start_matches([' ', '\t']).len() } else { 0 };
        let (key, later) = rest.split_at(first.len_utf8() + n_indentation);
        keys.push(key);
        rest = later;
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(events: &str) -> anyhow::Result<Script> {
        let header = r#"{"session":"s","files":{"a.py":{"language":"python","text":"x = 1\ny = 😀2\n"}}}"#;
        let content = format!("{header}\n{events}");
        Script::of(&Session::parse(&content, &|_| unreachable!("no fixtures")).unwrap())
    }

    fn changes(script: &Script) -> Vec<([(u32, u32); 2], &str)> {
        let messages = script.beats.iter().flat_map(|beat| &beat.messages);
        messages
            .filter_map(|message| match message {
                Message::Change { range, text, .. } => Some((*range, text.as_str())),
                _ => None,
            })
            .collect()
    }

    const OPEN: &str = r#"{"open":{"file":"a.py"}}"#;

    #[test]
    fn typing_is_one_change_and_one_question_for_each_key() {
        let script = script(&format!("{OPEN}\n{{\"go\":\"😀\"}}\n{{\"type\":\"ab\\n  c\"}}")).unwrap();
        let expected = [
            ([(1, 6), (1, 6)], "a"),
            ([(1, 7), (1, 7)], "b"),
            ([(1, 8), (1, 8)], "\n  "),
            ([(2, 2), (2, 2)], "c"),
        ];
        assert_eq!(changes(&script), expected);
        let asks: Vec<_> = script.beats.iter().filter_map(|beat| beat.ask.as_ref()).collect();
        assert_eq!(asks.iter().map(|ask| ask.place).collect::<Vec<_>>(), [(1, 7), (1, 8), (2, 2), (2, 3)]);
        assert_eq!(
            asks.iter().map(|ask| ask.goes_on_in_line).collect::<Vec<_>>(),
            [false, true, false, true]
        );
        assert_eq!(asks[1].line, ("y = 😀ab".to_owned(), "2".to_owned()));
    }

    #[test]
    fn deleting_and_undoing_follow_the_text() {
        let events = format!(
            "{OPEN}\n{{\"go\":[0,5]}}\n{{\"delete\":1}}\n{{\"paste\":\"34\"}}\n{{\"undo\":2}}\n{{\"replace\":{{\"text\":\"x = 1\",\"with\":\"z\"}}}}"
        );
        let script = script(&events).unwrap();
        let expected = [
            ([(0, 4), (0, 5)], ""),
            ([(0, 4), (0, 4)], "34"),
            ([(0, 4), (0, 6)], ""),
            ([(0, 4), (0, 4)], "1"),
            ([(0, 0), (0, 5)], "z"),
        ];
        assert_eq!(changes(&script), expected);
    }

    #[test]
    fn a_recorded_question_belongs_to_the_change_before_it() {
        let events = format!(
            "{OPEN}\n{{\"at\":5,\"change\":{{\"range\":[[0,5],[0,5]],\"text\":\"0\"}}}}\n{{\"at\":6,\"cursor\":[0,6]}}\n{{\"at\":9,\"cursor\":[0,2]}}"
        );
        let beats = script(&events).unwrap().beats;
        assert_eq!(beats.len(), 3);
        assert_eq!((beats[1].at, beats[1].ask.as_ref().unwrap().place), (Some(5), (0, 6)));
        assert_eq!((beats[2].at, &beats[2].edit), (Some(9), &None));
    }

    #[test]
    fn what_does_not_fit_the_text_is_named_with_its_line() {
        for (event, expected) in [
            (r#"{"go":"q"}"#, "line 3: \"a.py\" does not hold \"q\""),
            (r#"{"go":" = "}"#, "holds \" = \" 2 times"),
            (r#"{"cursor":[0,6]}"#, "[0, 6] is outside"),
            (r#"{"cursor":[1,5]}"#, "[1, 5] is outside of the text of \"a.py\", or inside a character"),
            (r#"{"delete":1}"#, "nothing is left to delete"),
            (r#"{"undo":1}"#, "no more changes"),
            (r#"{"switch":"b"}"#, "\"b\" is not open"),
            (r#"{"open":{"file":"b"}}"#, "the header has no file \"b\""),
            (OPEN, "is open already"),
            (r#"{"change":{"range":[[1,0],[0,0]],"text":""}}"#, "ends before it begins"),
        ] {
            let error = format!("{:#}", script(&format!("{OPEN}\n{event}")).unwrap_err());
            assert!(error.contains(expected) && error.contains("line 3"), "{event}: {error}");
        }
        assert!(format!("{:#}", script(r#"{"type":"a"}"#).unwrap_err()).contains("no file is open"));
    }
}
