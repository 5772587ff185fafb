//! Whether a proposal is one of the changes that the author made. Invariant: a proposal that leaves the text as it is, or that
//! makes a change which the author did not make, is wrong.

use std::ops::Range;

use crate::case::Left;

/// How a proposal compares with what is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Judgement {
    /// It changes lines that the author changed.
    pub place: bool,
    /// It makes only changes that the author made.
    pub exact: bool,
    /// The same, if blanks and line breaks do not count.
    pub up_to_blanks: bool,
    /// What it makes follows from what was typed.
    pub follows: bool,
    /// It is wrong, and the author removed its line or wrote it anew.
    pub rewritten: bool,
}

/// Below this share of common tokens a line is another one.
const MIN_SIMILARITY: f64 = 0.5;

/// Compares a proposal with what is left, in order, of its file.
///
/// A proposal is right if it is on a way from the text to the one of the author: the distance between both is that to the text with
/// the proposal, and from there to the author's. So a proposal may make a part of what the author did. The distance counts inserted
/// and deleted tokens, of the lines around.
pub fn judge(text: &str, left: &[Left], range: Range<usize>, new: &str) -> Judgement {
    let Some((range, new)) = without_common_ends(text, range, new) else { return Judgement::default() };
    let (around, touched) = lines_around(text, left, &range);
    let now = &text[around.clone()];
    let proposed = applied(text, &around, &[(range.clone(), new)]);
    let changes: Vec<_> =
        touched.iter().map(|left| (left.change.range.clone(), left.change.new.as_str())).collect();
    let wanted = applied(text, &around, &changes);
    let up_to_blanks = is_between(&solid(now), &solid(&proposed), &solid(&wanted));
    // What is right is at the place, also where an insertion can be described by another range.
    let is_hit = |left: &&&Left| {
        up_to_blanks || left.change.range.start <= range.end && range.start <= left.change.range.end
    };
    let hit: Vec<&&Left> = touched.iter().filter(is_hit).collect();
    Judgement {
        place: !hit.is_empty(),
        exact: is_between(&tokens(now), &tokens(&proposed), &tokens(&wanted)),
        up_to_blanks,
        follows: hit.iter().any(|left| left.follows),
        rewritten: !up_to_blanks && is_rewritten(text, &hit, &range),
    }
}

/// Whether the line where a range begins is in what is left, and no new line of the author is like it.
fn is_rewritten(text: &str, hit: &[&&Left], range: &Range<usize>) -> bool {
    let start = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let is_left = hit.iter().any(|left| left.change.range.start <= start && end <= left.change.range.end);
    let line = solid(&text[start..end]);
    let is_like = |other: &str| {
        let other = solid(other);
        let n_tokens = line.len() + other.len();
        fimble_tools::ratios::share(n_tokens - distance(&line, &other), n_tokens) >= MIN_SIMILARITY
    };
    is_left && !hit.iter().flat_map(|left| left.change.new.lines()).any(is_like)
}

/// A change without what is the same at its ends; none if nothing is left.
fn without_common_ends<'a>(text: &str, range: Range<usize>, new: &'a str) -> Option<(Range<usize>, &'a str)> {
    let old = text.get(range.clone())?;
    let same = |(a, b): &(char, char)| a == b;
    let length = |(a, _): (char, char)| a.len_utf8();
    let before: usize = old.chars().zip(new.chars()).take_while(same).map(length).sum();
    let (old, new) = (&old[before..], &new[before..]);
    let after: usize = old.chars().rev().zip(new.chars().rev()).take_while(same).map(length).sum();
    let is_change = !old.is_empty() || !new.is_empty();
    is_change.then(|| (range.start + before..range.end - after, &new[..new.len() - after]))
}

/// The lines of a range and one on each side, with all of what is left that touches them.
fn lines_around<'a>(text: &str, left: &'a [Left], range: &Range<usize>) -> (Range<usize>, Vec<&'a Left>) {
    let line_start = |at: usize| text[..at].rfind('\n').map_or(0, |at| at + 1);
    let line_end = |at: usize| text[at..].find('\n').map_or(text.len(), |found| at + found);
    let mut around = line_start(line_start(range.start).saturating_sub(1))
        ..line_end((line_end(range.end) + 1).min(text.len()));
    loop {
        let is_touched =
            |left: &&Left| left.change.range.start <= around.end && around.start <= left.change.range.end;
        let touched: Vec<&Left> = left.iter().filter(is_touched).collect();
        let start = touched.iter().map(|left| left.change.range.start).min().unwrap_or(around.start);
        let end = touched.iter().map(|left| left.change.range.end).max().unwrap_or(around.end);
        if around.start <= start && end <= around.end {
            return (around, touched);
        }
        around = around.start.min(line_start(start))..around.end.max(line_end(end));
    }
}

/// A part of a text with changes, which are in order.
fn applied(text: &str, around: &Range<usize>, changes: &[(Range<usize>, &str)]) -> String {
    let (mut result, mut at) = (String::new(), around.start);
    for (range, new) in changes {
        result.push_str(&text[at..range.start]);
        result.push_str(new);
        at = range.end;
    }
    result + &text[at..around.end]
}

