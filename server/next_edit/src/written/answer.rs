//! From a block that a model wrote anew to one edit of it. Invariant: the edit is one run of lines, cut to what differs; what the
//! rest of this crate refuses is refused here, too.

use std::ops::Range;
use std::sync::Arc;

use fimble_model::fim::WrittenBlock;
use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::WrittenRequest;
use crate::hunk::common_ends;
use crate::source::sources;
use crate::verify::is_sound;
use crate::{NextEdit, NextEditKind, Request};

/// More new lines at once are no next edit, but a model that goes on writing.
const MAX_NEW_LINES: usize = 12;

/// The edit that a model wrote: of several, the first at the cursor's line or below it, else the last above it. `confidence` gives
/// the probability of a part of the new block, by its bytes. None if nothing of it should be made.
#[must_use]
pub fn written_edit(
    request: &Request<'_>,
    asked: &WrittenRequest,
    written: &WrittenBlock,
    confidence: &dyn Fn(Range<usize>) -> f32,
) -> Option<NextEdit> {
    let sources = sources(request);
    let document = request.files.get(request.current)?.document;
    let source = sources.iter().find(|source| *source.document == *document)?;
    let old_block = asked.text().get(written.range.clone())?;
    let start = asked.block.start + written.range.start;
    let mut edits: Vec<(NextEdit, Range<usize>)> = changed_lines(old_block, &written.text)
        .into_iter()
        .filter_map(|(old, new)| {
            let (old_text, new_text) = (&old_block[old.clone()], &written.text[new.clone()]);
            let is_above = start + old.end <= source.text.line_start(source.line_of(request.cursor));
            // A model that adds lines above what the user is at has lost its place.
            let is_lost = is_above && old.is_empty();
            if new_text.lines().count() > MAX_NEW_LINES || is_lost {
                return None;
            }
            let (n_before, n_after) = common_ends(old_text, new_text);
            let edit = NextEdit {
                document: Arc::clone(&source.document),
                range: start + old.start + n_before..start + old.end - n_after,
                old_text: old_text[n_before..old_text.len() - n_after].to_owned(),
                new_text: new_text[n_before..new_text.len() - n_after].to_owned(),
                kind: NextEditKind::Written,
                confidence: confidence(new.clone()),
                agreeing: 1,
                evidence: Vec::new(),
            };
            Some((edit, new))
        })
        .filter(|(edit, _)| is_sound(request, source, edit))
        .collect();
    let line = source.text.line_start(source.line_of(request.cursor));
    let below = edits.iter().position(|(edit, _)| edit.range.end >= line);
    let chosen = below.or(edits.len().checked_sub(1))?;
    Some(edits.swap_remove(chosen).0)
}

/// Runs of lines that differ, as bytes of the old and of the new text.
fn changed_lines(old: &str, new: &str) -> Vec<(Range<usize>, Range<usize>)> {
    let old_lines: Vec<&str> = old.split_inclusive('\n').collect();
    let new_lines: Vec<&str> = new.split_inclusive('\n').collect();
    let bytes = |lines: &[&str], range: Range<usize>| {
        let start: usize = lines[..range.start].iter().map(|line| line.len()).sum();
        start..start + lines[range].iter().map(|line| line.len()).sum::<usize>()
    };
    capture_diff_slices(Algorithm::Myers, &old_lines, &new_lines)
        .into_iter()
        .filter(|operation| !matches!(operation, DiffOp::Equal { .. }))
        .map(|operation| (bytes(&old_lines, operation.old_range()), bytes(&new_lines, operation.new_range())))
        .collect()
}
