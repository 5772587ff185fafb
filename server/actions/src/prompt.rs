//! Prompts for a chat model. Invariant: the code is between fences that it cannot close; the prompt fits what the
//! model reads, with the answer; nothing of the file is sent but the target, the imports, and lines around it, and no secret of
//! these.

use std::ops::Range;

use fimble_model::{Chat, Message, Role};
use fimble_syntax::Language;

use crate::hidden::Hidden;
use crate::names::Variable;
use crate::test_file::{TestForm, test_form};
use crate::{ActionKind, Refusal, Source, Target, doc_form};

/// Tokens of an answer in words.
const EXPLANATION_TOKENS: usize = 900;
/// Tokens kept free for the words around the code and for the marks of turns.
const RESERVE_TOKENS: usize = 350;
/// Most tokens that an answer in code may have.
const MAX_CODE_TOKENS: usize = 6000;
/// Most tokens that a model may think for, before an answer.
const MAX_THOUGHT_TOKENS: usize = 4096;
/// Most tokens of lines around the target.
const MAX_AROUND_TOKENS: usize = 600;
/// Lines around the target on each side, at most.
const MAX_AROUND_LINES: usize = 30;
/// Tokens of a line with two names.
const NAME_TOKENS: usize = 24;

/// A diagnostic of the editor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, in bytes.
    pub range: Range<usize>,
    /// The message.
    pub message: String,
}

/// The prompt, and how long the answer may be.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) messages: Vec<Message>,
    pub(crate) max_new_tokens: usize,
    /// The additional room for a model that thinks before it answers.
    pub(crate) thought_tokens: usize,
}

// Small models follow few words better than many.
const SYSTEM_CODE: &str = "You edit source code. You answer with one fenced code block and nothing else.";
const SYSTEM_WORDS: &str =
    "You explain source code in short, plain Markdown. You say nothing that the code does not show.";
const SYSTEM_COMMENT: &str =
    "You write documentation comments. You answer with words and never repeat the code.";
const SYSTEM_NAMES: &str = "You find clear names for variables.";

/// The requested action.
#[derive(Clone, Copy)]
pub(crate) struct Wish<'a> {
    pub(crate) kind: ActionKind,
    /// The user's words; may be empty.
    pub(crate) instruction: &'a str,
    /// The diagnostics of the editor.
    pub(crate) problems: &'a [Problem],
    /// The variables that may get other names.
    pub(crate) variables: &'a [Variable],
}

/// Asks for an action.
pub(crate) fn question(
    wish: Wish<'_>,
    source: &Source<'_>,
    target: &Target,
    hidden: &mut Hidden,
    chat: &dyn Chat,
) -> Result<Question, Refusal> {
    let Wish { kind, instruction, problems, variables } = wish;
    let code = hidden.slice(source.text, target.range.clone());
    let instruction = hidden.words(instruction);
    let n_tokens = chat.count_tokens(&code);
    let context = chat.context_length();
    let wanted = match kind {
        ActionKind::Explain | ActionKind::Document | ActionKind::Redocument => EXPLANATION_TOKENS,
        ActionKind::Rename if !variables.is_empty() => NAME_TOKENS * (variables.len() + 2),
        ActionKind::Tests => (2 * n_tokens + 600).min(MAX_CODE_TOKENS),
        _ => (2 * n_tokens + 256).min(MAX_CODE_TOKENS).max(n_tokens + n_tokens / 4),
    };
    let least = match kind {
        ActionKind::Explain | ActionKind::Document | ActionKind::Redocument | ActionKind::Tests => 200,
        ActionKind::Rename if !variables.is_empty() => wanted,
        _ => n_tokens + n_tokens / 4,
    };
    let room = context.saturating_sub(n_tokens + RESERVE_TOKENS + chat.count_tokens(&instruction));
    if room < least {
        return Err(Refusal::TooLong { tokens: n_tokens, context });
    }
    let max_new_tokens = wanted.min(room);
    let n_lines = match kind {
        // They are about the code itself.
        ActionKind::Explain | ActionKind::Document | ActionKind::Redocument | ActionKind::Rename => 0,
        _ => MAX_AROUND_LINES,
    };
    let around =
        around(source, target, n_lines, (room - max_new_tokens).min(MAX_AROUND_TOKENS), hidden, chat);
    let thought_tokens = (room - max_new_tokens).saturating_sub(chat.count_tokens(&around));
    let renames = kind == ActionKind::Rename && !variables.is_empty();
    let system = match kind {
        ActionKind::Explain => SYSTEM_WORDS,
        ActionKind::Document | ActionKind::Redocument => SYSTEM_COMMENT,
        ActionKind::Rename if renames => SYSTEM_NAMES,
        _ => SYSTEM_CODE,
    };
    let word = source.language_at(target.range.start).map_or("", Language::name);
    let mut text = task(kind, &instruction, source, target, variables);
    text.push_str("\n\n");
    if !around.is_empty() {
        text.push_str(&format!("What stands around it, only to be read:\n{}\n", fenced(&around, word)));
    }
    if let Some(selected) = &target.selected {
        text.push_str(&format!(
            "In the code this is selected:\n{}\n",
            fenced(&hidden.slice(source.text, selected.clone()), word)
        ));
    }
    text.push_str(&format!("File: {}", source.path));
    if !source.language_name().is_empty() {
        text.push_str(&format!(" ({})", source.language_name()));
    }
    // What is read last counts most.
    text.push_str(&format!("\nThe code:\n{}", fenced(&code, word)));
    if !problems.is_empty() {
        // Small models repeat code that they have read last; the line that is wrong, read last, is changed.
        text.push_str("\nIt has these faults:\n");
        for problem in problems {
            let line = source.text.line_of(problem.range.start);
            let line = hidden.slice(source.text, source.text.line_start(line)..source.text.line_end(line));
            text.push_str(&format!(
                "- `{}`: {}\n",
                line.trim().replace('`', "'"),
                hidden.words(&problem.message).replace('\n', " ")
            ));
        }
        text.push_str("\nWrite the code again without these faults.\n");
    }
    let asked = Message::new(Role::User, text).from_files([source.file.to_owned()]);
    let messages = vec![Message::new(Role::System, system), asked];
    Ok(Question { messages, max_new_tokens, thought_tokens: thought_tokens.min(MAX_THOUGHT_TOKENS) })
}

