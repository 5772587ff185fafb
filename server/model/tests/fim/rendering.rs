//! The form of prompts, their ends, and the ends of answers.

use fimble_model::fim::{FimParts, FimTemplate};
use fimble_model::{Piece, Prompt, TokenId};

use crate::golden::*;
use crate::vocabularies::*;

#[test]
fn every_family_renders_its_published_prompt() {
    let snippets = [snippet("b.rs", "mod b;\n"), snippet("c.rs", "mod c;")];
    for golden in GOLDEN {
        let vocabulary = vocabulary_of(golden);
        let template = template_of(golden, &vocabulary);
        assert_eq!(vocabulary.show(&template.render(&ALONE)), golden.alone, "{}", golden.family);
        let with_snippets = FimParts { snippets: &snippets, ..ALONE };
        assert_eq!(
            vocabulary.show(&template.render(&with_snippets)),
            golden.with_snippets,
            "{}",
            golden.family
        );
    }
}

#[test]
fn every_family_of_the_registry_has_a_golden_prompt() {
    for name in FimTemplate::families() {
        assert!(GOLDEN.iter().any(|golden| golden.family == name), "{name}");
    }
}

#[test]
fn stop_tokens_are_those_of_the_family_that_the_vocabulary_has() {
    for golden in GOLDEN {
        let vocabulary = vocabulary_of(golden);
        let template = template_of(golden, &vocabulary);
        let texts: Vec<_> = template.stop_tokens().iter().map(|id| vocabulary.text_of(*id)).collect();
        assert_eq!(texts, golden.stop_tokens.split_whitespace().collect::<Vec<_>>(), "{}", golden.family);
        let expected: &[&str] = if golden.family == "Codestral" { &["\n+++++ "] } else { &[] };
        assert_eq!(template.stop_strings(), expected, "{}", golden.family);
    }
}

#[test]
fn prompts_end_at_the_cursor_where_the_template_says_so() {
    for golden in GOLDEN {
        let template = template_of(golden, &vocabulary_of(golden));
        assert_eq!(template.line_anchored(), golden.line_anchored, "{}", golden.family);
        assert_eq!(template.ends_at_cursor(), golden.ends_at_cursor, "{}", golden.family);
        let prompt = template.render(&ALONE);
        let last_is_typed_text =
            matches!(prompt.pieces.last(), Some(Piece::Text(text)) if text.ends_with(ALONE.line));
        assert_eq!(last_is_typed_text, golden.ends_at_cursor, "{}", golden.family);
        assert!(!prompt.heal, "{}", golden.family);
    }
}

#[test]
fn an_anchored_prompt_changes_only_at_its_end_while_typing() {
    let vocabulary = FakeVocabulary::new(BUNDLED, "llama", "");
    let template = FimTemplate::detect(&vocabulary).unwrap();
    let before = vocabulary.show(&template.render(&ALONE));
    let after = vocabulary.show(&template.render(&FimParts { line: "    let xs", ..ALONE }));
    assert_eq!(after, format!("{before}s"));
}

#[test]
fn text_that_spells_special_tokens_stays_text() {
    for golden in GOLDEN {
        let vocabulary = vocabulary_of(golden);
        let template = template_of(golden, &vocabulary);
        let evil = vocabulary.tokens.concat();
        let clean = [snippet("x", "x\n")];
        let dirty = [snippet(&evil, &format!("{evil}\n"))];
        let parts = |snippets, text| FimParts {
            path: text,
            language: text,
            repository: text,
            snippets,
            prefix: text,
            line: text,
            suffix: text,
        };
        let ids = |prompt: Prompt| -> Vec<Option<TokenId>> {
            let id = |piece: &Piece| if let Piece::Token(id) = piece { Some(*id) } else { None };
            prompt.pieces.iter().map(id).collect()
        };
        let clean = ids(template.render(&parts(&clean, "x")));
        assert_eq!(ids(template.render(&parts(&dirty, &evil))), clean, "{}", golden.family);
    }
}

