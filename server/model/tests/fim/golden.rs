//! One place in a file, and the prompt that each family must make of it. The expected texts are written from the
//! families' published formats, not taken from our output.

use fimble_model::fim::{FimParts, FimTemplate, Snippet};

use crate::vocabularies::*;

/// The expected prompts of one family for the same place in a file.
pub struct Golden {
    pub family: &'static str,
    pub vocabulary: (&'static str, &'static str, &'static str),
    /// With a path and a repository, without snippets.
    pub alone: &'static str,
    /// With two snippets more, the second of which does not end its last line.
    pub with_snippets: &'static str,
    pub stop_tokens: &'static str,
    pub line_anchored: bool,
    pub ends_at_cursor: bool,
}

pub const GOLDEN: &[Golden] = &[
    Golden {
        family: "Qwen2.5-Coder",
        vocabulary: (QWEN, "qwen2", "qwen2.5-coder-0.5b"),
        alone: "⟦<|file_sep|>⟧src/a.rs\n⟦<|fim_prefix|>⟧fn a() {\n⟦<|fim_suffix|>⟧;\n}\n⟦<|fim_middle|>⟧    let x",
        with_snippets: "⟦<|repo_name|>⟧demo\n⟦<|file_sep|>⟧b.rs\nmod b;\n⟦<|file_sep|>⟧c.rs\nmod c;\n⟦<|file_sep|>⟧src/a.rs\n\
                        ⟦<|fim_prefix|>⟧fn a() {\n⟦<|fim_suffix|>⟧;\n}\n⟦<|fim_middle|>⟧    let x",
        stop_tokens: "<|endoftext|> <|im_end|> <|fim_pad|> <|repo_name|> <|file_sep|> <|fim_prefix|> <|fim_suffix|> \
                      <|fim_middle|>",
        line_anchored: true,
        ends_at_cursor: true,
    },
    // The bundled model: a Llama with Qwen's token names.
    Golden {
        family: "Qwen2.5-Coder",
        vocabulary: (BUNDLED, "llama", "bundled"),
        alone: "⟦<|file_sep|>⟧src/a.rs\n⟦<|fim_prefix|>⟧fn a() {\n⟦<|fim_suffix|>⟧;\n}\n⟦<|fim_middle|>⟧    let x",
        with_snippets: "⟦<|repo_name|>⟧demo\n⟦<|file_sep|>⟧b.rs\nmod b;\n⟦<|file_sep|>⟧c.rs\nmod c;\n⟦<|file_sep|>⟧src/a.rs\n\
                        ⟦<|fim_prefix|>⟧fn a() {\n⟦<|fim_suffix|>⟧;\n}\n⟦<|fim_middle|>⟧    let x",
        stop_tokens: "<|endoftext|> <|fim_pad|> <|repo_name|> <|file_sep|> <|fim_prefix|> <|fim_suffix|> <|fim_middle|>",
        line_anchored: true,
        ends_at_cursor: true,
    },
    Golden {
        family: "CodeGemma",
        vocabulary: (CODEGEMMA, "gemma", "codegemma-2b"),
        alone: "src/a.rs\n⟦<|fim_prefix|>⟧fn a() {\n    let x⟦<|fim_suffix|>⟧;\n}\n⟦<|fim_middle|>⟧",
        with_snippets: "b.rs\nmod b;\n⟦<|file_separator|>⟧c.rs\nmod c;\n⟦<|file_separator|>⟧src/a.rs\n\
                        ⟦<|fim_prefix|>⟧fn a() {\n    let x⟦<|fim_suffix|>⟧;\n}\n⟦<|fim_middle|>⟧",
        stop_tokens: "<eos> <|file_separator|> <|fim_prefix|> <|fim_suffix|> <|fim_middle|>",
        line_anchored: false,
        ends_at_cursor: false,
    },
    Golden {
        family: "Granite 4",
        vocabulary: (GRANITE_4, "granitemoehybrid", "granite-4.0-350m"),
        alone: "⟦<|fim_prefix|>⟧fn a() {\n    let x⟦<|fim_suffix|>⟧;\n}\n⟦<|fim_middle|>⟧",
        with_snippets: "⟦<|fim_prefix|>⟧mod b;\n\n\n--- snippet ---\n\nmod c;\n\n--- snippet ---\n\nfn a() {\n    let x\
                        ⟦<|fim_suffix|>⟧;\n}\n⟦<|fim_middle|>⟧",
        stop_tokens: "<|end_of_text|> <|fim_pad|> <|filename|> <|reponame|> <|fim_prefix|> <|fim_suffix|> <|fim_middle|>",
        line_anchored: false,
        ends_at_cursor: false,
    },
    Golden {
        family: "Granite 3.3",
        vocabulary: (GRANITE_3, "granite", ""),
        alone: "⟦<fim_prefix>⟧fn a() {\n    let x⟦<fim_suffix>⟧;\n}\n⟦<fim_middle>⟧",
        with_snippets: "⟦<fim_prefix>⟧mod b;\n\n\n--- snippet ---\n\nmod c;\n\n--- snippet ---\n\nfn a() {\n    let x\
                        ⟦<fim_suffix>⟧;\n}\n⟦<fim_middle>⟧",
        stop_tokens: "<|end_of_text|> <fim_pad> <filename> <reponame> <fim_prefix> <fim_suffix> <fim_middle>",
        line_anchored: false,
        ends_at_cursor: false,
    },
    Golden {
        family: "Granite Code",
        vocabulary: (STARCODER, "llama", "granite-3b-code-base"),
        alone: "⟦<fim_prefix>⟧fn a() {\n    let x⟦<fim_suffix>⟧;\n}\n⟦<fim_middle>⟧",
        with_snippets: "⟦<fim_prefix>⟧mod b;\n\n\n--- snippet ---\n\nmod c;\n\n--- snippet ---\n\nfn a() {\n    let x\
                        ⟦<fim_suffix>⟧;\n}\n⟦<fim_middle>⟧",
        stop_tokens: "<|endoftext|> <fim_pad> <filename> <reponame> <fim_prefix> <fim_suffix> <fim_middle>",
        line_anchored: false,
        ends_at_cursor: false,
    },
    Golden {
        family: "stable-code, Refact or CodeQwen1.5",
        vocabulary: (STARCODER_2, "qwen2", "codeqwen1.5-7b"),
        alone: "⟦<fim_prefix>⟧fn a() {\n    let x⟦<fim_suffix>⟧;\n}\n⟦<fim_middle>⟧",
        with_snippets: "⟦<fim_prefix>⟧mod b;\n\n\n--- snippet ---\n\nmod c;\n\n--- snippet ---\n\nfn a() {\n    let x\
                        ⟦<fim_suffix>⟧;\n}\n⟦<fim_middle>⟧",
        stop_tokens: "<|endoftext|> <fim_pad> <file_sep> <repo_name> <fim_prefix> <fim_suffix> <fim_middle>",
        line_anchored: false,
        ends_at_cursor: false,
    },
    Golden {
        family: "StarCoder2",
        vocabulary: (STARCODER_2, "starcoder2", "starcoder2-3b"),
        alone: "⟦<repo_name>⟧demo⟦<file_sep>⟧⟦<fim_prefix>⟧src/a.rs\nfn a() {\n    let x⟦<fim_suffix>⟧;\n}\n⟦<fim_middle>⟧",
        with_snippets: "⟦<repo_name>⟧demo⟦<file_sep>⟧b.rs\nmod b;\n⟦<file_sep>⟧c.rs\nmod c;⟦<file_sep>⟧⟦<fim_prefix>⟧src/a.rs\n\
                        fn a() {\n    let x⟦<fim_suffix>⟧;\n}\n⟦<fim_middle>⟧",
        stop_tokens: "<|endoftext|> <fim_pad> <file_sep> <repo_name> <fim_prefix> <fim_suffix> <fim_middle>",
        line_anchored: false,
        ends_at_cursor: false,
    },
    Golden {
        family: "Mellum",
        vocabulary: (STARCODER, "llama", "mellum-4b-base"),
        alone: "⟦<filename>⟧src/a.rs\n⟦<fim_suffix>⟧;\n}\n⟦<fim_prefix>⟧fn a() {\n    let x⟦<fim_middle>⟧",
        with_snippets: "⟦<filename>⟧b.rs\nmod b;\n⟦<filename>⟧c.rs\nmod c;\n⟦<filename>⟧src/a.rs\n⟦<fim_suffix>⟧;\n}\n\
                        ⟦<fim_prefix>⟧fn a() {\n    let x⟦<fim_middle>⟧",
        stop_tokens: "<|endoftext|> <fim_pad> <filename> <reponame> <fim_suffix> <fim_prefix> <fim_middle>",
        line_anchored: false,
        ends_at_cursor: false,
    },
    Golden {
        family: "StarCoder",
        vocabulary: (STARCODER, "gpt_bigcode", "tiny_starcoder_py"),
        alone: "⟦<reponame>⟧demo⟦<filename>⟧src/a.rs⟦<fim_prefix>⟧fn a() {\n    let x⟦<fim_suffix>⟧;\n}\n⟦<fim_middle>⟧",
        with_snippets: "⟦<reponame>⟧demo⟦<filename>⟧src/a.rs⟦<fim_prefix>⟧mod b;\n\n\n--- snippet ---\n\nmod c;\n\n\
                        --- snippet ---\n\nfn a() {\n    let x⟦<fim_suffix>⟧;\n}\n⟦<fim_middle>⟧",
        stop_tokens: "<|endoftext|> <fim_pad> <filename> <reponame> <fim_prefix> <fim_suffix> <fim_middle>",
        line_anchored: false,
        ends_at_cursor: false,
    },
    Golden {
        family: "StarCoder-like",
        vocabulary: ("</s> <fim_prefix> <fim_middle> <fim_suffix>", "gpt2", ""),
        alone: "⟦<fim_prefix>⟧fn a() {\n    let x⟦<fim_suffix>⟧;\n}\n⟦<fim_middle>⟧",
        with_snippets: "⟦<fim_prefix>⟧mod b;\n\n\n--- snippet ---\n\nmod c;\n\n--- snippet ---\n\nfn a() {\n    let x\
                        ⟦<fim_suffix>⟧;\n}\n⟦<fim_middle>⟧",
        stop_tokens: "<fim_prefix> <fim_suffix> <fim_middle>",
        line_anchored: false,
        ends_at_cursor: false,
    },
    Golden {
        family: "SantaCoder",
        vocabulary: (SANTACODER, "gpt_bigcode", "santacoder"),
        alone: "⟦<fim-prefix>⟧fn a() {\n    let x⟦<fim-suffix>⟧;\n}\n⟦<fim-middle>⟧",
        with_snippets: "⟦<fim-prefix>⟧mod b;\n\n\n--- snippet ---\n\nmod c;\n\n--- snippet ---\n\nfn a() {\n    let x\
                        ⟦<fim-suffix>⟧;\n}\n⟦<fim-middle>⟧",
        stop_tokens: "<|endoftext|> <fim-pad> <fim-prefix> <fim-suffix> <fim-middle>",
        line_anchored: false,
        ends_at_cursor: false,
    },
    Golden {
        family: "DeepSeek-Coder",
        vocabulary: (DEEPSEEK, "llama", "deepseek-coder-1.3b-base"),
        alone: "⟦<｜fim▁begin｜>⟧fn a() {\n    let x⟦<｜fim▁hole｜>⟧;\n}\n⟦<｜fim▁end｜>⟧",
        with_snippets: "#b.rs\nmod b;\n#c.rs\nmod c;\n#src/a.rs\n⟦<｜fim▁begin｜>⟧fn a() {\n    let x⟦<｜fim▁hole｜>⟧;\n}\n\
                        ⟦<｜fim▁end｜>⟧",
        stop_tokens: "<｜end▁of▁sentence｜> <|EOT|> <｜fim▁begin｜> <｜fim▁hole｜> <｜fim▁end｜>",
        line_anchored: false,
        ends_at_cursor: false,
    },
    Golden {
        family: "CodeLlama",
        vocabulary: (CODELLAMA, "llama", "codellama-7b"),
        alone: "⟦▁<PRE>⟧fn a() {\n    let x⟦▁<SUF>⟧;\n}\n⟦▁<MID>⟧",
        with_snippets: "⟦▁<PRE>⟧mod b;\n\n\n--- snippet ---\n\nmod c;\n\n--- snippet ---\n\nfn a() {\n    let x⟦▁<SUF>⟧;\n}\n⟦▁<MID>⟧",
        stop_tokens: "▁<EOT> </s> ▁<PRE> ▁<SUF> ▁<MID>",
        line_anchored: false,
        ends_at_cursor: false,
    },
    Golden {
        family: "CodeLlama",
        vocabulary: (CODELLAMA_BARE, "llama", ""),
        alone: "⟦<PRE>⟧fn a() {\n    let x⟦<SUF>⟧;\n}\n⟦<MID>⟧",
        with_snippets: "⟦<PRE>⟧mod b;\n\n\n--- snippet ---\n\nmod c;\n\n--- snippet ---\n\nfn a() {\n    let x⟦<SUF>⟧;\n}\n⟦<MID>⟧",
        stop_tokens: "<EOT> </s> <PRE> <SUF> <MID>",
        line_anchored: false,
        ends_at_cursor: false,
    },
    Golden {
        family: "CodeLlama, suffix first",
        vocabulary: (CODELLAMA, "llama", "codellama-7b"),
        alone: "⟦▁<PRE>⟧⟦▁<SUF>⟧;\n}\n⟦▁<MID>⟧fn a() {\n    let x",
        with_snippets: "⟦▁<PRE>⟧⟦▁<SUF>⟧;\n}\n⟦▁<MID>⟧mod b;\n\n\n--- snippet ---\n\nmod c;\n\n--- snippet ---\n\nfn a() {\n    let x",
        stop_tokens: "▁<EOT> </s> ▁<PRE> ▁<SUF> ▁<MID>",
        line_anchored: false,
        ends_at_cursor: true,
    },
    Golden {
        family: "Codestral",
        vocabulary: (CODESTRAL, "mistral", "codestral-22b"),
        alone: "⟦[SUFFIX]⟧;\n}\n⟦[PREFIX]⟧fn a() {\n    let x",
        with_snippets: "⟦[SUFFIX]⟧;\n}\n⟦[PREFIX]⟧+++++ b.rs\nmod b;\n\n+++++ c.rs\nmod c;\n\n+++++ src/a.rs\nfn a() {\n    let x",
        stop_tokens: "</s> [MIDDLE] [SUFFIX] [PREFIX]",
        line_anchored: false,
        ends_at_cursor: true,
    },
    Golden {
        family: "Seed-Coder",
        vocabulary: (SEED_CODER, "llama", "seed-coder-8b-base"),
        alone: "⟦<[fim-suffix]>⟧;\n}\n⟦<[fim-prefix]>⟧fn a() {\n    let x⟦<[fim-middle]>⟧",
        with_snippets: "⟦<[fim-suffix]>⟧;\n}\n⟦<[fim-prefix]>⟧mod b;\n\n\n--- snippet ---\n\nmod c;\n\n--- snippet ---\n\nfn a() {\n\
                        \x20   let x⟦<[fim-middle]>⟧",
        stop_tokens: "<[end▁of▁sentence]> <[fim-suffix]> <[fim-prefix]> <[fim-middle]>",
        line_anchored: false,
        ends_at_cursor: false,
    },
    Golden {
        family: "Sweep next-edit",
        vocabulary: (QWEN, "qwen2", "sweep-next-edit-0.5b"),
        alone: "fn a() {\n    let x",
        with_snippets: "fn a() {\n    let x",
        stop_tokens: "<|endoftext|> <|im_end|> <|file_sep|>",
        line_anchored: false,
        ends_at_cursor: true,
    },
    Golden {
        family: "Zeta 2.1",
        vocabulary: (SEED_CODER, "llama", "zeta-2.1"),
        alone: "⟦<[fim-suffix]>⟧;\n}\n⟦<[fim-prefix]>⟧fn a() {\n    let x⟦<[fim-middle]>⟧",
        with_snippets: "⟦<[fim-suffix]>⟧;\n}\n⟦<[fim-prefix]>⟧mod b;\n\n\n--- snippet ---\n\nmod c;\n\n--- snippet ---\n\nfn a() {\n\
                        \x20   let x⟦<[fim-middle]>⟧",
        stop_tokens: "<[end▁of▁sentence]> <[fim-suffix]> <[fim-prefix]> <[fim-middle]>",
        line_anchored: false,
        ends_at_cursor: false,
    },
    Golden {
        family: "Zeta 2",
        vocabulary: (SEED_CODER, "llama", "zeta-2"),
        alone: "⟦<[fim-suffix]>⟧;\n}\n⟦<[fim-prefix]>⟧fn a() {\n    let x⟦<[fim-middle]>⟧",
        with_snippets: "⟦<[fim-suffix]>⟧;\n}\n⟦<[fim-prefix]>⟧mod b;\n\n\n--- snippet ---\n\nmod c;\n\n--- snippet ---\n\nfn a() {\n\
                        \x20   let x⟦<[fim-middle]>⟧",
        stop_tokens: "<[end▁of▁sentence]> <[fim-suffix]> <[fim-prefix]> <[fim-middle]>",
        line_anchored: false,
        ends_at_cursor: false,
    },
    Golden {
        family: "CodeGeeX4 or GLM",
        vocabulary: (CODEGEEX, "chatglm", "codegeex4-all-9b"),
        alone: "⟦<|user|>⟧\n###PATH:src/a.rs\n###LANGUAGE:Rust\n###MODE:BLOCK\n⟦<|code_suffix|>⟧;\n}\n⟦<|code_prefix|>⟧fn a() {\n\
                \x20   let x⟦<|code_middle|>⟧⟦<|assistant|>⟧\n",
        with_snippets: "⟦<|user|>⟧\n###REFERENCE:\n###PATH:b.rs\nmod b;\n###REFERENCE:\n###PATH:c.rs\nmod c;\n###PATH:src/a.rs\n\
                        ###LANGUAGE:Rust\n###MODE:BLOCK\n⟦<|code_suffix|>⟧;\n}\n⟦<|code_prefix|>⟧fn a() {\n    let x\
                        ⟦<|code_middle|>⟧⟦<|assistant|>⟧\n",
        stop_tokens: "<|endoftext|> <|observation|> <|user|> <|code_suffix|> <|code_prefix|> <|code_middle|> <|assistant|>",
        line_anchored: false,
        ends_at_cursor: false,
    },
    Golden {
        family: "Falcon-H1-Tiny-Coder",
        vocabulary: (FALCON, "falcon_h1", "falcon-h1-tiny-coder-90m"),
        alone: "⟦<|prefix|>⟧fn a() {\n    let x⟦<|suffix|>⟧;\n}\n⟦<|middle|>⟧",
        with_snippets: "⟦<|prefix|>⟧mod b;\n\n\n--- snippet ---\n\nmod c;\n\n--- snippet ---\n\nfn a() {\n    let x\
                        ⟦<|suffix|>⟧;\n}\n⟦<|middle|>⟧",
        stop_tokens: "<|end_of_text|> <|prefix|> <|suffix|> <|middle|>",
        line_anchored: false,
        ends_at_cursor: false,
    },
    Golden {
        family: "aiXcoder",
        vocabulary: (AIXCODER, "llama", "aixcoder-7b-base"),
        alone: "⟦▁<AIX-SPAN-PRE>⟧⟦▁<AIX-SPAN-POST>⟧;\n}\n⟦▁<AIX-SPAN-MIDDLE>⟧# the file path is: src/a.rs\n\
                # the code file is written by Rust\nfn a() {\n    let x",
        with_snippets: "⟦▁<AIX-SPAN-PRE>⟧⟦▁<AIX-SPAN-POST>⟧;\n}\n⟦▁<AIX-SPAN-MIDDLE>⟧mod b;\n\n\n--- snippet ---\n\nmod c;\n\n\
                        --- snippet ---\n\n# the file path is: src/a.rs\n# the code file is written by Rust\nfn a() {\n    let x",
        stop_tokens: "</s> ▁<AIX-SPAN-PRE> ▁<AIX-SPAN-POST> ▁<AIX-SPAN-MIDDLE>",
        line_anchored: false,
        ends_at_cursor: true,
    },
];

pub const ALONE: FimParts<'static> = FimParts {
    path: "src/a.rs",
    language: "Rust",
    repository: "demo",
    snippets: &[],
    prefix: "fn a() {\n",
    line: "    let x",
    suffix: ";\n}\n",
};

pub const EMPTY: FimParts<'static> =
    FimParts { path: "", language: "", repository: "", snippets: &[], prefix: "", line: "", suffix: "" };

pub fn snippet(path: &str, text: &str) -> Snippet {
    Snippet { path: path.to_owned(), file: format!("/project/{path}"), text: text.to_owned() }
}

pub fn vocabulary_of(golden: &Golden) -> FakeVocabulary {
    let (tokens, model_type, model_name) = golden.vocabulary;
    FakeVocabulary::new(tokens, model_type, model_name)
}

pub fn template_of(golden: &Golden, vocabulary: &FakeVocabulary) -> FimTemplate {
    FimTemplate::for_family(vocabulary, golden.family)
        .expect("the golden vocabulary has the tokens of its family")
}
