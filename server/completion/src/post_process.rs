//! The filters of a generated text: one function for each, run in the order of [`FILTERS`].
//!
//! Invariant: a filter only cuts, or changes white space; the two exceptions (a line break before brackets that stay behind, and
//! the selected item in front) are the editor's own text. A filter reports what it did, without the code.

mod brackets;
mod overlap;
mod space;

use crate::surroundings::Surroundings;
use crate::{Refusal, RefusalKind, StopLimits, StopRule};

/// A suggestion in the making. Line breaks are `\n`.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// The text to insert at the cursor.
    pub(crate) text: String,
    /// The bytes of the generation that `text` was made of, to know which tokens are shown.
    pub(crate) raw: std::ops::Range<usize>,
    /// White space in front of the text that the generation has not.
    pub(crate) n_lead: usize,
    /// How many bytes of what the editor closed by itself the text brings along.
    pub(crate) n_replaced: usize,
    /// Whether the model was cut off.
    pub(crate) truncated: bool,
}

impl Draft {
    /// Cuts the end of the text.
    pub(crate) fn cut_end(&mut self, len: usize) {
        let removed = self.text.len() - len;
        self.text.truncate(len);
        self.raw.end = self.raw.end.saturating_sub(removed).max(self.raw.start);
    }

    /// Cuts the start of the text.
    fn cut_front(&mut self, len: usize) {
        self.text.drain(..len);
        self.raw.start = (self.raw.start + len).min(self.raw.end);
    }

    /// Puts white space in front.
    fn lead_with(&mut self, space: &str) {
        self.text.insert_str(0, space);
        self.n_lead += space.len();
    }

    /// Keeps a beginning, as the generation has it. To be balanced again: see [`rebalance`].
    pub(crate) fn keep_beginning(&mut self, len: usize) {
        self.text.truncate(self.n_lead + len);
        self.raw.end = self.raw.start + len;
    }

    /// Keeps whole lines only. To be balanced again, unless that filter is still to come: see [`rebalance`].
    pub(crate) fn keep_lines(&mut self, count: usize) {
        let len = self.text.split_inclusive('\n').take(count).map(str::len).sum::<usize>();
        let len = self.text[..len].trim_end_matches('\n').len();
        self.cut_end(len);
    }
}

/// The effect of a filter, or the reason for no suggestion.
pub(crate) type Effect = Result<String, Refusal>;

/// A filter: what it may look at besides the draft is the text around the cursor.
type Filter = fn(&mut Draft, &Surroundings) -> Effect;

/// The filters after the stop rule, in order: first what is not the model's to say, then overlaps, then white space.
const FILTERS: [(&str, Filter); 9] = [
    ("leading space", space::leading),
    ("text right of the cursor", overlap::right),
    ("strings", brackets::open_string),
    ("brackets", brackets::balance),
    ("lines below", overlap::lines_below),
    ("lines above", overlap::lines_above),
    ("indentation", space::indentation_style),
    ("trailing space", space::trailing),
    ("enough text", enough),
];

/// Texts that tokenizers reserve. A model that has not learnt to stop spells them out.
const RESERVED: [&str; 17] = [
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|eot|>",
    "<|im_",
    "<|fim_",
    "<|file_sep|>",
    "<|file_separator|>",
    "<|repo_name|>",
    "<|code_",
    "<fim_",
    "<fim-",
    "<file_sep>",
    "<repo_name>",
    "<｜",
    "<filename>",
    "[SUFFIX]",
    "[PREFIX]",
];

/// Runs the stop rule and every filter, and reports to `report` what each did.
///
/// # Errors
/// Why nothing is left.
pub(crate) fn run(
    draft: &mut Draft,
    limits: &StopLimits,
    surroundings: &Surroundings,
    report: &mut dyn FnMut(&'static str, String),
) -> Result<(), Refusal> {
    let mut step = |name: &'static str, effect: Effect| match effect {
        Ok(effect) => {
            report(name, effect);
            Ok(())
        }
        Err(refusal) => {
            report(name, format!("refused: {}", refusal.kind));
            Err(refusal)
        }
    };
    step("special tokens", special_tokens(draft, surroundings))?;
    step("stop rule", stop_rule(draft, limits))?;
    for (name, filter) in FILTERS {
        step(name, filter(draft, surroundings))?;
    }
    Ok(())
}

/// Decides again which of the brackets right of the cursor a text replaces, of which something was cut after the filters ran.
pub(crate) fn rebalance(draft: &mut Draft, surroundings: &Surroundings) {
    // It refuses nothing; what it did to the whole text is reported already.
    let _ = brackets::balance(draft, surroundings);
}

/// Ends the text where the model spells a special token, unless the file itself has such text.
fn special_tokens(draft: &mut Draft, surroundings: &Surroundings) -> Effect {
    let first = RESERVED
        .iter()
        .filter(|reserved| !surroundings.read.contains(*reserved))
        .filter_map(|reserved| draft.text.find(reserved))
        .min();
    Ok(cut_at(draft, first))
}

/// The stop rule once more, over the whole text, and then only plain line breaks.
fn stop_rule(draft: &mut Draft, limits: &StopLimits) -> Effect {
    let mut rule = StopRule::new(limits.clone());
    // A break is no error here: the rule remembers it.
    let _ = rule.push(&draft.text);
    let (kept, cause) = rule.finish(draft.truncated);
    let n_cut = draft.text.len() - kept;
    draft.cut_end(kept);
    if draft.text.contains('\r') {
        draft.text = crate::lines::with_plain_breaks(draft.text.as_str().into()).into_owned();
    }
    if draft.text.is_empty() {
        let reason = match cause {
            Some(crate::StopCause::LineEnd) => "the model ends the line here",
            Some(crate::StopCause::Dedent) => "the model ends the block here",
            Some(crate::StopCause::NextLine) => {
                return Err(Refusal::new(
                    RefusalKind::RepeatsSuffix,
                    "what the model produced is the line below the cursor",
                ));
            }
            _ => "the model produced nothing to show",
        };
        return Err(Refusal::new(RefusalKind::NothingGenerated, reason));
    }
    Ok(match (cause, n_cut) {
        (None, 0) => "unchanged".to_owned(),
        (None, n_cut) => format!("cut {n_cut} bytes of an incomplete line"),
        (Some(cause), n_cut) => format!("cut {n_cut} bytes: {}", cause.name()),
    })
}

/// At least one character that is not white space and not there already.
fn enough(draft: &mut Draft, surroundings: &Surroundings) -> Effect {
    let text: String = draft.text.split_whitespace().collect();
    if text.is_empty() {
        return Err(Refusal::new(RefusalKind::OnlyWhitespace, "the model produced white space only"));
    }
    let replaced: String = surroundings.replaced[..draft.n_replaced].split_whitespace().collect();
    if text == replaced {
        return Err(Refusal::new(
            RefusalKind::TooShort,
            "the model only closed brackets that are closed already",
        ));
    }
    Ok("unchanged".to_owned())
}

/// Cuts the text at a place, if there is one.
fn cut_at(draft: &mut Draft, at: Option<usize>) -> String {
    match at {
        Some(at) if at < draft.text.len() => {
            let n_bytes = draft.text.len() - at;
            draft.cut_end(at);
            format!("cut {n_bytes} bytes")
        }
        _ => "unchanged".to_owned(),
    }
}
