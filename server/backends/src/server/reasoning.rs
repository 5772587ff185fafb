//! Reasoning without an opening mark. The template of some models opens the reasoning itself, so that an answer begins in the middle of
//! it and only its end is marked. Invariant: nothing of such an answer is shown before that mark; a wrong assumption delays text, and
//! loses none; the observer sees both marks.

use std::ops::ControlFlow;

use fimble_model::{GeneratedToken, StopReason, THOUGHT_MARKS, TokenObserver};

use crate::spec::Kind;

/// How a model begins its answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReasoningStyle {
    /// With the answer itself, or with an opening mark.
    Open,
    /// In the middle of its reasoning.
    Hidden,
}

impl ReasoningStyle {
    /// The style that the name suggests, for servers that may not separate reasoning from the answer.
    pub(crate) fn of_name(kind: Kind, model: &str) -> Self {
        const WORDS: [&str; 6] = ["r1", "qwq", "think", "thinking", "reasoning", "reasoner"];
        let name = model.to_lowercase();
        let is_known = name.split(|c: char| !c.is_alphanumeric()).any(|word| WORDS.contains(&word));
        if is_known && matches!(kind, Kind::Vllm | Kind::OpenAi) { Self::Hidden } else { Self::Open }
    }

    /// The style after an answer was seen.
    pub(crate) fn after(self, text: &str, stop: &StopReason) -> Self {
        if closing_line(text).is_some_and(|(opening, at)| !text[..at].contains(opening)) {
            return Self::Hidden;
        }
        let is_whole = matches!(stop, StopReason::Finished | StopReason::EndToken(_));
        if is_whole { Self::Open } else { self }
    }
}

/// An observer that sees no text while the model reasons.
pub(crate) struct HeldBack {
    observer: TokenObserver,
    /// Text that the observer did not see yet. None if it sees all text at once.
    held: Option<String>,
    /// The mark that was inserted before the first piece.
    lead: &'static str,
}

impl HeldBack {
    pub(crate) fn new(reasoning_style: ReasoningStyle, observer: TokenObserver) -> Self {
        let held = (reasoning_style == ReasoningStyle::Hidden).then(String::new);
        Self { observer, held, lead: "" }
    }

    /// Takes a piece. An empty one means that the server separates reasoning by itself.
    pub(crate) fn take(&mut self, piece: &str, tokens: &[GeneratedToken]) -> ControlFlow<()> {
        let Some(held) = &mut self.held else { return (self.observer)(piece, tokens) };
        held.push_str(piece);
        let said = held.trim_start();
        let is_marked = THOUGHT_MARKS.iter().any(|(opening, _)| said.starts_with(opening));
        if piece.is_empty() || is_marked {
            return self.show("", tokens);
        }
        match closing_line(held) {
            Some((opening, _)) => self.show(opening, tokens),
            None => (self.observer)("", tokens),
        }
    }

    /// Shows the text that is left at the end of the answer. It is the answer, unless the generation was cut off. Returns the mark that
    /// was inserted before the text.
    pub(crate) fn finish(&mut self, stop: &StopReason) -> &'static str {
        if self.held.as_ref().is_some_and(|held| !held.is_empty()) {
            let is_whole = matches!(stop, StopReason::Finished | StopReason::EndToken(_));
            // The answer has ended: it does not matter whether the observer ends it.
            let _ = self.show(if is_whole { "" } else { THOUGHT_MARKS[0].0 }, &[]);
        }
        self.lead
    }

    fn show(&mut self, lead: &'static str, tokens: &[GeneratedToken]) -> ControlFlow<()> {
        self.lead = lead;
        let held = self.held.take().unwrap_or_default();
        (self.observer)(&format!("{lead}{held}"), tokens)
    }
}

/// The first complete line that is nothing but a closing mark: its opening mark, and where the line begins.
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
    fn shown(reasoning_style: ReasoningStyle, pieces: &[&str], stop: &StopReason) -> (Vec<String>, String) {
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let theirs = Arc::clone(&seen);
        let observer: TokenObserver = Box::new(move |piece: &str, _| {
            theirs.lock().unwrap().push(piece.to_owned());
            ControlFlow::Continue(())
        });
        let mut held_back = HeldBack::new(reasoning_style, observer);
        for piece in pieces {
            assert_eq!(held_back.take(piece, &[]), ControlFlow::Continue(()));
        }
        let text = format!("{}{}", held_back.finish(stop), pieces.concat());
        let seen = seen.lock().unwrap().clone();
        assert_eq!(seen.concat(), text, "the text is what was seen");
        (seen, text)
    }

    #[test]
    fn nothing_is_shown_of_a_thought_that_began_unseen() {
        let pieces = ["Hm, so ", "it adds.\n</thi", "nk>\n", "It ", "adds."];
        let (seen, text) = shown(ReasoningStyle::Hidden, &pieces, &StopReason::Finished);
        assert_eq!(seen, ["", "", "<think>Hm, so it adds.\n</think>\n", "It ", "adds."]);
        assert_eq!(
            ReasoningStyle::Hidden.after(&text["<think>".len()..], &StopReason::Finished),
            ReasoningStyle::Hidden
        );
        // The thought has no end yet.
        let (seen, _) = shown(ReasoningStyle::Hidden, &pieces[..1], &StopReason::MaxTokens);
        assert_eq!(seen, ["", "<think>Hm, so "]);
    }

    #[test]
    fn a_wrong_guess_costs_no_text() {
        let (seen, text) = shown(ReasoningStyle::Hidden, &["It ", "adds."], &StopReason::Finished);
        assert_eq!((seen.last().unwrap().as_str(), text.as_str()), ("It adds.", "It adds."));
        assert_eq!(ReasoningStyle::Hidden.after(&text, &StopReason::Finished), ReasoningStyle::Open);
        let marked = ["<think>", "Hm\n</think>\n", "It adds."];
        assert_eq!(shown(ReasoningStyle::Hidden, &marked, &StopReason::Finished).0, marked);
        // The server tells thoughts apart.
        assert_eq!(
            shown(ReasoningStyle::Hidden, &["", "It adds."], &StopReason::Finished).0,
            ["", "It adds."]
        );
        assert_eq!(shown(ReasoningStyle::Hidden, &[], &StopReason::Cancelled).0, Vec::<String>::new());
    }

    #[test]
    fn names_and_answers_teach() {
        for (name, expected) in [
            ("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", ReasoningStyle::Hidden),
            ("Qwen/QwQ-32B", ReasoningStyle::Hidden),
            ("Qwen3-4B-Thinking-2507", ReasoningStyle::Hidden),
            ("Qwen/Qwen2.5-Coder-7B", ReasoningStyle::Open),
            ("star1-thinker", ReasoningStyle::Open),
        ] {
            assert_eq!(ReasoningStyle::of_name(Kind::Vllm, name), expected, "{name}");
            assert_eq!(ReasoningStyle::of_name(Kind::LlamaCpp, name), ReasoningStyle::Open);
        }
        for (text, expected) in [
            ("Hm\n</think>\n\nIt adds.", ReasoningStyle::Hidden),
            ("<think>\nHm\n</think>\nIt adds.", ReasoningStyle::Open),
            ("Ends with `</think>`.", ReasoningStyle::Open),
            ("", ReasoningStyle::Open),
        ] {
            assert_eq!(ReasoningStyle::Open.after(text, &StopReason::Finished), expected, "{text:?}");
        }
    }
}
