//! Token healing: a generation continues the text of a prompt, not its tokens.

use fimble_engine::{Engine, ModelSource};
use fimble_model::{Generation, Piece, Prompt};

use crate::support::{complete, engine, ids, load_runtime, one_thread, repository, text};

fn healed(engine: &Engine, before: &str) -> Generation {
    complete(engine, Prompt { heal: true, ..text(before) }, 12)
}

#[test]
fn the_forced_text_is_produced_and_not_returned() {
    for name in ["llama-genai", "qwen2-genai", "gpt2-optimum"] {
        let engine = engine(name);
        for before in ["fn main() {\n    let mut tot", "self.opti", "x", "héllo 世", "    return"] {
            let n_tokens = engine.tokenize(before).expect("it tokenises").len();
            let word = before.rfind(|character: char| !character.is_alphanumeric()).map_or(0, |at| at + 1);
            let n_before_word = engine.tokenize(&before[..word]).expect("it tokenises").len();
            let generation = healed(&engine, before);
            // The whole word is taken back, and one token at least; the space before a word may be part of its token. The
            // first token of a prompt is left: there would be nothing to compute from.
            let n_left = generation.usage.prompt_tokens;
            assert!(
                n_left <= (n_tokens - 1).max(1) && n_left <= n_before_word.max(1),
                "{name} {before:?} {n_left}"
            );
            assert!(n_left + 1 >= n_before_word, "{name} {before:?} {n_left}");
            if generation.text.is_empty() {
                continue;
            }
            // Only tokens that contribute text are reported, and the first one begins it.
            assert!(generation.tokens.iter().any(|token| token.text_end > 0), "{name} {before:?}");
            assert_eq!(generation.tokens.last().map(|token| token.text_end), Some(generation.text.len()));
        }
    }
}

#[test]
fn a_cut_word_is_completed_as_if_it_had_not_been_cut() {
    load_runtime();
    let bundled = ModelSource::Folder(repository().join("models/default"));
    let engine = Engine::load(bundled, one_thread()).expect("it loads");
    let mut n_cuts = 0;
    for before in [
        "import os\n\ndef main():\n    ",
        "for index in ",
        "fn main() {\n    let mut total = 0;\n",
        "#include <",
        "class ",
        "public static ",
        "if err != ",
        "package main\n\nimport (\n\t\"",
        "export default ",
        "def __init__(self, ",
        "    return ",
        "use std::",
    ] {
        let free = complete(&engine, text(before), 8);
        let first_word = free.tokens.first().map_or(0, |token| token.text_end);
        let tokens_before = engine.tokenize(before).expect("it tokenises");
        for (cut, _) in free.text[..first_word].char_indices().skip(1) {
            let typed = format!("{before}{}", &free.text[..cut]);
            let tokens = engine.tokenize(&typed).expect("it tokenises");
            // Where the cut part comes after the old tokens, the best token of all is the one that was cut.
            if tokens.starts_with(&tokens_before) {
                let generation = healed(&engine, &typed);
                assert!(generation.text.starts_with(&free.text[cut..first_word]), "{typed:?} {generation:?}");
                n_cuts += 1;
            }
        }
    }
    assert!(n_cuts > 6, "{n_cuts}");
}

#[test]
fn a_prompt_that_ends_in_a_control_token_is_not_healed() {
    let engine = engine("llama-genai");
    let mut prompt = Prompt { heal: true, ..Prompt::default() };
    prompt.push_text("let x = ");
    prompt.pieces.push(Piece::Token(3));
    let plain = Prompt { heal: false, ..prompt.clone() };
    assert_eq!(ids(&complete(&engine, prompt, 5)), ids(&complete(&engine, plain, 5)));
}

#[test]
fn healing_prefers_what_the_model_prefers_among_what_fits() {
    // The best token that can begin the forced text, found the slow way: over all tokens and their texts.
    let engine = engine("llama-genai");
    let before = "let mut total = 0;\n    tot";
    let all = engine.tokenize(before).expect("it tokenises");
    let forced_id = *all.last().expect("tokens");
    let row = engine.logits(&all[..all.len() - 1], true).expect("it computes").pop().expect("a row");
    let vocabulary: serde_json::Value = serde_json::from_slice(
        &std::fs::read(crate::support::fixture("llama-genai/tokenizer.json")).expect("it is there"),
    )
    .expect("JSON");
    let vocabulary = vocabulary["model"]["vocab"].as_object().expect("a vocabulary");
    let text_of = |id: u32| {
        vocabulary
            .iter()
            .find(|(_, value)| value.as_u64() == Some(id.into()))
            .map(|(token, _)| token.as_str())
    };
    let forced = text_of(forced_id).expect("a token");
    let fits = |token: &str| !token.is_empty() && (token.starts_with(forced) || forced.starts_with(token));
    let best = (7..376)
        .filter(|id| text_of(*id).is_some_and(fits))
        .max_by(|left, right| row[*left as usize].total_cmp(&row[*right as usize]));
    let best_text = text_of(best.expect("the forced token itself fits")).expect("a token").to_owned();
    let generation = healed(&engine, before);
    if best_text.len() > forced.len() {
        assert!(generation.text.starts_with(&best_text[forced.len()..]), "{best_text} {:?}", generation.text);
    } else {
        assert_ne!(generation.tokens.first().map(|token| token.text_end), None);
    }
}
