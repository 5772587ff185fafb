//! Requests that a server on another machine never gets. There is no server at the address: every attempt to connect fails.

use std::ops::ControlFlow;

use fimble_model::{ChatOptions, GenerateOptions, Message, Priority, Prompt, Role};

use super::*;
use crate::address::Endpoint;
use crate::dialect::Writing;
use crate::exchange::Target;
use crate::guard::{Guard, NetworkSettings};

fn model(is_remote: bool) -> ServerModel {
    let settings =
        NetworkSettings { no_remote_paths: vec!["secret/**".to_owned()], ..NetworkSettings::default() };
    let guard = Guard::new(&settings).with_timeouts(Duration::from_millis(200));
    let endpoint = Endpoint::parse("https://127.0.0.1:1", 1).unwrap();
    let found = Found {
        kind: Kind::LlamaCpp,
        target: Target { endpoint, guard, is_remote: Some(is_remote) },
        model: "qwen2.5-coder".to_owned(),
        context_length: 4096,
        writing: Writing::Plain,
        no_chat: None,
        doubt: None,
        is_remote,
    };
    ServerModel::new(found, Duration::ZERO)
}

fn ask(model: &ServerModel, sources: &[&str], priority: Priority) -> Result<Generation, ModelError> {
    let mut prompt = Prompt::default();
    prompt.push_text("let x");
    prompt.sources = sources.iter().map(|path| (*path).to_owned()).collect();
    let request = GenerateRequest { prompt, options: GenerateOptions::default(), priority };
    model.generate(request, &CancelToken::new(), Box::new(|_, _| ControlFlow::Continue(())))
}

#[test]
fn text_of_kept_files_is_withheld_from_another_machine_and_from_no_server_of_this_one() {
    for sources in [&["secret/key.rs"][..], &["src/main.rs", "secret/key.rs"], &[]] {
        let withheld = ask(&model(true), sources, Priority::Interactive).unwrap_err();
        assert!(matches!(&withheld, ModelError::Withheld(_)), "{withheld}");
        let own = ask(&model(false), sources, Priority::Interactive).unwrap_err();
        assert!(matches!(own, ModelError::Unavailable(_)), "{own}");
    }
    let open = ask(&model(true), &["src/main.rs"], Priority::Interactive).unwrap_err();
    assert!(matches!(open, ModelError::Unavailable(_)), "{open}");
}

#[test]
fn text_of_files_that_hold_secrets_by_their_names_is_withheld_from_every_server() {
    for is_remote in [true, false] {
        let model = model(is_remote);
        assert!(model.is_withheld("/p/.env") && !model.is_withheld("/p/env.rs"));
        let withheld = ask(&model, &["/p/.env"], Priority::Interactive).unwrap_err();
        assert!(matches!(&withheld, ModelError::Withheld(_)), "{withheld}");
        let asked = Message::new(Role::User, "Why?").from_files(["/p/id_rsa".to_owned()]);
        let observer = Box::new(|_: &str, _: &[_]| ControlFlow::Continue(()));
        let outcome = model.respond(&[asked], &ChatOptions::default(), &CancelToken::new(), observer);
        assert!(matches!(outcome, Err(ModelError::Withheld(_))), "{outcome:?}");
    }
}

#[test]
fn conversations_about_kept_files_are_withheld_too() {
    let model = model(true);
    let respond = |messages: &[Message]| {
        let observer = Box::new(|_: &str, _: &[_]| ControlFlow::Continue(()));
        model.respond(messages, &ChatOptions::default(), &CancelToken::new(), observer).unwrap_err()
    };
    let kept = Message::new(Role::User, "Why?").from_files(["secret/key.rs".to_owned()]);
    assert!(matches!(respond(&[Message::new(Role::System, "Be brief."), kept]), ModelError::Withheld(_)));
    assert!(matches!(respond(&[Message::new(Role::User, "Why?")]), ModelError::Withheld(_)));
    let open = Message::new(Role::User, "Why?").from_files(["src/main.rs".to_owned()]);
    assert!(matches!(respond(&[open]), ModelError::Unavailable(_)));
}

#[test]
fn nothing_is_asked_ahead_of_another_machine() {
    let ahead = ask(&model(true), &["src/main.rs"], Priority::Idle).unwrap();
    assert_eq!((ahead.stop, ahead.text.as_str()), (StopReason::Cancelled, ""));
    assert!(ask(&model(false), &["src/main.rs"], Priority::Idle).is_err(), "one of this machine is asked");
}

#[test]
fn another_machine_is_named_as_that() {
    let remote = model(true);
    assert!(Model::is_remote(&remote) && remote.info().provider.starts_with("remote: "));
    assert!(remote.notices()[0].contains("leaves this machine"));
    let own = model(false);
    assert!(!Model::is_remote(&own) && own.notices().is_empty() && !own.info().provider.contains("remote"));
}

#[test]
fn names_of_one_model_are_told_from_those_of_another() {
    for (one, other) in [
        ("qwen2.5-coder:latest", "qwen2.5-coder"),
        ("/models/qwen.gguf", "qwen"),
        ("Qwen/Qwen2.5-Coder-7B", "qwen2.5-coder-7b"),
        ("", "anything"),
    ] {
        assert!(is_same_model(one, other), "{one} {other}");
    }
    assert!(!is_same_model("qwen2.5-coder:7b", "qwen2.5-coder:1.5b"));
    assert!(!is_same_model("llama", "qwen"));
}
