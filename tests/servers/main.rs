//! Real model servers serve the weights of a model of ours: completion, chat, cancelling, a restart, a wrong model, and the
//! same greedy text as in this process. Must hold: only loopback; without the servers nothing is run, and that is said.
//!
//! `FIMBLE_SERVERS` is the folder that `tests/servers/setup.sh` made; `FIMBLE_SERVER_MODEL` a model folder with
//! config.json, tokenizer.json, safetensors and an ONNX file, by default models/default. tests/servers/run does all of it.

#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(clippy::disallowed_methods, reason = "it looks for a port of this machine that is free")]
#![allow(clippy::print_stderr, reason = "what was left out, and what was measured, must be seen")]

mod running;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fimble_backends::{Chain, Choice, Guard, Purpose, ServerSpec};
use fimble_engine::{Engine, EngineOptions, ModelSource};
use fimble_model::fim::FimParts;
use fimble_model::{
    CancelToken, Chat, ChatOptions, GenerateOptions, GenerateRequest, Generation, Message, Model, ModelError,
    Priority, Provider, Role, StopReason,
};
use running::{Kind, Running, Servers};

/// A wait that takes longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(120);

fn open(name: &str) -> Arc<Chain> {
    let spec = ServerSpec::parse(name).unwrap().unwrap();
    let guard = Guard::own_machine_only().with_patience(Duration::from_secs(60));
    Chain::open(vec![Choice::Server(spec)], guard, Purpose::Completion, &|_| {}).unwrap()
}

fn in_process(folder: &Path) -> Engine {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_fimble")).arg("setup").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let runtime = fimble_store::RuntimeStore::from_env().unwrap().locate().unwrap().unwrap();
    fimble_engine::runtime::initialize(&runtime.path).unwrap();
    let options = EngineOptions { provider: Provider::Cpu, ..EngineOptions::default() };
    Engine::load(ModelSource::Folder(folder.to_owned()), options).unwrap()
}

/// Asks for the rest of the line at a place of a text.
fn line(model: &dyn Model, path: &str, text: &str, at: usize) -> Result<Generation, ModelError> {
    let start = text[..at].rfind('\n').map_or(0, |at| at + 1);
    let parts = FimParts {
        path,
        language: "",
        repository: "",
        snippets: &[],
        prefix: &text[..start],
        line: &text[start..at],
        suffix: &text[at..],
    };
    let prompt = model.info().fim.as_ref().unwrap().render(&parts);
    let request = GenerateRequest {
        prompt,
        options: GenerateOptions { max_new_tokens: 12, ..GenerateOptions::default() },
        priority: Priority::Interactive,
    };
    // What comes behind the line break depends on how many pieces arrive together.
    let first_line =
        |piece: &str| if piece.contains('\n') { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    model.generate(request, &CancelToken::new(), Box::new(first_line)).map(|mut generation| {
        generation.text.truncate(generation.text.find('\n').unwrap_or(generation.text.len()));
        generation
    })
}

/// Places in texts of several languages.
fn places() -> Vec<(String, String, usize)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/languages");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut places = Vec::new();
    for file in files.into_iter().filter(|file| file.is_file()) {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        // Behind the first word of a line in the middle.
        let middle = text.match_indices('\n').nth(text.lines().count() / 2).map_or(0, |(at, _)| at + 1);
        let rest = &text[middle..];
        let word = rest.find(|c: char| c.is_alphanumeric()).unwrap_or(0);
        let end = rest[word..].find(|c: char| !c.is_alphanumeric()).unwrap_or(0);
        places.push((name, text.clone(), middle + word + end));
    }
    assert!(places.len() >= 10);
    places
}

fn check_text(servers: &Servers, kind: Kind) {
    let running = Running::start(servers, kind);
    let chain = open(&running.name());
    let member = chain.member_for(&[]).unwrap();
    let own = in_process(&servers.model);
    let (mut n_equal, mut n) = (0, 0);
    for (path, text, at) in places() {
        let there = line(&*member, &path, &text, at).unwrap();
        let here = line(&own, &path, &text, at).unwrap();
        n += 1;
        n_equal += usize::from(there.text == here.text);
        if there.text != here.text {
            eprintln!("{kind:?}, {path}: {:?} there, {:?} here", there.text, here.text);
        }
        let tells = !there.tokens.is_empty() || there.text.is_empty();
        assert!(tells || kind == Kind::Mlx, "{kind:?} tells no probabilities");
    }
    eprintln!("{kind:?}: {n_equal} of {n} greedy lines are those of the model in this process");
    // Weights of 8 bits here and of 16 or 32 there: where two tokens are as good as equal, either may come.
    if kind == Kind::Mlx || servers.has_known_pre_tokenizer() {
        assert!(n_equal * 4 >= n * 3, "{n_equal} of {n}");
    }
}

