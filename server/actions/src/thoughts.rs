//! The answer of a model, without the thoughts before it. Invariant: whatever pieces an answer comes in, the outcome is the same;
//! nothing between two marks is ever returned, even if the second mark is missing; code and words that only mention a mark stay
//! whole.

use fimble_model::THOUGHT_MARKS;

/// An answer that grows.
///
/// Thoughts are at its beginning, between marks. A template may have opened them itself: then only the closing mark comes,
/// on a line of its own, and the text before it is a thought.
#[derive(Debug, Default)]
pub(crate) struct Spoken {
    all: String,
    /// Where what was thought until now ends.
    start: usize,
    /// The mark that the thought under way ends with.
    awaited: Option<&'static str>,
    /// The place from which to search for a mark: in a thought anywhere, else the first line that is not complete.
    at: usize,
    is_in_block: bool,
    has_thought: bool,
}

impl Spoken {
    /// An answer that is complete.
    pub(crate) fn whole(answer: &str) -> Self {
        let mut spoken = Self { all: answer.to_owned(), ..Self::default() };
        while spoken.step() {}
        spoken.end();
        spoken
    }

    /// Takes the next piece. An empty one says that the model thinks without showing it.
    pub(crate) fn push(&mut self, piece: &str) {
        self.all.push_str(piece);
        self.has_thought |= piece.is_empty();
        while self.step() {}
    }

    /// The text that may be shown: empty while the model thinks, and until it is clear that it does not.
    pub(crate) fn so_far(&self) -> &str {
        let said = self.said();
        if THOUGHT_MARKS.iter().any(|(opening, _)| opening.starts_with(said)) {
            return "";
        }
        // A line that may become the mark at the end of a thought waits for its rest.
        let last = self.all[self.at..].trim();
        let may_be_mark = THOUGHT_MARKS.iter().any(|(_, closing)| closing.starts_with(last));
        if may_be_mark && !self.is_in_block { self.all[self.start..self.at].trim() } else { said }
    }

    /// Whether it thought, and said nothing until now.
    pub(crate) fn has_only_thought(&self) -> bool {
        self.has_thought && self.so_far().is_empty()
    }

    /// All of what it said.
    pub(crate) fn into_text(self) -> String {
        self.said().to_owned()
    }

    /// The text so far, marks that are not complete included.
    fn said(&self) -> &str {
        if self.awaited.is_some() { "" } else { self.all[self.start..].trim_start() }
    }

    /// The last line is as complete as the others.
    fn end(&mut self) {
        if self.awaited.is_none() && !self.is_in_block && closes(&self.all[self.at..]) {
            self.thought_until(self.all.len());
        }
    }

    /// Goes over the next mark or line. Whether there was one.
    fn step(&mut self) -> bool {
        if let Some(closing) = self.awaited {
            return match self.all[self.at..].find(closing) {
                Some(found) => {
                    self.thought_until(self.at + found + closing.len());
                    true
                }
                None => {
                    // The mark may be incomplete.
                    let partial = self.all.len().saturating_sub(closing.len());
                    self.at = self.all.floor_char_boundary(partial).max(self.at);
                    false
                }
            };
        }
        let said = self.said();
        if let Some((opening, closing)) = THOUGHT_MARKS.iter().find(|(opening, _)| said.starts_with(opening))
        {
            self.at = self.all.len() - said.len() + opening.len();
            self.awaited = Some(closing);
            self.has_thought = true;
            return true;
        }
        let Some(length) = self.all[self.at..].find('\n') else { return false };
        let line = &self.all[self.at..self.at + length];
        let end = self.at + length + 1;
        let is_fence = line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~");
        if !self.is_in_block && closes(line) {
            self.thought_until(end);
        } else {
            self.is_in_block ^= is_fence;
            self.at = end;
        }
        true
    }

    fn thought_until(&mut self, end: usize) {
        (self.start, self.at, self.awaited) = (end, end, None);
        (self.has_thought, self.is_in_block) = (true, false);
    }
}

