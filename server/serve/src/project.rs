//! The project cache for requests of other programs: the text of a request makes its own repetitions likelier, as an open file does in
//! an editor. Invariant: no secret is in it; it changes how likely a continuation is, never the prompt.

use std::borrow::Cow;
use std::sync::Arc;

use fimble_model::{Layer, Model, ProjectPlace};

use crate::gap::Gap;

/// Lines and bytes in front of the cursor's line that the cache looks at.
const LINES: usize = 3;
const MOST_BYTES: usize = 600;

/// Name of the file with the gap.
const SOURCE: &str = "request";

/// Gives the text of a request to the project cache of the model, if it has one. Returns the place of the gap in it.
pub(crate) fn remember(model: &dyn Model, gap: &Gap) -> Option<ProjectPlace> {
    let index = model.context_index()?;
    for (path, text) in &gap.others {
        index.upsert(format!("{SOURCE}/{path}").into(), Layer::Open, without_secrets(text));
    }
    let whole = format!("{}{}", gap.before, gap.behind);
    let source: Arc<str> = SOURCE.into();
    index.upsert(Arc::clone(&source), Layer::Open, without_secrets(&whole));
    let line_start = gap.before.rfind('\n').map_or(0, |at| at + 1);
    let lines = gap.before[..line_start].rmatch_indices('\n').map(|(at, _)| at + 1);
    let start = lines.take(LINES + 1).last().unwrap_or(0).max(line_start.saturating_sub(MOST_BYTES));
    let start = (start..=line_start).find(|at| gap.before.is_char_boundary(*at)).unwrap_or(line_start);
    let line = gap.before.matches('\n').count();
    Some(ProjectPlace { source, line, before: gap.before[start..].to_owned() })
}

fn without_secrets(text: &str) -> Arc<str> {
    fimble_secrets::masked(text).map_or(Cow::Borrowed(text), Cow::Owned).into()
}
