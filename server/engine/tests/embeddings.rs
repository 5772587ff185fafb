//! Models that turn texts into vectors, imported from tiny GGUF files with random weights. Invariant: a vector is that of a computation
//! in floats of 64 bits that is written here from the architecture's description, however its input is cut into parts.

mod qwen3;

use fimble_engine::{Engine, EngineOptions, ModelSource};
use fimble_model::{CancelToken, EmbedInput, EmbedRequest, Embedder, Model, ModelError};
use fimble_onnx::import::{ImportOptions, Layout, Precision, import};
use qwen3::{CONTEXT, EOS, Pooling, Qwen3};

use crate::support::*;

/// Imports a model and loads it; at most `chunk` tokens are evaluated at once.
fn engine_of(model: &Qwen3, chunk: usize) -> (Engine, tempfile::TempDir) {
    load_runtime();
    let folder = tempfile::tempdir().expect("a folder");
    let (file, into) = (folder.path().join("tiny.gguf"), folder.path().join("tiny"));
    std::fs::write(&file, model.gguf()).expect("it is written");
    std::fs::create_dir(&into).expect("a folder");
    let options = ImportOptions { precision: Precision::Exact, layout: Layout::Standard };
    import(&file, &into, &options, &mut |_, _| {}).expect("it is imported");
    let options = EngineOptions { prefill_chunk: chunk, ..one_thread() };
    (Engine::load(ModelSource::Folder(into), options).expect("it loads"), folder)
}

fn embed(engine: &Engine, inputs: Vec<EmbedInput>, truncates: bool) -> Result<Vec<Vec<f32>>, ModelError> {
    let request = EmbedRequest { inputs, truncates, sources: Vec::new() };
    engine.embed(&request, &CancelToken::new()).map(|embeddings| embeddings.vectors)
}

fn of_tokens(engine: &Engine, tokens: &[u32]) -> Vec<f32> {
    embed(engine, vec![EmbedInput::Tokens(tokens.to_vec())], false).expect("it embeds").remove(0)
}

#[test]
fn vectors_are_those_of_the_architecture() {
    for pooling in [Pooling::Last, Pooling::Mean] {
        let model = Qwen3::new(pooling);
        let inputs: [&[u32]; 4] = [&[1], &[3, 1, 2], &[3, 1, 2, 5, 5, 4, 1, 0, 2, 6, 7], &[3, 1, 4]];
        for chunk in [1, 4, 64] {
            let (engine, _folder) = engine_of(&model, chunk);
            let together = inputs.map(|input| EmbedInput::Tokens(input.to_vec())).to_vec();
            let together = embed(&engine, together, false).expect("it embeds");
            for (input, found) in inputs.iter().zip(&together) {
                assert_close(found, &model.vector(input), 1e-4, &format!("{input:?} in parts of {chunk}"));
            }
            // Once more, with what the cache holds.
            for (input, before) in inputs.iter().zip(&together) {
                assert_close(&of_tokens(&engine, input), before, 1e-5, "the same again");
            }
        }
    }
}

#[test]
fn a_text_ends_with_the_token_that_its_tokenizer_adds() {
    let model = Qwen3::new(Pooling::Last);
    let (engine, _folder) = engine_of(&model, 64);
    let text = |text: &str| vec![EmbedInput::Text(text.to_owned())];
    let found = embed(&engine, text("abc"), false).expect("it embeds");
    assert_close(&found[0], &model.vector(&[1, 2, 3, EOS]), 1e-4, "abc");
    // The name of the token in a text is text.
    let named = engine.tokenize("a<|endoftext|>").expect("it tokenises");
    assert!(!named.contains(&EOS), "{named:?}");
    let long = "ab".repeat(CONTEXT);
    let refused = embed(&engine, text(&long), false);
    assert_eq!(refused, Err(ModelError::PromptTooLong { tokens: 2 * CONTEXT + 1, limit: CONTEXT }));
    let mut cut: Vec<u32> = [1, 2].repeat(CONTEXT)[..CONTEXT - 1].to_vec();
    cut.push(EOS);
    let found = embed(&engine, text(&long), true).expect("it embeds");
    assert_close(&found[0], &model.vector(&cut), 1e-3, "the beginning of a long text");
}

#[test]
fn other_work_between_two_parts_changes_nothing() {
    for pooling in [Pooling::Last, Pooling::Mean] {
        let model = Qwen3::new(pooling);
        let (engine, _folder) = engine_of(&model, 1);
        let long: Vec<u32> = (0..CONTEXT as u32 - 1).map(|at| 1 + at * at % 6).collect();
        let expected = model.vector(&long);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // The same beginning, so that the slot of the input is taken away.
                for _ in 0..50 {
                    engine.logits(&[long[0], long[1], 7], false).expect("it computes");
                }
            });
            for _ in 0..3 {
                assert_close(&of_tokens(&engine, &long), &expected, 1e-3, "between other work");
            }
        });
    }
}

#[test]
fn a_model_embeds_or_continues_and_says_which() {
    let (engine, _folder) = engine_of(&Qwen3::new(Pooling::Last), 64);
    let refused = engine.generate(request(text("abc"), 4), &CancelToken::new(), silent());
    assert!(
        matches!(&refused, Err(ModelError::Unavailable(text)) if text.contains("into vectors")),
        "{refused:?}"
    );
    assert!(engine.chat().is_err() && engine.embedder().is_ok());
    let cancelled = CancelToken::new();
    cancelled.cancel();
    let request =
        EmbedRequest { inputs: vec![EmbedInput::Tokens(vec![1])], truncates: false, sources: Vec::new() };
    assert!(engine.embed(&request, &cancelled).expect("no error").vectors.is_empty());
    assert!(embed(&engine, vec![EmbedInput::Tokens(vec![900])], false).is_err());
    let reason = crate::support::engine("llama-genai").embedder().err().expect("it does not embed");
    assert!(reason.contains("gives no embeddings"), "{reason}");
}