/// The task, and the form of the answer.
fn task(
    kind: ActionKind,
    instruction: &str,
    source: &Source<'_>,
    target: &Target,
    variables: &[Variable],
) -> String {
    let what = if target.name.is_empty() { "this code".to_owned() } else { format!("`{}`", target.name) };
    let same = format!("Answer with all of {what} and nothing else. Do not repeat what stands around it.");
    let language = source.language_name();
    match kind {
        ActionKind::Explain => {
            let names = doc_form::parameters(source, target);
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            let parameters =
                if names.is_empty() { String::new() } else { format!("what {} mean, ", names.join(", ")) };
            format!(
                "Explain {what} in one short list: what it does, {parameters}what it returns, when it fails, and what is easy \
                 to miss."
            )
        }
        ActionKind::Instruction => format!("Change {what}: {}\n{same}", instruction.trim()),
        ActionKind::Extract => {
            let part = if target.selected.is_some() { "the selected lines" } else { "a meaningful part" };
            format!(
                "Move {part} of {what} into a new function with a fitting name, and call it in {what}.\nAnswer with the new \
                 function and with all of {what}, and nothing else. Do not repeat what stands around it."
            )
        }
        ActionKind::Simplify => {
            format!("Please simplify {what}: shorter, but it does exactly the same in each case.\n{same}")
        }
        ActionKind::Rename if !variables.is_empty() => {
            let names: Vec<String> =
                variables.iter().map(|variable| format!("{} ->", variable.name)).collect();
            format!(
                "Give the variables of {what} clear names: whole words that say what they hold. Fill in each line, such as \
                 `n -> count`, and write nothing else:\n{}",
                names.join("\n")
            )
        }
        ActionKind::Rename => format!(
            "Give the local variables and parameters of {what} clearer names. Change nothing else.\n{same}"
        ),
        ActionKind::Errors => format!(
            "Handle each error that can happen in {what}, as {language} code does. It does the same as now when nothing \
             fails.\n{same}"
        ),
        ActionKind::Fix => format!("Correct the faults in {what}.\n{same}"),
        ActionKind::Tests => {
            let TestForm { with, head } = test_form(source, target);
            let head = if head.is_empty() { String::new() } else { format!(" Begin with:\n{head}") };
            format!(
                "Write three short tests for {what}{with}: a usual case, an edge case, and one more. Use small values whose \
                 results are plain from the code. Answer with the tests and nothing else; do not repeat {what}.{head}"
            )
        }
        ActionKind::Document | ActionKind::Redocument => format!(
            "Describe {what} for those who call it. Fill in this form, one short line each, without code:\n{}",
            doc_form::form(&doc_form::parameters(source, target))
        ),
        // Those are no questions for a chat model; asking is still better than nothing.
        ActionKind::Complete | ActionKind::Generate => format!("Complete {what}.\n{same}"),
    }
}

/// Text between fences that are longer than any in it, with a word behind the first one.
#[must_use]
pub fn fenced(text: &str, word: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(3));
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{fence}{word}\n{text}{end}{fence}\n")
}

/// Imports and the nearest lines above and below, as many as fit.
fn around(
    source: &Source<'_>,
    target: &Target,
    n_lines: usize,
    budget: usize,
    hidden: &mut Hidden,
    chat: &dyn Chat,
) -> String {
    let text = source.text;
    let first = text.line_of(target.range.start);
    let last = text.line_of(target.range.end);
    let mut n_lines = n_lines;
    while n_lines > 0 {
        let above = text.line_start(first.saturating_sub(n_lines))..target.range.start;
        let below = target.range.end..text.line_start(last + n_lines);
        let imports: String = source
            .tree
            .map(|tree| tree.imports(text, above.start))
            .unwrap_or_default()
            .into_iter()
            .map(|import| format!("{}\n", hidden.slice(text, import)))
            .collect();
        let mut parts = Vec::new();
        for part in [imports, hidden.slice(text, above), hidden.slice(text, below)] {
            if !part.trim().is_empty() {
                parts.push(part.trim_matches(['\n', '\r']).to_owned());
            }
        }
        let all = parts.join("\n\n");
        if chat.count_tokens(&all) <= budget {
            return all;
        }
        n_lines /= 2;
    }
    String::new()
}
