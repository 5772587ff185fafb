//! The prompts for a file with secrets in it, and the use of the answers. The secrets are made up, and put together
//! here, so that no scanner takes this file for a leak.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use fimble_actions::{ActionKind, Change, ChatWork, Problem, Source, find_target, perform};
use fimble_document::Text;
use fimble_model::{
    CancelToken, Chat, ChatAnswer, ChatOptions, Message, ModelError, StopReason, TokenObserver, Usage,
};
use fimble_syntax::{ParseBudget, SyntaxTree, by_language_id};

/// A model that answers as scripted, and keeps what it was asked.
struct Scripted {
    answer: String,
    asked: Mutex<String>,
}

impl Chat for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    fn context_length(&self) -> usize {
        4096
    }

    fn count_tokens(&self, text: &str) -> usize {
        text.len().div_ceil(4)
    }

    fn respond(
        &self,
        messages: &[Message],
        _: &ChatOptions,
        _: &CancelToken,
        mut observer: TokenObserver,
    ) -> Result<ChatAnswer, ModelError> {
        let mut asked = self.asked.lock().unwrap();
        asked.extend(messages.iter().map(|message| message.content.as_str()));
        let stop = match observer(&self.answer, &[]) {
            ControlFlow::Break(()) => StopReason::Observer,
            ControlFlow::Continue(()) => StopReason::Finished,
        };
        let (text, model) = (self.answer.clone(), "scripted".to_owned());
        Ok(ChatAnswer { text, stop, model, is_remote: false, usage: Usage::default() })
    }
}

fn password() -> String {
    ["x9Kd02", "mmQpL7aa31Zb"].concat()
}

fn token() -> String {
    ["ghp_", "9fK2mQx7Lp4Z9fK2mQx7Lp4Z9fK2mQx7Lp4Z"].concat()
}

/// The prompt, and the outcome of the answer.
fn act(kind: ActionKind, answer: &str) -> (String, Result<Change, String>) {
    let file = format!(
        "TOKEN = \"{}\"\n\n\ndef connect(host):\n    password = \"{}\"\n    db = open(host, password)\n    return db\n\n\nURL = \"postgres://app:{}@db:5432/x\"\n",
        token(),
        password(),
        password()
    );
    let language = by_language_id("python").unwrap();
    let text = Text::new(&file);
    let tree = SyntaxTree::parse(language, &text, None, &ParseBudget::unlimited()).unwrap();
    let source =
        Source { text: &text, tree: Some(&tree), language: Some(language), path: "a.py", file: "/p/a.py" };
    let place = text.line_end(3);
    let target = find_target(&source, place..place, true).unwrap();
    let chat = Scripted { answer: answer.to_owned(), asked: Mutex::default() };
    let line = text.line_start(4);
    let problems = [Problem { range: line..line, message: format!("do not write {} here", password()) }];
    let instruction = format!("call open with {}", token());
    let work = ChatWork { kind, instruction: &instruction, problems: &problems, progress: Arc::new(|_| {}) };
    let outcome = perform(&work, &source, &target, &chat, &CancelToken::new());
    let change = outcome.map(|outcome| outcome.change).map_err(|refusal| refusal.to_string());
    (chat.asked.into_inner().unwrap(), change)
}

#[test]
fn no_question_holds_a_secret() {
    for kind in [
        ActionKind::Explain,
        ActionKind::Instruction,
        ActionKind::Simplify,
        ActionKind::Fix,
        ActionKind::Tests,
        ActionKind::Document,
    ] {
        let (asked, _) = act(kind, "It connects.");
        assert!(
            asked.contains("password = \"REDACTED_1\"") && asked.contains("open(host, password)"),
            "{asked}"
        );
        assert!(!asked.contains(&password()) && !asked.contains(&token()), "{asked}");
    }
}

#[test]
fn code_that_comes_back_has_its_secrets_again() {
    let answer = "```python\ndef connect(host):\n    password = \"REDACTED_1\"\n    return open(host, password)\n```\n";
    let (_, change) = act(ActionKind::Simplify, answer);
    let Change::Edits(edits) = change.unwrap() else { panic!("an edit was asked for") };
    let written: String = edits.iter().map(|edit| edit.text.as_str()).collect();
    assert!(written.contains("return open(host, password)") && !written.contains("REDACTED"), "{written}");
}

#[test]
fn an_explanation_names_no_secret() {
    let (_, change) = act(ActionKind::Explain, "It connects with REDACTED_1.");
    assert_eq!(change.unwrap(), Change::Words("It connects with REDACTED_1.".to_owned()));
}
