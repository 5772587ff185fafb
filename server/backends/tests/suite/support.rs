//! What the tests share: servers that answer well, chains over them, and requests.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fimble_backends::{Chain, Choice, Guard, Purpose, ServerSpec};
use fimble_model::fim::FimParts;
use fimble_model::{
    CancelToken, GenerateOptions, GenerateRequest, GeneratedToken, Generation, LoadError, Model, ModelError,
    ModelRouter, Priority, Prompt, TokenObserver,
};
use serde_json::{Value, json};

use crate::stand_in::{Reply, StandIn, events, json as whole, lines};

/// What the stand-ins complete with, in pieces.
pub const SAID: [&str; 3] = ["self.", "entries", ")"];

pub fn open(names: &[String], guard: Guard) -> Result<Arc<Chain>, LoadError> {
    let choices =
        names.iter().map(|name| Choice::Server(ServerSpec::parse(name).unwrap().unwrap())).collect();
    Chain::open(choices, guard, Purpose::Completion, &|_| {})
}

/// Why none of these can be used.
pub fn refused(names: &[String], guard: Guard) -> String {
    match open(names, guard) {
        Ok(chain) => {
            assert!(chain.member_for(&[]).is_none());
            chain.notices().join("\n")
        }
        Err(error) => error.to_string(),
    }
}

/// The only model of a chain over one server.
pub fn connect(name: &str) -> (Arc<Chain>, Arc<dyn Model>) {
    connect_under(name, Guard::own_machine_only())
}

pub fn connect_under(name: &str, guard: Guard) -> (Arc<Chain>, Arc<dyn Model>) {
    let chain = open(&[name.to_owned()], guard).unwrap();
    let member = chain.member_for(&[]).unwrap();
    (chain, member)
}

/// A guard that waits no longer than this for any step.
pub fn impatient() -> Guard {
    Guard::own_machine_only().with_timeouts(Duration::from_millis(300))
}

/// The prompt for a place in a file, as the model wants it.
pub fn prompt(model: &dyn Model) -> Prompt {
    let parts = FimParts {
        path: "ledger.py",
        language: "Python",
        repository: "",
        snippets: &[],
        prefix: "class Ledger:\n",
        line: "    return len(",
        suffix: "\n\nx = 1\n",
    };
    let mut prompt = match &model.info().fim {
        Ok(template) => template.render(&parts),
        Err(_) => {
            let mut prompt = Prompt::default();
            prompt.push_text("class Ledger:\n    return len(");
            prompt
        }
    };
    prompt.sources = vec!["ledger.py".to_owned()];
    prompt
}

pub fn request(model: &dyn Model, max_new_tokens: usize) -> GenerateRequest {
    GenerateRequest {
        prompt: prompt(model),
        options: GenerateOptions { max_new_tokens, ..GenerateOptions::default() },
        priority: Priority::Interactive,
    }
}

pub fn every(_: &str, _: &[GeneratedToken]) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

pub fn complete(model: &dyn Model) -> Result<Generation, ModelError> {
    model.generate(request(model, 16), &CancelToken::new(), Box::new(every))
}

/// An observer that tells what it has seen.
pub fn watching() -> (TokenObserver, Arc<Mutex<String>>) {
    let seen: Arc<Mutex<String>> = Arc::default();
    let theirs = Arc::clone(&seen);
    let observer: TokenObserver = Box::new(move |piece: &str, _| {
        theirs.lock().unwrap().push_str(piece);
        ControlFlow::Continue(())
    });
    (observer, seen)
}

/// Ollama with one model; `can` are its abilities.
pub fn ollama(can: &[&str], generate: Reply) -> StandIn {
    StandIn::start([
        (
            "/api/tags",
            whole(
                200,
                &json!({"models": [{"name": "qwen2.5-coder:1.5b-base", "model": "qwen2.5-coder:1.5b-base"}]}),
            ),
        ),
        ("/api/ps", whole(200, &json!({"models": []}))),
        (
            "/api/show",
            whole(
                200,
                &json!({"capabilities": can, "model_info": {"general.architecture": "qwen2", "qwen2.context_length": 32768}}),
            ),
        ),
        ("/api/generate", generate),
        ("/api/chat", ollama_chat()),
    ])
}

fn ollama_chat() -> Reply {
    let mut documents: Vec<Value> = SAID
        .iter()
        .map(|said| json!({"model": "qwen2.5-coder:1.5b-base", "message": {"role": "assistant", "content": said}, "done": false}))
        .collect();
    documents.push(json!({"model": "qwen2.5-coder:1.5b-base", "message": {"role": "assistant", "content": ""}, "done": true,
        "done_reason": "stop", "prompt_eval_count": 20, "eval_count": 3}));
    lines(&documents)
}

