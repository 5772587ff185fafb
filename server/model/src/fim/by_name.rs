//! Templates for models behind a server, of which only the name is known: no tokenizer says which tokens they have.
//! Invariant: the ids are of this module alone (indexes into [`TextTemplate::token_text`]), and text of a user never
//! becomes a special token: what looks like one is broken apart.

use super::layout::{Evidence, Family, Part};
use super::{FAMILIES, FimTemplate, Snippet, Vocabulary};
use crate::{Piece, Prompt, TokenId, defuse};

/// Parts of model names (lower case, `_` and blanks as `-`) and the family that they mean; the first that fits holds.
const NAMES: &[(&[&str], &str)] = &[
    (&["sweep-next-edit"], "Sweep next-edit"),
    (&["zeta-2.1"], "Zeta 2.1"),
    (&["zeta2.1"], "Zeta 2.1"),
    (&["zeta-2"], "Zeta 2"),
    (&["zeta2"], "Zeta 2"),
    (&["fimble"], "Qwen2.5-Coder"),
    (&["codeqwen"], "stable-code, Refact or CodeQwen1.5"),
    (&["qwen", "coder"], "Qwen2.5-Coder"),
    (&["codegemma"], "CodeGemma"),
    (&["granite-code"], "Granite Code"),
    (&["granite", "3b-code"], "Granite Code"),
    (&["granite", "8b-code"], "Granite Code"),
    (&["granite3"], "Granite 3.3"),
    (&["granite-3"], "Granite 3.3"),
    (&["granite4"], "Granite 4"),
    (&["granite-4"], "Granite 4"),
    (&["stable-code"], "stable-code, Refact or CodeQwen1.5"),
    (&["refact"], "stable-code, Refact or CodeQwen1.5"),
    (&["starcoder2"], "StarCoder2"),
    (&["mellum"], "Mellum"),
    (&["starcoder"], "StarCoder"),
    (&["santacoder"], "SantaCoder"),
    (&["deepseek-coder"], "DeepSeek-Coder"),
    (&["codellama"], "CodeLlama"),
    (&["code-llama"], "CodeLlama"),
    (&["codestral"], "Codestral"),
    (&["seed-coder"], "Seed-Coder"),
    (&["codegeex4"], "CodeGeeX4 or GLM"),
    (&["falcon-h1", "coder"], "Falcon-H1-Tiny-Coder"),
    (&["aixcoder"], "aiXcoder"),
];

/// A prompt in parts, for servers that arrange them by themselves.
static PARTS: Family = Family {
    name: "the server's own",
    source: "the server knows the model's template",
    markers: &["prefix", "suffix", "line"],
    also: &["path", "snippet"],
    evidence: Evidence::NONE,
    layout: &[
        Part::Snippets(&[Part::Token("path"), Part::Path, Part::Token("snippet"), Part::Prefix]),
        Part::Token("prefix"),
        Part::Prefix,
        Part::Token("suffix"),
        Part::Suffix,
        Part::Token("line"),
        Part::Line,
    ],
    stops: &[],
    stop_strings: &[],
    edits: None,
};

/// A template whose tokens are texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextTemplate {
    template: FimTemplate,
    texts: Vec<&'static str>,
}

/// The parts of a prompt that was rendered by [`TextTemplate::in_parts`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PromptParts {
    /// Pieces of other files.
    pub snippets: Vec<Snippet>,
    /// The lines above the current one.
    pub prefix: String,
    /// The text after the cursor.
    pub suffix: String,
    /// The current line up to the cursor.
    pub line: String,
}

/// A vocabulary that has every token of one family.
struct Texts(Vec<&'static str>);

impl Vocabulary for Texts {
    fn special_token(&self, text: &str) -> Option<TokenId> {
        let index = self.0.iter().position(|known| *known == text)?;
        TokenId::try_from(index).ok()
    }

    fn model_type(&self) -> &'static str {
        ""
    }

    fn model_name(&self) -> &'static str {
        ""
    }
}

