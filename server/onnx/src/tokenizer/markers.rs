//! Texts of tokens that frame prompts or end answers, for files that do not mark them. Invariant: each text that a family of
//! fill-in-the-middle models is recognised by is listed; the engine's tests compare the lists.

/// Texts that frame prompts, in any family. Sources: the table of families in `fimble-model`; llama.cpp's search for
/// fill-in-the-middle tokens.
const FRAMES: &[&str] = &[
    // Qwen, CodeGemma, Granite 4.
    "<|fim_prefix|>",
    "<|fim_suffix|>",
    "<|fim_middle|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
    "<|file_separator|>",
    "<|filename|>",
    "<|reponame|>",
    // StarCoder, Granite Code and 3.3, Mellum, StarCoder2, Refact, stable-code.
    "<fim_prefix>",
    "<fim_suffix>",
    "<fim_middle>",
    "<fim_pad>",
    "<repo_name>",
    "<file_sep>",
    "<filename>",
    "<reponame>",
    "<gh_stars>",
    // SantaCoder.
    "<fim-prefix>",
    "<fim-suffix>",
    "<fim-middle>",
    "<fim-pad>",
    // DeepSeek-Coder.
    "<｜fim▁begin｜>",
    "<｜fim▁hole｜>",
    "<｜fim▁end｜>",
    "<|EOT|>",
    // CodeLlama.
    "▁<PRE>",
    "▁<SUF>",
    "▁<MID>",
    "▁<EOT>",
    "<PRE>",
    "<SUF>",
    "<MID>",
    // Codestral.
    "[PREFIX]",
    "[SUFFIX]",
    "[MIDDLE]",
    // Seed-Coder.
    "<[fim-prefix]>",
    "<[fim-suffix]>",
    "<[fim-middle]>",
    "<[end▁of▁sentence]>",
    // CodeGeeX4 and GLM.
    "<|code_prefix|>",
    "<|code_suffix|>",
    "<|code_middle|>",
    "<|user|>",
    "<|assistant|>",
    "<|observation|>",
    // Falcon-H1-Tiny-Coder.
    "<|prefix|>",
    "<|suffix|>",
    "<|middle|>",
    // aiXcoder.
    "▁<AIX-SPAN-PRE>",
    "▁<AIX-SPAN-POST>",
    "▁<AIX-SPAN-MIDDLE>",
    // Models that write edits: Sweep, Zeta.
    "<|cursor|>",
    "<|user_cursor|>",
    // Turns of a chat.
    "<|im_start|>",
    "<start_of_turn>",
    "<|start_header_id|>",
    "<|end_header_id|>",
];

/// Texts that end an answer. Source: the tokens that llama.cpp counts as ends of a generation.
const ENDS: &[&str] = &[
    "<|eot_id|>",
    "<|eom_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|calls|>",
    "<|flush|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<EOT>",
    "_<EOT>",
    "▁<EOT>",
    "<|EOT|>",
    "[EOT]",
    "[EOS]",
    "<eos>",
    "</s>",
    "<turn|>",
    "<｜end▁of▁sentence｜>",
    "<[end▁of▁sentence]>",
    "[e~[",
];

/// Of the ends, those that are also pieces of ordinary text: HTML has such an element, and vocabularies hold its tags.
const ALSO_TEXT: &[&str] = &["</s>"];

/// Texts that pad or open another file: an answer that reaches one is over. Source: as for [`ENDS`].
const FILE_ENDS: &[&str] = &[
    "<|fim_pad|>",
    "<fim-pad>",
    "<fim_pad>",
    "<PAD>",
    "[PAD]",
    "<|fim_repo|>",
    "<|repo_name|>",
    "<fim-repo>",
    "<REPO>",
    "<reponame>",
    "<|file_sep|>",
];

/// Elements of HTML whose tags are tokens of Gemma's vocabularies. They are text, although they are in brackets.
const HTML_ELEMENTS: &[&str] = &[
    "table",
    "caption",
    "thead",
    "tbody",
    "tfoot",
    "tr",
    "th",
    "td",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "blockquote",
    "strong",
    "em",
    "b",
    "i",
    "u",
    "s",
    "sub",
    "sup",
    "code",
    "a",
    "p",
    "br",
    "hr",
    "li",
    "ol",
    "ul",
    "div",
    "span",
    "pre",
];

/// Whether a token with this text frames a prompt or ends an answer, whatever its file says about it.
#[must_use]
pub fn is_marker_text(text: &str) -> bool {
    // Zeta's regions are numbered.
    let is_region = text.starts_with("<|marker_") && text.ends_with("|>");
    is_region || FRAMES.contains(&text) || (ENDS.contains(&text) && !ALSO_TEXT.contains(&text))
}

/// Texts for which [`is_marker_text`] holds.
pub fn marker_texts() -> impl Iterator<Item = &'static str> {
    FRAMES.iter().chain(ENDS).copied().filter(|text| is_marker_text(text))
}

/// Whether a token with this text ends an answer.
pub(super) fn is_end_text(text: &str) -> bool {
    ENDS.contains(&text) || FILE_ENDS.contains(&text)
}

/// Whether an added token is a marker and not a piece of text: it is in brackets and is no tag of HTML.
pub(super) fn looks_like_marker(text: &str) -> bool {
    let bracketed = |open: char, close: char| text.starts_with(open) && text.ends_with(close);
    let has_letters = text.chars().any(char::is_alphanumeric);
    has_letters && (bracketed('<', '>') || bracketed('[', ']')) && !is_html_tag(text)
}

/// Whether a text is the tag of an HTML element.
pub(super) fn is_html_tag(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')) else { return false };
    HTML_ELEMENTS.contains(&inner.strip_prefix('/').unwrap_or(inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_told_from_text() {
        for text in ["<tool_call>", "</think>", "<|x|>", "[INST]", "<｜fim▁hole｜>", "<unused5>"] {
            assert!(looks_like_marker(text), "{text}");
        }
        for text in ["  ", "<td>", "</h1>", "<>", "[]", "a", "<a", "\n\n"] {
            assert!(!looks_like_marker(text), "{text}");
        }
        assert!(is_marker_text("[SUFFIX]") && !is_marker_text("</s>") && !is_marker_text("<s>"));
        assert!(is_end_text("</s>") && is_end_text("<|file_sep|>") && !is_end_text("<|fim_prefix|>"));
    }
}
