//! How likely a draft is what was meant, and which beginning of it is likely enough to be shown. Invariant: what is kept is as
//! likely as asked, by the calibration of its model; a beginning ends between words or with a whole line.

use fimble_model::{Calibration, Evidence, Feature, Generation, StopReason, log_odds};

use crate::beginning;
use crate::post_process::{self, Draft};
use crate::{CursorInput, Plan};

/// Shorter names say nothing: they stand in most texts as parts of others.
const SHORTEST_NAME: usize = 3;

/// Judges the parts of one generation.
pub(crate) struct Judge<'a> {
    plan: &'a Plan,
    generation: &'a Generation,
    /// Where names end in the generation's text that the model did not read.
    unknown_names: Vec<usize>,
}

/// A part of a draft that could be shown.
pub(crate) struct Candidate {
    pub(crate) draft: Draft,
    pub(crate) evidence: Evidence,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(plan: &'a Plan, input: &CursorInput<'_>, generation: &'a Generation) -> Self {
        let typed_word = word_at_end(&plan.surroundings.typed);
        let is_read = |name: &str| {
            let in_snippet = || input.snippets.iter().any(|snippet| snippet.text.contains(name));
            plan.surroundings.read.contains(name) || in_snippet()
        };
        let unknown_names = names(&generation.text)
            .filter(|(start, name)| match start {
                0 => !is_read(&format!("{typed_word}{name}")),
                _ => name.len() >= SHORTEST_NAME && !is_read(name),
            })
            .map(|(start, name)| start + name.len());
        Self { plan, generation, unknown_names: unknown_names.collect() }
    }

    /// The probability of what is known about a text.
    pub(crate) fn probability(&self, evidence: &Evidence) -> f32 {
        // A model that tells no probabilities is believed.
        let calibration: &Calibration = &self.plan.calibration;
        if self.generation.tokens.is_empty() { 1.0 } else { calibration.probability(evidence) }
    }

    /// What is known about a draft that ends with a whole line, or where the model stopped.
    pub(crate) fn evidence(&self, draft: &Draft) -> Evidence {
        let was_cut = matches!(
            self.generation.stop,
            StopReason::MaxTokens | StopReason::ContextFull | StopReason::Unsure
        );
        let rest = self.generation.text.as_bytes().get(draft.raw.end..).unwrap_or_default();
        let is_last_line = !rest.contains(&b'\n');
        let likelihood = self.generation.confidence(draft.raw.end);
        self.gather(draft, likelihood, was_cut && is_last_line)
    }

    fn gather(&self, draft: &Draft, likelihood: f32, is_beginning: bool) -> Evidence {
        let surroundings = &self.plan.surroundings;
        let shown = draft.text.trim();
        let n_tokens = self.generation.tokens.iter().filter(|token| token.text_end <= draft.raw.end).count();
        let n_unknown = self.unknown_names.iter().filter(|end| **end <= draft.raw.end).count();
        let first_line =
            format!("{}{}", surroundings.typed, draft.text.split('\n').next().unwrap_or_default());
        let is_near = |line: &String| line.trim() == first_line.trim();
        let repeats = surroundings.lines_above.iter().chain(&surroundings.lines_below).any(is_near);
        let flag = |is_so: bool| f32::from(u8::from(is_so));
        let mut evidence = Evidence::default();
        evidence[Feature::Likelihood] = log_odds(likelihood);
        evidence[Feature::Length] = ln_1p(n_tokens);
        evidence[Feature::InWord] = flag(surroundings.typed.ends_with(is_of_word));
        evidence[Feature::LineStart] = flag(surroundings.typed_is_blank());
        evidence[Feature::InText] = flag(surroundings.in_comment || surroundings.in_string);
        evidence[Feature::SeveralLines] = flag(shown.contains('\n'));
        evidence[Feature::UnknownNames] = ln_1p(n_unknown);
        evidence[Feature::Repeats] = flag(repeats);
        evidence[Feature::Beginning] = flag(is_beginning);
        evidence
    }

    /// The beginnings of a draft, the longest first: whole lines, then whole words of the first line.
    pub(crate) fn beginnings(&self, draft: &Draft) -> Vec<Candidate> {
        let n_lines = draft.text.trim_end().split('\n').count();
        let mut found = Vec::new();
        for n_kept in (1..n_lines).rev() {
            let mut lines = draft.clone();
            lines.keep_lines(n_kept);
            post_process::rebalance(&mut lines, &self.plan.surroundings);
            if beginning::is_enough(&lines.text) {
                found.push(Candidate { evidence: self.evidence(&lines), draft: lines });
            }
        }
        for (end, probability) in beginning::word_ends(self.generation, draft.raw.start).into_iter().rev() {
            let mut words = draft.clone();
            if !beginning::keep(&mut words, self.generation, end) {
                continue;
            }
            post_process::rebalance(&mut words, &self.plan.surroundings);
            if beginning::is_enough(&words.text) {
                found.push(Candidate { evidence: self.gather(&words, probability, true), draft: words });
            }
        }
        found
    }
}

/// Cuts a draft that is not likely enough to its longest beginning that is. Returns how likely what is left is, and whether
/// something was cut.
///
/// # Errors
/// How likely the whole draft is, if no beginning is likely enough.
pub(crate) fn keep_likely(judge: &Judge<'_>, draft: &mut Draft, least: f32) -> Result<(f32, bool), f32> {
    let whole = judge.probability(&judge.evidence(draft));
    if whole >= least {
        return Ok((whole, false));
    }
    for candidate in judge.beginnings(draft) {
        let probability = judge.probability(&candidate.evidence);
        if probability >= least {
            *draft = candidate.draft;
            return Ok((probability, true));
        }
    }
    Err(whole)
}

#[expect(clippy::cast_precision_loss, reason = "a small number")]
fn ln_1p(n: usize) -> f32 {
    (n as f32).ln_1p()
}

/// The names in a text, with where they start.
fn names(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let start_of = move |name: &str| name.as_ptr() as usize - text.as_ptr() as usize;
    text.split(|c: char| !is_of_word(c))
        .filter(|name| name.chars().next().is_some_and(|first| !first.is_numeric()))
        .map(move |name| (start_of(name), name))
}

fn word_at_end(typed: &str) -> &str {
    &typed[typed.trim_end_matches(is_of_word).len()..]
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
