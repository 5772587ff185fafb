//! Conversations with servers. The model is one that only completes: it is given a template, by which each engine writes the
//! same text, so that its answer is known: it is that of this process.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use fimble_model::{CancelToken, Chat, ChatOptions, Message, Model, Role, TokenObserver};

use crate::running::{Kind, Running, Servers};
use crate::{in_process, on_each, open};

#[test]
#[ignore = "needs real servers: tests/servers/run"]
fn conversations_are_answered_as_in_this_process() {
    on_each(check);
}

#[test]
#[ignore = "needs real servers: tests/servers/run"]
fn a_model_without_a_template_answers_or_is_known_to_have_none() {
    on_each(check_without);
}

fn ask(chat: &dyn Chat, said: &str) -> String {
    let seen: Arc<Mutex<String>> = Arc::default();
    let theirs = Arc::clone(&seen);
    let observer: TokenObserver = Box::new(move |piece: &str, _| {
        theirs.lock().unwrap().push_str(piece);
        ControlFlow::Continue(())
    });
    let messages = [Message::new(Role::User, said)];
    let options = ChatOptions { max_new_tokens: 16, ..ChatOptions::default() };
    let answer = chat.respond(&messages, &options, &CancelToken::new(), observer).unwrap();
    assert_eq!(*seen.lock().unwrap(), answer.text, "it is streamed");
    assert!(!answer.is_remote);
    answer.text
}

/// The part of an answer that is the same with every engine: mlx-lm leaves the first space out, and shows special tokens.
fn first_line(answer: &str) -> &str {
    let said = answer.split("<|").next().unwrap_or_default().trim();
    said.lines().next().unwrap_or_default()
}

fn check(servers: &Servers, kind: Kind) {
    let servers = servers.with_template();
    let running = Running::start(&servers, kind);
    let chain = open(&running.name());
    let there = chain.chat().unwrap();
    let engine = in_process(&servers.model);
    let here = engine.chat().unwrap();
    // They end in a word: what a line break and the signs before it are to a tokenizer depends on where a text is cut.
    let questions = [
        "class Ledger:\n    def __init__(self, entries):\n        self.entries = entries",
        "import os\nimport sys",
        "const total = items.length",
        "def add(a, b):\n    return a + b",
    ];
    let (mut n_equal, mut n_said) = (0, 0);
    for question in questions {
        let (there, here) = (ask(there, question), ask(here, question));
        let is_equal = first_line(&there) == first_line(&here);
        n_equal += usize::from(is_equal);
        n_said += usize::from(!first_line(&there).is_empty());
        if !is_equal {
            eprintln!("{kind:?}, {question:?}: {there:?} there, {here:?} here");
        }
    }
    eprintln!("{kind:?}: {n_equal} of {} answers are those of the model in this process", questions.len());
    assert!(n_said > 0, "that nothing is said is nothing to compare");
    if servers.has_known_pre_tokenizer() {
        // A template without the switch for thoughts begins a comment: none of the answers would be the same.
        assert!(n_equal * 2 >= questions.len(), "{n_equal} of {}", questions.len());
    }
}

fn check_without(servers: &Servers, kind: Kind) {
    let running = Running::start(servers, kind);
    match open(&running.name()).chat() {
        Ok(chat) => {
            assert_eq!(kind, Kind::Mlx, "llama.cpp tells that it made its template up");
            let answer = ask(chat, "def add(a, b):");
            eprintln!("{kind:?} has a template of its own for a model without: {} bytes", answer.len());
        }
        Err(reason) => assert!(reason.contains("no chat template"), "{reason}"),
    }
}
