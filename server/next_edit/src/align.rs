//! What two sequences of tokens have in common. Invariant: a part that varies is on one line, and its brackets are balanced.

/// Tokens of a part that varies, at most.
pub(crate) const MAX_HOLE: usize = 12;

/// A token that is the same in both edits, or a part that varies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Text(String),
    Hole,
}

/// What a part that varies begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Number,
    Name,
    Other,
}

impl Class {
    pub(crate) fn of(text: &str) -> Self {
        match text.chars().next() {
            Some(first) if first.is_numeric() => Self::Number,
            Some(first) if first.is_alphabetic() || first == '_' => Self::Name,
            _ => Self::Other,
        }
    }
}

/// A part with its texts in both edits.
pub(crate) type Aligned = (Part, Vec<String>, Vec<String>);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Tokens come nearest first, against the reading order.
    Back,
    /// Tokens come in reading order.
    On,
    /// As before, and all of them have to be aligned.
    Whole,
}

/// Aligns two sequences of tokens as far as they agree. Also returns whether that is to the end of both.
pub(crate) fn aligned(a: &[&str], b: &[&str], direction: Direction) -> (Vec<Aligned>, bool) {
    let mut found = Vec::new();
    let (mut i, mut j) = (0, 0);
    let owned = |texts: &[&str]| -> Vec<String> {
        let texts = texts.iter().map(|text| (*text).to_owned());
        if direction == Direction::Back { texts.rev().collect() } else { texts.collect() }
    };
    while i < a.len() && j < b.len() {
        if a[i] == b[j] {
            found.push((Part::Text(a[i].to_owned()), Vec::new(), Vec::new()));
            (i, j) = (i + 1, j + 1);
            continue;
        }
        let Some((x, y)) = resynchronised(&a[i..], &b[j..], direction) else { break };
        found.push((Part::Hole, owned(&a[i..i + x]), owned(&b[j..j + y])));
        (i, j) = (i + x, j + y);
    }
    (found, i == a.len() && j == b.len())
}

/// The shortest parts that differ, after which both sequences go on with the same token.
fn resynchronised(a: &[&str], b: &[&str], direction: Direction) -> Option<(usize, usize)> {
    let fits = |x: usize, y: usize| {
        let goes_on = match (a.get(x), b.get(y)) {
            (Some(a), Some(b)) => a == b,
            (None, None) => direction == Direction::Whole,
            _ => false,
        };
        let is_back = direction == Direction::Back;
        goes_on && is_hole(&a[..x], is_back) && is_hole(&b[..y], is_back)
    };
    (2..=2 * MAX_HOLE).find_map(|total| {
        let least = total.saturating_sub(MAX_HOLE.min(b.len())).max(1);
        (least..=(total - 1).min(MAX_HOLE).min(a.len())).map(|x| (x, total - x)).find(|(x, y)| fits(*x, *y))
    })
}

/// Whether tokens can be what varies: not empty, on one line, and with balanced brackets.
pub(crate) fn is_hole(texts: &[&str], is_back: bool) -> bool {
    let mut depth = 0_i32;
    let ordered: Box<dyn Iterator<Item = &&str>> =
        if is_back { Box::new(texts.iter().rev()) } else { Box::new(texts.iter()) };
    for text in ordered {
        match *text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            "\n" => return false,
            _ => {}
        }
        if depth < 0 {
            return false;
        }
    }
    depth == 0 && !texts.is_empty() && texts.len() <= MAX_HOLE
}