/// Whether a line is nothing but the end of a thought.
fn closes(line: &str) -> bool {
    THOUGHT_MARKS.iter().any(|(_, closing)| line.trim() == *closing)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Spoken;

    const ANSWER: &str = "It adds.\n\n```rust\nfn add() {}\n```\n";

    /// Answers with thoughts that say SECRET, all of which come to the same.
    fn answers() -> Vec<String> {
        let thought = "Hm, SECRET.\n```rust\nSECRET\n```\nA < b, </ thin, ünd.\n";
        let mut answers = vec![
            format!("<think>\n</think>\n\n{ANSWER}"),
            format!(" \n<think>SECRET</think><think>SECRET</think>{ANSWER}"),
        ];
        for (opening, closing) in fimble_model::THOUGHT_MARKS {
            answers.push(format!("{opening}\n{thought}{closing}\n\n{ANSWER}"));
        }
        answers
    }

    fn in_pieces(answer: &str, cuts: &[usize], seen: &mut dyn FnMut(&Spoken)) -> String {
        let mut spoken = Spoken::default();
        let mut at = 0;
        for cut in cuts.iter().copied().chain([answer.len()]) {
            let cut = answer.floor_char_boundary(cut).max(at);
            if cut > at {
                spoken.push(&answer[at..cut]);
                seen(&spoken);
                at = cut;
            }
        }
        spoken.end();
        spoken.into_text()
    }

    #[test]
    fn thoughts_are_never_shown_wherever_an_answer_is_cut() {
        for answer in answers() {
            for cut in 0..=answer.len() {
                let text = in_pieces(&answer, &[cut], &mut |spoken| {
                    let shown = spoken.so_far();
                    assert!(ANSWER.starts_with(shown), "{shown:?} of {answer:?} cut at {cut}");
                });
                assert_eq!(text, ANSWER, "{answer:?} cut at {cut}");
            }
            let every: Vec<usize> = (0..answer.len()).collect();
            let mut n_silent = 0;
            in_pieces(&answer, &every, &mut |spoken| n_silent += usize::from(spoken.has_only_thought()));
            assert!(n_silent > 5, "that it thinks is known: {answer:?}");
        }
    }

    #[test]
    fn a_thought_without_an_end_says_nothing() {
        for answer in ["<think>", "<think>\nSECRET\n```rust\nfn a() {}\n```\n", "[THINK]SECRET</think>\nmore"]
        {
            for cut in 0..=answer.len() {
                let text = in_pieces(answer, &[cut], &mut |spoken| assert_eq!(spoken.so_far(), ""));
                assert_eq!(text, "", "{answer:?} cut at {cut}");
            }
            assert!(Spoken::whole(answer).has_only_thought());
        }
        assert!(!Spoken::whole("").has_only_thought() && !Spoken::whole("a").has_only_thought());
        let mut elsewhere = Spoken::default();
        elsewhere.push("");
        assert!(elsewhere.has_only_thought());
    }

    #[test]
    fn a_thought_that_the_template_opened_is_taken_back_where_it_ends() {
        let answer = format!("Well, SECRET.\n\n</think>\n\n{ANSWER}");
        for cut in 0..=answer.len() {
            let text = in_pieces(&answer, &[cut], &mut |spoken| assert!(!spoken.so_far().contains("</th")));
            assert_eq!(text, ANSWER, "cut at {cut}");
        }
        assert_eq!(Spoken::whole("SECRET\n</think>").into_text(), "");
    }

    #[test]
    fn what_only_mentions_a_mark_stays_whole() {
        for answer in [
            "It cuts `<think>` off, up to </think> if that comes.",
            "```html\n<think>\nx\n</think>\n```\n",
            "~~~\n</think>\n~~~",
            "<thin",
            "<thinker>",
            "a\n</thi",
        ] {
            assert_eq!(Spoken::whole(answer).into_text(), answer);
        }
        assert_eq!(Spoken::whole("a <think>").so_far(), "a <think>");
    }

    proptest! {
        #[test]
        fn the_pieces_of_an_answer_do_not_matter(
            parts in proptest::collection::vec("<think>|</think>|\n|```| |a|ü|<|/think>", 0..12),
            cuts in proptest::collection::vec(0usize..80, 0..6),
        ) {
            let answer = parts.concat();
            let mut cuts = cuts;
            cuts.sort_unstable();
            let whole = Spoken::whole(&answer).into_text();
            prop_assert_eq!(in_pieces(&answer, &cuts, &mut |_| {}), whole);
        }
    }
}
