//! Step 8 of a keystroke: turns a generation into a suggestion, or into the reason why there is none. Invariant: the range of a
//! suggestion stays on the cursor's line, its text differs from the text there, and every filter that ran is reported.

use std::ops::Range;

use fimble_model::{Generation, StopReason};
use fimble_syntax::{ParseBudget, Region, SyntaxTree};

use crate::beginning;
use crate::brackets::unclosed;
use crate::confidence;
use crate::lines::line_break;
use crate::personal;
use crate::post_process::{self, Draft};
use crate::surroundings::Surroundings;
use crate::{CompletionSettings, CursorInput, Plan, Refusal, RefusalKind};

/// A suggestion to show.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    /// The bytes that are replaced: from the cursor, or from the start of the selected item, on the cursor's line.
    pub replace: Range<usize>,
    /// The new text, with the document's own line breaks.
    pub text: String,
    /// The probability that it is right, of several lines that of each, 0 to 1; 1 if the model reports no probabilities.
    pub confidence: f32,
    /// The number of tokens that are shown.
    pub n_tokens: usize,
    /// Whether text of the file left this machine for it; who asked the model says so.
    pub is_remote: bool,
}

/// The outcome, and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// The suggestion, or why there is none.
    pub result: Result<Suggestion, Refusal>,
    /// The steps of the filters, in order.
    pub filters: Vec<FilterStep>,
}

/// One filter's part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterStep {
    /// Its name, for people.
    pub name: &'static str,
    /// Its effect, without code: "unchanged", "cut 2 lines".
    pub effect: String,
}

/// Turns what the model produced into a suggestion. `input` must be the one that was planned; `budget` bounds the time
/// of the syntax check, which is skipped when it runs out.
pub fn finish(
    plan: &Plan,
    input: &CursorInput<'_>,
    settings: &CompletionSettings,
    generation: &Generation,
    budget: &ParseBudget<'_>,
) -> Finished {
    let mut filters = Vec::new();
    let result = suggest(plan, input, settings, generation, budget, &mut filters);
    Finished { result, filters }
}

fn suggest(
    plan: &Plan,
    input: &CursorInput<'_>,
    settings: &CompletionSettings,
    generation: &Generation,
    budget: &ParseBudget<'_>,
    filters: &mut Vec<FilterStep>,
) -> Result<Suggestion, Refusal> {
    if generation.stop == StopReason::Cancelled {
        return Err(Refusal::new(RefusalKind::Cancelled, "the request was cancelled while the model worked"));
    }
    if generation.text.is_empty() {
        return Err(Refusal::new(RefusalKind::NothingGenerated, "the model ended at once"));
    }
    if generation.text.trim().is_empty() {
        return Err(Refusal::new(RefusalKind::OnlyWhitespace, "the model produced white space only"));
    }
    let mut draft = as_written(plan, input, generation, filters)?;
    let likely = check_confidence(plan, generation, &mut draft, settings, filters)?;
    let checked_end = draft.raw.end;
    check_syntax(plan, input, settings, &mut draft, budget, filters)?;

    // The check may have cut lines.
    let is_cut = draft.raw.end < checked_end;
    let cut_likelihood = || plan.calibration.probability(generation.confidence(draft.raw.end));
    let confidence = if is_cut { cut_likelihood() } else { likely };
    let n_tokens = n_tokens(generation, &draft.raw);
    let mut replace = replaced_range(plan, &draft);
    let mut text = final_text(plan, input, &draft.text);
    leave_what_stays(plan, input, &mut replace, &mut text);
    if input.text.slice(replace.clone()) == text {
        return Err(Refusal::new(RefusalKind::TooShort, "the suggestion would change nothing"));
    }
    Ok(Suggestion { replace, text, confidence, n_tokens, is_remote: false })
}

/// The text of the model, after the filters that need no probability.
fn as_written(
    plan: &Plan,
    input: &CursorInput<'_>,
    generation: &Generation,
    filters: &mut Vec<FilterStep>,
) -> Result<Draft, Refusal> {
    let mut draft = Draft {
        text: generation.text.clone(),
        raw: 0..generation.text.len(),
        n_lead: 0,
        n_replaced: 0,
        truncated: matches!(
            generation.stop,
            StopReason::MaxTokens | StopReason::ContextFull | StopReason::LowConfidence
        ),
    };
    post_process::run(&mut draft, &plan.limits, &plan.surroundings, &mut |name, effect| {
        filters.push(FilterStep { name, effect });
    })?;
    if matches!(generation.stop, StopReason::MaxTokens | StopReason::ContextFull) {
        end_whole(&mut draft, &plan.surroundings, filters)?;
    }
    check_persons(plan, input, &mut draft, filters)?;
    Ok(draft)
}

