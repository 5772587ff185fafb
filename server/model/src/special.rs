//! Special tokens in the text of a user, for servers that read them anywhere in a text. Invariant: one list serves every family
//! of models, since a name says little about the model behind it; after [`defuse`] no token of the list is in the text.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;

use crate::fim;

/// Tokens beyond those of fill-in-the-middle templates: what begins and ends texts, turns, thoughts, calls of tools and parts of
/// training documents. Tokens between bars (`<|name|>`, `<｜name｜>`) need no entry.
const LISTED: &[&str] = &[
    // Beginnings and ends of texts.
    "<s>",
    "</s>",
    "<bos>",
    "<eos>",
    "<pad>",
    "<unk>",
    "<mask>",
    "<EOT>",
    "<EOD>",
    "<BOS_TOKEN>",
    "<EOS_TOKEN>",
    "<PAD>",
    "<[begin▁of▁sentence]>",
    "<[end▁of▁sentence]>",
    "<[PAD▁TOKEN]>",
    // Turns.
    "[INST]",
    "[/INST]",
    "[SYSTEM_PROMPT]",
    "[/SYSTEM_PROMPT]",
    "<<SYS>>",
    "<</SYS>>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<turn|>",
    "<|turn>",
    "<|channel>",
    "<channel|>",
    "<start_of_image>",
    "<end_of_image>",
    "<image_soft_token>",
    "[BOS]",
    "[EOS]",
    "[gMASK]",
    "[MASK]",
    "[sMASK]",
    "<sop>",
    "<eop>",
    "<start_of_role>",
    "<end_of_role>",
    "<s_assistant>",
    "<unused0>",
    // Thoughts and calls.
    "<think>",
    "</think>",
    "<seed:think>",
    "</seed:think>",
    "<seed:bos>",
    "<seed:eos>",
    "<seed:tool_call>",
    "</seed:tool_call>",
    "[THINK]",
    "[/THINK]",
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
    "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]",
    "[TOOL_CALLS]",
    "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]",
    "[TOOL_CONTENT]",
    "[CALL_ID]",
    "[ARGS]",
    "[IMG]",
    "[IMG_BREAK]",
    "[IMG_END]",
    // Parts of training documents.
    "[PREFIX]",
    "[SUFFIX]",
    "[MIDDLE]",
    "<fim_pad>",
    "<gh_stars>",
    "<issue_start>",
    "<issue_comment>",
    "<issue_closed>",
    "<jupyter_start>",
    "<jupyter_text>",
    "<jupyter_code>",
    "<jupyter_output>",
    "<jupyter_script>",
    "<empty_output>",
    "<commit_before>",
    "<commit_msg>",
    "<commit_after>",
    "<pr>",
    "<pr_status>",
    "<code_to_intermediate>",
    "<intermediate_to_code>",
];

/// The bars around the names of tokens.
const BARS: [(&str, &str); 2] = [("<|", "|>"), ("<｜", "｜>")];

/// All tokens that are known by their whole text.
fn known() -> &'static [&'static str] {
    static KNOWN: OnceLock<Vec<&'static str>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let mut known: Vec<_> = LISTED.iter().copied().chain(fim::token_texts()).collect();
        known.sort_unstable();
        known.dedup();
        known
    })
}

/// The places of special tokens in a text, in order.
pub fn special_tokens(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.match_indices(['<', '[']).filter_map(|(start, _)| Some(start..start + token_at(&text[start..])?))
}

/// Length of the special token that a text begins with.
fn token_at(text: &str) -> Option<usize> {
    let between_bars = BARS.iter().find_map(|(before, behind)| {
        let inside = text.strip_prefix(before)?;
        let end = inside.find(|character| !is_name(character))?;
        (end > 0 && inside[end..].starts_with(behind)).then(|| before.len() + end + behind.len())
    });
    between_bars.or_else(|| known().iter().find(|token| text.starts_with(**token)).map(|token| token.len()))
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '▁')
}

/// Breaks special tokens apart: with a space behind its first character none is one.
#[must_use]
pub fn defuse(text: &str) -> Cow<'_, str> {
    let mut safe = String::new();
    let mut at = 0;
    for token in special_tokens(text) {
        safe.push_str(&text[at..=token.start]);
        safe.push(' ');
        at = token.start + 1;
    }
    if at == 0 {
        return Cow::Borrowed(text);
    }
    safe.push_str(&text[at..]);
    Cow::Owned(safe)
}