fn check_chat_and_cancel(servers: &Servers, kind: Kind) {
    let running = Running::start(servers, kind);
    let chain = open(&running.name());
    let member = chain.member_for(&[]).unwrap();
    // A generation that runs for long is cancelled while it speaks.
    let cancel = CancelToken::new();
    let seen: Arc<Mutex<String>> = Arc::default();
    let shown = Arc::clone(&seen);
    let observer = Box::new(move |piece: &str| {
        shown.lock().unwrap().push_str(piece);
        ControlFlow::Continue(())
    });
    let mut prompt = fimble_model::Prompt::default();
    prompt.push_text("numbers = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, ");
    let options = GenerateOptions { max_new_tokens: 100_000, ..GenerateOptions::default() };
    let request = GenerateRequest { prompt, options, priority: Priority::Interactive };
    let (generation, elapsed) = std::thread::scope(|scope| {
        let asking = scope.spawn(|| member.generate(request, &cancel, observer));
        let start = Instant::now();
        while seen.lock().unwrap().is_empty() && !asking.is_finished() {
            assert!(start.elapsed() < PATIENCE, "nothing comes");
            std::thread::sleep(Duration::from_millis(1));
        }
        let cancelled = Instant::now();
        cancel.cancel();
        let generation = asking.join().unwrap().unwrap();
        if kind == Kind::LlamaCpp {
            while running.is_busy() {
                assert!(cancelled.elapsed() < PATIENCE, "the server goes on");
            }
        }
        (generation, cancelled.elapsed())
    });
    eprintln!("{kind:?}: cancelled, and the server free, after {} ms", elapsed.as_millis());
    assert!(matches!(generation.stop, StopReason::Cancelled | StopReason::Finished), "{:?}", generation.stop);

    let Ok(chat) = chain.chat() else {
        eprintln!("{kind:?}: the model has no chat template, and is told so");
        return;
    };
    let options = ChatOptions { max_new_tokens: 8, ..ChatOptions::default() };
    let messages = [Message::new(Role::User, "def add(a, b):")];
    match Chat::respond(
        chat,
        &messages,
        &options,
        &CancelToken::new(),
        Box::new(|_| ControlFlow::Continue(())),
    ) {
        Ok(answer) => eprintln!("{kind:?}: chat answered {} bytes, {}", answer.text.len(), answer.stop),
        // A base model has no template; the server says so in its own words.
        Err(error) => assert!(error.to_string().contains("status"), "{error}"),
    }
}

fn check_restart_and_wrong_model(servers: &Servers, kind: Kind) {
    let running = Running::start(servers, kind);
    let chain = open(&running.name());
    let (path, text, at) = places().remove(0);
    line(&*chain.member_for(&[]).unwrap(), &path, &text, at).unwrap();
    let port = running.port;
    drop(running);
    let member = chain.member_for(&[]).unwrap();
    let error = line(&*member, &path, &text, at).unwrap_err();
    assert!(
        matches!(&error, ModelError::Unavailable(reason) if reason.contains(&port.to_string())),
        "{error}"
    );
    assert!(!chain.notices().is_empty());
    let running = Running::start_at(servers, kind, port);
    let start = Instant::now();
    let member = loop {
        if let Some(member) = chain.member_for(&[]) {
            break member;
        }
        assert!(start.elapsed() < PATIENCE, "the server is not found again: {:?}", chain.notices());
        std::thread::sleep(Duration::from_millis(20));
    };
    line(&*member, &path, &text, at).unwrap();
    if kind == Kind::LlamaCpp {
        let spec = ServerSpec::parse(&format!("llama.cpp:mistral@127.0.0.1:{port}")).unwrap().unwrap();
        let wrong =
            Chain::open(vec![Choice::Server(spec)], Guard::own_machine_only(), Purpose::Completion, &|_| {});
        let error = wrong.err().unwrap().to_string();
        assert!(error.contains("mistral") && error.contains("fimble"), "{error}");
    }
    drop(running);
}

/// Servers that somebody started, by the names that settings have: `FIMBLE_SERVER_NAMES="ollama vllm@127.0.0.1:8000"`.
#[test]
fn servers_that_run_already_complete_answer_and_are_cancelled() {
    let Ok(names) = std::env::var("FIMBLE_SERVER_NAMES") else {
        eprintln!("left out: FIMBLE_SERVER_NAMES names no server that runs");
        return;
    };
    for name in names.split_whitespace() {
        let chain = open(name);
        let member = chain.member_for(&[]).unwrap();
        eprintln!("{name}: {} on {}", member.info().name, member.info().provider);
        let mut prompt = fimble_model::Prompt::default();
        prompt.push_text("def add(a, b):\n    return a +");
        let options = GenerateOptions { max_new_tokens: 8, ..GenerateOptions::default() };
        let request = GenerateRequest { prompt, options, priority: Priority::Interactive };
        let observer = || Box::new(|_: &str| ControlFlow::Continue(()));
        let generation = member.generate(request.clone(), &CancelToken::new(), observer()).unwrap();
        assert!(!generation.text.trim().is_empty(), "{name}: {:?}", generation.stop);

        let long = GenerateOptions { max_new_tokens: 2000, ..GenerateOptions::default() };
        let cancel = CancelToken::new();
        let theirs = cancel.clone();
        let at_once = Box::new(move |_: &str| {
            theirs.cancel();
            ControlFlow::Continue(())
        });
        let generation =
            member.generate(GenerateRequest { options: long, ..request }, &cancel, at_once).unwrap();
        assert_eq!(generation.stop, StopReason::Cancelled, "{name}");

        let messages = [Message::new(Role::User, "Say hello.")];
        let options = ChatOptions { max_new_tokens: 16, ..ChatOptions::default() };
        match chain.chat().map(|chat| chat.respond(&messages, &options, &CancelToken::new(), observer())) {
            Ok(answer) => eprintln!("{name}: chat answered {} bytes", answer.unwrap().text.len()),
            Err(reason) => eprintln!("{name}: {reason}"),
        }
    }
}

/// Runs a check on both servers, if they are there.
fn on_each(check: fn(&Servers, Kind)) {
    let Some(servers) = Servers::find() else { return };
    for kind in [Kind::LlamaCpp, Kind::Mlx] {
        check(&servers, kind);
    }
}

#[test]
fn completions_are_those_of_the_model_in_this_process() {
    on_each(check_text);
}

#[test]
fn conversations_are_answered_and_cancelling_frees_the_server() {
    on_each(check_chat_and_cancel);
}

#[test]
fn a_restart_is_noticed_and_a_wrong_model_is_named() {
    on_each(check_restart_and_wrong_model);
}
