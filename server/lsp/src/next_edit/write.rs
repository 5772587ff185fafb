//! The edit that a model writes. Invariant: it runs at background priority, so that a completion goes first; only text of
//! documents whose edits are recorded is in the prompt, and the prompt names their files, so that exclusions hold; the model is
//! stopped as soon as the rest of its answer is known.

use std::ops::{ControlFlow, Range};
use std::sync::{Arc, Mutex, PoisonError};

use fimble_model::fim::EditFormat;
use fimble_model::{CancelToken, GenerateOptions, GenerateRequest, Generation, Model, Priority, routed};
use fimble_next_edit::{NextEdit, Request, SettledAnswer, WrittenRequest, written_edit};

use crate::models::loaded::edit_format;

/// Time for reading the unchanged file, in seconds: it is read once, and cached after that.
const READ_SECONDS: f64 = 3.0;
/// The reading speed before one was measured, in tokens per second.
const ASSUMED_SPEED: f64 = 300.0;
/// Bytes of a token of code, about.
const BYTES_PER_TOKEN: f64 = 3.5;
/// The confidence of an answer without probabilities, as some servers give it: shown, until the user dismisses one.
const UNKNOWN_CONFIDENCE: f32 = 0.72;
/// New tokens beyond those of the old lines.
const EXTRA_TOKENS: usize = 96;

/// What a model is asked from.
pub(crate) struct Writing<'a> {
    pub(crate) model: &'a Arc<dyn Model>,
    /// The path of a document in its folder.
    pub(crate) path_of: &'a dyn Fn(&str) -> String,
    /// The whole path of a document.
    pub(crate) file_of: &'a dyn Fn(&str) -> String,
    /// The whole paths of the current document and of those that were changed.
    pub(crate) sources: &'a [String],
    pub(crate) cancel: &'a CancelToken,
}

/// Asks a model for an edit at the cursor. None if it writes none, or none that should be made.
pub(crate) fn write(request: &Request<'_>, writing: &Writing<'_>) -> Option<NextEdit> {
    let Writing { model, path_of, sources, cancel, .. } = *writing;
    let model = routed(model, sources);
    let format = edit_format(&*model)?;
    let asked = WrittenRequest::new(request, format, most_original_bytes(&*model), path_of)?;
    let template = model.info().fim.as_ref().ok()?;
    let mut prompt = template.render_edit(&asked.parts(&[]))?;
    prompt.begin_with(model.info().bos);
    prompt.sources = sources.to_vec();
    let options = GenerateOptions {
        max_new_tokens: model.count_tokens(asked.text()) + EXTRA_TOKENS,
        stop_tokens: template.stop_tokens().to_vec(),
        stop_strings: format.stop_strings().iter().map(|text| (*text).to_owned()).collect(),
        ..GenerateOptions::default()
    };
    let settled = Arc::new(Mutex::new(None));
    let generate = GenerateRequest { prompt, options, priority: Priority::Background };
    let observer = observer(format, asked.text().to_owned(), Arc::clone(&settled));
    let generation = match model.generate(generate, cancel, observer) {
        Ok(generation) => generation,
        Err(error) => {
            tracing::debug!(%error, "no edit was written");
            return None;
        }
    };
    let whole = settled.lock().unwrap_or_else(PoisonError::into_inner).take();
    if whole.is_none() && !ended_by_itself(&generation) {
        return None;
    }
    let written = format.read(asked.text(), whole.as_deref().unwrap_or(&generation.text))?;
    let text = written.text.clone();
    written_edit(request, &asked, &written, &|range| confidence(&generation, &text, range))
}

/// Ends the generation once the rest of the answer is known, and leaves the whole answer in `settled`.
fn observer(
    format: EditFormat,
    block: String,
    settled: Arc<Mutex<Option<String>>>,
) -> fimble_model::TokenObserver {
    let mut answer = SettledAnswer::new();
    Box::new(move |piece, _| {
        // The other format names the lines that it writes, and writes no others.
        if format == EditFormat::ZetaRegions {
            return ControlFlow::Continue(());
        }
        match answer.push(piece, &block) {
            Some(whole) => {
                *settled.lock().unwrap_or_else(PoisonError::into_inner) = Some(whole);
                ControlFlow::Break(())
            }
            None => ControlFlow::Continue(()),
        }
    })
}

/// Whether an answer is complete. One that was cut off would delete the lines that it did not reach.
fn ended_by_itself(generation: &Generation) -> bool {
    use fimble_model::StopReason::{EndToken, Finished, StopString};
    matches!(generation.stop, EndToken(_) | StopString(_) | Finished)
}

/// The probability of a part of the written text: that of its tokens together, as the geometric mean over its lines.
fn confidence(generation: &Generation, written: &str, range: Range<usize>) -> f32 {
    // What is deleted shows in the line that stands there instead.
    let line_end = written[range.start..].find('\n').map_or(written.len(), |n_bytes| range.start + n_bytes);
    let range = range.start..range.end.max(line_end);
    let Some(part) = written.get(range.clone()).filter(|part| !part.is_empty()) else { return 0.0 };
    // Marks of the format can move the text of the answer against that of the block.
    let start = if generation.text.get(range.clone()) == Some(part) {
        range.start
    } else if let Some(start) = generation.text.find(part) {
        start
    } else {
        return 0.0;
    };
    let Some(probability) = generation.probability(start..start + part.len()) else {
        return UNKNOWN_CONFIDENCE;
    };
    #[expect(clippy::cast_precision_loss, reason = "tens of lines")]
    let n_lines = part.lines().filter(|line| !line.trim().is_empty()).count().max(1) as f32;
    probability.powf(n_lines.recip())
}

/// Bytes of the unchanged file that are read in time.
fn most_original_bytes(model: &dyn Model) -> usize {
    let speed = model.speeds().prefill.unwrap_or(ASSUMED_SPEED);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "thousands of bytes")]
    let in_time = (speed * READ_SECONDS * BYTES_PER_TOKEN) as usize;
    // Half of the context: the other half is for the changes, the lines and the answer.
    in_time.min(model.info().context_length * 3 / 2)
}
