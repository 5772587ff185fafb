//! Chains: who answers, who takes over, and how the first one comes back.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fimble_backends::{Chain, Choice, Guard, Purpose, ServerSpec};
use fimble_model::{
    CancelToken, Chat, ChatAnswer, ChatOptions, ContextIndex, GenerateRequest, Generation, Layer, LoadError,
    Message, Model, ModelError, ModelInfo, ModelRouter, Role, StopReason, TokenObserver, Usage,
};

use crate::stand_in::{PATIENCE, Reply, StandIn};
use crate::support::*;

/// A model in this process.
struct Own {
    info: ModelInfo,
    /// What it remembers, by source.
    project: Arc<Mutex<BTreeMap<String, String>>>,
}

impl ContextIndex for Own {
    fn upsert(&self, source: Arc<str>, _: Layer, text: Arc<str>) {
        self.project.lock().unwrap().insert(source.to_string(), text.to_string());
    }

    fn remove(&self, source: &str) {
        self.project.lock().unwrap().remove(source);
    }
}

impl Model for Own {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn count_tokens(&self, text: &str) -> usize {
        text.len()
    }

    fn context_index(&self) -> Option<&dyn ContextIndex> {
        Some(self)
    }

    fn generate(
        &self,
        _: GenerateRequest,
        _: &CancelToken,
        _: TokenObserver,
    ) -> Result<Generation, ModelError> {
        Ok(Generation {
            text: "own".to_owned(),
            tokens: Vec::new(),
            stop: StopReason::Finished,
            usage: Usage::default(),
        })
    }
}

fn own(n_loads: &Arc<AtomicUsize>) -> Choice {
    own_with(n_loads, &Arc::default())
}

fn own_with(n_loads: &Arc<AtomicUsize>, project: &Arc<Mutex<BTreeMap<String, String>>>) -> Choice {
    let (n_loads, project) = (Arc::clone(n_loads), Arc::clone(project));
    Choice::Local(
        "bundled".to_owned(),
        Arc::new(move || {
            n_loads.fetch_add(1, Ordering::SeqCst);
            let info = ModelInfo {
                name: "bundled".to_owned(),
                provider: "test".to_owned(),
                context_length: 1024,
                vocabulary: 10,
                fim: Err("none".to_owned()),
                bos: None,
                weight_bytes: 0,
                writes_code: true,
                calibration: fimble_model::Calibration::default(),
                load_time: Duration::ZERO,
            };
            Ok(Arc::new(Own { info, project: Arc::clone(&project) }) as Arc<dyn Model>)
        }),
    )
}

fn server(name: &str) -> Choice {
    Choice::Server(ServerSpec::parse(name).unwrap().unwrap())
}

fn chain(choices: Vec<Choice>) -> Result<Arc<Chain>, LoadError> {
    Chain::open(choices, impatient(), Purpose::Completion, &|_| {})
}

fn name_of(chain: &Chain) -> String {
    chain.member_for(&[]).unwrap().info().name.clone()
}

#[test]
fn a_model_that_takes_over_knows_what_the_chain_was_told_of_the_project() {
    let (n_loads, project) = (Arc::default(), Arc::default());
    let llama = llama_cpp(Some(Reply::Whole(500, "text/html", String::new())), Reply::Silence);
    let server = server(&format!("llama.cpp@{}", llama.address()));
    let chain = chain(vec![server, own_with(&n_loads, &project)]).unwrap();
    for (source, text) in [("a.rs", "old"), ("b.rs", "gone"), ("c.rs", "kept"), ("a.rs", "new")] {
        chain.upsert(source.into(), Layer::Workspace, text.into());
    }
    chain.remove("b.rs");
    assert_eq!(n_loads.load(Ordering::SeqCst), 0);
    let member = chain.member_for(&[]).unwrap();
    assert!(matches!(complete(&*member), Err(ModelError::Unavailable(_))));
    assert_eq!((name_of(&chain).as_str(), n_loads.load(Ordering::SeqCst)), ("bundled", 1));
    let known = || project.lock().unwrap().clone();
    let expected = |texts: &[(&str, &str)]| -> BTreeMap<String, String> {
        texts.iter().map(|(source, text)| ((*source).to_owned(), (*text).to_owned())).collect()
    };
    assert_eq!(known(), expected(&[("a.rs", "new"), ("c.rs", "kept")]));
    // What comes later reaches it, too.
    chain.upsert("d.rs".into(), Layer::Open, "typed".into());
    chain.remove("a.rs");
    assert_eq!(known(), expected(&[("c.rs", "kept"), ("d.rs", "typed")]));
}