/// All that could be shown of a generation, the whole first, with the probability that the model gives each, for those who
/// fit a calibration. The texts are what would be inserted at the cursor.
#[must_use]
pub fn candidates(plan: &Plan, input: &CursorInput<'_>, generation: &Generation) -> Vec<(String, f32)> {
    let Ok(draft) = as_written(plan, input, generation, &mut Vec::new()) else { return Vec::new() };
    let whole = (draft.text.clone(), generation.confidence(draft.raw.end));
    let beginnings = confidence::beginnings(&draft, generation, &plan.surroundings);
    std::iter::once(whole)
        .chain(beginnings.into_iter().map(|found| (found.draft.text, found.of_model)))
        .collect()
}

fn replaced_range(plan: &Plan, draft: &Draft) -> Range<usize> {
    plan.cursor.replace_start..plan.cursor.rest_start + draft.n_replaced
}

/// Takes back from the end what the text would write again as it stands. A bracket that the editor closed by itself stays its
/// own, so that a typed one goes over it, and clients have nothing to hide at the cursor.
fn leave_what_stays(plan: &Plan, input: &CursorInput<'_>, replace: &mut Range<usize>, text: &mut String) {
    let right = input.text.slice(plan.cursor.rest_start..replace.end);
    if text.ends_with(&*right) {
        text.truncate(text.len() - right.len());
        replace.end = plan.cursor.rest_start;
    }
}

/// The text as the buffer gets it: behind the selected item, with the document's own line breaks.
fn final_text(plan: &Plan, input: &CursorInput<'_>, text: &str) -> String {
    let mut whole = plan.cursor.selected.clone();
    match line_break(input.text, plan.cursor.line) {
        "\n" => whole.push_str(text),
        other => whole.push_str(&text.replace('\n', other)),
    }
    whole
}

/// The number of tokens that are shown.
fn n_tokens(generation: &Generation, shown: &Range<usize>) -> usize {
    let mut start = 0;
    let mut n_tokens = 0;
    for token in &generation.tokens {
        let overlaps = if token.text_end > start {
            start < shown.end && token.text_end > shown.start
        } else {
            // A part of a character: it counts with the place where it stands.
            shown.contains(&start)
        };
        n_tokens += usize::from(overlaps);
        start = token.text_end;
    }
    n_tokens
}

/// A line that the model had no time to end is cut to its whole words.
fn end_whole(
    draft: &mut Draft,
    surroundings: &Surroundings,
    filters: &mut Vec<FilterStep>,
) -> Result<(), Refusal> {
    let is_cut = beginning::end_whole(draft);
    if is_cut {
        post_process::rebalance(draft, surroundings);
    }
    let effect = if is_cut { "cut a word that may be incomplete" } else { "unchanged" };
    filters.push(FilterStep { name: "whole words", effect: effect.to_owned() });
    if draft.text.trim().is_empty() {
        return Err(Refusal::new(RefusalKind::TooShort, "the model had no time to write a whole word"));
    }
    Ok(())
}

/// Cuts or refuses names of persons that are not in the project.
fn check_persons(
    plan: &Plan,
    input: &CursorInput<'_>,
    draft: &mut Draft,
    filters: &mut Vec<FilterStep>,
) -> Result<(), Refusal> {
    let known = |text: &str| {
        let in_snippet = input.snippets.iter().any(|snippet| snippet.text.contains(text));
        in_snippet || input.text.chunks().collect::<String>().contains(text) || input.elsewhere.holds(text)
    };
    let len = draft.text.len();
    let effect = personal::check(draft, &plan.surroundings, &known);
    if draft.text.len() < len {
        post_process::rebalance(draft, &plan.surroundings);
    }
    let described = match &effect {
        Ok(effect) => effect.clone(),
        Err(refusal) => format!("refused: {}", refusal.kind),
    };
    filters.push(FilterStep { name: "persons", effect: described });
    effect.map(drop)
}