/// Puts together in an answer what [`defuse`] broke apart in the question, so that code comes back as it was.
#[derive(Debug, Default)]
pub struct Restorer {
    /// Broken and whole forms.
    forms: Vec<(String, String)>,
    /// The end of what came, as far as it may be the beginning of a broken form.
    held_back: String,
}

impl Restorer {
    /// For the answer to these texts.
    pub fn new<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let mut forms = Vec::new();
        for text in texts {
            for token in special_tokens(text) {
                let whole = &text[token];
                let form = (format!("{} {}", &whole[..1], &whole[1..]), whole.to_owned());
                if !forms.contains(&form) {
                    forms.push(form);
                }
            }
        }
        Self { forms, held_back: String::new() }
    }

    /// A whole text, put together.
    #[must_use]
    pub fn restored(&self, text: &str) -> String {
        self.forms.iter().fold(text.to_owned(), |text, (broken, whole)| text.replace(broken, whole))
    }

    /// Adds the next piece of a text. Returns the part that no further piece can change.
    pub fn push(&mut self, piece: &str) -> String {
        self.held_back.push_str(piece);
        let text = self.restored(&self.held_back);
        let may_go_on = |end: &str| self.forms.iter().any(|(broken, _)| broken.starts_with(end));
        let held = text.char_indices().map(|(at, _)| at).find(|at| may_go_on(&text[*at..]));
        let (ready, held) = text.split_at(held.unwrap_or(text.len()));
        let ready = ready.to_owned();
        self.held_back = held.to_owned();
        ready
    }

    /// The rest, once no more comes.
    pub fn finish(&mut self) -> String {
        std::mem::take(&mut self.held_back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_every_family_are_broken_apart() {
        let texts = [
            "<s>",
            "</s>",
            "<｜begin▁of▁sentence｜>",
            "<｜fim▁hole｜>",
            "[INST]",
            "<start_of_turn>",
            "<bos>",
            "<|im_start|>",
            "<|reserved_special_token_7|>",
            "<fim_prefix>",
            "<fim-middle>",
            "<PRE>",
            "<[fim-suffix]>",
            "<AIX-SPAN-PRE>",
            "[/TOOL_RESULTS]",
        ];
        for token in texts.into_iter().chain(known().iter().copied()) {
            let text = format!("a = \"{token}\" # {token}{token}");
            let safe = defuse(&text);
            assert!(!safe.contains(token), "{token}: {safe}");
            assert_eq!(special_tokens(&safe).count(), 0, "{token}: {safe}");
            let restorer = Restorer::new([text.as_str()]);
            assert_eq!(restorer.restored(&safe), text);
        }
    }

    #[test]
    fn code_stays_as_it_is() {
        for text in [
            "a <| e |> f <||> g",
            "let all: Vec<[u8]> = a[INST];",
            "if a < s> b { x[i] }",
            "x <- y |> z",
            "<script></script>",
            "Option<T>",
        ] {
            let expected = text.replace("[INST]", "[ INST]");
            assert_eq!(defuse(text), expected);
        }
    }

    #[test]
    fn every_known_token_begins_where_it_is_looked_for() {
        assert!(known().iter().all(|token| token.starts_with(['<', '['])), "{:?}", known());
    }

    #[test]
    fn an_answer_comes_back_whole_however_it_is_cut() {
        let question = "<s>old</s> <|im_end|> [INST]";
        let answer = "`< s>new< /s>` < s < |im_end|> < ";
        let expected = "`<s>new</s>` < s <|im_end|> < ";
        for n_chars in 1..8 {
            let mut restorer = Restorer::new([question]);
            let characters: Vec<char> = answer.chars().collect();
            let mut told: String = characters
                .chunks(n_chars)
                .map(|piece| restorer.push(&piece.iter().collect::<String>()))
                .collect();
            told.push_str(&restorer.finish());
            assert_eq!(told, expected, "{n_chars}");
            assert_eq!(restorer.restored(answer), expected);
        }
        assert_eq!(Restorer::new(["plain"]).push("< s>"), "< s>");
    }
}
