//! Step 6 of a keystroke: builds the prompt for a cursor, with budget, windows, template, options and stop rule. Invariant:
//! prompt and new tokens together fit the model's context; equal text above and below gives equal pieces, whatever is typed on
//! the line.

use std::ops::{ControlFlow, Range};

use fimble_document::Text;
use fimble_model::fim::{FimParts, Snippet};
use fimble_model::{
    Calibration, GenerateOptions, ModelInfo, Piece, ProjectPlace, Prompt, Sampling, TokenObserver,
};

use crate::brackets::is_only_auto_closed;
use crate::budget::{MOST_LINE_TOKENS, MOST_NEW_TOKENS, MOST_PROMPT_TOKENS};
use crate::input::Cursor;
use crate::surroundings::Surroundings;
use crate::window::{self, CountTokens};
use crate::{
    CompletionSettings, Context, ContextPiece, CursorInput, Mode, Refusal, RefusalKind, StopLimits, StopRule,
    mode,
};

/// Tokens kept free for special tokens and for pieces that tokenise differently together than apart.
const RESERVE_TOKENS: usize = 16;

/// Tokens set aside for the typed part of the line; doubled when it is longer, so that the windows around it do not move
/// while it grows.
const LINE_TOKENS: usize = 64;

/// The part of a prompt that snippets of other files may take: one in this many tokens, with a model of a short context and with
/// another.
const SNIPPET_SHARE: [usize; 2] = [4, 2];

/// Models of this context or less, in tokens, are small, and were trained on short texts.
const SHORT_CONTEXT: usize = 2048;

/// Tokens that a snippet costs besides its path and text, roughly.
const SNIPPET_FRAME: usize = 4;

/// Lines above the cursor that are in the prompt directly before the typed line: fewer than this many. More lines would be read
/// again less often; measured on fixtures/eval, 16 lines give as many exact matches as 32 and all, and more than 8 and none.
const NEAR_LINES: usize = 16;

/// Text below of fewer tokens is quickly read again, and with nothing below a model takes these lines for the whole answer.
const LEAST_BELOW: usize = 16;

/// Fewer prompt tokens than this are no prompt.
const MIN_PROMPT_TOKENS: usize = 48;

/// A request, ready for the model, and what is needed to judge the answer.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The prompt for the model.
    pub prompt: Prompt,
    /// How it answers.
    pub options: GenerateOptions,
    /// The parts of the prompt.
    pub context: Context,
    pub(crate) calibration: Calibration,
    pub(crate) cursor: Cursor,
    pub(crate) surroundings: Surroundings,
    pub(crate) limits: StopLimits,
}

impl Plan {
    /// The stop rule, in the form that the model's engine uses.
    #[must_use]
    pub fn observer(&self) -> TokenObserver {
        let mut rule = StopRule::new(self.limits.clone());
        Box::new(move |piece: &str, _: &[_]| -> ControlFlow<()> { rule.push(piece) })
    }
}

/// Plans a request that passed the gate. `count_tokens` is the model's tokenizer; it counts a few kilobytes.
///
/// # Errors
/// The selected item conflicts with the text, or the model's context leaves no room for a prompt.
pub fn plan(
    input: &CursorInput<'_>,
    settings: &CompletionSettings,
    model: &ModelInfo,
    count_tokens: &dyn Fn(&str) -> usize,
) -> Result<Plan, Refusal> {
    plan_reading(input, input.text, settings, model, count_tokens)
}

