//! The families: one entry each, in the order in which detection tries them. Invariant: an entry with more evidence stands before
//! an entry with the same markers and less.
//!
//! Sources are named at each entry. If a family publishes no form for other files, they are in the prefix, separated by a line
//! that has no meaning in any language (as in llama.cpp's server).

use super::edits::EditFormat;
use super::layout::{Evidence, Family, Part};

/// Frame tokens with bars, of Qwen, CodeGemma and Granite 4.
const BAR_MARKERS: &[&str] = &["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"];
/// Frame tokens without bars, of StarCoder and all that took over its tokenizer.
const PLAIN_MARKERS: &[&str] = &["<fim_prefix>", "<fim_suffix>", "<fim_middle>"];
/// Frame tokens of CodeLlama.
const LLAMA_MARKERS: &[&str] = &["▁<PRE>", "▁<SUF>", "▁<MID>"];

/// Frame tokens of Seed-Coder.
const SEED_MARKERS: &[&str] = &["<[fim-suffix]>", "<[fim-prefix]>", "<[fim-middle]>"];

/// Suffix, prefix, middle of Seed-Coder.
const SEED_LAYOUT: &[Part] = &[
    Part::Token("<[fim-suffix]>"),
    Part::Suffix,
    Part::Token("<[fim-prefix]>"),
    Part::PlainSnippets,
    Part::PrefixAndLine,
    Part::Token("<[fim-middle]>"),
];
/// Prefix, suffix, middle with the plain markers, and nothing around them.
const PLAIN_LAYOUT: &[Part] = &[
    Part::Token("<fim_prefix>"),
    Part::PlainSnippets,
    Part::PrefixAndLine,
    Part::Token("<fim_suffix>"),
    Part::Suffix,
    Part::Token("<fim_middle>"),
];
/// Ends of the families with StarCoder's tokens.
const PLAIN_STOPS: &[&str] =
    &["<|endoftext|>", "<fim_pad>", "<file_sep>", "<repo_name>", "<filename>", "<reponame>"];

