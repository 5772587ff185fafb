//! Answers of a given form, from models with random weights: nothing but the form makes them valid.

use fimble_engine::Engine;
use fimble_model::{
    CancelToken, GenerateOptions, GenerateRequest, Generation, Grammar, Model, ModelError, Priority,
    Sampling, StopReason,
};
use serde_json::{Value, json};

use crate::support::{MODELS, engine, silent, text};

fn generate(
    engine: &Engine,
    grammar: Grammar,
    sampling: Sampling,
    stop_strings: Vec<String>,
) -> Result<Generation, ModelError> {
    let options = GenerateOptions {
        max_new_tokens: 120,
        sampling,
        stop_strings,
        grammar: Some(grammar),
        ..GenerateOptions::default()
    };
    let request = GenerateRequest { prompt: text("let x = "), options, priority: Priority::Interactive };
    engine.generate(request, &CancelToken::new(), silent())
}

fn random(seed: u64) -> Sampling {
    Sampling::Random { temperature: 1.0, top_k: None, top_p: None, seed }
}

/// Every value of it is short, so that each answer ends.
fn schema() -> Value {
    json!({
        "type": "object", "additionalProperties": false, "required": ["name", "tags", "n"],
        "properties": {
            "name": {"enum": ["ledger", "a \"quoted\" word"]},
            "tags": {"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 3},
            "n": {"type": "integer", "minimum": 0, "maximum": 99},
        },
    })
}

#[test]
fn what_a_random_model_writes_is_valid_for_the_schema() {
    for name in MODELS {
        let engine = engine(name);
        let samplings = [Sampling::Greedy].into_iter().chain((1..6).map(random));
        for sampling in samplings {
            let grammar = Grammar::JsonSchema(schema().to_string());
            let answer = generate(&engine, grammar, sampling.clone(), Vec::new()).unwrap();
            let what = format!("{name}, {sampling:?}: {:?}", answer.text);
            assert!(matches!(answer.stop, StopReason::EndToken(_)), "{what}: {}", answer.stop);
            let value: Value =
                serde_json::from_str(&answer.text).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert!(["ledger", "a \"quoted\" word"].contains(&value["name"].as_str().unwrap()), "{what}");
            let tags = value["tags"].as_array().unwrap();
            assert!((1..=3).contains(&tags.len()) && tags.iter().all(Value::is_boolean), "{what}");
            assert!(value["n"].as_u64().is_some_and(|n| n <= 99), "{what}");
            assert_eq!(value.as_object().unwrap().len(), 3, "{what}");
        }
    }
}

#[test]
fn a_grammar_fixes_the_text_around_a_value() {
    let engine = engine(MODELS[0]);
    let lark = "start: \"<call>\\n\" value \"\\n</call>\"\nvalue: %json {\"enum\": [1, 22]}\n";
    let answer = generate(&engine, Grammar::Lark(lark.to_owned()), random(3), Vec::new()).unwrap();
    assert!(
        ["<call>\n1\n</call>", "<call>\n22\n</call>"].contains(&answer.text.as_str()),
        "{:?}",
        answer.text
    );
    // Stop strings and equal seeds hold as without a form.
    let again = generate(&engine, Grammar::Lark(lark.to_owned()), random(3), Vec::new()).unwrap();
    assert_eq!(again.text, answer.text);
    let cut = generate(&engine, Grammar::Lark(lark.to_owned()), random(3), vec!["\n</".to_owned()]).unwrap();
    assert_eq!(
        (cut.text.as_str(), &cut.stop),
        (&answer.text[..answer.text.len() - 8], &StopReason::StopString("\n</".to_owned()))
    );
}

#[test]
fn a_form_that_cannot_be_used_is_refused_and_the_engine_goes_on() {
    let engine = engine(MODELS[0]);
    for grammar in [
        Grammar::JsonSchema("{".to_owned()),
        Grammar::JsonSchema(json!({"type": "nonsense"}).to_string()),
        Grammar::JsonSchema(json!({"$ref": "https://example.org/schema"}).to_string()),
        Grammar::Lark("start: nothing".to_owned()),
        Grammar::Lark(String::new()),
    ] {
        let refused = generate(&engine, grammar.clone(), Sampling::Greedy, Vec::new());
        assert!(
            matches!(&refused, Err(ModelError::Grammar(reason)) if !reason.is_empty()),
            "{grammar:?}: {refused:?}"
        );
    }
    let answer =
        generate(&engine, Grammar::Lark("start: \"x\"".to_owned()), Sampling::Greedy, Vec::new()).unwrap();
    assert_eq!(answer.text, "x");
}

#[test]
fn marks_are_shown_where_they_are_wanted_and_tokens_have_names() {
    let engine = engine(MODELS[0]);
    let tokenizer = engine.tokenizer().unwrap();
    let plain = tokenizer.tokenize("<|endoftext|>", false).unwrap();
    let special = tokenizer.tokenize("<|endoftext|>", true).unwrap();
    assert!(plain.len() > 1 && special.len() == 1, "{plain:?} {special:?}");
    for tokens in [&plain, &special] {
        assert_eq!(tokenizer.bytes_of(tokens), b"<|endoftext|>");
    }
    assert_eq!(tokenizer.bytes_of(&[u32::MAX]), b"");
    let mixed = "fn main() {<|endoftext|>\n\u{e9}";
    assert_eq!(tokenizer.bytes_of(&tokenizer.tokenize(mixed, true).unwrap()), mixed.as_bytes());
    assert_eq!(tokenizer.prompt(mixed).pieces.len(), 3);
}
