//! From prompt text to tokens and from tokens to the text that is shown.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use fimble_model::{
    CancelToken, GenerateOptions, GenerateRequest, Generation, Model, Piece, Priority, Prompt, Sampling,
    StopReason,
};

use crate::support::{complete, engine, ids, request, silent, text};

/// Generates with stop strings and collects what the observer saw.
fn observed(engine: &fimble_engine::Engine, options: GenerateOptions) -> (Generation, Vec<String>) {
    let shown = Arc::new(Mutex::new(Vec::new()));
    let theirs = Arc::clone(&shown);
    let observer = Box::new(move |piece: &str, _: &[_]| {
        theirs.lock().expect("no panic").push(piece.to_owned());
        ControlFlow::Continue(())
    });
    let request = GenerateRequest { prompt: text("fn main() {\n"), options, priority: Priority::Interactive };
    let generation = engine.generate(request, &CancelToken::new(), observer).expect("the engine answers");
    let shown = shown.lock().expect("no panic").clone();
    (generation, shown)
}

fn random(seed: u64) -> GenerateOptions {
    let sampling = Sampling::Random { temperature: 1.0, top_k: None, top_p: None, seed };
    GenerateOptions { max_new_tokens: 40, sampling, ..GenerateOptions::default() }
}

#[test]
fn text_with_names_of_special_tokens_is_plain_text() {
    for name in ["llama-genai", "gpt2-optimum"] {
        let engine = engine(name);
        for marker in ["<|endoftext|>", "<|fim_prefix|>", "<|fim_middle|>", "<|file_sep|>"] {
            let ids = engine.tokenize(&format!("let x = \"{marker}\";")).expect("it tokenises");
            assert!(ids.iter().all(|id| *id >= 7), "{name}: {marker} became a control token in {ids:?}");
        }
    }
}

#[test]
fn fill_in_the_middle_tokens_that_are_not_declared_special_are_plain_text_too() {
    // As Qwen declares them.
    let folder = tempfile::tempdir().expect("a folder");
    let source = crate::support::fixture("llama-genai");
    for entry in std::fs::read_dir(source).expect("it can be read").flatten() {
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("it can be copied");
    }
    let path = folder.path().join("tokenizer.json");
    let content = std::fs::read_to_string(&path).expect("it can be read");
    std::fs::write(&path, content.replace("\"special\": true", "\"special\": false"))
        .expect("it can be written");
    crate::support::load_runtime();
    let engine = fimble_engine::Engine::load(
        fimble_engine::ModelSource::Folder(folder.path().to_owned()),
        crate::support::one_thread(),
    )
    .expect("it loads");
    let ids = engine.tokenize("a<|fim_middle|>b<|endoftext|>").expect("it tokenises");
    assert!(ids.iter().all(|id| *id >= 7), "{ids:?}");
    assert!(engine.info().fim.is_ok(), "the tokens are still found by name");
}

#[test]
fn counting_tokens_counts_them() {
    let engine = engine("llama-genai");
    for text in ["", "x", "let mut total = 0;\n", "世界 🦀"] {
        assert_eq!(engine.count_tokens(text), engine.tokenize(text).expect("it tokenises").len(), "{text:?}");
    }
}

#[test]
fn what_is_shown_is_the_text_in_whole_characters() {
    let engine = engine("qwen2-genai");
    let mut n_split = 0;
    for seed in 0..20 {
        let (generation, shown) = observed(&engine, random(seed));
        assert_eq!(shown.concat(), generation.text);
        let mut end = 0;
        for token in &generation.tokens {
            assert!(token.text_end >= end && generation.text.is_char_boundary(token.text_end));
            assert!(token.logprob <= 0.0);
            n_split += usize::from(token.text_end == end);
            end = token.text_end;
        }
        assert_eq!(end, generation.text.len());
    }
    // Random bytes are mostly parts of characters: the case must have occurred.
    assert!(n_split > 10, "{n_split}");
}

#[test]
fn stop_strings_end_the_text_before_them_even_across_tokens() {
    let engine = engine("llama-genai");
    let mut n_across = 0;
    for seed in 0..20 {
        let (free, _) = observed(&engine, random(seed));
        let boundaries: Vec<usize> = free.tokens.iter().map(|token| token.text_end).collect();
        let characters: Vec<(usize, char)> = free.text.char_indices().collect();
        for pair in characters.windows(2) {
            let (start, stop) = (pair[0].0, format!("{}{}", pair[0].1, pair[1].1));
            if free.text.find(&stop) != Some(start) {
                continue;
            }
            n_across += usize::from(boundaries.contains(&pair[1].0));
            let options = GenerateOptions { stop_strings: vec![stop.clone()], ..random(seed) };
            let (stopped, shown) = observed(&engine, options);
            assert_eq!(stopped.stop, StopReason::StopString(stop.clone()));
            assert_eq!(stopped.text, free.text[..start]);
            assert_eq!(shown.concat(), stopped.text);
            assert!(stopped.tokens.iter().all(|token| token.text_end <= stopped.text.len()));
            break;
        }
    }
    assert!(n_across > 0, "no stop string lay across two tokens");
}

#[test]
fn stop_tokens_end_the_text_and_are_not_in_it() {
    let engine = engine("llama-optimum");
    let free = complete(&engine, text("fn main() {\n"), 8);
    let wanted = free.tokens[1].id;
    let mut with_stop = request(text("fn main() {\n"), 8);
    with_stop.options.stop_tokens = vec![wanted];
    let stopped = engine.generate(with_stop, &CancelToken::new(), silent()).expect("it answers");
    let first = free.tokens.iter().position(|token| token.id == wanted).expect("it is there");
    assert_eq!(stopped.stop, StopReason::EndToken(wanted));
    assert_eq!(ids(&stopped), ids(&free)[..first]);
    assert_eq!(stopped.usage.decoded_tokens, first + 1);
}

#[test]
fn the_observer_ends_the_generation() {
    let engine = engine("llama-genai");
    let mut n_calls = 0;
    let observer = Box::new(move |_: &str, _: &[_]| {
        n_calls += 1;
        if n_calls == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let generation = engine
        .generate(request(text("fn main() {\n"), 40), &CancelToken::new(), observer)
        .expect("it answers");
    assert_eq!(generation.stop, StopReason::Observer);
    assert!(generation.usage.decoded_tokens < 40);
}

#[test]
fn equal_requests_with_equal_seeds_give_equal_tokens() {
    let engine = engine("qwen2-genai");
    let (first, _) = observed(&engine, random(5));
    assert_eq!(ids(&observed(&engine, random(5)).0), ids(&first));
    assert_ne!(ids(&observed(&engine, random(6)).0), ids(&first));
}

#[test]
fn an_empty_prompt_and_an_unknown_token_are_errors_that_lose_nothing() {
    let engine = engine("llama-genai");
    for prompt in
        [Prompt::default(), Prompt { pieces: vec![Piece::Token(100_000)], heal: false, ..Prompt::default() }]
    {
        let result = engine.generate(request(prompt, 4), &CancelToken::new(), silent());
        assert!(matches!(result, Err(fimble_model::ModelError::Engine(_))), "{result:?}");
    }
    complete(&engine, text("x"), 2);
}
