//! A place that a search found, filled by the model that completes. Invariant: one argument is written, and only where the code
//! does not show what it is; the model works at background priority.

use std::ops::ControlFlow;

use fimble_model::fim::{FimParts, Snippet};
use fimble_model::{GenerateOptions, GenerateRequest, Generation, Priority, routed};
use fimble_next_edit::{Hole, NextEdit, OpenFile, Request, holes};

use crate::next_edit::write::Writing;

/// Bytes of the text above and below a place that the model reads.
const BYTES_ABOVE: usize = 1500;
const BYTES_BELOW: usize = 400;
/// The probability of an answer without probabilities, as some servers give it: too low to be shown unasked.
const UNKNOWN_PROBABILITY: f32 = 0.8;
/// Tokens of one argument.
const MAX_TOKENS: usize = 16;

/// Fills a place that the history leads to. None if there is none, or the model does not write code well enough.
pub(crate) fn fill(request: &Request<'_>, writing: &Writing<'_>) -> Option<NextEdit> {
    holes(request).iter().find_map(|hole| {
        let file = request.files.iter().find(|file| file.document == &*hole.document)?;
        let generation = write(hole, file, writing)?;
        let filling = hole.filling(&generation.text);
        let probability = generation.probability(0..filling.len()).unwrap_or(UNKNOWN_PROBABILITY);
        hole.fill(request, filling, probability)
    })
}

fn write(hole: &Hole, file: &OpenFile<'_>, writing: &Writing<'_>) -> Option<Generation> {
    let sources = vec![(writing.file_of)(&hole.document), (writing.file_of)(&hole.defined_in)];
    let model = routed(writing.model, &sources);
    if !model.info().writes_code || writing.cancel.is_cancelled() {
        return None;
    }
    let template = model.info().fim.as_ref().ok()?;
    let text = file.text;
    let line = text.line_start(text.line_of(hole.offset));
    let above = text.line_start(text.line_of(text.floor_char_boundary(line.saturating_sub(BYTES_ABOVE))));
    let below = text.floor_char_boundary((hole.offset + BYTES_BELOW).min(text.len()));
    let definition = Snippet {
        path: (writing.path_of)(&hole.defined_in),
        file: String::new(),
        text: format!("{}\n", hole.definition),
    };
    let mut prompt = template.render(&FimParts {
        path: &(writing.path_of)(&hole.document),
        language: "",
        repository: "",
        snippets: &[definition],
        prefix: &text.slice(above..line),
        line: &[&text.slice(line..hole.offset), hole.before.trim_end()].concat(),
        suffix: &[&*hole.behind, &text.slice(hole.offset..below)].concat(),
    });
    prompt.begin_with(model.info().bos);
    prompt.sources = sources;
    let options = GenerateOptions {
        max_new_tokens: MAX_TOKENS,
        stop_tokens: template.stop_tokens().to_vec(),
        stop_strings: vec!["\n".to_owned()],
        ..GenerateOptions::default()
    };
    let (mut so_far, filled) = (String::new(), hole.clone());
    let observer: fimble_model::TokenObserver = Box::new(move |piece, _| {
        so_far.push_str(piece);
        // Text behind the filling shows that it is complete.
        let is_complete = filled.filling(&so_far).len() < so_far.len();
        if is_complete { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let generate = GenerateRequest { prompt, options, priority: Priority::Background };
    model.generate(generate, writing.cancel, observer).ok()
}
