//! Fill-in-the-middle templates: how a model family wants the text around the cursor arranged, and how the family is recognised
//! from its tokenizer.
//!
//! Contents: inputs and results for callers, detection and rendering; the families themselves are the table in `families.rs`, in
//! the terms of `layout.rs`. Invariant: special tokens enter a prompt by id only, and every text that comes from a user (paths
//! and repository names included) enters it as text, so that no file can name a special token.
//!
//! Two things are left to the code that tokenises. The begin-of-sequence token is not part of a template
//! ([`crate::ModelInfo::bos`] names it). And each text piece is tokenised alone: a tokenizer that puts a space mark before every
//! text (those of CodeLlama, aiXcoder and the first Codestral) would put one before the suffix too, where these families were
//! trained without, so an engine should take that mark back from text that follows a special token.

mod by_name;
mod edits;
mod families;
mod layout;
mod message;

use crate::{Prompt, TokenId};
pub use by_name::{PromptParts, TextTemplate};
pub use edits::{EditChange, EditFormat, EditParts, WrittenBlock};
use families::FAMILIES;
use layout::{Family, Part, SNIPPET_SEPARATOR};

/// The questions to a tokenizer by which a family is recognised.
pub trait Vocabulary {
    /// Id of an added (special) token, by its exact text.
    fn special_token(&self, text: &str) -> Option<TokenId>;
    /// `model_type` of config.json or genai_config.json, lower case; empty if unknown.
    fn model_type(&self) -> &str;
    /// Name of the model or its folder, lower case; empty if unknown.
    fn model_name(&self) -> &str;
}

/// A piece of another file that is shown to the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    /// Path of the file, relative to the workspace.
    pub path: String,
    /// Its whole path, for the exclusions of the user. No prompt has it.
    pub file: String,
    /// The text.
    pub text: String,
}

/// The parts that a template arranges.
#[derive(Clone, Copy, Debug)]
pub struct FimParts<'a> {
    /// Path of the file, relative to the workspace, with forward slashes; empty if the text has no file yet.
    pub path: &'a str,
    /// Name of the language for people ("Rust"), empty if unknown.
    pub language: &'a str,
    /// Name of the repository or workspace folder, empty if unknown.
    pub repository: &'a str,
    /// Pieces of other files, most stable first.
    pub snippets: &'a [Snippet],
    /// The lines above, each with its line break.
    pub prefix: &'a str,
    /// The current line up to the cursor, and lines right above it that stand together with it: the middle begins with them.
    pub line: &'a str,
    /// The text after the cursor.
    pub suffix: &'a str,
}

/// A recognised family with the ids of its tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FimTemplate {
    family: &'static Family,
    /// Ids of the tokens that the family's layout names; optional ones that the tokenizer lacks are left out.
    tokens: Vec<(&'static str, TokenId)>,
    stop_tokens: Vec<TokenId>,
}

impl FimTemplate {
    /// Recognises the family of a tokenizer: the first family of the table whose tokens are all there and whose
    /// conditions on model type and name hold.
    ///
    /// # Errors
    /// A message that names what was looked for, what this means for completion, and the remedy, when no family fits.
    pub fn detect(vocabulary: &dyn Vocabulary) -> Result<Self, String> {
        FAMILIES
            .iter()
            .filter(|family| family.evidence.holds(vocabulary))
            .find_map(|family| Self::with_family(family, vocabulary))
            .ok_or_else(|| nothing_found(vocabulary))
    }

