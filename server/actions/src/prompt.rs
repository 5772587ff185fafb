//! What a chat model is asked. Invariant: the code stands between fences that it cannot close; what is asked fits what the
//! model reads, with the answer; nothing of the file is sent but the target, the imports, and lines around it, and no secret of
//! these.

use std::ops::Range;

use fimble_model::{Chat, Message, Role};
use fimble_syntax::Language;

use crate::hidden::Hidden;
use crate::{ActionKind, Refusal, Source, Target};

/// Tokens of an answer in words.
const EXPLANATION_TOKENS: usize = 900;
/// Tokens kept free for the words around the code and for the marks of turns.
const RESERVE_TOKENS: usize = 350;
/// Most tokens that an answer in code may have.
const MAX_CODE_TOKENS: usize = 6000;
/// Most tokens that a model may think for, before an answer.
const MAX_THOUGHT_TOKENS: usize = 4096;
/// Most tokens of lines around the target.
const MAX_AROUND_TOKENS: usize = 1200;
/// Lines around the target on each side, at most.
const MAX_AROUND_LINES: usize = 60;

/// What an editor's diagnostics say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, in bytes.
    pub range: Range<usize>,
    /// What.
    pub message: String,
}

/// What is asked, and how long the answer may be.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) messages: Vec<Message>,
    pub(crate) max_new_tokens: usize,
    /// How much room there is besides, for a model that thinks before it answers.
    pub(crate) thought_tokens: usize,
}

const SYSTEM_CODE: &str = "You change source code inside of an editor. You answer with one fenced code block that holds the \
    complete new code, and with nothing else. You change only what the task asks for. You never leave code out.";
const SYSTEM_WORDS: &str = "You explain source code to a programmer who reads it for the first time. You answer in short, \
    plain Markdown, and say nothing that the code does not show.";
const SYSTEM_COMMENT: &str = "You write documentation comments for source code: what it does and what a caller must know, in a \
    few short sentences. You answer with the text of the comment and with nothing else. You never repeat the code.";

/// Asks for an action.
pub(crate) fn question(
    kind: ActionKind,
    source: &Source<'_>,
    target: &Target,
    instruction: &str,
    problems: &[Problem],
    hidden: &mut Hidden,
    chat: &dyn Chat,
) -> Result<Question, Refusal> {
    let code = hidden.slice(source.text, target.range.clone());
    let instruction = hidden.words(instruction);
    let n_tokens = chat.count_tokens(&code);
    let context = chat.context_length();
    let wanted = match kind {
        ActionKind::Explain | ActionKind::Document | ActionKind::Redocument => EXPLANATION_TOKENS,
        ActionKind::Tests => (2 * n_tokens + 600).min(MAX_CODE_TOKENS),
        _ => (2 * n_tokens + 256).min(MAX_CODE_TOKENS).max(n_tokens + n_tokens / 4),
    };
    let least = match kind {
        ActionKind::Explain | ActionKind::Document | ActionKind::Redocument | ActionKind::Tests => 200,
        _ => n_tokens + n_tokens / 4,
    };
    let room = context.saturating_sub(n_tokens + RESERVE_TOKENS + chat.count_tokens(&instruction));
    if room < least {
        return Err(Refusal::TooLong { tokens: n_tokens, context });
    }
    let max_new_tokens = wanted.min(room);
    let around = around(source, target, (room - max_new_tokens).min(MAX_AROUND_TOKENS), hidden, chat);
    let thought_tokens = (room - max_new_tokens).saturating_sub(chat.count_tokens(&around));
    let system = match kind {
        ActionKind::Explain => SYSTEM_WORDS,
        ActionKind::Document | ActionKind::Redocument => SYSTEM_COMMENT,
        _ => SYSTEM_CODE,
    };
    let word = source.language_at(target.range.start).map_or("", Language::name);
    let mut text = format!("File: {}", source.path);
    if !source.language_name().is_empty() {
        text.push_str(&format!(" ({})", source.language_name()));
    }
    text.push_str("\n\n");
    if !around.is_empty() {
        text.push_str(&format!(
            "Some of what stands around it, not to be changed:\n{}\n",
            fenced(&around, word)
        ));
    }
    text.push_str(&format!("The code:\n{}\n", fenced(&code, word)));
    if let Some(selected) = &target.selected {
        text.push_str(&format!(
            "In it, this is selected:\n{}\n",
            fenced(&hidden.slice(source.text, selected.clone()), word)
        ));
    }
    if !problems.is_empty() {
        text.push_str("The problems:\n");
        for problem in problems {
            let line = source.text.line_of(problem.range.start);
            let line = hidden.slice(source.text, source.text.line_start(line)..source.text.line_end(line));
            text.push_str(&format!(
                "- `{}`: {}\n",
                line.trim().replace('`', "'"),
                hidden.words(&problem.message).replace('\n', " ")
            ));
        }
        text.push('\n');
    }
    text.push_str(&task(kind, &instruction, target));
    let asked = Message::new(Role::User, text).from_files([source.file.to_owned()]);
    let messages = vec![Message::new(Role::System, system), asked];
    Ok(Question { messages, max_new_tokens, thought_tokens: thought_tokens.min(MAX_THOUGHT_TOKENS) })
}

/// The task in one sentence.
fn task(kind: ActionKind, instruction: &str, target: &Target) -> String {
    let what = if target.name.is_empty() { "this code".to_owned() } else { format!("`{}`", target.name) };
    let same = "Answer with the complete new version of the code above in one fenced code block.";
    match kind {
        ActionKind::Explain => format!("Explain {what}: what it does, how, and what is easy to miss."),
        ActionKind::Instruction => format!("Task: {}\n{same}", instruction.trim()),
        ActionKind::Extract if target.selected.is_some() => format!(
            "Task: move what is selected into a new function with a fitting name beside {what}, and call it instead.\n{same}"
        ),
        ActionKind::Extract => {
            format!(
                "Task: move a meaningful part of {what} into a new function beside it, and call it.\n{same}"
            )
        }
        ActionKind::Simplify => format!("Task: simplify {what} without changing what it does.\n{same}"),
        ActionKind::Rename => {
            format!(
                "Task: give the local variables and parameters of {what} clearer names. Change nothing else.\n{same}"
            )
        }
        ActionKind::Errors => format!(
            "Task: handle everything that can fail in {what} as this language does it, without changing what it does when \
             nothing fails.\n{same}"
        ),
        ActionKind::Fix => format!("Task: change {what} so that these problems are gone.\n{same}"),
        ActionKind::Tests => format!(
            "Task: write tests for {what}: the usual case, the edges, and what must fail. Answer with the tests alone in one \
             fenced code block, not with the code above."
        ),
        ActionKind::Document | ActionKind::Redocument => {
            format!("Write the documentation comment of {what}.")
        }
        // Those are no questions for a chat model; asking is still better than nothing.
        ActionKind::Complete | ActionKind::Generate => format!("Task: complete {what}.\n{same}"),
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
    budget: usize,
    hidden: &mut Hidden,
    chat: &dyn Chat,
) -> String {
    let text = source.text;
    let first = text.line_of(target.range.start);
    let last = text.line_of(target.range.end);
    let mut n_lines = MAX_AROUND_LINES;
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