#[test]
fn the_model_in_this_process_is_loaded_only_when_the_server_fails_and_the_reason_is_told() {
    let n_loads = Arc::default();
    let llama = llama_cpp(Some(Reply::Whole(500, "text/html", String::new())), Reply::Silence);
    let chain = chain(vec![server(&format!("llama.cpp@{}", llama.address())), own(&n_loads)]).unwrap();
    assert_eq!((name_of(&chain).as_str(), n_loads.load(Ordering::SeqCst)), ("local-model.gguf", 0));
    assert!(chain.notices().is_empty());
    let member = chain.member_for(&[]).unwrap();
    assert!(matches!(complete(&*member), Err(ModelError::Unavailable(_))));
    assert_eq!((name_of(&chain).as_str(), n_loads.load(Ordering::SeqCst)), ("bundled", 1));
    assert_eq!(complete(&*chain.member_for(&[]).unwrap()).unwrap().text, "own");
    let notices = chain.notices().join("\n");
    assert!(
        notices.contains("status 500") && notices.contains("Answers come from bundled instead"),
        "{notices}"
    );
}

#[test]
fn a_server_that_is_down_at_first_is_found_when_it_runs() {
    let n_loads = Arc::default();
    let place = StandIn::start([]).address();
    let chain = chain(vec![server(&format!("llama.cpp@{place}")), own(&n_loads)]).unwrap();
    assert_eq!(name_of(&chain), "bundled");
    assert!(chain.notices().join("\n").contains(&place));
    let _llama = StandIn::restart(&place, llama_cpp_paths(Some(llama_said()), Reply::Silence));
    let start = Instant::now();
    while name_of(&chain) == "bundled" {
        assert!(start.elapsed() < PATIENCE, "it is not looked at again");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(chain.notices().is_empty(), "{:?}", chain.notices());
    assert_eq!(complete(&*chain.member_for(&[]).unwrap()).unwrap().text, "self.entries)");
}

#[test]
fn where_nobody_answers_the_reason_is_told_until_a_server_is_started() {
    let place = StandIn::start([]).address();
    let chain = chain(vec![server(&format!("llama.cpp@{place}"))]).unwrap();
    assert!(chain.member_for(&[]).is_none() && chain.notices().join("\n").contains(&place));
    match complete(&*chain) {
        Err(ModelError::Unavailable(reason)) => assert!(reason.contains(&place), "{reason}"),
        other => panic!("{other:?}"),
    }
    let _llama = StandIn::restart(&place, llama_cpp_paths(Some(llama_said()), Reply::Silence));
    let start = Instant::now();
    let member = loop {
        if let Some(member) = chain.member_for(&[]) {
            break member;
        }
        assert!(start.elapsed() < PATIENCE, "it is not looked at again");
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(complete(&*member).unwrap().text, "self.entries)");
}

#[test]
fn a_model_here_that_was_not_tried_yet_may_answer_conversations() {
    let mut paths = llama_cpp_paths(None, llama_said());
    paths.retain(|(path, _)| *path != "/props");
    let props =
        serde_json::json!({"default_generation_settings": {"n_ctx": 2048}, "model_path": "/m/base.gguf"});
    paths.push(("/props", crate::stand_in::json(200, &props)));
    let llama = StandIn::start(paths);
    let n_loads = Arc::default();
    let llama = server(&format!("llama.cpp@{}", llama.address()));
    let chain = Chain::open(vec![llama, own(&n_loads)], impatient(), Purpose::Chat, &|_| {}).unwrap();
    // The first one has no template; the second one is asked, and cannot either.
    let messages = [Message::new(Role::User, "Why?")];
    let chat = chain.chat().unwrap();
    let error =
        chat.respond(&messages, &ChatOptions::default(), &CancelToken::new(), watching().0).unwrap_err();
    assert_eq!(n_loads.load(Ordering::SeqCst), 1);
    let error = error.to_string();
    assert!(error.contains("no chat template") && error.contains("bundled completes code"), "{error}");
    assert!(chain.chat().is_err());
}

#[test]
fn a_server_that_is_started_again_with_another_model_is_asked_for_that_one() {
    let n_loads = Arc::default();
    let first = openai("Qwen/Qwen2.5-Coder-7B", openai_said("Qwen/Qwen2.5-Coder-7B"));
    let place = first.address();
    let chain = chain(vec![server(&format!("vllm@{place}")), own(&n_loads)]).unwrap();
    complete(&*chain.member_for(&[]).unwrap()).unwrap();
    drop(first);
    assert!(complete(&*chain.member_for(&[]).unwrap()).is_err());
    assert_eq!(name_of(&chain), "bundled");
    let _second = StandIn::restart(
        &place,
        [
            (
                "/v1/models",
                crate::stand_in::json(200, &serde_json::json!({"data": [{"id": "starcoder2-3b"}]})),
            ),
            ("/v1/completions", openai_said("starcoder2-3b")),
        ],
    );
    let start = Instant::now();
    while name_of(&chain) == "bundled" {
        assert!(start.elapsed() < PATIENCE, "it is not looked at again");
        std::thread::sleep(Duration::from_millis(5));
    }
    let member = chain.member_for(&[]).unwrap();
    assert_eq!(member.info().fim.as_ref().unwrap().family(), "StarCoder2");
    assert_eq!(complete(&*member).unwrap().text, "self.entries)");
}

/// Nobody asked while it was down: nothing failed.
#[test]
fn a_server_that_was_started_again_unseen_is_not_asked_as_the_model_that_it_had() {
    let llama = llama_cpp(None, llama_said());
    let place = llama.address();
    let n_loads = Arc::default();
    let chain = chain(vec![server(&format!("llama.cpp@{place}")), own(&n_loads)]).unwrap();
    let member = chain.member_for(&[]).unwrap();
    complete(&*member).unwrap();
    drop(llama);
    let mut paths = llama_cpp_paths(None, llama_said());
    paths.retain(|(path, _)| *path != "/props");
    let props = serde_json::json!({"default_generation_settings": {"n_ctx": 8192}, "model_path": "/m/starcoder2-3b.gguf"});
    paths.push(("/props", crate::stand_in::json(200, &props)));
    let other = StandIn::restart(&place, paths);
    // For so long it is taken for what it was.
    std::thread::sleep(Duration::from_millis(2100));
    let error = complete(&*member).unwrap_err().to_string();
    assert!(error.contains("starcoder2-3b.gguf") && error.contains("qwen2.5-coder"), "{error}");
    assert!(other.asked("/completion").is_empty());
    let start = Instant::now();
    while name_of(&chain) == "bundled" {
        assert!(start.elapsed() < PATIENCE, "it is not looked at again");
        std::thread::sleep(Duration::from_millis(5));
    }
    complete(&*chain.member_for(&[]).unwrap()).unwrap();
    assert!(other.asked("/completion")[0]["prompt"].as_str().unwrap().contains("<fim_prefix>"));
}

#[test]
fn naming_the_model_of_the_moment_never_waits_for_a_server() {
    let n_loads = Arc::default();
    let stuck = StandIn::start([("/health", Reply::Turns(vec![Reply::Raw(Vec::new()), Reply::Silence]))]);
    let chain = chain(vec![server(&format!("llama.cpp@{}", stuck.address())), own(&n_loads)]).unwrap();
    // The second look hangs, on a thread of its own.
    let start = Instant::now();
    while stuck.asked("/health").len() < 2 {
        assert_eq!(name_of(&chain), "bundled");
        assert!(start.elapsed() < PATIENCE, "it is not looked at again");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(name_of(&chain), "bundled");
}

#[test]
fn nobody_there_says_why_for_each() {
    let place = StandIn::start([]).address();
    let names = vec![server(&format!("vllm@{place}")), server(&format!("ollama@{place}"))];
    let chain = chain(names).unwrap();
    assert_eq!(chain.notices().len(), 2, "{:?}", chain.notices());
    let error = complete(&*chain).unwrap_err().to_string();
    assert_eq!(error.matches(&format!("at {place} cannot be reached")).count(), 2, "{error}");
    // Trying again does not help everywhere.
    let error = Chain::open(
        vec![server("llama.cpp@203.0.113.7:80")],
        Guard::own_machine_only(),
        Purpose::Completion,
        &|_| {},
    );
    assert!(error.err().unwrap().to_string().contains("allowRemote"));
}

/// A model of an engine process, which may have ended.
struct Shared {
    own: Own,
    has_ended: Arc<AtomicBool>,
}

impl Model for Shared {
    fn info(&self) -> &ModelInfo {
        &self.own.info
    }

    fn count_tokens(&self, text: &str) -> usize {
        text.len()
    }

    fn context_index(&self) -> Option<&dyn ContextIndex> {
        Some(&self.own)
    }

    fn chat(&self) -> Result<&dyn Chat, String> {
        Ok(self)
    }

    fn generate(
        &self,
        request: GenerateRequest,
        cancel: &CancelToken,
        observer: TokenObserver,
    ) -> Result<Generation, ModelError> {
        if self.has_ended.load(Ordering::SeqCst) {
            return Err(ModelError::Unavailable("The engine process has ended".to_owned()));
        }
        self.own.generate(request, cancel, observer)
    }
}

impl Chat for Shared {
    fn name(&self) -> &str {
        &self.own.info.name
    }

    fn context_length(&self) -> usize {
        1024
    }

    fn count_tokens(&self, text: &str) -> usize {
        text.len()
    }

    fn respond(
        &self,
        _: &[Message],
        _: &ChatOptions,
        _: &CancelToken,
        _: TokenObserver,
    ) -> Result<ChatAnswer, ModelError> {
        if self.has_ended.load(Ordering::SeqCst) {
            return Err(ModelError::Unavailable("The engine process has ended".to_owned()));
        }
        let (text, model) = ("spoken".to_owned(), self.own.info.name.clone());
        Ok(ChatAnswer { text, stop: StopReason::Finished, model, is_remote: false, usage: Usage::default() })
    }
}

/// Engine processes, one after the other.
#[derive(Default)]
struct Processes {
    n_opened: AtomicUsize,
    last: Mutex<Arc<AtomicBool>>,
    project: Mutex<Arc<Mutex<BTreeMap<String, String>>>>,
}

impl Processes {
    fn choice(self: &Arc<Self>) -> Choice {
        let processes = Arc::clone(self);
        let open = move || {
            processes.n_opened.fetch_add(1, Ordering::SeqCst);
            let (has_ended, project) = (Arc::<AtomicBool>::default(), Arc::default());
            *processes.last.lock().unwrap() = Arc::clone(&has_ended);
            *processes.project.lock().unwrap() = Arc::clone(&project);
            let Choice::Local(_, own) = own_with(&Arc::default(), &project) else { unreachable!("it is") };
            let info = ModelInfo { name: "large".to_owned(), ..own().unwrap().info().clone() };
            Ok(Arc::new(Shared { own: Own { info, project }, has_ended }) as Arc<dyn Model>)
        };
        Choice::Shared("large".to_owned(), Arc::new(open))
    }

    fn kill(&self) {
        self.last.lock().unwrap().store(true, Ordering::SeqCst);
    }

    fn known(&self) -> Vec<String> {
        self.project.lock().unwrap().lock().unwrap().keys().cloned().collect()
    }
}

#[test]
fn a_model_of_an_engine_process_comes_back_and_its_replacement_goes() {
    let (processes, n_loads) = (Arc::new(Processes::default()), Arc::new(AtomicUsize::new(0)));
    let project = Arc::default();
    let chain = chain(vec![processes.choice(), own_with(&n_loads, &project)]).unwrap();
    assert!(!chain.leaves_process());
    chain.upsert("a.rs".into(), Layer::Open, "text".into());
    for round in 1..=3 {
        assert_eq!((name_of(&chain).as_str(), processes.known().len()), ("large", 1));
        processes.kill();
        let member = chain.member_for(&[]).unwrap();
        let Err(ModelError::Unavailable(reason)) = complete(&*member) else { panic!("it has ended") };
        assert!(reason.contains("engine process"), "{reason}");
        // The request is repeated at once, by the bundled model or by the new engine process.
        assert!(complete(&*chain.member_for(&[]).unwrap()).is_ok());
        let start = Instant::now();
        while name_of(&chain) != "large" {
            assert!(start.elapsed() < PATIENCE, "it is opened again");
            std::thread::sleep(Duration::from_millis(5));
        }
        // One that failed before does not count against the new one.
        assert!(matches!(complete(&*member), Err(ModelError::Unavailable(_))));
        assert_eq!(name_of(&chain), "large");
        assert_eq!(processes.n_opened.load(Ordering::SeqCst), round + 1);
        assert!(complete(&*chain.member_for(&[]).unwrap()).is_ok());
    }
    assert!((1..=3).contains(&n_loads.load(Ordering::SeqCst)));
}

#[test]
fn a_conversation_is_asked_again_in_the_next_engine_process() {
    let (processes, n_loads) = (Arc::new(Processes::default()), Arc::default());
    let chain = chain(vec![processes.choice(), own(&n_loads)]).unwrap();
    processes.kill();
    let messages = [Message::new(Role::User, "hello")];
    let (observer, _) = watching();
    let answer =
        chain.chat().unwrap().respond(&messages, &ChatOptions::default(), &CancelToken::new(), observer);
    assert_eq!((answer.unwrap().text.as_str(), processes.n_opened.load(Ordering::SeqCst)), ("spoken", 2));
}
