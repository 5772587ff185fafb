//! Servers that run already: Ollama, vLLM and any that the settings can name.

use std::ops::ControlFlow;

use fimble_model::{
    CancelToken, ChatOptions, GenerateOptions, GenerateRequest, Message, Model, ModelRouter, Role, StopReason,
};

use crate::{open, plainly};

/// Servers that run already, by the names that settings have: `FIMBLE_SERVER_NAMES="ollama vllm@127.0.0.1:8000"`.
#[test]
#[ignore = "needs servers that run already: FIMBLE_SERVER_NAMES"]
fn servers_that_run_already_complete_answer_and_are_cancelled() {
    let names = std::env::var("FIMBLE_SERVER_NAMES").expect("FIMBLE_SERVER_NAMES names servers that run");
    for name in names.split_whitespace() {
        let chain = open(name);
        let member = chain.member_for(&[]).unwrap();
        eprintln!("{name}: {} on {}", member.info().name, member.info().provider);
        let request = plainly("def add(a, b):\n    return a +", 8);
        let observer = Box::new(|_: &str, _: &[_]| ControlFlow::Continue(()));
        let generation = member.generate(request.clone(), &CancelToken::new(), observer).unwrap();
        assert!(!generation.text.trim().is_empty(), "{name}: {:?}", generation.stop);

        let long = GenerateOptions { max_new_tokens: 2000, ..GenerateOptions::default() };
        let cancel = CancelToken::new();
        let theirs = cancel.clone();
        let at_once = Box::new(move |_: &str, _: &[_]| {
            theirs.cancel();
            ControlFlow::Continue(())
        });
        let generation =
            member.generate(GenerateRequest { options: long, ..request }, &cancel, at_once).unwrap();
        assert_eq!(generation.stop, StopReason::Cancelled, "{name}");

        let messages = [Message::new(Role::User, "Say hello.")];
        let options = ChatOptions { max_new_tokens: 16, ..ChatOptions::default() };
        let observer = Box::new(|_: &str, _: &[_]| ControlFlow::Continue(()));
        match chain.chat().map(|chat| chat.respond(&messages, &options, &CancelToken::new(), observer)) {
            Ok(answer) => eprintln!("{name}: chat answered {} bytes", answer.unwrap().text.len()),
            Err(reason) => eprintln!("{name}: {reason}"),
        }
    }
}