/// The same for a model that reads another text than the buffer's: one of the same length, in which some of it is overwritten.
///
/// # Errors
/// As [`plan`].
pub fn plan_reading(
    input: &CursorInput<'_>,
    read: &Text,
    settings: &CompletionSettings,
    model: &ModelInfo,
    count_tokens: &dyn Fn(&str) -> usize,
) -> Result<Plan, Refusal> {
    let cursor = Cursor::resolve(input)?;
    // A model that completes lines and does not write code ends its blocks too late.
    let most = if model.writes_code { MOST_NEW_TOKENS } else { MOST_LINE_TOKENS };
    let max_new_tokens = settings.max_new_tokens.unwrap_or(settings.token_budget.new_tokens.min(most));
    let max_new_tokens = max_new_tokens.clamp(1, (model.context_length / 2).max(1));
    let max_prompt_tokens = prompt_budget(settings, model, max_new_tokens)?;

    let path_tokens = count_tokens(input.path);
    let line = readable_line(read, &cursor, max_prompt_tokens / 2, count_tokens);
    let least = LINE_TOKENS.min(max_prompt_tokens / 8);
    let line_reserve = line.tokens.next_power_of_two().max(least).min(max_prompt_tokens / 2);
    let template = model.fim.as_ref().ok();
    let offered = if template.is_some() { input.snippets } else { &[] };
    let share = SNIPPET_SHARE[usize::from(model.context_length > SHORT_CONTEXT)];
    let (snippets, snippet_tokens) = fitting(offered, max_prompt_tokens / share, count_tokens);
    let taken = RESERVE_TOKENS + path_tokens + line_reserve + snippet_tokens;
    let budget = max_prompt_tokens.saturating_sub(taken);

    let right = input.text.slice(cursor.rest_start..cursor.line_end);
    let text_right = !is_only_auto_closed(&right);
    // Brackets that the editor closed by itself come and go while the user types: the model does not see them.
    let suffix_start = if text_right { cursor.rest_start } else { cursor.line_end };
    let as_read = CursorInput { text: read, ..input.clone() };
    let (prefix, suffix) =
        window::choose(&as_read, &cursor, template.is_some().then_some(suffix_start), budget, count_tokens);

    let region = input.region();
    let (mode, mode_reason) = mode::choose(input, &cursor, text_right, region, settings);
    let below_is_whole = suffix.range.end >= input.text.len();
    let surroundings = Surroundings::take(input, &cursor, &prefix.lines, &suffix.text, below_is_whole);

    let near_start = match template {
        Some(template) if template.ends_at_cursor() && suffix.tokens >= LEAST_BELOW => {
            near_start(&prefix.lines, cursor.line)
        }
        _ => prefix.lines.len(),
    };
    let (far, near) = prefix.lines.split_at(near_start);
    let above = format!("{}{far}", prefix.outline);
    let mut prompt = match template {
        Some(template) => template.render(&FimParts {
            path: input.path,
            language: input.language.map_or("", |language| language.display_name()),
            repository: input.repository,
            snippets,
            prefix: &above,
            line: &format!("{near}{}", line.text),
            suffix: &suffix.text,
        }),
        None => {
            let mut prompt = Prompt::default();
            prompt.push_text(&above);
            prompt.push_text(&line.text);
            prompt
        }
    };
    prompt.begin_with(model.bos);
    // Text that ends in a space is healed too, because most tokens begin with their space; so is indentation, whose last space
    // tokenizers give to the first word: behind all of it a model writes one space too many, or another line.
    let ends_at_cursor = template.is_none_or(|template| template.ends_at_cursor());
    let others = snippets.iter().map(|snippet| snippet.file.clone());
    prompt.sources = std::iter::once(input.file.to_owned()).chain(others).collect();
    prompt.heal = settings.heal && ends_at_cursor && !line.text.is_empty();

    let n_special = prompt.pieces.iter().filter(|piece| matches!(piece, Piece::Token(_))).count();
    let path_tokens = if template.is_some() { path_tokens } else { 0 };
    let context = Context {
        prefix: prefix.range.clone(),
        suffix: suffix.range.clone(),
        line: line.range,
        replaced: surroundings.replaced_range(&cursor),
        kept_imports: prefix.imports,
        kept_headers: prefix.headers,
        mode,
        mode_reason,
        region,
        template: template.map_or("plain left to right", |template| template.family()),
        prompt_tokens: path_tokens + snippet_tokens + prefix.tokens + suffix.tokens + line.tokens + n_special,
        max_prompt_tokens,
        pieces: vec![
            ContextPiece {
                kind: "snippets",
                bytes: snippets.iter().map(|snippet| snippet.text.len()).sum(),
                tokens: snippet_tokens,
            },
            ContextPiece { kind: "path", bytes: input.path.len(), tokens: path_tokens },
            ContextPiece {
                kind: "imports and headers",
                bytes: prefix.outline.len(),
                tokens: if prefix.outline.is_empty() { 0 } else { count_tokens(&prefix.outline) },
            },
            ContextPiece { kind: "lines above", bytes: prefix.lines.len(), tokens: prefix.line_tokens },
            ContextPiece { kind: "line", bytes: line.text.len(), tokens: line.tokens },
            ContextPiece { kind: "suffix", bytes: suffix.text.len(), tokens: suffix.tokens },
        ],
    };
    let options = GenerateOptions {
        max_new_tokens: match (mode, settings.max_new_tokens) {
            (Mode::SingleLine, None) => max_new_tokens.min(MOST_LINE_TOKENS),
            _ => max_new_tokens,
        },
        sampling: Sampling::Greedy,
        stop_tokens: template.map_or_else(Vec::new, |template| template.stop_tokens().to_vec()),
        stop_strings: template.map_or_else(Vec::new, |template| {
            template.stop_strings().iter().map(|text| (*text).to_owned()).collect()
        }),
        least_confidence: model.calibration.of_model(settings.min_confidence),
        most_lines: if mode == Mode::MultiLine { settings.max_lines.max(1) } else { 1 },
        project: Some(project_place(input, &cursor)),
        ..GenerateOptions::default()
    };
    let limits = StopLimits {
        multi_line: mode == Mode::MultiLine,
        max_lines: settings.max_lines.max(1),
        typed: surroundings.typed.clone(),
        next_line: surroundings.lines_below.first().cloned(),
        language: input.language_here(),
    };
    Ok(Plan { prompt, options, context, calibration: model.calibration, cursor, surroundings, limits })
}

