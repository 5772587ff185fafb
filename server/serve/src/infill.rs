//! Prompts that fill a gap. Invariant: the model's own template arranges the parts; text of other files is left out from its beginning
//! where it does not fit, text of the gap's file never is.

use fimble_model::fim::{FimParts, FimTemplate, Snippet};
use fimble_model::{GenerateOptions, Model, Prompt};

use crate::error::ApiError;
use crate::gap::Gap;
use crate::project;
use crate::secrets::visible;

/// The path of a file that the program does not name. Models that were trained with paths write nonsense without one.
const UNNAMED: &str = "untitled";

/// The prompt for a gap, and what ends its text.
pub(crate) fn prompt(
    model: &dyn Model,
    gap: &Gap,
    mut options: GenerateOptions,
) -> Result<(Prompt, GenerateOptions), ApiError> {
    let info = model.info();
    let template = info.fim.as_ref().map_err(|reason| {
        ApiError::bad_request(format!("The model {} cannot fill a gap: {reason}.", info.name))
    })?;
    let (before, behind) = (visible(model, &gap.before), visible(model, &gap.behind));
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let own = |text: &str| model.count_tokens(text);
    let n_own = own(&before) + own(&behind) + options.max_new_tokens.min(info.context_length / 2);
    let snippets = fitting(model, &gap.others, info.context_length.saturating_sub(n_own));
    let parts = FimParts {
        path: if gap.path.is_empty() { UNNAMED } else { &gap.path },
        language: "",
        repository: "",
        snippets: &snippets,
        prefix: &before[..line_start],
        line: &before[line_start..],
        suffix: &behind,
    };
    let mut prompt = template.render(&parts);
    prompt.heal = template.ends_at_cursor() && !before[line_start..].is_empty();
    prompt.sources = gap.sources();
    options.project = project::remember(model, gap);
    options.stop_tokens = template.stop_tokens().to_vec();
    options.stop_strings.extend(template.stop_strings().iter().map(|stop| (*stop).to_owned()));
    Ok((prompt, options))
}

/// Those that fit, from the last one on, in their order.
fn fitting(model: &dyn Model, others: &[(String, String)], mut n_left: usize) -> Vec<Snippet> {
    /// Tokens of a frame.
    const FRAME: usize = 8;
    let mut taken = Vec::new();
    for (path, text) in others.iter().rev() {
        let text = visible(model, text);
        let n_tokens = model.count_tokens(&text) + model.count_tokens(path) + FRAME;
        if n_tokens > n_left {
            break;
        }
        n_left -= n_tokens;
        taken.push(Snippet { path: path.clone(), file: path.clone(), text: text.into_owned() });
    }
    taken.reverse();
    taken
}

/// Whether a model fills gaps.
pub(crate) fn can_fill(model: &dyn Model) -> Option<&FimTemplate> {
    model.info().fim.as_ref().ok()
}
