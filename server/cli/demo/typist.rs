//! Types into the samples, one key at a time, and accepts a suggestion that equals the text to type. Invariant: saved keys are
//! counted on places that were typed to their end, so that two models are compared on the same keys.

use std::time::Duration;

use fimble_client::InlineTrigger;
use fimble_lsp::AnswerPath;

use super::samples::{SAMPLES, Sample};
use crate::cli::local_server::LocalServer;

/// Time for the answers about one file; no key is typed once it is used up. Five files then take less than a minute.
const TIME_PER_FILE: Duration = Duration::from_secs(8);

/// One keystroke and its answer.
pub struct Keystroke<'a> {
    /// Number of the line, from 1.
    pub line: u32,
    /// The line up to the cursor.
    pub before: &'a str,
    /// The suggestion; empty if there is none.
    pub ghost: &'a str,
    /// The line behind the cursor.
    pub right: &'a str,
    /// From the request to the answer.
    pub elapsed: Duration,
    /// The source of the answer.
    pub path: AnswerPath,
    /// Tokens that were read for it.
    pub n_read: usize,
    /// Tokens of the prompt.
    pub n_prompt: usize,
    /// Whether it was what was to be typed, and was taken.
    pub accepted: bool,
}

/// An event while typing.
pub enum Event<'a> {
    /// A file is opened in which so many places are typed.
    File(&'a str, usize),
    /// A place begins.
    Place,
    /// A key was pressed.
    Key(&'a Keystroke<'a>),
}

/// The totals after typing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    /// For each sample the number of places that were typed to their end.
    pub places: Vec<usize>,
    /// Characters of these places.
    pub n_characters: usize,
    /// Keys that suggestions saved there.
    pub n_saved: usize,
}

impl Typed {
    /// Whether every place was typed to its end.
    pub fn is_whole(&self) -> bool {
        SAMPLES.iter().zip(&self.places).all(|(sample, n_places)| sample.parse().1.len() == *n_places)
    }
}

/// Types all samples, as far as the time for each goes.
///
/// # Errors
/// The server answered with an error.
pub fn type_all(server: &LocalServer, watch: &mut dyn FnMut(Event<'_>)) -> anyhow::Result<Typed> {
    let mut typed = Typed::default();
    for sample in SAMPLES {
        let n_places = type_sample(server, sample, usize::MAX, &mut typed, watch)?;
        typed.places.push(n_places);
    }
    Ok(typed)
}

/// Types the places again that were typed to their end, without showing anything.
///
/// # Errors
/// The server answered with an error.
pub fn type_again(server: &LocalServer, before: &Typed) -> anyhow::Result<Typed> {
    let mut typed = Typed::default();
    for (sample, n_places) in SAMPLES.iter().zip(&before.places) {
        let n_places = type_sample(server, sample, *n_places, &mut typed, &mut |_| {})?;
        typed.places.push(n_places);
    }
    Ok(typed)
}

/// Types the first places of a sample, and returns how many were typed to their end.
fn type_sample(
    server: &LocalServer,
    sample: &Sample,
    most: usize,
    sum: &mut Typed,
    watch: &mut dyn FnMut(Event<'_>),
) -> anyhow::Result<usize> {
    let (mut text, places) = sample.parse();
    let uri = format!("file:///demo/{}", sample.name);
    server.client().open(&uri, sample.language, &text);
    watch(Event::File(sample.name, places.len()));
    let mut version = 1;
    let mut n_typed_bytes = 0;
    let mut n_places = 0;
    let mut time_left = TIME_PER_FILE;
    for (offset, typed) in places.into_iter().take(most) {
        watch(Event::Place);
        let mut cursor = offset + n_typed_bytes;
        n_typed_bytes += typed.len();
        let mut rest = typed;
        let mut n_saved = 0;
        while !rest.is_empty() && !time_left.is_zero() {
            let line_start = text[..cursor].rfind('\n').map_or(0, |at| at + 1);
            let line = u32::try_from(text[..line_start].matches('\n').count())?;
            let character = u32::try_from(text[line_start..cursor].chars().count())?;
            let answer = server.ask(&uri, (line, character), InlineTrigger::Automatic)?;
            time_left = time_left.saturating_sub(answer.elapsed);
            let trace = server.last_trace()?;
            let ghost = answer.item.as_ref().map_or("", |item| item.insert_text.as_str());
            let accepted = is_taken(ghost, rest);
            watch(Event::Key(&Keystroke {
                line: line + 1,
                before: &text[line_start..cursor],
                ghost,
                right: text[cursor..].lines().next().unwrap_or(""),
                elapsed: answer.elapsed,
                path: trace.path,
                n_read: trace.tokens.prefilled,
                n_prompt: trace.tokens.prompt,
                accepted,
            }));
            let next = if accepted { rest.len() } else { rest.chars().next().map_or(0, char::len_utf8) };
            let (now, later) = rest.split_at(next);
            version += 1;
            server.client().change(&uri, version, [(line, character); 2], now);
            text.insert_str(cursor, now);
            cursor += next;
            rest = later;
            // The key that takes a suggestion is one, too.
            n_saved += if accepted { now.chars().count() - 1 } else { 0 };
        }
        if !rest.is_empty() {
            break;
        }
        n_places += 1;
        sum.n_characters += typed.chars().count();
        sum.n_saved += n_saved;
    }
    server.client().close(&uri);
    Ok(n_places)
}

/// Whether a suggestion is what was to be typed. Of one with several lines the first is taken, as editors offer it.
fn is_taken(ghost: &str, rest: &str) -> bool {
    !ghost.is_empty() && ghost.lines().next() == Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suggestion_is_taken_when_its_first_line_is_what_was_to_be_typed() {
        for (ghost, rest, expected) in [
            ("return x", "return x", true),
            ("return x\n}\n", "return x", true),
            ("return xy", "return x", false),
            ("return", "return x", false),
            ("\nreturn x", "return x", false),
            ("", "return x", false),
        ] {
            assert_eq!(is_taken(ghost, rest), expected, "{ghost:?}");
        }
    }

    #[test]
    fn it_is_whole_when_every_place_came_to_its_end() {
        let places: Vec<usize> = SAMPLES.iter().map(|sample| sample.parse().1.len()).collect();
        let mut typed = Typed { places, ..Typed::default() };
        assert!(typed.is_whole());
        typed.places[2] -= 1;
        assert!(!typed.is_whole());
    }
}