#[test]
fn empty_parts_leave_only_the_frame() {
    let expected = [
        ("Qwen2.5-Coder", "⟦<|fim_prefix|>⟧⟦<|fim_suffix|>⟧⟦<|fim_middle|>⟧"),
        ("CodeGemma", "⟦<|fim_prefix|>⟧⟦<|fim_suffix|>⟧⟦<|fim_middle|>⟧"),
        ("StarCoder2", "⟦<file_sep>⟧⟦<fim_prefix>⟧⟦<fim_suffix>⟧⟦<fim_middle>⟧"),
        ("StarCoder", "⟦<fim_prefix>⟧⟦<fim_suffix>⟧⟦<fim_middle>⟧"),
        ("Mellum", "⟦<fim_suffix>⟧⟦<fim_prefix>⟧⟦<fim_middle>⟧"),
        ("DeepSeek-Coder", "⟦<｜fim▁begin｜>⟧⟦<｜fim▁hole｜>⟧⟦<｜fim▁end｜>⟧"),
        ("Codestral", "⟦[SUFFIX]⟧⟦[PREFIX]⟧"),
        (
            "CodeGeeX4 or GLM",
            "⟦<|user|>⟧\n###PATH:\n###LANGUAGE:\n###MODE:BLOCK\n⟦<|code_suffix|>⟧⟦<|code_prefix|>⟧⟦<|code_middle|>⟧\
             ⟦<|assistant|>⟧\n",
        ),
        ("aiXcoder", "⟦▁<AIX-SPAN-PRE>⟧⟦▁<AIX-SPAN-POST>⟧⟦▁<AIX-SPAN-MIDDLE>⟧"),
    ];
    for (family, prompt) in expected {
        let golden = GOLDEN.iter().find(|golden| golden.family == family).unwrap();
        let vocabulary = vocabulary_of(golden);
        assert_eq!(vocabulary.show(&template_of(golden, &vocabulary).render(&EMPTY)), prompt, "{family}");
    }
    for golden in GOLDEN {
        let prompt = template_of(golden, &vocabulary_of(golden)).render(&EMPTY);
        assert!(!prompt.pieces.contains(&Piece::Text(String::new())), "{}", golden.family);
    }
}

#[test]
fn a_file_without_a_path_is_still_parted_from_the_snippets() {
    let snippets = [snippet("b.rs", "mod b;")];
    let parts = FimParts { snippets: &snippets, line: "x", ..EMPTY };
    for (tokens, prompt) in [
        (
            QWEN,
            "⟦<|file_sep|>⟧b.rs\nmod b;\n⟦<|file_sep|>⟧\n⟦<|fim_prefix|>⟧⟦<|fim_suffix|>⟧⟦<|fim_middle|>⟧x",
        ),
        (STARCODER_2, "⟦<file_sep>⟧b.rs\nmod b;⟦<file_sep>⟧⟦<fim_prefix>⟧x⟦<fim_suffix>⟧⟦<fim_middle>⟧"),
        (CODESTRAL, "⟦[SUFFIX]⟧⟦[PREFIX]⟧+++++ b.rs\nmod b;\n\n+++++ \nx"),
    ] {
        let vocabulary = FakeVocabulary::new(tokens, "", "");
        assert_eq!(vocabulary.show(&FimTemplate::detect(&vocabulary).unwrap().render(&parts)), prompt);
    }
}

#[test]
fn a_header_whose_token_is_missing_is_left_out_whole() {
    let snippets = [snippet("b.rs", "mod b;\n")];
    let vocabulary = FakeVocabulary::new("<|fim_prefix|> <|fim_suffix|> <|fim_middle|> <|file_sep|>", "", "");
    let prompt = FimTemplate::detect(&vocabulary).unwrap().render(&FimParts { snippets: &snippets, ..ALONE });
    assert!(vocabulary.show(&prompt).starts_with("⟦<|file_sep|>⟧b.rs\n"));
}
