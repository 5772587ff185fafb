//! A model of the engine process does what the model itself does.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fimble_model::{
    CancelToken, ChatOptions, ContextIndex, EmbedInput, EmbedRequest, Embedder, Layer, Model, ModelError,
    StopReason, TokenObserver,
};
use fimble_shared::AttachError;

use crate::support::*;

#[test]
fn everything_about_a_model_reaches_the_window() {
    let host = Host::start();
    let window = host.window();
    let model = window.open("small", None).unwrap();
    let direct = Scripted::new("small", &host.state);
    assert_eq!(format!("{:?}", model.info()), format!("{:?}", info("small")));
    assert_eq!(model.notices(), direct.notices());
    assert_eq!(model.speeds(), direct.speeds());
    assert!(model.supports_alternatives() && !model.leaves_process() && !model.is_remote());
    let counted = Model::count_tokens(&model, "three words here");
    assert_eq!((counted, Model::count_tokens(&model, "three words here")), (3, 3));
    assert_eq!(host.state.n_counts.load(Ordering::SeqCst), 1, "a text is counted once");
    assert_eq!(ask(&model, "say:größer").unwrap(), ask(&*direct, "say:größer").unwrap());
    assert_eq!(ask(&model, "fail"), ask(&*direct, "fail"));
    let alternatives = model.generate_alternatives(request("say:ab"), 3, &CancelToken::new()).unwrap();
    assert_eq!(alternatives.len(), 3);
    assert_eq!(window.open("mute", None).unwrap().chat().err().unwrap(), "It is mute.");
}

#[test]
fn vectors_and_the_likeliest_tokens_reach_the_window() {
    let host = Host::start();
    let window = host.window();
    let model = window.open("small", None).unwrap();
    let direct = Scripted::new("small", &host.state);
    let embed = |inputs: Vec<EmbedInput>| EmbedRequest { inputs, truncates: true, sources: Vec::new() };
    for inputs in [vec![EmbedInput::Text("größer".to_owned())], vec![EmbedInput::Tokens(vec![7])]] {
        let (request, cancel) = (embed(inputs), CancelToken::new());
        let there = model.embedder().unwrap().embed(&request, &cancel);
        assert_eq!(there, direct.embed(&request, &cancel));
    }
    let mute = window.open("mute", None).unwrap();
    assert_eq!(mute.embedder().err().unwrap(), "It embeds nothing.");
    let mut detailed = request("say:ab");
    detailed.options.n_likeliest = Some(2);
    let there = model.generate(detailed.clone(), &CancelToken::new(), every()).unwrap();
    assert_eq!(there, direct.generate(detailed, &CancelToken::new(), every()).unwrap());
    assert_eq!(there.tokens[1].details.as_ref().unwrap().likeliest.len(), 2);
}

