//! Guessing tokens changes the time that a generation takes, and nothing else.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use fimble_engine::{Engine, EngineOptions, ModelSource, Speculation};
use fimble_model::{
    CancelToken, GenerateOptions, GenerateRequest, Generation, Model, Piece, Priority, Prompt, Sampling,
    StopReason, TokenId,
};

use crate::support::{
    MODELS, assert_close, complete, engine_with, fixture, ids, one_thread, request, silent, tokens,
};

/// Models that compute in 32 bits: with fewer, a pass over several tokens may round to another choice.
fn exact_models() -> impl Iterator<Item = &'static str> {
    MODELS.into_iter().filter(|name| !name.ends_with("fp16"))
}

/// The same model without and with drafts.
fn pair(name: &str, options: EngineOptions) -> [Engine; 2] {
    [Speculation::Never, Speculation::Always]
        .map(|speculation| engine_with(name, EngineOptions { speculation, ..options.clone() }))
}

/// Prompts of all kinds: nothing twice, everything twice, one token over and over, and a text of the model itself, whose drafts are
/// right.
fn prompts(plain: &Engine) -> Vec<Vec<TokenId>> {
    let fresh =
        |seed: u32| (0..40_u32).map(|at| 7 + (at * 31 + seed * 17 + at * at) % 369).collect::<Vec<_>>();
    let mut prompts = vec![vec![9], vec![65; 30]];
    for seed in 0..6 {
        let prompt = fresh(seed);
        prompts.push(prompt.repeat(3));
        let mut copied = prompt.clone();
        copied.extend(ids(&complete(plain, tokens(&prompt), 40)));
        copied.extend(&prompt);
        prompts.push(prompt);
        prompts.push(copied);
    }
    prompts
}

/// Everything that a caller sees, with what the observer saw. Log-probabilities are compared on their own.
fn seen(generation: &Generation, shown: &str) -> (String, String, Vec<(TokenId, usize)>, StopReason, usize) {
    let tokens = generation.tokens.iter().map(|token| (token.id, token.text_end)).collect();
    let usage = generation.usage;
    (generation.text.clone(), shown.to_owned(), tokens, generation.stop.clone(), usage.decoded_tokens)
}

