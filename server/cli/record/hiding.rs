//! Passwords, keys and tokens in a recording. Invariant: secrets that the detector knows are written as asterisks, and so is the
//! text typed on a line until the detector knew it; of a file that holds secrets by its name, letters and digits are written as
//! `x`. Every place stays where it is, in UTF-16.

use std::iter::repeat_n;
use std::ops::Range;

use fimble_document::Text;

use super::super::session_file::{Action, Event};

/// Lines around a change in which the beginning and the end of a secret are looked for: a private key has about fifty.
const LINES_AROUND: usize = 64;

/// An action of the recording, and the edit that it comes from.
pub(super) struct Step {
    pub(super) action: Action,
    /// Where, if it is a change.
    pub(super) edited: Option<Edited>,
}

/// The place of a change in a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Edited {
    pub(super) file: String,
    pub(super) line: u32,
    /// Whether it stays on that line.
    pub(super) is_one_line: bool,
    /// Whether a secret is there now.
    pub(super) has_secret: bool,
}

impl From<Action> for Step {
    fn from(action: Action) -> Self {
        Self { action, edited: None }
    }
}

/// A part of a text in its written form, and whether its lines hold a secret.
pub(super) fn shown(text: &Text, part: Range<usize>, is_secret_file: bool) -> (String, bool) {
    let content = text.slice(part.clone());
    if is_secret_file {
        return (crossed_out(&content), false);
    }
    let lines = text.line_of(part.start)..text.line_of(part.end) + 1;
    let around =
        text.line_start(lines.start.saturating_sub(LINES_AROUND))..text.line_start(lines.end + LINES_AROUND);
    let own = text.line_start(lines.start)..text.line_start(lines.end).max(part.end);
    let mut written = String::new();
    let mut at = part.start;
    let mut has_secret = false;
    for found in fimble_secrets::find(&text.slice(around.clone())) {
        let found = around.start + found.range.start..around.start + found.range.end;
        has_secret |= found.start < own.end && own.start < found.end;
        let hidden = found.start.max(at)..found.end.min(part.end);
        if hidden.start < hidden.end {
            written.push_str(&text.slice(at..hidden.start));
            at = hidden.end;
            written.push_str(&replaced(&text.slice(hidden), '*', |character| !character.is_whitespace()));
        }
    }
    written.push_str(&text.slice(at..part.end));
    (written, has_secret)
}

/// A text without its letters and digits.
fn crossed_out(text: &str) -> String {
    replaced(text, 'x', char::is_alphanumeric)
}

fn replaced(text: &str, by: char, is_replaced: impl Fn(char) -> bool) -> String {
    text.chars()
        .flat_map(|character| match is_replaced(character) {
            true => repeat_n(by, character.len_utf16()),
            false => repeat_n(character, 1),
        })
        .collect()
}

/// The keys on one line, until the cursor leaves it.
#[derive(Default)]
pub(super) struct Held {
    events: Vec<Event>,
    place: Option<(String, u32)>,
}

impl Held {
    /// Takes a step; returns what can be written.
    pub(super) fn take(&mut self, at: Option<u64>, step: Step) -> Vec<Event> {
        let Step { action, edited } = step;
        let stays = match (&edited, &self.place) {
            (Some(edited), Some((file, line))) => edited.file == *file && edited.line == *line,
            (None, Some(_)) => {
                matches!(action, Action::Cursor(_) | Action::Accept { .. } | Action::Dismiss { .. })
            }
            (_, None) => false,
        };
        let mut ready = Vec::new();
        if !stays {
            ready = self.rest();
        }
        self.events.push(Event { at, action });
        let Some(Edited { file, line, is_one_line, has_secret }) = edited else {
            if self.place.is_none() {
                ready.append(&mut self.events);
            }
            return ready;
        };
        self.place = Some((file, line));
        if has_secret {
            for event in &mut self.events {
                if let Action::Change { text, .. } = &mut event.action {
                    *text = crossed_out(text);
                }
            }
        }
        if !is_one_line {
            ready.append(&mut self.rest());
        }
        ready
    }

    /// All that is held.
    pub(super) fn rest(&mut self) -> Vec<Event> {
        self.place = None;
        std::mem::take(&mut self.events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password() -> String {
        ["q9Kd02", "mmQpL7aa31Zb"].concat()
    }

    #[test]
    fn places_stay_and_secrets_do_not() {
        let text = Text::new(&format!("a = \"😀\"\npassword = \"{}\" # 😀\n", password()));
        let (written, has_secret) = shown(&text, 0..text.len(), false);
        assert!(has_secret && !written.contains(&password()), "{written}");
        assert_eq!(written, format!("a = \"😀\"\npassword = \"{}\" # 😀\n", "*".repeat(password().len())));
        let (written, _) = shown(&Text::new("KEY=a😀é1\n"), 0..13, true);
        assert_eq!(written, "xxx=x😀xx\n");
        assert_eq!(shown(&text, 0..5, false), ("a = \"".to_owned(), false));
    }

    /// The written form of these keys, typed one after the other into a file.
    fn typed(keys: &str) -> String {
        let mut held = Held::default();
        let mut whole = String::new();
        let mut written = String::new();
        for key in keys.chars() {
            let at = whole.len();
            whole.push(key);
            let text = Text::new(&whole);
            let (shown, has_secret) = shown(&text, at..whole.len(), false);
            let line = u32::try_from(text.line_of(at)).unwrap();
            let edited = Edited { file: "a.py".to_owned(), line, is_one_line: key != '\n', has_secret };
            let action = Action::Change { range: [(line, 0), (line, 0)], text: shown };
            for event in held.take(None, Step { action, edited: Some(edited) }) {
                if let Action::Change { text, .. } = event.action {
                    written.push_str(&text);
                }
            }
        }
        for event in held.rest() {
            if let Action::Change { text, .. } = event.action {
                written.push_str(&text);
            }
        }
        written
    }

    #[test]
    fn what_is_typed_key_by_key_is_hidden_from_its_first_key_on() {
        let keys = format!("import db\npassword = \"{}\"\nopen()\n", password());
        let written = typed(&keys);
        assert_eq!(written.chars().count(), keys.chars().count());
        assert!(written.starts_with("import db\n") && written.ends_with("open()\n"), "{written}");
        let shown = &written["import db\npassword = \"".len()..];
        let is_shared = password().chars().zip(shown.chars()).any(|(typed, shown)| typed == shown);
        assert!(!is_shared, "{written}");
        assert_eq!(typed("let a = b;\nlet c = d;\n"), "let a = b;\nlet c = d;\n");
    }

    #[test]
    fn a_line_is_written_when_it_is_left() {
        let mut held = Held::default();
        let change = |line: u32, text: &str| Step {
            action: Action::Change { range: [(line, 0), (line, 0)], text: text.to_owned() },
            edited: Some(Edited { file: "a.py".to_owned(), line, is_one_line: true, has_secret: false }),
        };
        assert_eq!(held.take(None, Action::Save("a.py".to_owned()).into()).len(), 1);
        assert_eq!(held.take(None, change(1, "a")).len(), 0);
        assert_eq!(held.take(None, Action::Dismiss {}.into()).len(), 0);
        assert_eq!(held.take(None, change(2, "b")).len(), 2);
        assert_eq!(held.take(None, Action::Save("a.py".to_owned()).into()).len(), 2);
        assert_eq!(held.rest().len(), 0);
    }
}
