//! Tokenizers to detect: for each family the special tokens that its tokenizer lists, as far as they matter here.

use fimble_model::fim::Vocabulary;
use fimble_model::{Piece, Prompt, TokenId};

/// A tokenizer that has exactly these special tokens, with ids from 100 in the given order.
pub struct FakeVocabulary {
    pub tokens: Vec<&'static str>,
    pub model_type: &'static str,
    pub model_name: &'static str,
}

impl FakeVocabulary {
    pub fn new(tokens: &'static str, model_type: &'static str, model_name: &'static str) -> Self {
        Self { tokens: tokens.split_whitespace().collect(), model_type, model_name }
    }

    pub fn text_of(&self, id: TokenId) -> &'static str {
        self.tokens[id as usize - 100]
    }

    pub fn show(&self, prompt: &Prompt) -> String {
        let show_piece = |piece: &Piece| match piece {
            Piece::Token(id) => format!("⟦{}⟧", self.text_of(*id)),
            Piece::Text(text) => text.clone(),
        };
        prompt.pieces.iter().map(show_piece).collect()
    }
}

impl Vocabulary for FakeVocabulary {
    fn special_token(&self, text: &str) -> Option<TokenId> {
        self.tokens.iter().position(|token| *token == text).map(|index| index as TokenId + 100)
    }
    fn model_type(&self) -> &str {
        self.model_type
    }
    fn model_name(&self) -> &str {
        self.model_name
    }
}

pub const QWEN: &str = "<|endoftext|> <|im_start|> <|im_end|> <|fim_prefix|> <|fim_middle|> <|fim_suffix|> <|fim_pad|> \
                    <|repo_name|> <|file_sep|>";
pub const BUNDLED: &str =
    "<|endoftext|> <|fim_prefix|> <|fim_suffix|> <|fim_middle|> <|fim_pad|> <|repo_name|> <|file_sep|>";
pub const CODEGEMMA: &str =
    "<pad> <eos> <bos> <|fim_prefix|> <|fim_middle|> <|fim_suffix|> <|file_separator|>";
pub const GRANITE_4: &str =
    "<|end_of_text|> <|fim_prefix|> <|fim_middle|> <|fim_suffix|> <|fim_pad|> <|filename|> <|reponame|>";
pub const STARCODER: &str =
    "<|endoftext|> <fim_prefix> <fim_middle> <fim_suffix> <fim_pad> <filename> <gh_stars> <reponame>";
pub const STARCODER_2: &str =
    "<|endoftext|> <fim_prefix> <fim_middle> <fim_suffix> <fim_pad> <repo_name> <file_sep>";
pub const GRANITE_3: &str =
    "<|end_of_text|> <fim_prefix> <fim_middle> <fim_suffix> <fim_pad> <filename> <gh_stars> <reponame>";
pub const SANTACODER: &str = "<|endoftext|> <fim-prefix> <fim-middle> <fim-suffix> <fim-pad>";
pub const DEEPSEEK: &str =
    "<｜begin▁of▁sentence｜> <｜end▁of▁sentence｜> <｜fim▁hole｜> <｜fim▁begin｜> <｜fim▁end｜> <|EOT|>";
pub const CODELLAMA: &str = "<s> </s> ▁<PRE> ▁<MID> ▁<SUF> ▁<EOT>";
pub const CODELLAMA_BARE: &str = "<s> </s> <PRE> <MID> <SUF> <EOT>";
pub const CODESTRAL: &str = "<s> </s> [INST] [PREFIX] [MIDDLE] [SUFFIX]";
pub const SEED_CODER: &str =
    "<[begin▁of▁sentence]> <[end▁of▁sentence]> <[fim-prefix]> <[fim-suffix]> <[fim-middle]>";
pub const CODEGEEX: &str = "<|endoftext|> <|system|> <|user|> <|assistant|> <|observation|> <|code_prefix|> <|code_middle|> \
                        <|code_suffix|>";
pub const FALCON: &str = "<|end_of_text|> <|prefix|> <|suffix|> <|middle|>";
pub const AIXCODER: &str = "<s> </s> ▁<AIX-SPAN-PRE> ▁<AIX-SPAN-POST> ▁<AIX-SPAN-MIDDLE>";
