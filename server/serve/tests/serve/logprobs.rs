//! Probabilities of tokens, in the form of each interface.

use serde_json::{Value, json};

use crate::scripted::{Scripted, World};

/// The documents of a stream of events.
fn events(text: &str) -> Vec<Value> {
    let documents = text.split("\n\n").filter_map(|event| event.strip_prefix("data: "));
    documents.filter(|text| *text != "[DONE]").map(|text| serde_json::from_str(text).unwrap()).collect()
}

fn listed(token: &str, top: &Value) -> Value {
    json!({"id": 97, "token": token, "bytes": token.as_bytes(), "logprob": -0.5, "top_logprobs": top})
}

fn likely(id: u32, token: &str, bytes: &[u8], logprob: f64) -> Value {
    json!({"id": id, "token": token, "bytes": bytes, "logprob": logprob})
}

#[test]
fn completions_tell_of_the_likeliest_tokens_and_the_chosen_one() {
    let world = World::start(Scripted::saying(&["let ", "x"]));
    let ask = |logprobs: Value| {
        let body = json!({"prompt": "a", "logprobs": logprobs});
        world.post("/v1/completions", &body).json()["choices"][0]["logprobs"].clone()
    };
    let answer = ask(json!(3));
    assert_eq!(answer["tokens"], json!(["let ", "x"]));
    assert_eq!((&answer["token_logprobs"], &answer["text_offset"]), (&json!([-0.5, -0.5]), &json!([0, 4])));
    assert_eq!(answer["top_logprobs"][1], json!({"x": -0.5, "~": -1.5, "bytes:\\xe2": -9999.0}));
    for logprobs in [json!(0), json!(true)] {
        assert_eq!(ask(logprobs)["top_logprobs"], json!([{"let ": -0.5}, {"x": -0.5}]));
    }
    for logprobs in [json!(null), json!(false)] {
        assert_eq!(ask(logprobs), Value::Null);
    }
    let text = world.post("/v1/completions", &json!({"prompt": "a", "logprobs": 2, "stream": true})).text();
    let answer: Vec<Value> =
        events(&text).iter().map(|event| event["choices"][0]["logprobs"].clone()).collect();
    assert_eq!(answer[1]["top_logprobs"], json!([{"x": -0.5, "~": -1.5}]));
    assert_eq!((&answer[1]["text_offset"], answer.last()), (&json!([4]), Some(&Value::Null)));
}

#[test]
fn conversations_tell_of_each_token_once_streamed_or_not() {
    let world = World::start(Scripted::saying(&["<think>", "Hm.</think>", "\n", "Yes", "."]));
    let messages = json!([{"role": "user", "content": "Hi"}]);
    let ask = |stream: bool| {
        let body = json!({"messages": messages, "logprobs": true, "top_logprobs": 2, "stream": stream});
        world.post("/v1/chat/completions", &body)
    };
    let content = ask(false).json()["choices"][0]["logprobs"]["content"].clone();
    let top = |token: &str| json!([likely(97, token, token.as_bytes(), -0.5), likely(126, "~", b"~", -1.5)]);
    assert_eq!((content.as_array().unwrap().len(), &content[3]), (5, &listed("Yes", &top("Yes"))));
    let streamed = events(&ask(true).text());
    let answer = streamed.iter().filter_map(|event| event["choices"][0]["logprobs"]["content"].as_array());
    assert_eq!(Value::from(answer.flatten().cloned().collect::<Vec<_>>()), content);
    let silent = world.post("/v1/chat/completions", &json!({"messages": messages, "logprobs": false})).json();
    assert_eq!(silent["choices"][0]["logprobs"], Value::Null);
}

#[test]
fn llama_cpp_s_n_probs_are_answered() {
    let world = World::start(Scripted::saying(&["a", "b\nc"]));
    let answer = world.post("/completion", &json!({"prompt": "x", "n_probs": 1})).json();
    let expected =
        ["a", "b\nc"].map(|token| listed(token, &json!([likely(97, token, token.as_bytes(), -0.5)])));
    assert_eq!(answer["completion_probabilities"], json!(expected));
    // What is cut off is not reported.
    let answer = world.post("/infill", &json!({"input_prefix": "x", "n_probs": 1, "n_indent": 1})).json();
    assert_eq!(
        (&answer["content"], &answer["completion_probabilities"]),
        (&json!("ab"), &json!(expected[..1]))
    );
    let streamed =
        events(&world.post("/completion", &json!({"prompt": "x", "n_probs": 1, "stream": true})).text());
    assert_eq!(streamed[1]["completion_probabilities"], json!(expected[1..]));
    for body in [json!({"prompt": "x", "n_probs": 0}), json!({"prompt": "x"})] {
        assert!(world.post("/completion", &body).json().get("completion_probabilities").is_none(), "{body}");
    }
}