    /// The template of a family chosen by name (see [`FimTemplate::families`]; letter case does not matter), for a
    /// model that detection takes for another family, or whose other order is wanted ("CodeLlama, suffix first").
    ///
    /// # Errors
    /// A message that names the known families, or the tokens which the tokenizer lacks.
    pub fn for_family(vocabulary: &dyn Vocabulary, name: &str) -> Result<Self, String> {
        let family =
            FAMILIES.iter().find(|family| family.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
                let known = Self::families().collect::<Vec<_>>().join("; ");
                format!("there is no fill-in-the-middle family {name:?}; choose one of: {known}")
            })?;
        Self::with_family(family, vocabulary).ok_or_else(|| {
            let missing: Vec<_> =
                family.required_tokens().filter(|text| id_of(vocabulary, text).is_none()).collect();
            format!(
                "the tokenizer has no {}, which the fill-in-the-middle family {:?} needs; choose the family of the \
                 model, or leave the choice out to have it recognised",
                missing.join(" and no "),
                family.name
            )
        })
    }

    /// Names of all families, in the order in which detection tries them.
    pub fn families() -> impl Iterator<Item = &'static str> {
        FAMILIES.iter().map(|family| family.name)
    }

    fn with_family(family: &'static Family, vocabulary: &dyn Vocabulary) -> Option<Self> {
        if !family.required_tokens().all(|text| id_of(vocabulary, text).is_some()) {
            return None;
        }
        let mut tokens: Vec<(&'static str, TokenId)> = Vec::new();
        family.visit_tokens(&mut |text| {
            if let Some(id) = id_of(vocabulary, text)
                && tokens.iter().all(|(known, _)| *known != text)
            {
                tokens.push((text, id));
            }
        });
        let ends = family.stops.iter().filter_map(|text| id_of(vocabulary, text));
        let mut stop_tokens = Vec::new();
        // A token of the prompt's own frame begins something else, which ends a middle, too.
        for id in ends.chain(tokens.iter().map(|(_, id)| *id)) {
            if !stop_tokens.contains(&id) {
                stop_tokens.push(id);
            }
        }
        Some(Self { family, tokens, stop_tokens })
    }

    /// Name of the family, for people.
    #[must_use]
    pub fn family(&self) -> &'static str {
        self.family.name
    }

    /// By what the family was recognised, for people: the tokens of the vocabulary, and model type or name where several
    /// families share these.
    #[must_use]
    pub fn evidence(&self) -> String {
        let tokens: Vec<&str> = self.family.required_tokens().collect();
        let (types, names) = (self.family.evidence.model_types, self.family.evidence.names);
        let types = types.iter().map(|start| format!("a model type that begins with {start}"));
        let others: Vec<String> =
            types.chain(names.iter().map(|part| format!("{part} in the model's name"))).collect();
        let others =
            if others.is_empty() { others.concat() } else { format!(", and {}", others.join(" or ")) };
        format!("the tokens {}{others}", tokens.join(" "))
    }

    /// The source of the family's layout, for people.
    #[must_use]
    pub fn source(&self) -> &'static str {
        self.family.source
    }

    /// Tokens that end a middle part. All of them occur in the vocabulary; none twice.
    #[must_use]
    pub fn stop_tokens(&self) -> &[TokenId] {
        &self.stop_tokens
    }

    /// Texts that end a middle part, for families that separate files by plain text.
    #[must_use]
    pub fn stop_strings(&self) -> &'static [&'static str] {
        self.family.stop_strings
    }

    /// Whether the line up to the cursor stands alone after the middle token. Then a keystroke changes nothing but the
    /// end of the prompt, as long as the text behind the cursor stays.
    #[must_use]
    pub fn line_anchored(&self) -> bool {
        matches!(self.family.layout.last(), Some(Part::Line))
    }

    /// Whether the typed text is the last piece of the prompt (anchored, or suffix first), so that a token which the
    /// cursor cuts can be healed. If there is no typed text, the last piece is a token.
    #[must_use]
    pub fn ends_at_cursor(&self) -> bool {
        matches!(self.family.layout.last(), Some(Part::Line | Part::PrefixAndLine))
    }

    /// Arranges the parts. Nothing is cut, and [`Prompt::heal`] stays false: both are the caller's.
    #[must_use]
    pub fn render(&self, parts: &FimParts<'_>) -> Prompt {
        let mut prompt = Prompt::default();
        self.push_parts(self.family.layout, parts, &mut prompt);
        prompt
    }

    fn push_parts(&self, layout: &[Part], parts: &FimParts<'_>, prompt: &mut Prompt) {
        for part in layout {
            match *part {
                Part::Token(text) => {
                    if let Some(id) = self.token(text) {
                        prompt.push_token(id);
                    }
                }
                Part::Literal(text) => prompt.push_text(text),
                Part::Path => prompt.push_text(parts.path),
                Part::Language => prompt.push_text(parts.language),
                Part::Repository => prompt.push_text(parts.repository),
                Part::Prefix => prompt.push_text(parts.prefix),
                Part::Line => prompt.push_text(parts.line),
                Part::PrefixAndLine => {
                    prompt.push_text(parts.prefix);
                    prompt.push_text(parts.line);
                }
                Part::Suffix => prompt.push_text(parts.suffix),
                Part::Snippets(form) => {
                    for snippet in parts.snippets {
                        self.push_snippet(form, snippet, prompt);
                    }
                }
                Part::PlainSnippets => {
                    for snippet in parts.snippets {
                        prompt.push_text(&snippet.text);
                        prompt.push_text(SNIPPET_SEPARATOR);
                    }
                }
                Part::IfPath(group) if !parts.path.is_empty() => self.push_group(group, parts, prompt),
                Part::IfSnippets(group) if !parts.snippets.is_empty() => {
                    self.push_group(group, parts, prompt)
                }
                Part::IfPathOrSnippets(group) if !parts.path.is_empty() || !parts.snippets.is_empty() => {
                    self.push_group(group, parts, prompt);
                }
                Part::IfRepository(group) if !parts.repository.is_empty() => {
                    self.push_group(group, parts, prompt)
                }
                Part::IfPath(_) | Part::IfSnippets(_) | Part::IfPathOrSnippets(_) | Part::IfRepository(_) => {
                }
            }
        }
    }

    /// A group is written whole or not at all: half a header would teach the model that its frame is text.
    fn push_group(&self, group: &[Part], parts: &FimParts<'_>, prompt: &mut Prompt) {
        let complete = group.iter().all(|part| match part {
            Part::Token(text) => self.token(text).is_some(),
            _ => true,
        });
        if complete {
            self.push_parts(group, parts, prompt);
        }
    }

    /// One snippet in the family's form: there, the path and the text are the snippet's.
    fn push_snippet(&self, form: &[Part], snippet: &Snippet, prompt: &mut Prompt) {
        let parts = FimParts {
            path: &snippet.path,
            language: "",
            repository: "",
            snippets: &[],
            prefix: &snippet.text,
            // The next file's frame starts on a line of its own, whether or not this text ends its last one.
            line: if snippet.text.is_empty() || snippet.text.ends_with('\n') { "" } else { "\n" },
            suffix: "",
        };
        self.push_parts(form, &parts, prompt);
    }

    fn token(&self, text: &str) -> Option<TokenId> {
        self.tokens.iter().find(|(known, _)| *known == text).map(|(_, id)| *id)
    }
}