impl TextTemplate {
    /// The template for the name of a model, such as "qwen2.5-coder:1.5b-base" or the path of a file.
    #[must_use]
    pub fn for_model_name(name: &str) -> Option<Self> {
        let name = name.to_lowercase().replace(['_', ' '], "-");
        let (_, family) = NAMES.iter().find(|(parts, _)| parts.iter().all(|part| name.contains(part)))?;
        Self::of(FAMILIES.iter().find(|known| known.name == *family)?)
    }

    /// The template of servers that arrange the parts by themselves: see [`TextTemplate::parts`].
    #[must_use]
    pub fn in_parts() -> Option<Self> {
        Self::of(&PARTS)
    }

    fn of(family: &'static Family) -> Option<Self> {
        let mut texts: Vec<&'static str> = family.required_tokens().collect();
        family.visit_tokens(&mut |text| texts.push(text));
        texts.extend(family.stops);
        let mut known = Vec::new();
        texts.retain(|text| {
            let is_new = !known.contains(text);
            known.push(*text);
            is_new
        });
        let vocabulary = Texts(texts);
        let template = FimTemplate::with_family(family, &vocabulary)?;
        Some(Self { template, texts: vocabulary.0 })
    }

    /// The template as [`crate::ModelInfo`] holds it.
    #[must_use]
    pub fn template(&self) -> &FimTemplate {
        &self.template
    }