/// Cuts a text that is not likely enough as a whole to its likely beginning. Returns the probability of the rest.
fn check_confidence(
    plan: &Plan,
    generation: &Generation,
    draft: &mut Draft,
    settings: &CompletionSettings,
    filters: &mut Vec<FilterStep>,
) -> Result<f32, Refusal> {
    let least = settings.min_confidence;
    let kept = confidence::keep_likely(draft, generation, &plan.surroundings, &plan.calibration, least);
    let effect = match kept {
        Ok((probability, false)) => format!("{probability:.3} of at least {least:.3}"),
        Ok((probability, true)) => format!("cut to a beginning with {probability:.3} of at least {least:.3}"),
        Err(whole) => format!("{whole:.3} of at least {least:.3}"),
    };
    filters.push(FilterStep { name: "confidence", effect });
    kept.map(|(probability, _)| probability).map_err(|whole| {
        Refusal::new(
            RefusalKind::LowConfidence,
            format!("the confidence is too low: {whole:.3}; the threshold is {least:.3}"),
        )
    })
}

/// Compares the syntax errors with and without the suggestion. Several lines are cut to the most that add none; a single
/// line may be unfinished, so it is also tried with what could follow.
fn check_syntax(
    plan: &Plan,
    input: &CursorInput<'_>,
    settings: &CompletionSettings,
    draft: &mut Draft,
    budget: &ParseBudget<'_>,
    filters: &mut Vec<FilterStep>,
) -> Result<(), Refusal> {
    let mut report = |effect: String| filters.push(FilterStep { name: "syntax", effect });
    let Some(tree) = input.tree.filter(|_| settings.syntax_check && plan.context.region != Region::Comment)
    else {
        report("skipped".to_owned());
        return Ok(());
    };
    let check = SpliceCheck { plan, input, tree, budget };
    // The white space before a bracket that stays right of the cursor is no line of its own.
    let n_lines = draft.text.trim_end().split('\n').count();
    for n_kept in (1..=n_lines).rev() {
        let mut shorter = draft.clone();
        if n_kept < n_lines {
            shorter.keep_lines(n_kept);
            post_process::rebalance(&mut shorter, &plan.surroundings);
        }
        if shorter.text.trim().is_empty() {
            break;
        }
        let verdict =
            if n_kept == 1 { check.unfinished_line(&shorter) } else { check.adds_errors(&shorter, "") };
        match verdict {
            None => {
                report("skipped: out of time".to_owned());
                return Ok(());
            }
            Some(false) => {
                report(match n_lines - n_kept {
                    0 => "unchanged".to_owned(),
                    n_cut => format!("cut {n_cut} lines"),
                });
                *draft = shorter;
                return Ok(());
            }
            Some(true) => {}
        }
    }
    report(format!("refused: {}", RefusalKind::BreaksSyntax));
    Err(Refusal::new(RefusalKind::BreaksSyntax, "the suggestion would add syntax errors"))
}

/// The tree's view of drafts.
struct SpliceCheck<'a> {
    plan: &'a Plan,
    input: &'a CursorInput<'a>,
    tree: &'a SyntaxTree,
    budget: &'a ParseBudget<'a>,
}

impl SpliceCheck<'_> {
    /// Whether the draft, with `behind` after it, adds errors; none when there was no time.
    fn adds_errors(&self, draft: &Draft, behind: &str) -> Option<bool> {
        let insertion = final_text(self.plan, self.input, &format!("{}{behind}", draft.text));
        let replace = replaced_range(self.plan, draft);
        let check = self.tree.splice_check(self.input.text, replace, &insertion, self.budget).ok()?;
        Some(check.adds_errors())
    }

    /// The same for one line, which may be the start of something: it passes if it adds no errors as it is, closed,
    /// ended, or with an empty body.
    fn unfinished_line(&self, draft: &Draft) -> Option<bool> {
        if !self.adds_errors(draft, "")? {
            return Some(false);
        }
        let language = self.plan.surroundings.language;
        let closers = unclosed(&draft.text, language);
        let indentation = &self.plan.surroundings.line_indentation;
        let unit = &self.plan.surroundings.unit;
        let mut endings = vec![closers.clone()];
        if language.is_some_and(|language| language.uses_braces()) {
            endings.push(format!("{closers};"));
            endings.push(format!("{closers} {{}}"));
        } else {
            endings.push(format!("{closers}\n{indentation}{unit}pass"));
            endings.push(format!("{closers}:\n{indentation}{unit}pass"));
            endings.push(format!("\n{indentation}def f(): pass"));
            endings.push(format!("\n{indentation}end"));
        }
        for ending in endings {
            if !ending.is_empty() && !self.adds_errors(draft, &ending)? {
                return Some(false);
            }
        }
        Some(true)
    }
}
