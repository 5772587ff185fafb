//! Embeddings: what each kind of server is asked, what its answer becomes, and who answers if it does not.

use std::sync::Arc;

use fimble_backends::{Chain, Choice, Guard, Purpose, ServerSpec};
use fimble_model::{
    CancelToken, EmbedInput, EmbedRequest, Embedder, Embeddings, LoadError, Model, ModelError,
};
use serde_json::{Value, json};

use crate::stand_in::{Reply, StandIn, json as whole};

fn chain(names: &[String], guard: Guard) -> Result<Arc<Chain>, LoadError> {
    let choices = names.iter().map(|name| Choice::Server(ServerSpec::parse(name).unwrap().unwrap()));
    Chain::open(choices.collect(), guard, Purpose::Embedding, &|_| {})
}

fn request(texts: &[&str]) -> EmbedRequest {
    let inputs = texts.iter().map(|text| EmbedInput::Text((*text).to_owned())).collect();
    EmbedRequest { inputs, truncates: true, sources: Vec::new() }
}

fn embed(chain: &Chain, texts: &[&str]) -> Result<Embeddings, ModelError> {
    chain.embedder().unwrap();
    chain.embed(&request(texts), &CancelToken::new())
}

fn ollama(models: &[(&str, &str)], embed: Reply) -> StandIn {
    let names: Vec<Value> = models.iter().map(|(name, _)| json!({"name": name})).collect();
    let shown = models.iter().map(|(_, can)| whole(200, &json!({"capabilities": [can]})));
    StandIn::start([
        ("/api/tags", whole(200, &json!({"models": names}))),
        ("/api/show", Reply::Turns(shown.collect())),
        ("/api/embed", embed),
    ])
}

fn vllm(embed: Reply) -> StandIn {
    let models = json!({"data": [{"id": "vectors"}]});
    StandIn::start([("/v1/models", whole(200, &models)), ("/v1/embeddings", embed)])
}

fn openai_vectors() -> Reply {
    let data = json!([{"index": 0, "embedding": [1, 0.5]}, {"index": 1, "embedding": [0, 2]}]);
    whole(200, &json!({"data": data, "usage": {"prompt_tokens": 5}}))
}

#[test]
fn each_kind_is_asked_for_vectors_in_its_own_words() {
    let vectors = vec![vec![1.0, 0.5], vec![0.0, 2.0]];
    let texts = ["a <|endoftext|>", "b"];
    let server = ollama(
        &[("qwen", "completion"), ("nomic", "embedding")],
        whole(200, &json!({"embeddings": vectors, "prompt_eval_count": 5})),
    );
    // Without a name, the one that can.
    let answer =
        embed(&chain(&[format!("ollama@{}", server.address())], Guard::own_machine_only()).unwrap(), &texts);
    let expected = Embeddings {
        vectors: vectors.clone(),
        prompt_tokens: 5,
        model: "nomic".to_owned(),
        is_remote: false,
    };
    assert_eq!(answer.unwrap(), expected);
    let asked = server.asked("/api/embed").pop().unwrap();
    assert_eq!(
        (&asked["model"], &asked["truncate"], &asked["input"][1]),
        (&json!("nomic"), &json!(true), &json!("b"))
    );
    assert!(!asked["input"][0].as_str().unwrap().contains("<|endoftext|>"), "{asked}");

    let server = vllm(openai_vectors());
    let answer =
        embed(&chain(&[format!("vllm@{}", server.address())], Guard::own_machine_only()).unwrap(), &texts);
    assert_eq!(answer.unwrap(), Embeddings { model: "vectors".to_owned(), ..expected });
    let asked = server.asked("/v1/embeddings").pop().unwrap();
    assert_eq!((&asked["model"], &asked["encoding_format"]), (&json!("vectors"), &json!("float")));

    let props = json!({"default_generation_settings": {"n_ctx": 512}, "model_path": "/m/vectors.gguf"});
    let server = StandIn::start([
        ("/health", whole(200, &json!({"status": "ok"}))),
        ("/props", whole(200, &props)),
        ("/v1/embeddings", openai_vectors()),
    ]);
    let llama = chain(&[format!("llama.cpp@{}", server.address())], Guard::own_machine_only()).unwrap();
    assert_eq!(embed(&llama, &texts).unwrap().vectors, vectors);
    assert!(server.asked("/infill").is_empty(), "it is not asked what it cannot do");
}

#[test]
fn many_texts_are_sent_in_parts() {
    let part = |n: usize| {
        let data: Vec<Value> = (0..n).map(|index| json!({"index": index, "embedding": [n]})).collect();
        whole(200, &json!({"data": data, "usage": {"prompt_tokens": n}}))
    };
    let server = vllm(Reply::Turns(vec![part(64), part(6)]));
    let chain = chain(&[format!("vllm@{}", server.address())], Guard::own_machine_only()).unwrap();
    let answer = embed(&chain, &["a"; 70]).unwrap();
    assert_eq!((answer.vectors.len(), answer.prompt_tokens), (70, 70));
    assert_eq!((&answer.vectors[0], &answer.vectors[69]), (&vec![64.0], &vec![6.0]));
}

#[test]
fn the_next_model_embeds_what_the_first_cannot() {
    let refusing = vllm(whole(501, &json!({"error": {"message": "no embeddings here"}})));
    let good = vllm(openai_vectors());
    let names = [&refusing, &good].map(|server| format!("vllm@{}", server.address()));
    let both = chain(&names, Guard::own_machine_only()).unwrap();
    assert_eq!(embed(&both, &["a", "b"]).unwrap().vectors.len(), 2);
    let alone = chain(&names[..1], Guard::own_machine_only()).unwrap();
    let error = embed(&alone, &["a"]).unwrap_err();
    assert!(
        matches!(&error, ModelError::Unavailable(text) if text.contains("no embeddings here")),
        "{error}"
    );
}

#[test]
fn answers_without_a_vector_for_each_text_are_errors() {
    for data in [
        json!([{"index": 0, "embedding": [1]}]),
        json!([{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1, 2]}]),
        json!([{"index": 0, "embedding": [1]}, {"index": 1, "embedding": ["x"]}]),
        json!("no list"),
    ] {
        let server = vllm(whole(200, &json!({"data": data})));
        let chain = chain(&[format!("vllm@{}", server.address())], Guard::own_machine_only()).unwrap();
        assert!(embed(&chain, &["a", "b"]).is_err(), "{data}");
    }
}

#[test]
fn mlx_says_that_it_has_no_embeddings() {
    let server = StandIn::start([("/health", whole(200, &json!({"status": "ok"})))]);
    let chain = chain(&[format!("mlx@{}", server.address())], Guard::own_machine_only()).unwrap();
    let error = embed(&chain, &["a"]).unwrap_err().to_string();
    assert!(error.contains("no embeddings") && error.contains("Ollama"), "{error}");
}

#[test]
fn a_cancelled_request_leaves_the_server() {
    let server = vllm(Reply::Silence);
    let chain = chain(&[format!("vllm@{}", server.address())], Guard::own_machine_only()).unwrap();
    let cancel = CancelToken::new();
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| chain.embed(&request(&["a"]), &cancel).unwrap());
        server.wait_for("/v1/embeddings", 1);
        cancel.cancel();
        assert!(asked.join().unwrap().vectors.is_empty());
    });
    server.wait_until_left(1);
}