#[test]
fn pieces_and_tokens_are_those_of_the_model_and_an_observer_ends_it() {
    let host = Host::start();
    let window = host.window();
    let model = window.open("small", None).unwrap();
    let watch = |model: &dyn Model| {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let theirs = Arc::clone(&seen);
        let observer: TokenObserver = Box::new(move |piece, tokens| {
            theirs.lock().unwrap().push((piece.to_owned(), tokens.to_vec()));
            if piece == "d" { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let generation = model.generate(request("say:abcdef"), &CancelToken::new(), observer).unwrap();
        // The observer may be dropped a moment later.
        let seen = std::mem::take(&mut *seen.lock().unwrap());
        (generation, seen)
    };
    let attached = watch(&model);
    assert_eq!(attached, watch(&*Scripted::new("small", &host.state)));
    assert_eq!((attached.0.text.as_str(), &attached.0.stop), ("abcd", &StopReason::Observer));
}

#[test]
fn a_cancelled_request_is_answered_with_what_there_is() {
    let host = Host::start();
    let window = host.window();
    let model = Arc::new(window.open("small", None).unwrap());
    let cancel = CancelToken::new();
    let (theirs, their_cancel) = (Arc::clone(&model), cancel.clone());
    let asked = std::thread::spawn(move || theirs.generate(request("hold"), &their_cancel, every()));
    wait_until("it runs", || host.state.n_running.load(Ordering::SeqCst) == 1);
    let cancelled = Instant::now();
    cancel.cancel();
    assert_eq!(asked.join().unwrap().unwrap().stop, StopReason::Cancelled);
    assert!(cancelled.elapsed() < LONG / 2);
    assert_eq!(host.state.n_cancelled.load(Ordering::SeqCst), 1);
}

#[test]
fn a_conversation_is_streamed_and_its_text_is_what_was_seen() {
    let host = Host::start();
    let window = host.window();
    let model = window.open("small", None).unwrap();
    let chat = model.chat().unwrap();
    assert_eq!((chat.name(), chat.context_length()), ("small", 2048));
    assert!(chat.does_well("refactor") && !chat.does_well("explain"));
    let seen = Arc::new(Mutex::new(String::new()));
    let theirs = Arc::clone(&seen);
    let observer: TokenObserver = Box::new(move |piece, _| {
        theirs.lock().unwrap().push_str(piece);
        // A window that is slow must not hold up the engine process, and sees everything nevertheless.
        std::thread::sleep(Duration::from_millis(if piece == "a" { 300 } else { 0 }));
        ControlFlow::Continue(())
    });
    let options = ChatOptions::default();
    let answer = chat.respond(&message("say:abcdefgh"), &options, &CancelToken::new(), observer).unwrap();
    assert_eq!((answer.text.as_str(), &*seen.lock().unwrap()), ("abcdefgh", &"abcdefgh".to_owned()));
    chat.read_ahead(&message("say:x"), &CancelToken::new());
}

#[test]
fn requests_of_one_window_run_beside_each_other() {
    let host = Host::start();
    let window = host.window();
    let model = Arc::new(window.open("small", None).unwrap());
    let cancel = CancelToken::new();
    let (theirs, their_cancel) = (Arc::clone(&model), cancel.clone());
    let long = std::thread::spawn(move || {
        let quiet: TokenObserver = Box::new(|_, _| ControlFlow::Continue(()));
        theirs.chat().unwrap().respond(&message("hold"), &ChatOptions::default(), &their_cancel, quiet)
    });
    wait_until("it runs", || host.state.n_running.load(Ordering::SeqCst) == 1);
    for n in 0..20 {
        assert_eq!(ask(&*model, &format!("say:{n}")).unwrap().text, n.to_string());
    }
    cancel.cancel();
    assert_eq!(long.join().unwrap().unwrap().stop, StopReason::Cancelled);
}

#[test]
fn a_panic_costs_one_request_and_is_answered() {
    let host = Host::start();
    let window = host.window();
    let model = window.open("small", None).unwrap();
    // The observer's.
    let observer: TokenObserver = Box::new(|_, _| panic!("a panic of the test"));
    let outcome = model.generate(request("say:abc"), &CancelToken::new(), observer);
    assert!(matches!(outcome, Err(ModelError::Engine(_))), "{outcome:?}");
    assert_eq!(ask(&model, "say:ok").unwrap().text, "ok");
    // The model's: the window has to ask another one.
    assert!(matches!(ask(&model, "unknown"), Err(ModelError::Unavailable(_))));
    let again = window.open("small", None).unwrap();
    assert_eq!(ask(&again, "say:ok").unwrap().text, "ok");
}

#[test]
fn a_model_is_loaded_once_and_freed_with_its_last_window() {
    let host = Host::start();
    let n_loads = || host.state.n_loads.load(Ordering::SeqCst);
    let (one, other) = (host.window(), host.window());
    let first = one.open("large", None).unwrap();
    let second = other.open("large", None).unwrap();
    assert_eq!(n_loads(), 1);
    let report = one.report().unwrap();
    assert_eq!((report.process, report.use_of_it), (std::process::id(), Some((2, vec!["large".to_owned()]))));
    // Who chooses another model needs this one no more.
    drop(first);
    assert_eq!(ask(&second, "say:still there").unwrap().text, "still there");
    let third = host.window();
    let keeps_it = third.open("keeper", None).unwrap();
    drop(second);
    let models = || third.report().unwrap().use_of_it.unwrap().1;
    wait_until("the last one closed it", || models() == ["keeper"]);
    let small = one.open("small", None).unwrap();
    drop(keeps_it);
    wait_until("each is freed", || models() == ["small"]);
    assert_eq!(n_loads(), 3);
    let error = one.open("broken", None).err().unwrap();
    assert!(matches!(&error, AttachError::Model(error) if error.cause == "it is broken"), "{error:?}");
    assert_eq!(ask(&small, "say:ok").unwrap().text, "ok");
}

#[test]
fn windows_of_one_workspace_share_a_memory_and_others_do_not() {
    let host = Host::start();
    let windows = [host.window(), host.window(), host.window(), host.window()];
    let workspaces = [Some("/w"), Some("/w"), Some("/other"), None];
    let models: Vec<_> =
        windows.iter().zip(workspaces).map(|(window, name)| window.open("small", name).unwrap()).collect();
    let remembered = |n: usize| ask(&models[n], "remembered").unwrap().text;
    models[0].upsert("a.rs".into(), Layer::Open, "one".into());
    assert_eq!(remembered(0), "a.rs=one");
    assert_eq!([remembered(1), remembered(2), remembered(3)], ["a.rs=one", "", ""]);
    models[1].upsert("b.rs".into(), Layer::Workspace, "two".into());
    assert_eq!(remembered(1), "a.rs=one,b.rs=two");
    models[1].remove("a.rs");
    assert_eq!(remembered(1), "a.rs=one,b.rs=two", "the other window has it");
    models[0].remove("a.rs");
    assert_eq!(remembered(0), "b.rs=two");
}
