//! The same places in the middle of their last hunk: what a user sees who is still typing. Invariant: what is not typed yet is
//! left, so that only an edit that the author did not make is wrong.

use crate::case::{Case, Change, Left, Typed};
use crate::outcome::Outcome;
use crate::replay::first_key;

/// The most keys of a place at which the next edit is asked for.
const MAX_ASKED: usize = 12;

/// What is shown while the last hunk is typed.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WhileTyping {
    /// Keys at which the next edit was asked for.
    pub n_keys: usize,
    /// Keys at which one is shown.
    pub n_shown: usize,
    /// Of these, the ones where it is right up to blanks.
    pub n_right: usize,
    /// Places.
    pub n_places: usize,
    /// Places with a key at which one is shown that is wrong.
    pub n_wrong_places: usize,
}

impl WhileTyping {
    /// Counts the keys of one place.
    pub fn count(&mut self, outcomes: &[Outcome]) {
        let shown: Vec<_> = outcomes.iter().filter_map(Outcome::shown).collect();
        let n_right = shown.iter().filter(|shown| shown.judgement.up_to_blanks).count();
        self.n_keys += outcomes.len();
        self.n_shown += shown.len();
        self.n_right += n_right;
        self.n_places += 1;
        self.n_wrong_places += usize::from(n_right < shown.len());
    }
}

/// The place after some keys of its last hunk, evenly spread over them, without the last key.
pub fn within_last_hunk(case: &Case) -> Vec<Case> {
    let last_hunk = case.typed.last().map(|typed| typed.hunk);
    let first = case.typed.iter().position(|typed| Some(typed.hunk) == last_hunk).unwrap_or(0);
    let mut stops = Vec::new();
    for (at, typed) in case.typed.iter().enumerate().skip(first) {
        let new = &typed.change.new;
        let mut end = 0;
        while end < new.len() {
            end += first_key(&new[end..]);
            stops.push((at, end));
        }
    }
    stops.pop();
    let step = stops.len().div_ceil(MAX_ASKED).max(1);
    stops.into_iter().step_by(step).map(|(at, end)| stopped(case, at, end)).collect()
}

/// The place when a change is typed up to an offset of its new text.
fn stopped(case: &Case, at: usize, end: usize) -> Case {
    let mut stopped = Case { is_undone: false, is_typing: true, ..case.clone() };
    let rest = stopped.typed.split_off(at + 1);
    let left = &mut stopped.files[0].left;
    left.extend(rest.into_iter().map(|typed| Left { change: typed.change, follows: false }));
    if let Some(Typed { change, .. }) = stopped.typed.last_mut() {
        let new = change.new.split_off(end);
        let range = change.range.end..change.range.end;
        left.extend((!new.is_empty()).then_some(Left { change: Change { range, new }, follows: false }));
    }
    left.sort_by_key(|left| (left.change.range.start, left.change.range.end));
    stopped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marked;

    #[test]
    fn what_is_not_typed_yet_is_left() {
        let text = "@@ rename | | a.py\nx = «1:1→2»\ny = «2:a→bcd» + «2:e→fg»\nz = «?:1→2»\n";
        let cases = within_last_hunk(&marked::parse(text).unwrap()[0]);
        let typed = |case: &Case| {
            case.typed.iter().map(|typed| typed.change.new.as_str()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(cases.iter().map(typed).collect::<Vec<_>>(), ["2 b", "2 bc", "2 bcd", "2 bcd f"]);
        let left: Vec<usize> = cases.iter().map(|case| case.files[0].left.len()).collect();
        assert_eq!(left, [3, 3, 2, 2]);
        assert!(cases.iter().all(|case| case.is_typing));
    }

    #[test]
    fn few_keys_of_a_long_hunk_are_asked_at() {
        let text = format!("@@ other | | a.py\nx = «1:1→{}»\n", "7".repeat(100));
        let cases = within_last_hunk(&marked::parse(&text).unwrap()[0]);
        assert_eq!(cases.len(), 11);
        assert!(cases.last().unwrap().typed[0].change.new.len() < 100);
    }
}
