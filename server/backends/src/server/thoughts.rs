//! Thoughts whose beginning nobody sees. The template of some models begins a thought by itself, so that an answer begins in the
//! middle of it and only its end is marked. Must hold: of a model that is known to do so nothing is handed out before that
//! mark; a wrong guess costs no text, only that it comes late; whoever reads the answer finds both marks.

use std::ops::ControlFlow;

use fimble_model::{Observer, StopReason, THOUGHT_MARKS};

use crate::spec::Kind;

/// How a model begins its answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    /// With what it says, or with a mark.
    Open,
    /// In the middle of a thought.
    Hidden,
}

impl Habit {
    /// What the name says, where the server may not tell thoughts apart.
    pub(crate) fn guess(kind: Kind, model: &str) -> Self {
        const WORDS: [&str; 6] = ["r1", "qwq", "think", "thinking", "reasoning", "reasoner"];
        let name = model.to_lowercase();
        let is_known = name.split(|c: char| !c.is_alphanumeric()).any(|word| WORDS.contains(&word));
        if is_known && matches!(kind, Kind::Vllm | Kind::OpenAi) { Self::Hidden } else { Self::Open }
    }

    /// What an answer teaches.
    pub(crate) fn after(self, text: &str, stop: &StopReason) -> Self {
        if closing_line(text).is_some_and(|(opening, at)| !text[..at].contains(opening)) {
            return Self::Hidden;
        }
        let is_whole = matches!(stop, StopReason::Finished | StopReason::EndToken(_));
        if is_whole { Self::Open } else { self }
    }
}

/// An observer that is shown nothing while the model thinks.
pub(crate) struct HeldBack {
    observer: Observer,
    /// What came and was not handed out. None: all is handed out as it comes.
    held: Option<String>,
    /// What was handed out before the first piece.
    lead: &'static str,
}

impl HeldBack {
    pub(crate) fn new(habit: Habit, observer: Observer) -> Self {
        let held = (habit == Habit::Hidden).then(String::new);
        Self { observer, held, lead: "" }
    }

    /// Takes a piece. An empty one says that the server tells thoughts apart by itself.
    pub(crate) fn take(&mut self, piece: &str) -> ControlFlow<()> {
        let Some(held) = &mut self.held else { return (self.observer)(piece) };
        held.push_str(piece);
        let said = held.trim_start();
        let is_marked = THOUGHT_MARKS.iter().any(|(opening, _)| said.starts_with(opening));
        if piece.is_empty() || is_marked {
            return self.hand_out("");
        }
        match closing_line(held) {
            Some((opening, _)) => self.hand_out(opening),
            None => (self.observer)(""),
        }
    }

    /// Hands out what is held back at the end of the answer: all of it was said, unless it is cut. Returns what stands before
    /// the text for who reads it.
    pub(crate) fn finish(&mut self, stop: &StopReason) -> &'static str {
        if self.held.as_ref().is_some_and(|held| !held.is_empty()) {
            let is_whole = matches!(stop, StopReason::Finished | StopReason::EndToken(_));
            // It may end the answer here, where it has ended.
            let _ = self.hand_out(if is_whole { "" } else { THOUGHT_MARKS[0].0 });
        }
        self.lead
    }

    fn hand_out(&mut self, lead: &'static str) -> ControlFlow<()> {
        self.lead = lead;
        let held = self.held.take().unwrap_or_default();
        (self.observer)(&format!("{lead}{held}"))
    }
}

/// The first complete line that is nothing but the end of a thought: the mark that belongs before it, and where it begins.
fn closing_line(text: &str) -> Option<(&'static str, usize)> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let marks = THOUGHT_MARKS.iter().find(|(_, closing)| line.trim() == *closing);
        if let (Some((opening, _)), true) = (marks, line.ends_with('\n')) {
            return Some((*opening, at));
        }
        at += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// The pieces that an observer is shown, and the answer's text.
    fn shown(habit: Habit, pieces: &[&str], stop: &StopReason) -> (Vec<String>, String) {
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let theirs = Arc::clone(&seen);
        let observer: Observer = Box::new(move |piece: &str| {
            theirs.lock().unwrap().push(piece.to_owned());
            ControlFlow::Continue(())
        });
        let mut held_back = HeldBack::new(habit, observer);
        for piece in pieces {
            assert_eq!(held_back.take(piece), ControlFlow::Continue(()));
        }
        let text = format!("{}{}", held_back.finish(stop), pieces.concat());
        let seen = seen.lock().unwrap().clone();
        assert_eq!(seen.concat(), text, "the text is what was seen");
        (seen, text)
    }

    #[test]
    fn nothing_is_shown_of_a_thought_that_began_unseen() {
        let pieces = ["Hm, so ", "it adds.\n</thi", "nk>\n", "It ", "adds."];
        let (seen, text) = shown(Habit::Hidden, &pieces, &StopReason::Finished);
        assert_eq!(seen, ["", "", "<think>Hm, so it adds.\n</think>\n", "It ", "adds."]);
        assert_eq!(Habit::Hidden.after(&text["<think>".len()..], &StopReason::Finished), Habit::Hidden);
        // The thought has no end yet.
        let (seen, _) = shown(Habit::Hidden, &pieces[..1], &StopReason::MaxTokens);
        assert_eq!(seen, ["", "<think>Hm, so "]);
    }

    #[test]
    fn a_wrong_guess_costs_no_text() {
        let (seen, text) = shown(Habit::Hidden, &["It ", "adds."], &StopReason::Finished);
        assert_eq!((seen.last().unwrap().as_str(), text.as_str()), ("It adds.", "It adds."));
        assert_eq!(Habit::Hidden.after(&text, &StopReason::Finished), Habit::Open);
        let marked = ["<think>", "Hm\n</think>\n", "It adds."];
        assert_eq!(shown(Habit::Hidden, &marked, &StopReason::Finished).0, marked);
        // The server tells thoughts apart.
        assert_eq!(shown(Habit::Hidden, &["", "It adds."], &StopReason::Finished).0, ["", "It adds."]);
        assert_eq!(shown(Habit::Hidden, &[], &StopReason::Cancelled).0, Vec::<String>::new());
    }

    #[test]
    fn names_and_answers_teach() {
        for (name, expected) in [
            ("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", Habit::Hidden),
            ("Qwen/QwQ-32B", Habit::Hidden),
            ("Qwen3-4B-Thinking-2507", Habit::Hidden),
            ("Qwen/Qwen2.5-Coder-7B", Habit::Open),
            ("star1-thinker", Habit::Open),
        ] {
            assert_eq!(Habit::guess(Kind::Vllm, name), expected, "{name}");
            assert_eq!(Habit::guess(Kind::LlamaCpp, name), Habit::Open);
        }
        for (text, expected) in [
            ("Hm\n</think>\n\nIt adds.", Habit::Hidden),
            ("<think>\nHm\n</think>\nIt adds.", Habit::Open),
            ("Ends with `</think>`.", Habit::Open),
            ("", Habit::Open),
        ] {
            assert_eq!(Habit::Open.after(text, &StopReason::Finished), expected, "{text:?}");
        }
    }
}
