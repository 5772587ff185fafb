//! Recognition of families, their differences, and the message if none is recognised.

use fimble_model::fim::FimTemplate;

use crate::golden::{GOLDEN, vocabulary_of};
use crate::vocabularies::*;

#[test]
fn every_family_is_detected_from_its_own_tokenizer() {
    for golden in GOLDEN.iter().filter(|golden| golden.family != "CodeLlama, suffix first") {
        let template = FimTemplate::detect(&vocabulary_of(golden)).unwrap();
        assert_eq!(template.family(), golden.family);
        assert!(!template.source().is_empty());
    }
}

#[test]
fn families_that_share_tokens_are_told_apart() {
    let cases: &[(&str, &str, &str, &str)] = &[
        // <|fim_prefix|>: the token between files decides.
        (QWEN, "", "", "Qwen2.5-Coder"),
        (QWEN, "granite", "granite-4-lookalike", "Qwen2.5-Coder"),
        (CODEGEMMA, "", "", "CodeGemma"),
        (GRANITE_4, "", "", "Granite 4"),
        ("<|fim_prefix|> <|fim_suffix|> <|fim_middle|>", "llama", "", "Granite 4"),
        // <fim_prefix>: first type or name, then the tokens.
        (STARCODER_2, "", "", "StarCoder2"),
        (STARCODER_2, "starcoder2", "starcoder2-7b", "StarCoder2"),
        (STARCODER_2, "qwen2", "", "stable-code, Refact or CodeQwen1.5"),
        (STARCODER_2, "", "codeqwen1.5-7b-chat", "stable-code, Refact or CodeQwen1.5"),
        (STARCODER, "", "", "StarCoder"),
        (STARCODER, "gpt_bigcode", "", "StarCoder"),
        (STARCODER, "gpt_bigcode", "granite-20b-code-base", "Granite Code"),
        (STARCODER, "llama", "granite-8b-code-base", "Granite Code"),
        (STARCODER, "llama", "", "Mellum"),
        (STARCODER, "", "mellum-4b-sft-python", "Mellum"),
        (STARCODER, "mellum2", "", "Mellum"),
        (STARCODER, "gpt_refact", "", "stable-code, Refact or CodeQwen1.5"),
        (STARCODER, "stablelm", "", "stable-code, Refact or CodeQwen1.5"),
        (STARCODER, "", "stable-code-3b", "stable-code, Refact or CodeQwen1.5"),
        (GRANITE_3, "granite", "granite-3.3-2b-base", "Granite 3.3"),
        (GRANITE_3, "granitemoe", "", "Granite 3.3"),
        ("<fim_prefix> <fim_suffix> <fim_middle>", "llama", "", "StarCoder-like"),
        // [SUFFIX] and [PREFIX]: with or without a middle token.
        ("<s> </s> [PREFIX] [SUFFIX]", "mistral", "", "Codestral"),
        // Both orders of CodeLlama fit; its makers' default is taken.
        (CODELLAMA, "llama", "", "CodeLlama"),
    ];
    for (tokens, model_type, model_name, family) in cases {
        let template = FimTemplate::detect(&FakeVocabulary::new(tokens, model_type, model_name));
        assert_eq!(
            template.map(|template| template.family()),
            Ok(*family),
            "{tokens:?} {model_type:?} {model_name:?}"
        );
    }
}

#[test]
fn an_unknown_tokenizer_is_told_what_was_looked_for_and_what_to_do() {
    let message = FimTemplate::detect(&FakeVocabulary::new("<s> </s> <|user|> <|assistant|>", "llama", ""))
        .unwrap_err();
    for marker in ["<|fim_prefix|>", "<fim_prefix>", "<fim-prefix>", "<｜fim▁begin｜>", "▁<PRE>", "[SUFFIX]"]
    {
        assert_eq!(message.matches(marker).count(), 1, "{marker} in {message}");
    }
    for marker in ["<[fim-middle]>", "<|code_middle|>", "<|middle|>", "▁<AIX-SPAN-MIDDLE>"] {
        assert_eq!(message.matches(marker).count(), 1, "{marker} in {message}");
    }
    assert!(message.contains("plain left-to-right"), "{message}");
    assert!(message.contains("Use a model with fill-in-the-middle tokens"), "{message}");
    assert!(!message.contains("it has only"), "{message}");
}

#[test]
fn an_incomplete_set_of_tokens_is_named() {
    let message = FimTemplate::detect(&FakeVocabulary::new("<fim_prefix> <fim_suffix>", "", "")).unwrap_err();
    assert!(message.contains("(it has only <fim_prefix> <fim_suffix> without <fim_middle>)"), "{message}");
}

#[test]
fn a_family_asked_for_by_name_says_what_it_lacks() {
    let starcoder = FakeVocabulary::new(STARCODER, "gpt_bigcode", "");
    assert_eq!(FimTemplate::for_family(&starcoder, "mellum").unwrap().family(), "Mellum");
    let message = FimTemplate::for_family(&starcoder, "Codestral").unwrap_err();
    assert!(message.contains("no [SUFFIX] and no [PREFIX]"), "{message}");
    let message = FimTemplate::for_family(&starcoder, "Copilot").unwrap_err();
    assert!(message.contains("\"Copilot\"") && message.contains("; StarCoder2; "), "{message}");
}
