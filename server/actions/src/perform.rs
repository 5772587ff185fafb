//! An action from its prompt to its outcome. Invariant: an edit is returned only if it was checked with the syntax tree; a bad
//! answer is sent back to the model once, with the reason, and not a second time.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fimble_document::Text;
use fimble_model::{
    CancelToken, Chat, ChatAnswer, ChatOptions, Message, ModelError, Role, StopReason, TokenObserver,
};
use fimble_syntax::{ParseBudget, SyntaxTree};

use crate::answer::{code_of, has_closed_block, without_outer_fence};
use crate::comment::{comment_place, words_of};
use crate::doc_form::{filled, parameters};
use crate::edit::{Edit, line_edits, similarity};
use crate::hidden::Hidden;
use crate::names::{Variable, renamed, variables};
use crate::prompt::{Problem, Question, Wish, fenced, question};
use crate::surroundings::without_surroundings;
use crate::test_file::{TestPlace, completed, rust_module, test_place};
use crate::thoughts::Spoken;
use crate::{ActionKind, Refusal, Source, Style, Target, fit, surroundings};

/// An answer that shares less than this with the code that was asked about, and does not name it, is other code.
const LEAST_SIMILAR: f64 = 0.15;
/// The note below an explanation that reached its limit.
const CUT: &str = "*The answer was cut off here: it reached its limit. Select less for a whole one.*";
/// Bytes of a token, rather too many: an answer that is longer than its tokens can be has no end.
const BYTES_PER_TOKEN: usize = 8;

/// The action to perform.
pub struct ChatWork<'a> {
    /// The action.
    pub kind: ActionKind,
    /// The instruction of the user, for [`ActionKind::Instruction`].
    pub instruction: &'a str,
    /// The texts of the editor's diagnostics, for [`ActionKind::Fix`].
    pub problems: &'a [Problem],
    /// Sees the answer as it comes, from its beginning again with a second try, and nothing while the model thinks. On the
    /// model's thread: it must be quick.
    pub progress: Arc<dyn Fn(&str) + Send + Sync>,
}

/// The outcome of an action.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The change to make.
    pub change: Change,
    /// Name of the model that answered.
    pub model: String,
    /// Whether the prompt left this machine.
    pub is_remote: bool,
}

/// The change that an action makes.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Edits of the file, in order.
    Edits(Vec<Edit>),
    /// A new file beside it.
    NewFile {
        /// Its name.
        name: String,
        /// Its content.
        text: String,
    },
    /// Nothing: Markdown to read.
    Words(String),
}

/// Asks a chat model, and makes its answer an outcome.
///
/// # Errors
/// Why there is none.
pub fn perform(
    work: &ChatWork<'_>,
    source: &Source<'_>,
    target: &Target,
    chat: &dyn Chat,
    cancel: &CancelToken,
) -> Result<Outcome, Refusal> {
    if matches!(work.kind, ActionKind::Document | ActionKind::Redocument) {
        let what = "A doc comment can be written for a function, class or other item of a language that has comments.";
        let place = comment_place(source, target).ok_or_else(|| Refusal::NotHere(what.to_owned()))?;
        if work.kind == ActionKind::Document && place.is_taken() {
            return Err(Refusal::Documented);
        }
    }
    let mut hidden = Hidden::of(source.text);
    let variables = if work.kind == ActionKind::Rename { variables(source, target) } else { Vec::new() };
    let wish = Wish {
        kind: work.kind,
        instruction: work.instruction,
        problems: work.problems,
        variables: &variables,
    };
    let mut asked = question(wish, source, target, &mut hidden, chat)?;
    let change = |answer: &ChatAnswer| change(work.kind, source, target, &variables, &hidden, answer);
    let words = source.fence_words();
    let first = ask(work, &asked, &words, chat, cancel)?;
    // The second question holds the first answer as well.
    asked.thought_tokens = asked.thought_tokens.saturating_sub(chat.count_tokens(&first.text));
    let refusal = match change(&first) {
        Ok(change) => return Ok(outcome(change, &first)),
        Err(refusal) => refusal,
    };
    // What is simple, or named well, may stay as it is.
    let may_stay = matches!(work.kind, ActionKind::Simplify | ActionKind::Rename | ActionKind::Redocument);
    if refusal == Refusal::NoChange && may_stay {
        return Err(refusal);
    }
    let Some(complaint) = refusal.complaint() else { return Err(refusal) };
    let answered = if first.text.trim().is_empty() { "(nothing)" } else { first.text.as_str() };
    asked.messages.push(Message::new(Role::Assistant, answered));
    asked.messages.push(Message::new(Role::User, format!("{complaint} Answer again, with all of it.")));
    match ask(work, &asked, &words, chat, cancel) {
        Ok(second) => Ok(outcome(change(&second)?, &second)),
        // With the first answer in it the question may be too long for the model: what counts is what was wrong before.
        Err(Refusal::Model(ModelError::PromptTooLong { .. })) => Err(refusal),
        Err(other) => Err(other),
    }
}