/// Generates; the observer cancels or ends the generation after so many pieces.
fn generate(
    engine: &Engine,
    prompt: &Prompt,
    options: &GenerateOptions,
    cancel_after: Option<usize>,
    end_after: Option<usize>,
) -> (Generation, String) {
    let cancel = CancelToken::new();
    let shown = Arc::new(Mutex::new((0, String::new())));
    let (their_cancel, theirs) = (cancel.clone(), Arc::clone(&shown));
    let observer = Box::new(move |piece: &str, _: &[_]| {
        let mut shown = theirs.lock().expect("no panic");
        shown.0 += 1;
        shown.1.push_str(piece);
        if Some(shown.0) == cancel_after {
            their_cancel.cancel();
        }
        if Some(shown.0) == end_after { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let request =
        GenerateRequest { prompt: prompt.clone(), options: options.clone(), priority: Priority::Interactive };
    let generation = engine.generate(request, &cancel, observer).expect("the engine answers");
    let text = shown.lock().expect("no panic").1.clone();
    (generation, text)
}

/// Fails unless both engines answer the same; returns how many draft tokens were verified and how many accepted.
#[track_caller]
fn assert_same(
    [plain, guessing]: &[Engine; 2],
    prompt: &Prompt,
    options: &GenerateOptions,
    cancel_after: Option<usize>,
    end_after: Option<usize>,
    what: &str,
) -> (usize, usize) {
    let (expected, expected_shown) = generate(plain, prompt, options, cancel_after, end_after);
    let (found, found_shown) = generate(guessing, prompt, options, cancel_after, end_after);
    assert_eq!(seen(&found, &found_shown), seen(&expected, &expected_shown), "{what}");
    for (found, expected) in found.tokens.iter().zip(&expected.tokens) {
        assert!((found.logprob - expected.logprob).abs() < 1e-4, "{what}: {found:?}, {expected:?}");
    }
    assert_eq!((expected.usage.drafted_tokens, expected.usage.accepted_tokens), (0, 0), "{what}");
    (found.usage.drafted_tokens, found.usage.accepted_tokens)
}

#[test]
fn tokens_and_log_probabilities_are_the_same_with_guesses() {
    for name in exact_models() {
        let engines = pair(name, one_thread());
        let (mut n_drafted, mut n_accepted) = (0, 0);
        for (number, prompt) in prompts(&engines[0]).iter().enumerate() {
            let options = GenerateOptions { max_new_tokens: 60, ..GenerateOptions::default() };
            let what = format!("{name}, prompt {number}");
            let (drafted, accepted) = assert_same(&engines, &tokens(prompt), &options, None, None, &what);
            n_drafted += drafted;
            n_accepted += accepted;
        }
        assert!(n_accepted > 8, "{name}: {n_accepted} of {n_drafted} drafts were right, too few for a test");
        assert!(n_accepted < n_drafted, "{name}: no draft was wrong, too few for a test");
    }
}

#[test]
fn every_limit_cuts_at_the_same_place() {
    for name in ["llama-genai", "gpt2-optimum"] {
        let engines = pair(name, one_thread());
        let context = pair(name, EngineOptions { max_context: Some(128), ..one_thread() });
        let small_chunks = pair(name, EngineOptions { prefill_chunk: 3, ..one_thread() });
        let mut stops = std::collections::HashSet::new();
        for (number, prompt) in prompts(&engines[0]).iter().enumerate() {
            let prompt = tokens(prompt);
            let whole = complete(&engines[0], prompt.clone(), 24);
            let mut check = |engines: &[Engine; 2], options: &GenerateOptions, cancel, end, what: &str| {
                assert_same(
                    engines,
                    &prompt,
                    options,
                    cancel,
                    end,
                    &format!("{name}, prompt {number}, {what}"),
                );
                let (generation, _) = generate(&engines[1], &prompt, options, cancel, end);
                stops.insert(std::mem::discriminant(&generation.stop));
            };
            let plain = GenerateOptions { max_new_tokens: 24, ..GenerateOptions::default() };
            for max_new_tokens in 0..8 {
                let options = GenerateOptions { max_new_tokens, ..plain.clone() };
                check(&engines, &options, None, None, &format!("{max_new_tokens} tokens"));
            }
            for after in 1..7 {
                check(&engines, &plain, Some(after), None, &format!("cancelled after {after}"));
                check(&engines, &plain, None, Some(after), &format!("ended after {after}"));
            }
            for (at, token) in whole.tokens.iter().enumerate().step_by(5) {
                let options = GenerateOptions { stop_tokens: vec![token.id], ..plain.clone() };
                check(&engines, &options, None, None, &format!("stop token {}", token.id));
                let start = if at == 0 { 0 } else { whole.tokens[at - 1].text_end };
                if let Some(piece) = whole.text.get(start..token.text_end).filter(|piece| !piece.is_empty()) {
                    let options = GenerateOptions { stop_strings: vec![piece.to_owned()], ..plain.clone() };
                    check(&engines, &options, None, None, &format!("stop string {piece:?}"));
                }
            }
            check(&small_chunks, &plain, None, None, "passes over few tokens");
            if prompt.pieces.len() <= 120 {
                let long = GenerateOptions { max_new_tokens: 200, ..plain.clone() };
                check(&context, &long, None, None, "until the context is full");
            }
        }
        assert!(stops.len() >= 5, "{name}: only {} kinds of ends were tried", stops.len());
    }
}

#[test]
fn healed_prompts_give_the_same_text() {
    let engines = pair("llama-genai", one_thread());
    for source in ["let total = total + tot", "for index in index in ind", "return return ret"] {
        let prompt = Prompt { pieces: vec![Piece::Text(source.repeat(3))], heal: true, ..Prompt::default() };
        let options = GenerateOptions { max_new_tokens: 30, ..GenerateOptions::default() };
        assert_same(&engines, &prompt, &options, None, None, source);
    }
}

#[test]
fn what_follows_finds_the_slot_as_it_would_be_without_guesses() {
    let options = GenerateOptions { max_new_tokens: 24, ..GenerateOptions::default() };
    for name in ["llama-genai", "llama-optimum", "gpt2-merged"] {
        let engines = pair(name, EngineOptions { kv_slots: 1, ..one_thread() });
        for (number, prompt) in prompts(&engines[0]).iter().enumerate() {
            let mut longer = prompt.clone();
            longer.extend(ids(&complete(&engines[0], tokens(prompt), 24)));
            longer.push(77);
            for end_after in [Some(1), Some(2), Some(3), Some(5), Some(8), None] {
                let [plain, guessing] = engines.each_ref().map(|engine| {
                    // Ended early, with drafts that were not reached.
                    generate(engine, &tokens(prompt), &options, None, end_after);
                    let reused = complete(engine, tokens(&longer), 0).usage.reused_tokens;
                    generate(engine, &tokens(prompt), &options, None, end_after);
                    (reused, engine.logits(&longer, false).expect("it computes").remove(0))
                });
                assert_eq!(guessing.0, plain.0, "{name}, prompt {number}, ended after {end_after:?}");
                assert_close(&guessing.1, &plain.1, 1e-4, &format!("{name}, prompt {number}"));
            }
        }
    }
}

#[test]
fn random_choices_are_never_guessed() {
    let [plain, guessing] = pair("qwen2-genai", one_thread());
    let prompt = vec![65; 40];
    for seed in 0..4 {
        let sampling = Sampling::Random { temperature: 1.0, top_k: Some(3), top_p: None, seed };
        let mut request = request(tokens(&prompt), 30);
        request.options.sampling = sampling;
        let expected = plain.generate(request.clone(), &CancelToken::new(), silent()).expect("it answers");
        let found = guessing.generate(request, &CancelToken::new(), silent()).expect("it answers");
        assert_eq!(ids(&found), ids(&expected));
        assert_eq!(found.usage.drafted_tokens, 0);
    }
}

#[test]
fn passes_over_one_token_have_no_room_for_guesses() {
    let options = EngineOptions { prefill_chunk: 1, speculation: Speculation::Always, ..one_thread() };
    let generation = complete(&engine_with("llama-genai", options), tokens(&[65; 30]), 30);
    assert!(generation.usage.decoded_tokens > 1);
    assert_eq!(generation.usage.drafted_tokens, 0);
}

/// A copy of a model whose graph computes logits for the last token only, whatever is asked, and does not say so: the
/// product that tells it how many to keep becomes a minimum.
fn model_that_drops_logits() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("onnx")).expect("a folder can be made");
    let source = fixture("gpt2-merged");
    for file in ["config.json", "tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(source.join(file), folder.path().join(file)).expect("it can be copied");
    }
    let graph = "onnx/decoder_model_merged.onnx";
    let mut content = std::fs::read(source.join(graph)).expect("it can be read");
    let find = |content: &[u8], wanted: &[u8]| {
        content.windows(wanted.len()).position(|window| window == wanted).expect("it is there")
    };
    let output = find(&content, b"first_kept");
    let operator = output + find(&content[output..], b"\x03Mul") + 1;
    content[operator..operator + 3].copy_from_slice(b"Min");
    std::fs::write(folder.path().join(graph), content).expect("it can be written");
    folder
}

#[test]
fn a_model_that_drops_logits_is_found_out_and_loses_nothing() {
    let folder = model_that_drops_logits();
    let source = || ModelSource::Folder(folder.path().to_owned());
    let [plain, guessing] = [Speculation::Never, Speculation::Always].map(|speculation| {
        crate::support::load_runtime();
        Engine::load(source(), EngineOptions { speculation, ..one_thread() }).expect("it loads")
    });
    let prompt = [9, 10, 11, 12, 13].repeat(6);
    assert_eq!(guessing.logits(&prompt, true).expect("it computes").len(), 1, "the graph drops logits");
    let options = GenerateOptions { max_new_tokens: 40, ..GenerateOptions::default() };
    for prompt in prompts(&plain) {
        let engines = [&plain, &guessing];
        let [expected, found] =
            engines.map(|engine| generate(engine, &tokens(&prompt), &options, None, None));
        assert_eq!(seen(&found.0, &found.1), seen(&expected.0, &expected.1));
        assert_eq!(found.0.usage.drafted_tokens, 0);
    }
}