pub fn ollama_said() -> Reply {
    let mut documents: Vec<Value> = SAID
        .iter()
        .map(|said| {
            json!({"model": "qwen2.5-coder:1.5b-base", "response": said, "done": false,
                "logprobs": [{"token": said, "logprob": -0.25, "bytes": []}]})
        })
        .collect();
    documents.push(
        json!({"model": "qwen2.5-coder:1.5b-base", "response": "", "done": true, "done_reason": "stop",
        "prompt_eval_count": 30, "prompt_eval_duration": 1_000_000, "eval_count": 3}),
    );
    // The first question, without a prompt, only loads the model.
    Reply::Turns(vec![
        whole(200, &json!({"model": "qwen2.5-coder:1.5b-base", "response": "", "done": true})),
        lines(&documents),
    ])
}

/// The server of llama.cpp; `infill` is what that path answers, after the question whether there is one.
pub fn llama_cpp(infill: Option<Reply>, completion: Reply) -> StandIn {
    StandIn::start(llama_cpp_paths(infill, completion))
}

pub fn llama_cpp_paths(infill: Option<Reply>, completion: Reply) -> Vec<(&'static str, Reply)> {
    // A name that tells a family is asked by that family's template, any other by what the server knows.
    let name =
        if infill.is_some() { "/models/local-model.gguf" } else { "/models/qwen2.5-coder-1.5b-q8_0.gguf" };
    let infill = match infill {
        Some(reply) => Reply::Turns(vec![whole(200, &json!({"content": "", "stop": true})), reply]),
        None => whole(
            501,
            &json!({"error": {"code": 501, "message": "Infill is not supported by this model", "type": "not_supported_error"}}),
        ),
    };
    vec![
        ("/health", whole(200, &json!({"status": "ok"}))),
        (
            "/props",
            whole(
                200,
                &json!({"default_generation_settings": {"n_ctx": 8192}, "total_slots": 1,
                "model_path": name, "chat_template": "{{ messages }}"}),
            ),
        ),
        ("/infill", infill),
        ("/completion", completion),
        ("/v1/chat/completions", openai_chat()),
    ]
}

pub fn llama_said() -> Reply {
    let mut documents: Vec<Value> = SAID
        .iter()
        .enumerate()
        .map(|(index, said)| {
            json!({"index": 0, "content": said, "tokens": [index], "stop": false, "id_slot": 0,
                "completion_probabilities": [{"id": index, "token": said, "bytes": [], "logprob": -0.25, "top_logprobs": []}]})
        })
        .collect();
    documents.push(json!({"index": 0, "content": "", "tokens": [], "stop": true, "stop_type": "eos", "model": "gpt-3.5-turbo",
        "tokens_cached": 33, "tokens_evaluated": 30, "timings": {"cache_n": 20, "prompt_n": 10, "predicted_n": 3}}));
    events(&documents)
}

/// mlx-lm, vLLM and others; `id` is the only model.
pub fn openai(id: &str, completions: Reply) -> StandIn {
    StandIn::start([
        (
            "/v1/models",
            whole(
                200,
                &json!({"object": "list", "data": [{"id": id, "object": "model", "max_model_len": 16384}]}),
            ),
        ),
        ("/health", whole(200, &json!({"status": "ok"}))),
        ("/v1/completions", completions),
        ("/v1/chat/completions", openai_chat()),
    ])
}

pub fn openai_said(model: &str) -> Reply {
    let mut documents: Vec<Value> = SAID
        .iter()
        .map(|said| {
            json!({"id": "cmpl-1", "object": "text_completion", "model": model, "choices": [{"index": 0, "text": said,
                "logprobs": {"tokens": [said], "token_logprobs": [-0.25]}, "finish_reason": null}]})
        })
        .collect();
    documents.push(json!({"id": "cmpl-1", "object": "text_completion", "model": model,
        "choices": [{"index": 0, "text": "", "logprobs": null, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 30, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 20}}}));
    events(&documents)
}

fn openai_chat() -> Reply {
    let mut documents = vec![
        json!({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": null}]}),
    ];
    documents.extend(
        SAID.iter().map(
            |said| json!({"choices": [{"index": 0, "delta": {"content": said}, "finish_reason": null}]}),
        ),
    );
    documents.push(json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}));
    events(&documents)
}