/// Words, stretches of blanks, and single characters.
fn tokens(text: &str) -> Vec<&str> {
    let class = |c: char| match c {
        '\n' => 0,
        _ if c.is_whitespace() => 1,
        _ if c.is_alphanumeric() || c == '_' || c == '$' => 2,
        _ => 3,
    };
    let mut tokens = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((_, c)) = chars.next() {
        let next = chars.peek().copied();
        let is_word = matches!(class(c), 1 | 2);
        if next.is_some_and(|(_, next)| is_word && class(next) == class(c)) {
            continue;
        }
        let end = next.map_or(text.len(), |(at, _)| at);
        tokens.push(&text[start..end]);
        start = end;
    }
    tokens
}

fn solid(text: &str) -> Vec<&str> {
    tokens(text).into_iter().filter(|token| !token.trim().is_empty()).collect()
}

fn is_between(now: &[&str], proposed: &[&str], wanted: &[&str]) -> bool {
    now != proposed && distance(now, wanted) == distance(now, proposed) + distance(proposed, wanted)
}

/// Tokens that are deleted and inserted to turn one text into the other.
fn distance(from: &[&str], to: &[&str]) -> usize {
    let before = from.iter().zip(to).take_while(|(a, b)| a == b).count();
    let (from, to) = (&from[before..], &to[before..]);
    let after = from.iter().rev().zip(to.iter().rev()).take_while(|(a, b)| a == b).count();
    let (from, to) = (&from[..from.len() - after], &to[..to.len() - after]);
    // One row of the table of common subsequences.
    let mut row = vec![0_usize; to.len() + 1];
    for a in from {
        let mut diagonal = 0;
        for (at, b) in to.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if a == b { diagonal + 1 } else { above.max(row[at]) };
            diagonal = above;
        }
    }
    from.len() + to.len() - 2 * row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Change;

    const TEXT: &str = "let a = load(1);\nlet b = load(2);\nlet c = 3;\nlet d = load(4);\n";

    fn left(old: &str, new: &str) -> Vec<Left> {
        let start = TEXT.find(old).unwrap();
        vec![Left { change: Change { range: start..start + old.len(), new: new.to_owned() }, follows: true }]
    }

    /// What the second of the equal old texts is judged as.
    fn proposal(left: &[Left], old: &str, new: &str) -> (bool, bool, bool) {
        let start = TEXT.find(old).unwrap();
        let Judgement { place, exact, up_to_blanks, follows, .. } =
            judge(TEXT, left, start..start + old.len(), new);
        assert_eq!(place, follows);
        (place, exact, up_to_blanks)
    }

    #[test]
    fn what_the_author_did_is_right_in_whole_and_in_part() {
        let left = left("let b = load(2);\n", "let b = read(2, now);\n");
        assert_eq!(proposal(&left, "load(2)", "read(2)"), (true, true, true));
        assert_eq!(proposal(&left, "let b = load(2);", "let b = read(2, now);"), (true, true, true));
        assert_eq!(proposal(&left, "load(2)", "load(2, now)"), (true, true, true));
    }

    #[test]
    fn what_the_author_did_not_do_is_wrong() {
        let left = left("let b = load(2);\n", "let b = read(2, now);\n");
        assert_eq!(proposal(&left, "load(2)", "write(2)"), (true, false, false));
        assert_eq!(proposal(&left, "load(2)", "load(2)"), (false, false, false));
        // Beside the right place, and far from it.
        assert_eq!(proposal(&left, "load(1)", "read(1)"), (false, false, false));
        assert_eq!(proposal(&left, "load(4)", "read(4)"), (false, false, false));
        assert_eq!(proposal(&[], "load(2)", "read(2)"), (false, false, false));
        // Right and wrong at once.
        assert_eq!(proposal(&left, "load(2);\nlet c", "read(2);\nlet d"), (true, false, false));
    }

    #[test]
    fn a_line_that_the_author_removed_is_named() {
        let rewritten = |new: &str, proposed: &str| {
            let start = TEXT.find("load(2)").unwrap();
            judge(TEXT, &left("let b = load(2);\n", new), start..start + 7, proposed).rewritten
        };
        assert!(rewritten("", "read(2)"));
        assert!(rewritten("for n in all() {}\n", "read(2)"));
        assert!(!rewritten("let b = load(3);\n", "read(2)"));
        assert!(!rewritten("let b = read(2);\n", "read(2)"));
    }

    #[test]
    fn blanks_are_judged_apart() {
        let left = left("let c = 3;\n", "let c = 3;\nlet e = 5;\n");
        // The same line, inserted behind the one before and in front of the one behind.
        assert_eq!(proposal(&left, "let c = 3;", "let c = 3;\nlet e = 5;"), (true, true, true));
        assert_eq!(proposal(&left, "let d", "let e = 5;\nlet d"), (true, true, true));
        assert_eq!(proposal(&left, "let d", "let  e = 5;\nlet d"), (true, false, true));
    }

    #[test]
    fn tokens_are_words_blanks_and_signs() {
        assert_eq!(tokens("a_1 =  ü+(b)\n\n"), ["a_1", " ", "=", "  ", "ü", "+", "(", "b", ")", "\n", "\n"]);
        assert_eq!(distance(&tokens("a b c"), &tokens("a c")), 2);
    }
}