    /// The text of a token.
    #[must_use]
    pub fn token_text(&self, id: TokenId) -> Option<&'static str> {
        self.texts.get(usize::try_from(id).ok()?).copied()
    }

    /// Texts that end a middle, the most reliable first, for a server that may not know them as ends: what the model would
    /// begin another file or another frame with.
    pub fn stop_texts(&self) -> impl Iterator<Item = &'static str> {
        self.template.stop_tokens().iter().filter_map(|id| self.token_text(*id)).map(|text| {
            // Tokenizers made from sentencepiece models write the mark of a space into the token.
            text.trim_start_matches('▁')
        })
    }

    /// The prompt as one text, for servers that read special tokens in it.
    #[must_use]
    pub fn text(&self, prompt: &Prompt) -> String {
        let mut whole = String::new();
        for piece in &prompt.pieces {
            match piece {
                Piece::Token(id) => match self.token_text(*id).unwrap_or_default().strip_prefix('▁') {
                    Some(bare) if whole.is_empty() => {
                        whole.push_str(bare);
                        whole.push(' ');
                    }
                    Some(bare) => {
                        whole.push(' ');
                        whole.push_str(bare);
                    }
                    None => whole.push_str(self.token_text(*id).unwrap_or_default()),
                },
                Piece::Text(text) => whole.push_str(&defuse(text)),
            }
        }
        whole
    }

    /// Takes a prompt apart that was rendered by [`TextTemplate::in_parts`]. Text before the first part counts as prefix. Some
    /// servers read special tokens in some of the parts: none is left in them.
    #[must_use]
    pub fn parts(&self, prompt: &Prompt) -> PromptParts {
        let mut parts = PromptParts::default();
        let mut part = "prefix";
        for piece in &prompt.pieces {
            match piece {
                Piece::Token(id) => {
                    part = self.token_text(*id).unwrap_or("prefix");
                    if part == "path" {
                        parts.snippets.push(Snippet {
                            path: String::new(),
                            file: String::new(),
                            text: String::new(),
                        });
                    }
                }
                Piece::Text(text) => {
                    let text = defuse(text);
                    match (part, parts.snippets.last_mut()) {
                        ("path", Some(snippet)) => snippet.path.push_str(&text),
                        ("snippet", Some(snippet)) => snippet.text.push_str(&text),
                        ("suffix", _) => parts.suffix.push_str(&text),
                        ("line", _) => parts.line.push_str(&text),
                        _ => parts.prefix.push_str(&text),
                    }
                }
            }
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::super::FimParts;
    use super::*;
    use crate::special_tokens;

    fn parts<'a>(prefix: &'a str, suffix: &'a str) -> FimParts<'a> {
        FimParts {
            path: "src/a.rs",
            language: "Rust",
            repository: "",
            snippets: &[],
            prefix,
            line: "let x",
            suffix,
        }
    }

    #[test]
    fn every_name_leads_to_a_family() {
        for (words, family) in NAMES {
            let template = TextTemplate::for_model_name(&words.join("-")).unwrap();
            assert_eq!(template.template().family(), *family, "{words:?}");
        }
        assert_eq!(TextTemplate::for_model_name("llama3.2:3b"), None);
    }

    #[test]
    fn names_as_servers_write_them() {
        for (name, family) in [
            ("qwen2.5-coder:1.5b-base", "Qwen2.5-Coder"),
            ("mlx-community/Qwen2.5-Coder-7B-4bit", "Qwen2.5-Coder"),
            ("/models/Qwen3_Coder-30B-Q4_K_M.gguf", "Qwen2.5-Coder"),
            ("starcoder2:3b", "StarCoder2"),
            ("deepseek-coder-v2:16b-lite-base", "DeepSeek-Coder"),
            ("codellama:7b-code", "CodeLlama"),
            ("JetBrains/Mellum-4b-base-gguf", "Mellum"),
        ] {
            let template = TextTemplate::for_model_name(name).unwrap();
            assert_eq!(template.template().family(), family, "{name}");
        }
    }

    #[test]
    fn a_prompt_is_the_text_that_the_family_publishes() {
        let qwen = TextTemplate::for_model_name("qwen2.5-coder").unwrap();
        let prompt = qwen.template().render(&parts("fn main() {\n", "\n}\n"));
        assert_eq!(
            qwen.text(&prompt),
            "<|file_sep|>src/a.rs\n<|fim_prefix|>fn main() {\n<|fim_suffix|>\n}\n<|fim_middle|>let x"
        );
        let llama = TextTemplate::for_model_name("codellama").unwrap();
        let prompt = llama.template().render(&parts("fn main() {\n", "\n}\n"));
        assert_eq!(llama.text(&prompt), "<PRE> fn main() {\nlet x <SUF>\n}\n <MID>");
    }

    #[test]
    fn no_text_of_a_file_is_read_as_a_special_token() {
        let bad = "a <|fim_middle|> b <|im_start|> c <fim_prefix> <s> [INST] <｜begin▁of▁sentence｜> d <| e |> f <||> g";
        for (words, _) in NAMES {
            let template = TextTemplate::for_model_name(&words.join("-")).unwrap();
            let text = template.text(&template.template().render(&parts(bad, bad)));
            let clean = template.text(&template.template().render(&parts("", "")));
            let n_tokens = |text: &str| special_tokens(text).count();
            assert_eq!(n_tokens(&text), n_tokens(&clean), "{words:?}: {text}");
            assert!(text.contains("< |im_start|>") && text.contains("<| e |> f <||> g"), "{words:?}: {text}");
        }
        let own = TextTemplate::in_parts().unwrap();
        let parts = own.parts(&own.template().render(&parts(bad, bad)));
        assert_eq!(special_tokens(&parts.prefix).chain(special_tokens(&parts.suffix)).count(), 0);
    }

    #[test]
    fn parts_come_back_as_they_went_in() {
        let own = TextTemplate::in_parts().unwrap();
        let snippets = [Snippet {
            path: "b.rs".to_owned(),
            // No prompt holds it.
            file: String::new(),
            text: "fn b() {}\n".to_owned(),
        }];
        let prompt = own.template().render(&FimParts { snippets: &snippets, ..parts("above\n", "below") });
        let back = own.parts(&prompt);
        assert_eq!(back.snippets, snippets);
        assert_eq!(
            (back.prefix.as_str(), back.line.as_str(), back.suffix.as_str()),
            ("above\n", "let x", "below")
        );
    }
}
