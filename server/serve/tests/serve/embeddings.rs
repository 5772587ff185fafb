//! Embeddings, in the form of each interface.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use fimble_model::EmbedInput;
use serde_json::{Value, json};

use crate::scripted::{Scripted, World};

fn inputs(scripted: &Scripted) -> Vec<EmbedInput> {
    scripted.embedded.lock().unwrap().last().unwrap().inputs.clone()
}

fn text(text: &str) -> EmbedInput {
    EmbedInput::Text(text.to_owned())
}

#[test]
fn vectors_come_in_the_form_of_each_interface() {
    let world = World::start_embedding(Scripted::saying(&["x"]), false);
    let answer =
        world.post("/v1/embeddings", &json!({"model": "vectors", "input": ["a", "bcd"], "dimensions": 2}));
    assert_eq!(
        (answer.status, answer.header("x-fimble-model"), answer.header("x-fimble-remote")),
        (200, "tiny", "false")
    );
    let data = json!([{"object": "embedding", "index": 0, "embedding": [1.0, 0.5]},
        {"object": "embedding", "index": 1, "embedding": [3.0, 0.5]}]);
    let usage = json!({"prompt_tokens": 4, "total_tokens": 4});
    let expected = json!({"object": "list", "data": data, "model": "vectors", "usage": usage});
    assert_eq!(answer.json(), expected);
    assert_eq!(inputs(&world.scripted), [text("a"), text("bcd")]);
    // Of 1.0 and 0.5, in little endian.
    let written = world.post("/v1/embeddings", &json!({"input": "a", "encoding_format": "base64"})).json();
    assert_eq!(written["data"][0]["embedding"], "AACAPwAAAD8=");
    for (path, body, expected) in [
        ("/embedding", json!({"content": "ab"}), json!([{"index": 0, "embedding": [[2.0, 0.5]]}])),
        ("/embeddings", json!({"input": ["ab"]}), json!([{"index": 0, "embedding": [[2.0, 0.5]]}])),
        (
            "/api/embeddings",
            json!({"model": "vectors:latest", "prompt": "ab"}),
            json!({"embedding": [2.0, 0.5]}),
        ),
        ("/api/embed", json!({"model": "vectors"}), json!({"model": "vectors", "embeddings": []})),
    ] {
        assert_eq!(world.post(path, &body).json(), expected, "{path}");
    }
    let answer = world.post("/api/embed", &json!({"model": "vectors", "input": ["ab", "c"]})).json();
    assert_eq!(
        (&answer["embeddings"], &answer["prompt_eval_count"]),
        (&json!([[2.0, 0.5], [1.0, 0.5]]), &json!(3))
    );
}

#[test]
fn tokens_are_inputs_and_long_texts_are_cut_for_ollama_only() {
    let world = World::start_embedding(Scripted::saying(&["x"]), false);
    for input in [json!([7, 8]), json!([[7, 8]])] {
        assert_eq!(world.post("/v1/embeddings", &json!({"input": input})).status, 200);
        assert_eq!(inputs(&world.scripted), [EmbedInput::Tokens(vec![7, 8])]);
    }
    let long = "a".repeat(600);
    let refused = world.post("/v1/embeddings", &json!({"input": long}));
    assert_eq!(
        (refused.status, refused.json()["error"]["code"].as_str()),
        (400, Some("context_length_exceeded"))
    );
    assert_eq!(world.post("/api/embed", &json!({"input": long, "truncate": false})).status, 400);
    assert_eq!(world.post("/api/embed", &json!({"input": long})).status, 200);
}

