//! The ways in which byte-level tokenizers split text before they merge. Invariant: each way is that of the tokenizer which
//! the model's maker published, under the names that llama.cpp's converter gives to it.
//!
//! Every pattern cuts each piece that the patterns before it left, at its matches; matches and what lies between them
//! become pieces. Contractions are written without `(?i)`, which would match letters beyond ASCII, too.

use super::{TokenizerError, entry};
use crate::gguf::Metadata;

const KEY: &str = "tokenizer.ggml.pre";

/// One way of splitting.
#[derive(Debug)]
pub(super) struct Splitter {
    /// Values of the key.
    names: &'static [&'static str],
    /// Patterns, in their order.
    pub(super) patterns: &'static [&'static str],
    /// Whether a piece that is a token as a whole is not merged from its parts.
    pub(super) ignores_merges: bool,
    /// Whether a prompt begins with a token of its own, unless the file says otherwise.
    pub(super) adds_bos: bool,
}

/// Words with the space before them, numbers, punctuation, white space: the way of GPT-2.
const GPT2: &str = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

/// The way that began with GPT-4: one character of any kind joins the word behind it, and line breaks join punctuation.
macro_rules! modern {
    ($word:literal, $number:literal, $punctuation:literal) => {
        concat!(
            r"'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|",
            $word,
            "|",
            $number,
            "| ?",
            $punctuation,
            r"|\s*[\r\n]+|\s+(?!\S)|\s+"
        )
    };
}

/// The same with words that end where lower case turns to upper case. `$ending` may follow a word.
macro_rules! by_case {
    ($ending:literal, $number:literal) => {
        concat!(
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+",
            $ending,
            r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*",
            $ending,
            "|",
            $number,
            r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
        )
    };
}

const ONE_DIGIT: &str = r"\p{N}";
const LLAMA3: &str = modern!(r"[^\r\n\p{L}\p{N}]?\p{L}+", r"\p{N}{1,3}", r"[^\s\p{L}\p{N}]+[\r\n]*");
const QWEN2: &str = modern!(r"[^\r\n\p{L}\p{N}]?\p{L}+", r"\p{N}", r"[^\s\p{L}\p{N}]+[\r\n]*");
const QWEN35: &str = modern!(r"[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+", r"\p{N}", r"[^\s\p{L}\p{M}\p{N}]+[\r\n]*");
const SEED_CODER: &str = modern!(r"[^\r\n\p{L}\p{N}]?\p{L}+", r"\p{N}", r"[^\s\p{L}\p{N}\r\n]+");
const TEKKEN: &str = by_case!("", r"\p{N}");
const GPT4O: &str = by_case!(r"(?:'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE]))?", r"\p{N}{1,3}");
const BAILING: &str = concat!(
    r"'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
);

/// Chinese characters and the Korean and Yi syllables around them, as DeepSeek's first tokenizers have the ranges.
const DEEPSEEK_CJK: &str = r"[\x{4E00}-\x{9FA5}\x{0800}-\x{4E00}\x{AC00}-\x{D7FF}]+";
const DEEPSEEK_CODER: &[&str] = &[r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", DEEPSEEK_CJK, ONE_DIGIT];
const DEEPSEEK_LLM: &[&str] = &[
    r"[\r\n]",
    // Letters that have a case in Unicode 11, but for some scripts that the published list leaves out.
    concat!(
        r"\s?[[\p{Lu}\p{Ll}\p{Lt}]--[\x{0560}-\x{0588}\x{10C7}-\x{10FF}\x{1C80}-\x{1C8F}\x{2D00}-\x{2D2F}\x{A790}-\x{A7FF}",
        r"\x{AB30}-\x{AB6F}\x{10570}-\x{105BF}\x{10D40}-\x{10D8F}\x{16E40}-\x{16EDF}\x{1D400}-\x{1D7CB}\x{1DF00}-\x{1DFFF}]]+"
    ),
    // The second range begins at the colon, and so holds letters too: it is published so.
    r"\s?[!-/:-~\x{FF01}-\x{FF0F}\x{FF1A}-\x{FF5E}\x{2018}-\x{201F}\x{3000}-\x{3002}]+",
    r"\s+$",
    DEEPSEEK_CJK,
    r"\p{N}+",
];
const DEEPSEEK_V3: &[&str] = &[
    r"\p{N}{1,3}",
    r"[\x{4E00}-\x{9FA5}\x{3040}-\x{309F}\x{30A0}-\x{30FF}]+",
    concat!(
        r"[!-/:-@\[-`{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*",
        r"|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
];

const fn way(names: &'static [&'static str], patterns: &'static [&'static str]) -> Splitter {
    Splitter { names, patterns, ignores_merges: false, adds_bos: false }
}

const SPLITTERS: &[Splitter] = &[
    way(
        &[
            "qwen2",
            "deepseek-r1-qwen",
            "stablelm2",
            "hunyuan",
            "megrez",
            "grok-2",
            "solar-open",
            "kormo",
            "f2llmv2",
        ],
        &[QWEN2],
    ),
    way(&["qwen35"], &[QWEN35]),
    Splitter {
        names: &["llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"],
        patterns: &[LLAMA3],
        ignores_merges: true,
        adds_bos: true,
    },
    way(&["dbrx", "smaug-bpe", "glm4", "chatglm-bpe"], &[LLAMA3]),
    way(&["deepseek-coder"], DEEPSEEK_CODER),
    way(&["deepseek-llm"], DEEPSEEK_LLM),
    way(&["deepseek-v3", "hunyuan-dense", "joyai-llm"], DEEPSEEK_V3),
    way(
        &["starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b", "mellum2"],
        &[ONE_DIGIT, GPT2],
    ),
    way(
        &[
            "gpt-2",
            "phi-2",
            "mpt",
            "olmo",
            "jais",
            "mellum",
            "trillion",
            "granite-docling",
            "gigachat",
            "a.x-4.0",
            "exaone4",
        ],
        &[GPT2],
    ),
    Splitter { names: &["tekken"], patterns: &[TEKKEN], ignores_merges: true, adds_bos: true },
    way(&["gpt-4o", "llama4", "kanana2", "minimax-m2"], &[GPT4O]),
    way(&["seed-coder"], &[SEED_CODER]),
    way(&["bailingmoe", "bailingmoe2", "llada-moe"], &[BAILING]),
    way(&["laguna"], &[r"[^\n]+|\n+", QWEN2]),
    way(&["falcon"], &[r"[\p{P}$+<=>^~|`]+", GPT2, "[0-9][0-9][0-9]"]),
    way(&["default"], &[r"[\p{P}$+<=>^~|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"]),
];

/// The way of a file.
pub(super) fn find(metadata: &Metadata) -> Result<&'static Splitter, TokenizerError> {
    // Converters before May 2024 left the entry out, and the tokens would be wrong in most models.
    let pre = metadata
        .str(KEY)
        .ok_or_else(|| entry(KEY, "is missing, so it is not known how text must be split".to_owned()))?;
    let found = SPLITTERS.iter().find(|splitter| splitter.names.contains(&pre));
    found.ok_or_else(|| TokenizerError::Pre { pre: pre.to_owned() })
}

/// Names of all ways that can be converted, for messages and tests.
pub fn known_splitters() -> impl Iterator<Item = &'static str> {
    SPLITTERS.iter().flat_map(|splitter| splitter.names).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_has_two_ways() {
        let mut names: Vec<_> = known_splitters().collect();
        names.sort_unstable();
        let n_names = names.len();
        names.dedup();
        assert_eq!(names.len(), n_names);
    }
}
