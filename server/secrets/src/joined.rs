//! Tokens that are written in two pieces: `"sk_" + "..."`, or two literals in two lines.
//!
//! Invariant: a few hundred bytes around each joint are read.

use std::ops::{ControlFlow, Range};
use std::sync::LazyLock;

use regex::Regex;

use crate::{Sink, floor, tokens};

/// Bytes of a piece.
const MAX_PIECE: usize = 200;

/// The text between two pieces.
static JOINT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"["'`](?:[ \t]*(?:\+|\.\.?|<>|&|\\)[ \t]*(?:\r?\n[ \t]*)?|[ \t]*\r?\n[ \t]*(?:\+|\.\.?|&)?[ \t]*)["'`]"#).ok()
});

/// Finds tokens of services in two pieces; each piece is a finding.
pub(crate) fn scan(text: &str, sink: &mut Sink<'_>) -> ControlFlow<()> {
    let Some(joint) = &*JOINT else { return ControlFlow::Continue(()) };
    for found in joint.find_iter(text) {
        let Some((left, right)) = pieces(text, found.range()) else { continue };
        let whole = [&text[left.clone()], &text[right.clone()]].concat();
        let mut is_split = None;
        let _ = tokens::scan(&whole, &mut |range, rule| {
            is_split = (range.start < left.len() && range.end > left.len()).then_some(rule);
            if is_split.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if let Some(rule) = is_split {
            sink(left, rule)?;
            sink(right, rule)?;
        }
    }
    ControlFlow::Continue(())
}

/// The contents of the literals before and after a joint, as far as they have no spaces.
fn pieces(text: &str, joint: Range<usize>) -> Option<(Range<usize>, Range<usize>)> {
    let bytes = text.as_bytes();
    let is_part = |byte: u8| byte.is_ascii_graphic() && !b"\"'`\\".contains(&byte);
    let mut start = joint.start;
    while start > joint.start.saturating_sub(MAX_PIECE) && start > 0 && is_part(bytes[start - 1]) {
        start -= 1;
    }
    let limit = floor(text, joint.end + MAX_PIECE);
    let n = bytes[joint.end..limit].iter().take_while(|byte| is_part(**byte)).count();
    (start < joint.start && n > 0).then_some((start..joint.start, joint.end..joint.end + n))
}