/// Reads the prompt for an explanation in advance, so that its answer begins sooner.
pub fn read_ahead(source: &Source<'_>, target: &Target, chat: &dyn Chat, cancel: &CancelToken) {
    let mut hidden = Hidden::of(source.text);
    let wish = Wish { kind: ActionKind::Explain, instruction: "", problems: &[], variables: &[] };
    if let Ok(asked) = question(wish, source, target, &mut hidden, chat) {
        chat.read_ahead(&asked.messages, cancel);
    }
}

fn outcome(change: Change, answer: &ChatAnswer) -> Outcome {
    Outcome { change, model: answer.model.clone(), is_remote: answer.is_remote }
}

fn ask(
    work: &ChatWork<'_>,
    asked: &Question,
    words: &[String],
    chat: &dyn Chat,
    cancel: &CancelToken,
) -> Result<ChatAnswer, Refusal> {
    let max_new_tokens = asked.max_new_tokens + asked.thought_tokens;
    let options = ChatOptions { max_new_tokens, ..ChatOptions::default() };
    let wants_code = !matches!(
        work.kind,
        ActionKind::Explain | ActionKind::Document | ActionKind::Redocument | ActionKind::Rename
    );
    let explains = work.kind == ActionKind::Explain;
    let progress = Arc::clone(&work.progress);
    let words = words.to_vec();
    let (is_long, has_thought) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
    let (too_long, thinks) = (Arc::clone(&is_long), Arc::clone(&has_thought));
    let mut spoken = Spoken::default();
    // What is thought does not count.
    let max_bytes = asked.max_new_tokens.saturating_mul(BYTES_PER_TOKEN);
    let observer: TokenObserver = Box::new(move |piece: &str, _| {
        spoken.push(piece);
        thinks.fetch_or(spoken.has_only_thought(), Ordering::Relaxed);
        let said = spoken.so_far();
        progress(if explains { without_outer_fence(said) } else { said });
        let is_too_long = said.len() > max_bytes;
        too_long.store(is_too_long, Ordering::Relaxed);
        // What follows the code would only be waited for.
        let is_done = wants_code && piece.contains(['`', '~', '\n']) && has_closed_block(said, &words);
        if is_done || is_too_long { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let mut answer = chat.respond(&asked.messages, &options, cancel, observer).map_err(Refusal::Model)?;
    if answer.stop == StopReason::Cancelled || cancel.is_cancelled() {
        return Err(Refusal::Cancelled);
    }
    if is_long.load(Ordering::Relaxed) {
        answer.stop = StopReason::MaxTokens;
    }
    answer.text = Spoken::whole(&answer.text).into_text();
    if answer.text.trim().is_empty() && has_thought.load(Ordering::Relaxed) {
        return Err(Refusal::OnlyThought);
    }
    Ok(answer)
}

/// The change that an answer makes.
fn change(
    kind: ActionKind,
    source: &Source<'_>,
    target: &Target,
    variables: &[Variable],
    hidden: &Hidden,
    answer: &ChatAnswer,
) -> Result<Change, Refusal> {
    let is_cut = matches!(answer.stop, StopReason::MaxTokens | StopReason::ContextFull);
    match kind {
        ActionKind::Explain => {
            let words = without_outer_fence(answer.text.trim()).trim();
            match (words.is_empty(), is_cut) {
                (true, _) => Err(Refusal::Empty),
                (false, true) => Ok(Change::Words(format!("{words}\n\n{CUT}"))),
                (false, false) => Ok(Change::Words(words.to_owned())),
            }
        }
        ActionKind::Document | ActionKind::Redocument => document(source, target, answer),
        ActionKind::Tests => {
            let code = code_of(&answer.text, "", is_cut, &source.fence_words())?;
            tests(source, &completed(&code, source, target))
        }
        ActionKind::Rename if !variables.is_empty() => {
            renamed(&answer.text, variables, source, target, hidden).map(Change::Edits)
        }
        _ => rewrite(kind, source, target, &hidden.restored(&answer.text), is_cut),
    }
}

fn rewrite(
    kind: ActionKind,
    source: &Source<'_>,
    target: &Target,
    answer: &str,
    is_cut: bool,
) -> Result<Change, Refusal> {
    let old = source.text.slice(target.range.clone()).into_owned();
    let code = code_of(answer, &old, is_cut, &source.fence_words())?;
    let code = without_surroundings(&code, source, target);
    let names_it = !target.name.is_empty() && code.contains(&target.name);
    if !names_it && kind != ActionKind::Instruction && similarity(&old, &code) < LEAST_SIMILAR {
        return Err(Refusal::Unrelated);
    }
    let style = Style::of(source.text);
    let base = target.indentation(source.text);
    let forms = fit::variants(&code, &old.replace("\r\n", "\n"), &base, &style);
    // A text that does not end with a line break shall not gain one.
    let ends_open = !old.ends_with('\n');
    let forms = forms.into_iter().map(|form| {
        if ends_open { form.strip_suffix(style.line_break).unwrap_or(&form).to_owned() } else { form }
    });
    let mut refusal = Refusal::AddsErrors;
    let fitting = forms.into_iter().find(|form| {
        fits(source, target.range.clone(), form)
            && surroundings::check(source, target, form, kind != ActionKind::Instruction)
                .map_err(|found| refusal = found)
                .is_ok()
    });
    let new = fitting.ok_or(refusal)?;
    let edits = line_edits(&old, &new, target.range.start);
    if edits.is_empty() {
        return Err(Refusal::NoChange);
    }
    let is_missing = kind == ActionKind::Extract
        && surroundings::new_items(source, target, &new).is_some_and(|items| items.is_empty());
    if is_missing { Err(Refusal::NothingNew) } else { Ok(Change::Edits(edits)) }
}

fn document(source: &Source<'_>, target: &Target, answer: &ChatAnswer) -> Result<Change, Refusal> {
    let place = comment_place(source, target).ok_or(Refusal::NoCode)?;
    let form = filled(&answer.text, &parameters(source, target), source.fence_word());
    let words = form.map_or_else(|| words_of(&answer.text), Ok)?;
    let comment = place.render(&words, &Style::of(source.text))?;
    if !fits(source, place.range.clone(), &comment) {
        return Err(Refusal::AddsErrors);
    }
    let old = source.text.slice(place.range.clone()).into_owned();
    let edits = line_edits(&old, &comment, place.range.start);
    if edits.is_empty() { Err(Refusal::NoChange) } else { Ok(Change::Edits(edits)) }
}

fn tests(source: &Source<'_>, code: &str) -> Result<Change, Refusal> {
    let style = Style::of(source.text);
    let code = fit::variants(code, "", "", &style).swap_remove(0).replace(style.line_break, "\n");
    match test_place(source.fence_word(), source.path) {
        TestPlace::Here => {
            let end = source.text.len();
            let break_before = if source.text.chars_before(end).next() == Some('\n') { "\n" } else { "\n\n" };
            let module = rust_module(&code, source.text, &style.step());
            let text = format!("{break_before}{module}").replace('\n', style.line_break);
            if !fits(source, end..end, &text) {
                return Err(Refusal::AddsErrors);
            }
            Ok(Change::Edits(vec![Edit { range: end..end, text }]))
        }
        TestPlace::Beside(name) => {
            let text = code.replace('\n', style.line_break);
            let budget = ParseBudget::unlimited();
            let whole = Text::new(&text);
            let is_broken = source.language.is_some_and(|language| {
                SyntaxTree::parse(language, &whole, None, &budget).is_ok_and(|tree| tree.has_errors())
            });
            if is_broken { Err(Refusal::AddsErrors) } else { Ok(Change::NewFile { name, text }) }
        }
        TestPlace::Nowhere => Ok(Change::Words(fenced(&code, source.fence_word()))),
    }
}

/// Whether the file has no more errors with this text instead of a range. Unknown without a tree.
fn fits(source: &Source<'_>, range: Range<usize>, text: &str) -> bool {
    source.tree.is_none_or(|tree| {
        tree.splice_check(source.text, range, text, &ParseBudget::unlimited())
            .is_ok_and(|check| !check.adds_errors())
    })
}