#[test]
fn what_cannot_be_embedded_is_refused() {
    let world = World::start_embedding(Scripted::saying(&["x"]), false);
    for (path, body, status, words) in [
        ("/v1/embeddings", json!({}), 400, "another type"),
        ("/v1/embeddings", json!({"input": ""}), 400, "empty"),
        ("/v1/embeddings", json!({"input": []}), 400, "empty"),
        ("/v1/embeddings", json!({"input": ["a", ""]}), 400, "empty"),
        ("/v1/embeddings", json!({"input": vec!["a"; 2049]}), 400, "2048"),
        ("/v1/embeddings", json!({"input": "a", "dimensions": 3}), 400, "2 numbers"),
        ("/v1/embeddings", json!({"input": "a", "encoding_format": "hex"}), 400, "base64"),
        ("/v1/embeddings", json!({"input": "a", "model": "tiny"}), 404, "fimble, vectors."),
        ("/v1/completions", json!({"prompt": "a", "model": "vectors"}), 404, "fimble, tiny."),
        ("/embedding", json!({"content": "a", "embd_normalize": -1}), 400, "embd_normalize"),
    ] {
        let answer = world.post(path, &body);
        assert!(answer.status == status && answer.text().contains(words), "{path}: {}", answer.text());
    }
}

#[test]
fn clients_find_the_model_that_embeds() {
    let world = World::start_embedding(Scripted::saying(&["x"]), false);
    let get = |path: &str| world.client().request("GET", path, &[], b"").json();
    let names: Vec<Value> =
        get("/v1/models")["data"].as_array().unwrap().iter().map(|model| model["id"].clone()).collect();
    assert_eq!(names, ["fimble", "tiny", "vectors"]);
    assert_eq!(get("/v1/models/vectors")["id"], "vectors");
    assert_eq!(
        world.post("/api/show", &json!({"model": "vectors"})).json()["capabilities"],
        json!(["embedding"])
    );
}

#[test]
fn a_remote_embedder_gets_no_secret_no_unnamed_file_and_no_tokens() {
    let password = ["x9Kd02", "mmQpL7aa31Zb"].concat();
    let code = format!("password = \"{password}\"\n");
    let scripted = Scripted::remote();
    let world = World::start_embedding(Arc::clone(&scripted), true);
    for (path, body) in [
        ("/v1/embeddings", json!({"input": code})),
        ("/embedding", json!({"content": code})),
        ("/api/embed", json!({"input": code})),
        ("/api/embeddings", json!({"prompt": code})),
    ] {
        let answer = world.post(path, &body);
        assert!(answer.status == 403 && answer.text().contains("noRemotePaths"), "{path}: {}", answer.text());
    }
    assert!(scripted.embedded.lock().unwrap().is_empty());
    let free = World::start_embedding(Arc::clone(&scripted), false);
    let answer = free.post("/v1/embeddings", &json!({"input": code}));
    assert_eq!((answer.status, answer.header("x-fimble-remote")), (200, "true"));
    let sent = format!("{:?}", inputs(&scripted));
    assert!(sent.contains("password = ") && !sent.contains(&password), "{sent}");
    let answer = free.post("/v1/embeddings", &json!({"input": [1, 2]}));
    assert!(answer.status == 400 && answer.text().contains("texts only"), "{}", answer.text());
}

#[test]
fn a_client_that_goes_away_stops_embedding() {
    let scripted = Scripted::endless();
    let world = World::start_embedding(Arc::clone(&scripted), false);
    let mut client = world.client();
    client.send("POST", "/v1/embeddings", &[], json!({"input": "a"}).to_string().as_bytes());
    scripted.wait_until_running();
    drop(client);
    scripted.wait_for_stops(1);
}

#[test]
fn the_log_of_embedding_has_counts_and_no_content() {
    let world = World::start_embedding(Scripted::saying(&["x"]), false);
    world.post("/v1/embeddings", &json!({"input": "PRIVATE-TEXT"}));
    let lines = world.log_lines(1);
    assert!(
        lines[0].starts_with("POST /v1/embeddings 200 ") && lines[0].contains("tiny: 12 tokens read"),
        "{lines:?}"
    );
    assert!(!lines[0].contains("PRIVATE"), "{lines:?}");
    assert_eq!(world.scripted.n_stopped.load(Ordering::SeqCst), 0);
}