/// Texts of the special tokens of all families, without the mark of a space that some are written with.
pub(crate) fn token_texts() -> Vec<&'static str> {
    let mut texts = Vec::new();
    for family in FAMILIES {
        texts.extend(family.required_tokens().chain(family.stops.iter().copied()));
        family.visit_tokens(&mut |text| texts.push(text));
    }
    texts.into_iter().map(|text| text.trim_start_matches('▁')).collect()
}

/// Id of a special token. Tokenizers made from sentencepiece models write some tokens with a leading `▁` or without
/// it, depending on the converter; the table has it.
fn id_of(vocabulary: &dyn Vocabulary, text: &str) -> Option<TokenId> {
    let bare = text.strip_prefix('▁');
    vocabulary.special_token(text).or_else(|| bare.and_then(|bare| vocabulary.special_token(bare)))
}

/// The message for a tokenizer of no known family.
fn nothing_found(vocabulary: &dyn Vocabulary) -> String {
    let mut looked_for: Vec<String> = Vec::new();
    let mut half_found: Vec<String> = Vec::new();
    for family in FAMILIES {
        let markers = family.markers.join(" ");
        if looked_for.contains(&markers) {
            continue;
        }
        let (found, missing): (Vec<&str>, Vec<&str>) =
            family.required_tokens().partition(|text| id_of(vocabulary, text).is_some());
        if found.iter().any(|text| family.markers.contains(text)) {
            half_found.push(format!("{} without {}", found.join(" "), missing.join(" ")));
        }
        looked_for.push(markers);
    }
    let half_found = match half_found.as_slice() {
        [] => String::new(),
        found => format!(" (it has only {})", found.join(", ")),
    };
    format!(
        "the tokenizer has no known set of fill-in-the-middle tokens{half_found}; looked for {}. Completion falls back \
         to plain left-to-right, which does not see the text after the cursor. Use a model with fill-in-the-middle \
         tokens, such as the bundled one or a base model of Qwen2.5-Coder",
        looked_for.join(", or ")
    )
}