/// All families, most specific first among those with equal markers.
pub(super) const FAMILIES: &[Family] = &[
    // Models that write edits come first: they have the tokens of the families that they were made from. Their vocabulary can
    // lack the marks of the cursor, which they have no use for.
    Family {
        name: "Sweep next-edit",
        source: "code of sweep-autocomplete 0.1.1",
        markers: &["<|file_sep|>"],
        also: &[],
        evidence: Evidence { model_types: &[], names: &["sweep-next-edit", "sweep_next_edit"] },
        layout: &[Part::PrefixAndLine],
        stops: &["<|endoftext|>", "<|im_end|>", "<|file_sep|>"],
        stop_strings: &[],
        edits: Some(EditFormat::Sweep),
    },
    Family {
        name: "Zeta 2.1",
        source: "description of Zed's prompts, V0318SeedMultiRegions",
        markers: SEED_MARKERS,
        also: &[],
        evidence: Evidence { model_types: &[], names: &["zeta-2.1", "zeta_2.1", "zeta2.1"] },
        layout: SEED_LAYOUT,
        stops: &["<[end▁of▁sentence]>"],
        stop_strings: &[],
        edits: Some(EditFormat::ZetaRegions),
    },
    Family {
        name: "Zeta 2",
        source: "description of Zed's prompts, V0211SeedCoder",
        markers: SEED_MARKERS,
        also: &[],
        evidence: Evidence { model_types: &[], names: &["zeta-2", "zeta_2", "zeta2"] },
        layout: SEED_LAYOUT,
        stops: &["<[end▁of▁sentence]>"],
        stop_strings: &[],
        edits: Some(EditFormat::Zeta2),
    },
    // The current line stands after the middle token, as llama.vim asks its server to do with this family and as the
    // bundled model was trained: the typed text begins the middle.
    Family {
        name: "Qwen2.5-Coder",
        source: "QwenLM/Qwen2.5-Coder README and examples; technical report, figures 3 and 4",
        markers: BAR_MARKERS,
        also: &["<|file_sep|>"],
        evidence: Evidence::NONE,
        layout: &[
            Part::IfSnippets(&[Part::IfRepository(&[
                Part::Token("<|repo_name|>"),
                Part::Repository,
                Part::Literal("\n"),
            ])]),
            Part::Snippets(&[
                Part::Token("<|file_sep|>"),
                Part::Path,
                Part::Literal("\n"),
                Part::Prefix,
                Part::Line,
            ]),
            Part::IfPathOrSnippets(&[Part::Token("<|file_sep|>"), Part::Path, Part::Literal("\n")]),
            Part::Token("<|fim_prefix|>"),
            Part::Prefix,
            Part::Token("<|fim_suffix|>"),
            Part::Suffix,
            Part::Token("<|fim_middle|>"),
            Part::Line,
        ],
        stops: &["<|endoftext|>", "<|im_end|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>"],
        stop_strings: &[],
        edits: None,
    },
    Family {
        name: "CodeGemma",
        source: "ai.google.dev/gemma/docs/codegemma/prompt-structure; CodeGemma technical report, section 2",
        markers: BAR_MARKERS,
        also: &["<|file_separator|>"],
        evidence: Evidence::NONE,
        layout: &[
            Part::Snippets(&[
                Part::Path,
                Part::Literal("\n"),
                Part::Prefix,
                Part::Line,
                Part::Token("<|file_separator|>"),
            ]),
            Part::IfPath(&[Part::Path, Part::Literal("\n")]),
            Part::Token("<|fim_prefix|>"),
            Part::PrefixAndLine,
            Part::Token("<|fim_suffix|>"),
            Part::Suffix,
            Part::Token("<|fim_middle|>"),
        ],
        stops: &["<eos>", "<|file_separator|>"],
        stop_strings: &[],
        edits: None,
    },
    Family {
        name: "Granite 4",
        source: "ibm.com/granite/docs, fill in the middle",
        markers: BAR_MARKERS,
        also: &[],
        evidence: Evidence::NONE,
        layout: &[
            Part::Token("<|fim_prefix|>"),
            Part::PlainSnippets,
            Part::PrefixAndLine,
            Part::Token("<|fim_suffix|>"),
            Part::Suffix,
            Part::Token("<|fim_middle|>"),
        ],
        stops: &["<|end_of_text|>", "<|endoftext|>", "<|fim_pad|>", "<|filename|>", "<|reponame|>"],
        stop_strings: &[],
        edits: None,
    },
    // From here on the plain markers. Where the tokens are StarCoder's own, the model type or the name decides.
    Family {
        name: "Granite 3.3",
        source: "ggml-org/llama.cpp pull request 12988",
        markers: PLAIN_MARKERS,
        also: &[],
        evidence: Evidence { model_types: &["granite"], names: &[] },
        layout: PLAIN_LAYOUT,
        stops: &["<|end_of_text|>", "<|endoftext|>", "<fim_pad>", "<filename>", "<reponame>"],
        stop_strings: &[],
        edits: None,
    },
    Family {
        name: "Granite Code",
        source: "ibm-granite/granite-code-models (StarCoder's tokenizer)",
        markers: PLAIN_MARKERS,
        also: &[],
        evidence: Evidence { model_types: &[], names: &["granite"] },
        layout: PLAIN_LAYOUT,
        stops: PLAIN_STOPS,
        stop_strings: &[],
        edits: None,
    },
    Family {
        name: "stable-code, Refact or CodeQwen1.5",
        source: "model cards; QwenLM/Qwen2.5-Coder fim-bench",
        markers: PLAIN_MARKERS,
        also: &[],
        evidence: Evidence {
            model_types: &["stablelm", "gpt_refact", "qwen2"],
            names: &["stable-code", "refact", "codeqwen"],
        },
        layout: PLAIN_LAYOUT,
        stops: PLAIN_STOPS,
        stop_strings: &[],
        edits: None,
    },
    // The path stands inside the prefix; files are parted by the token alone, without a line break after it.
    Family {
        name: "StarCoder2",
        source: "StarCoder2 paper, arXiv 2402.19173, section 5",
        markers: PLAIN_MARKERS,
        also: &["<file_sep>"],
        evidence: Evidence::NONE,
        layout: &[
            Part::IfRepository(&[Part::Token("<repo_name>"), Part::Repository]),
            Part::Snippets(&[Part::Token("<file_sep>"), Part::Path, Part::Literal("\n"), Part::Prefix]),
            Part::Token("<file_sep>"),
            Part::Token("<fim_prefix>"),
            Part::IfPath(&[Part::Path, Part::Literal("\n")]),
            Part::PrefixAndLine,
            Part::Token("<fim_suffix>"),
            Part::Suffix,
            Part::Token("<fim_middle>"),
        ],
        stops: PLAIN_STOPS,
        stop_strings: &[],
        edits: None,
    },
    // Suffix first, unlike all others with these markers, and with the tokens of StarCoder: the name decides, or otherwise that
    // it is a Llama, which of all others only Granite Code is, whose name is checked above.
    Family {
        name: "Mellum",
        source: "arXiv 2510.05788; model card of Mellum2 base",
        markers: PLAIN_MARKERS,
        also: &["<filename>", "<reponame>"],
        evidence: Evidence { model_types: &["llama", "mellum"], names: &["mellum"] },
        layout: &[
            Part::Snippets(&[
                Part::Token("<filename>"),
                Part::Path,
                Part::Literal("\n"),
                Part::Prefix,
                Part::Line,
            ]),
            Part::IfPathOrSnippets(&[Part::Token("<filename>"), Part::Path, Part::Literal("\n")]),
            Part::Token("<fim_suffix>"),
            Part::Suffix,
            Part::Token("<fim_prefix>"),
            Part::PrefixAndLine,
            Part::Token("<fim_middle>"),
        ],
        stops: PLAIN_STOPS,
        stop_strings: &[],
        edits: None,
    },
    // The header's tokens are optional in any combination; the number of stars is left out.
    Family {
        name: "StarCoder",
        source: "bigcode model cards of StarCoder and tiny_starcoder_py; arXiv 2305.06161",
        markers: PLAIN_MARKERS,
        also: &["<filename>", "<reponame>"],
        evidence: Evidence::NONE,
        layout: &[
            Part::IfPath(&[
                Part::IfRepository(&[Part::Token("<reponame>"), Part::Repository]),
                Part::Token("<filename>"),
                Part::Path,
            ]),
            Part::Token("<fim_prefix>"),
            Part::PlainSnippets,
            Part::PrefixAndLine,
            Part::Token("<fim_suffix>"),
            Part::Suffix,
            Part::Token("<fim_middle>"),
        ],
        stops: PLAIN_STOPS,
        stop_strings: &[],
        edits: None,
    },
    Family {
        name: "StarCoder-like",
        source: "the markers alone, in the order all families with them but Mellum use",
        markers: PLAIN_MARKERS,
        also: &[],
        evidence: Evidence::NONE,
        layout: PLAIN_LAYOUT,
        stops: PLAIN_STOPS,
        stop_strings: &[],
        edits: None,
    },
    Family {
        name: "SantaCoder",
        source: "bigcode/santacoder model card (the tokens have hyphens)",
        markers: &["<fim-prefix>", "<fim-suffix>", "<fim-middle>"],
        also: &[],
        evidence: Evidence::NONE,
        layout: &[
            Part::Token("<fim-prefix>"),
            Part::PlainSnippets,
            Part::PrefixAndLine,
            Part::Token("<fim-suffix>"),
            Part::Suffix,
            Part::Token("<fim-middle>"),
        ],
        stops: &["<|endoftext|>", "<fim-pad>"],
        stop_strings: &[],
        edits: None,
    },
    // The bars are full-width (U+FF5C), the low blocks U+2581. A file is announced by a line of plain text, the current
    // one only if there are others.
    Family {
        name: "DeepSeek-Coder",
        source: "deepseek-ai/DeepSeek-Coder README, code insertion and repository-level completion",
        markers: &["<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"],
        also: &[],
        evidence: Evidence::NONE,
        layout: &[
            Part::Snippets(&[Part::Literal("#"), Part::Path, Part::Literal("\n"), Part::Prefix, Part::Line]),
            Part::IfSnippets(&[Part::IfPath(&[Part::Literal("#"), Part::Path, Part::Literal("\n")])]),
            Part::Token("<｜fim▁begin｜>"),
            Part::PrefixAndLine,
            Part::Token("<｜fim▁hole｜>"),
            Part::Suffix,
            Part::Token("<｜fim▁end｜>"),
        ],
        stops: &["<｜end▁of▁sentence｜>", "<|EOT|>"],
        stop_strings: &[],
        edits: None,
    },
    Family {
        name: "CodeLlama",
        source: "meta-llama/codellama tokenizer.py and generation.py, infilling",
        markers: LLAMA_MARKERS,
        also: &[],
        evidence: Evidence::NONE,
        layout: &[
            Part::Token("▁<PRE>"),
            Part::PlainSnippets,
            Part::PrefixAndLine,
            Part::Token("▁<SUF>"),
            Part::Suffix,
            Part::Token("▁<MID>"),
        ],
        stops: &["▁<EOT>", "</s>"],
        stop_strings: &[],
        edits: None,
    },
    // The same model was trained on both orders. Its makers' own code defaults to the one above, so this one is only
    // used only if it is chosen by name.
    Family {
        name: "CodeLlama, suffix first",
        source: "meta-llama/codellama generation.py, suffix_first",
        markers: LLAMA_MARKERS,
        also: &[],
        evidence: Evidence::NONE,
        layout: &[
            Part::Token("▁<PRE>"),
            Part::Token("▁<SUF>"),
            Part::Suffix,
            Part::Token("▁<MID>"),
            Part::PlainSnippets,
            Part::PrefixAndLine,
        ],
        stops: &["▁<EOT>", "</s>"],
        stop_strings: &[],
        edits: None,
    },
    // There is no middle token in the prompt, although the vocabulary has one.
    Family {
        name: "Codestral",
        source: "mistralai/mistral-common encode_fim; continuedev/continue for several files",
        markers: &["[SUFFIX]", "[PREFIX]"],
        also: &[],
        evidence: Evidence::NONE,
        layout: &[
            Part::Token("[SUFFIX]"),
            Part::Suffix,
            Part::Token("[PREFIX]"),
            Part::Snippets(&[
                Part::Literal("+++++ "),
                Part::Path,
                Part::Literal("\n"),
                Part::Prefix,
                Part::Line,
                Part::Literal("\n"),
            ]),
            Part::IfSnippets(&[Part::Literal("+++++ "), Part::Path, Part::Literal("\n")]),
            Part::PrefixAndLine,
        ],
        stops: &["</s>", "[MIDDLE]"],
        stop_strings: &["\n+++++ "],
        edits: None,
    },
    Family {
        name: "Seed-Coder",
        source: "Seed-Coder technical report, section 2.2.6",
        markers: SEED_MARKERS,
        also: &[],
        evidence: Evidence::NONE,
        layout: SEED_LAYOUT,
        stops: &["<[end▁of▁sentence]>"],
        stop_strings: &[],
        edits: None,
    },
    // The only family whose prompt has the language and the amount of text.
    Family {
        name: "CodeGeeX4 or GLM",
        source: "CodeGeeX4 infilling guide",
        markers: &["<|code_suffix|>", "<|code_prefix|>", "<|code_middle|>"],
        also: &["<|user|>", "<|assistant|>"],
        evidence: Evidence::NONE,
        layout: &[
            Part::Token("<|user|>"),
            Part::Literal("\n"),
            Part::Snippets(&[
                Part::Literal("###REFERENCE:\n###PATH:"),
                Part::Path,
                Part::Literal("\n"),
                Part::Prefix,
                Part::Line,
            ]),
            Part::Literal("###PATH:"),
            Part::Path,
            Part::Literal("\n###LANGUAGE:"),
            Part::Language,
            Part::Literal("\n###MODE:BLOCK\n"),
            Part::Token("<|code_suffix|>"),
            Part::Suffix,
            Part::Token("<|code_prefix|>"),
            Part::PrefixAndLine,
            Part::Token("<|code_middle|>"),
            Part::Token("<|assistant|>"),
            Part::Literal("\n"),
        ],
        stops: &["<|endoftext|>", "<|observation|>"],
        stop_strings: &[],
        edits: None,
    },
    Family {
        name: "Falcon-H1-Tiny-Coder",
        source: "ggml-org/llama.cpp pull request 19249",
        markers: &["<|prefix|>", "<|suffix|>", "<|middle|>"],
        also: &[],
        evidence: Evidence::NONE,
        layout: &[
            Part::Token("<|prefix|>"),
            Part::PlainSnippets,
            Part::PrefixAndLine,
            Part::Token("<|suffix|>"),
            Part::Suffix,
            Part::Token("<|middle|>"),
        ],
        stops: &["<|end_of_text|>", "<|endoftext|>", "<|im_end|>"],
        stop_strings: &[],
        edits: None,
    },
    // Prefix and middle markers swap sense here: the empty span comes first and the prefix stands after the middle
    // token, below two lines that name the file.
    Family {
        name: "aiXcoder",
        source: "aixcoder-plugin/aiXcoder-7B README, fill in the middle",
        markers: &["▁<AIX-SPAN-PRE>", "▁<AIX-SPAN-POST>", "▁<AIX-SPAN-MIDDLE>"],
        also: &[],
        evidence: Evidence::NONE,
        layout: &[
            Part::Token("▁<AIX-SPAN-PRE>"),
            Part::Token("▁<AIX-SPAN-POST>"),
            Part::Suffix,
            Part::Token("▁<AIX-SPAN-MIDDLE>"),
            Part::PlainSnippets,
            Part::IfPath(&[
                Part::Literal("# the file path is: "),
                Part::Path,
                Part::Literal("\n# the code file is written by "),
                Part::Language,
                Part::Literal("\n"),
            ]),
            Part::PrefixAndLine,
        ],
        stops: &["</s>"],
        stop_strings: &[],
        edits: None,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Tokens that every prompt of a layout contains: those outside groups that may drop out.
    fn unconditional_tokens(layout: &'static [Part], found: &mut Vec<&'static str>) {
        for part in layout {
            match part {
                Part::Token(text) => found.push(text),
                // A snippet form that lost a token would run files into each other.
                Part::Snippets(form) => unconditional_tokens(form, found),
                _ => {}
            }
        }
    }

    #[test]
    fn every_token_that_a_layout_cannot_do_without_is_required() {
        for family in FAMILIES {
            let mut tokens = Vec::new();
            unconditional_tokens(family.layout, &mut tokens);
            for token in tokens {
                assert!(
                    family.required_tokens().any(|required| required == token),
                    "{}: {token}",
                    family.name
                );
            }
        }
    }

    #[test]
    fn every_layout_holds_the_whole_text_around_the_cursor_once() {
        let count =
            |layout: &[Part], wanted: &[Part]| layout.iter().filter(|part| wanted.contains(part)).count();
        // A model that writes edits need not fill in.
        for family in FAMILIES.iter().filter(|family| family.edits.is_none()) {
            assert_eq!(count(family.layout, &[Part::Prefix, Part::PrefixAndLine]), 1, "{}", family.name);
            assert_eq!(count(family.layout, &[Part::Line, Part::PrefixAndLine]), 1, "{}", family.name);
            assert_eq!(count(family.layout, &[Part::Suffix]), 1, "{}", family.name);
        }
    }

    #[test]
    fn names_are_unique_and_sources_are_given() {
        for (index, family) in FAMILIES.iter().enumerate() {
            assert!(FAMILIES[..index].iter().all(|other| other.name != family.name), "{}", family.name);
            assert!(!family.source.is_empty(), "{}", family.name);
        }
    }
}
