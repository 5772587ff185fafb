//! Characters that a typist would not have had to type. Invariant: a suggestion counts only if all of it equals what the
//! session itself types at its place afterwards; no character counts twice.

use fimble_client::InlineItem;
use fimble_document::{Position, Text};

use super::script::{Ask, ENCODING, Script};

/// Suggestions end long before this; in bytes.
const LONGEST: usize = 4096;

/// What is typed at the place of a question after it, up to the first change that does something else in its file; with
/// the number of the beat in which each part of it is typed.
fn typed_later(script: &Script, beat: usize, ask: &Ask) -> (String, Vec<(usize, usize)>) {
    let mut text = String::new();
    let mut parts = Vec::new();
    for (number, later) in script.beats.iter().enumerate().skip(beat + 1) {
        let Some(edit) = later.edit.as_ref().filter(|edit| edit.file == ask.file) else { continue };
        let goes_on = edit.removed == (ask.offset + text.len()..ask.offset + text.len());
        if !goes_on || !edit.is_typed || text.len() > LONGEST {
            break;
        }
        text.push_str(&edit.inserted);
        parts.push((text.len(), number));
    }
    (text, parts)
}

/// The suggestion as what it inserts at the cursor; none if it changes what stands around it.
fn inserted<'a>(ask: &Ask, item: &'a InlineItem) -> Option<&'a str> {
    let [start, end] = item.range;
    let (left, right) = (&ask.line.0, &ask.line.1);
    if start.0 != ask.place.0 || end.0 != ask.place.0 || start.1 > ask.place.1 || end.1 < ask.place.1 {
        return None;
    }
    let line = Text::new(&format!("{left}{right}"));
    let offset = |(_, character)| line.offset(Position { line: 0, character }, ENCODING);
    let typed = left.get(offset(start)..)?;
    let replaced = right.get(..offset(end).checked_sub(left.len())?)?;
    item.insert_text.strip_prefix(typed)?.strip_suffix(replaced)
}

/// Counts characters over a session. `shown` has the suggestion that was on the screen after each beat.
pub fn kept_characters(script: &Script, shown: &[Option<&InlineItem>]) -> usize {
    let mut n_kept = 0;
    let mut beat = 0;
    while beat < script.beats.len() {
        let fits = script.beats[beat].ask.as_ref().zip(shown.get(beat).copied().flatten()).and_then(
            |(ask, item)| {
                let suggestion = inserted(ask, item).filter(|text| !text.is_empty())?;
                let (later, parts) = typed_later(script, beat, ask);
                later.starts_with(suggestion).then_some((suggestion, parts))
            },
        );
        beat += 1;
        if let Some((suggestion, parts)) = fits {
            n_kept += suggestion.chars().count();
            // The typist goes on with the question after the key that types the last character of the suggestion.
            beat = parts.iter().find(|(end, _)| *end >= suggestion.len()).map_or(beat, |(_, number)| *number);
        }
    }
    n_kept
}

/// Characters that the session types.
pub fn typed_characters(script: &Script) -> usize {
    let edits = script.beats.iter().filter_map(|beat| beat.edit.as_ref()).filter(|edit| edit.is_typed);
    edits.map(|edit| edit.inserted.chars().count()).sum()
}

#[cfg(test)]
mod tests {
    use fimble::shared::session_file::Session;

    use super::*;

    fn item(text: &str, range: [(u32, u32); 2]) -> InlineItem {
        InlineItem { insert_text: text.to_owned(), range, command: serde_json::Value::Null }
    }

    fn script(text: &str, events: &[&str]) -> Script {
        let header = serde_json::json!({"session": "s", "files": {"a": {"language": "c", "text": text}}});
        let content = format!("{header}\n{{\"open\":{{\"file\":\"a\"}}}}\n{}", events.join("\n"));
        Script::of(&Session::parse(&content, &|_| unreachable!("no fixtures")).unwrap()).unwrap()
    }

    #[test]
    fn only_what_is_typed_afterwards_counts_and_only_once() {
        let script = script("", &[r#"{"type":"abcdef"}"#, r#"{"delete":2}"#, r#"{"type":"xy"}"#]);
        // After each of the keys a to f, two deletions, x and y; the file is opened in beat 0.
        for (beat, text, expected) in [
            (1, "bcd", 3),
            (1, "bcdef", 5),
            (1, "bcdex", 0),
            (4, "x", 0),
            (8, "xy", 2),
            (9, "y", 1),
            (9, "", 0),
        ] {
            let character = [0, 1, 2, 3, 4, 5, 6, 5, 4, 5, 6][beat];
            let suggestion = item(text, [(0, character); 2]);
            let mut shown = vec![None; script.beats.len()];
            shown[beat] = Some(&suggestion);
            assert_eq!(kept_characters(&script, &shown), expected, "{text:?} after beat {beat}");
        }
        let [first, inside, behind] =
            [(1, "bcd"), (2, "cd"), (4, "ef")].map(|(column, text)| item(text, [(0, column); 2]));
        let mut shown = vec![None; script.beats.len()];
        (shown[1], shown[2], shown[4]) = (Some(&first), Some(&inside), Some(&behind));
        assert_eq!(kept_characters(&script, &shown), 5);
        assert_eq!(typed_characters(&script), 8);
    }

    #[test]
    fn text_around_the_cursor_that_a_suggestion_repeats_is_no_gain() {
        let script = script("f()", &[r#"{"cursor":"f("}"#, r#"{"type":"ä1"}"#]);
        for (text, range, expected) in [
            ("ä1)", [(0, 2), (0, 3)], 2),
            ("f(ä1", [(0, 0), (0, 2)], 2),
            ("ä1;", [(0, 2), (0, 3)], 0),
            ("g(ä1", [(0, 0), (0, 2)], 0),
            ("ä1", [(1, 0), (1, 0)], 0),
        ] {
            let suggestion = item(text, range);
            let mut shown = vec![None; script.beats.len()];
            shown[1] = Some(&suggestion);
            assert_eq!(kept_characters(&script, &shown), expected, "{text:?} {range:?}");
        }
    }
}