/// Where the last of the lines above begin that the prompt holds together with the typed line, behind the text below the cursor.
/// A line break then adds a token to the prompt; if all lines above stood before the text below, that text would be read again
/// for each new line. `line` is the number of the cursor's line. The place moves with every 16th line only, and at the start of a
/// file, where it leaves at least half of the lines above, with every power of two.
fn near_start(lines_above: &str, line: usize) -> usize {
    let Some(power) = line.checked_ilog2() else { return lines_above.len() };
    let n_near = line % NEAR_LINES.min(1 << power);
    match n_near {
        0 => lines_above.len(),
        _ => lines_above.rmatch_indices('\n').nth(n_near).map_or(0, |(at, _)| at + 1),
    }
}

/// The cursor as the memory of the project needs it: a few lines are more than any match is long.
fn project_place(input: &CursorInput<'_>, cursor: &Cursor) -> ProjectPlace {
    const LINES: usize = 3;
    const MOST_BYTES: usize = 600;
    let start = input.text.line_start(cursor.line.saturating_sub(LINES));
    let start = input.text.floor_char_boundary(start.max(cursor.line_start.saturating_sub(MOST_BYTES)));
    let mut before = input.text.slice(start..cursor.line_start).into_owned();
    before.push_str(&cursor.typed);
    ProjectPlace { source: input.file.into(), line: cursor.line, before }
}

/// The number of tokens that a prompt may have.
///
/// Without a setting: what is allotted, 1024 at most, since a longer prompt costs more time than it adds on the machines this
/// is for, and 512 for models of a short context (2048 or less), which have mostly seen sequences of that length in training,
/// and are small because the machine or the patience is.
fn prompt_budget(
    settings: &CompletionSettings,
    model: &ModelInfo,
    max_new_tokens: usize,
) -> Result<usize, Refusal> {
    let default = if model.context_length <= SHORT_CONTEXT { 512 } else { MOST_PROMPT_TOKENS };
    let default = default.min(settings.token_budget.prompt_tokens);
    let room = model.context_length.saturating_sub(max_new_tokens + RESERVE_TOKENS);
    let budget = settings.max_prompt_tokens.unwrap_or(default).min(room);
    if budget < MIN_PROMPT_TOKENS {
        return Err(Refusal::new(
            RefusalKind::ContextTooSmall,
            format!(
                "{budget} tokens are left for the prompt ({} of context, {max_new_tokens} new ones); at least \
                 {MIN_PROMPT_TOKENS} are needed: raise the context or lower the number of new tokens",
                model.context_length
            ),
        ));
    }
    Ok(budget)
}

/// The last of `snippets` that fit into a budget together, with their tokens.
fn fitting<'a>(snippets: &'a [Snippet], budget: usize, count: CountTokens<'_>) -> (&'a [Snippet], usize) {
    let mut tokens = 0;
    let mut first = snippets.len();
    for snippet in snippets.iter().rev() {
        let more = count(&snippet.path) + count(&snippet.text) + SNIPPET_FRAME;
        if tokens + more > budget {
            break;
        }
        tokens += more;
        first -= 1;
    }
    (&snippets[first..], tokens)
}

/// The typed part of the line as the model reads it.
struct ReadableLine {
    range: Range<usize>,
    text: String,
    tokens: usize,
}

/// Takes the line up to the cursor; the front of a very long one is cut in large steps.
fn readable_line(read: &Text, cursor: &Cursor, max_tokens: usize, count: CountTokens<'_>) -> ReadableLine {
    const STEP: usize = 256;
    let typed = cursor.typed_in(read);
    let mut skipped = 0;
    loop {
        let mut at = skipped.min(typed.len());
        while !typed.is_char_boundary(at) {
            at += 1;
        }
        let text = typed[at..].to_owned();
        let tokens = if text.is_empty() { 0 } else { count(&text) };
        if tokens <= max_tokens || text.is_empty() {
            let end = cursor.typed_end;
            return ReadableLine { range: (cursor.line_start + at).min(end)..end, text, tokens };
        }
        // Half of the line at once, in whole steps: a keystroke moves the cut rarely.
        skipped += (text.len() / 4).div_ceil(STEP) * STEP;
        if text.len() <= STEP {
            skipped = typed.len() - text.len() / 2;
        }
    }
}
