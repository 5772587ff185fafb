//! Whether a new block is about to be written at the cursor. Invariant: the answer does not need a tree without errors, for right
//! after `{` there hardly ever is one: it is read from the lines around the cursor, and the tree is only used to recognise
//! comments and strings.

use fimble_document::Text;
use fimble_grammars::{BlockStyle, Language};

use crate::Region;
use crate::layer::Layer;
use crate::walk::{
    QueryTime, indentation, line_after, line_before, next_non_blank, path_to, previous_non_blank,
};

/// The number of comments that are skipped between a header and the cursor.
const MAX_COMMENTS: usize = 16;

impl Layer {
    /// Whether the cursor stands where a body is to be written: behind an opening bracket or a header, on a blank line of
    /// an empty body. Several lines make sense there. Comments and a docstring do not fill a body.
    pub(crate) fn block_is_open_and_empty(&self, text: &Text, offset: usize) -> bool {
        let offset = text.floor_char_boundary(offset);
        if self.region(text, offset) != Region::Code || !self.only_closers_follow(&line_after(text, offset)) {
            return false;
        }
        let Some(opener_end) = self.previous_code_end(text, offset) else { return false };
        let header_line = text.line_of(opener_end.saturating_sub(1));
        let on_header_line = header_line == text.line_of(offset);
        let opens = if on_header_line {
            self.opens_on_its_own_line(text, opener_end)
        } else {
            self.opens_below(text, opener_end)
        };
        opens && self.nothing_follows(text, offset, header_line, opener_end)
    }

    /// Whether the rest of the cursor's line leaves room for a body.
    fn only_closers_follow(&self, rest: &str) -> bool {
        let rest = rest.trim();
        let only_brackets = rest.chars().all(|c| matches!(c, '}' | ')' | ']' | ';' | ','));
        only_brackets
            || self.language().block_closers().iter().any(|closer| rest.starts_with(closer.as_str()))
    }

    /// End of the last code before the cursor: not of blanks, comments, or the docstring of a body.
    fn previous_code_end(&self, text: &Text, offset: usize) -> Option<usize> {
        let mut end = previous_non_blank(text, offset)?;
        let time = &QueryTime::start();
        for _ in 0..MAX_COMMENTS {
            let Some((region, kind)) = self.innermost_region(text, end - 1, time) else { break };
            let begins_line = line_before(text, region.start).trim().is_empty();
            let is_docstring = kind == Region::String
                && self.language().block_style() == BlockStyle::Indentation
                && begins_line
                && text.line_of(region.start) < text.line_of(offset);
            if kind != Region::Comment && !is_docstring {
                break;
            }
            end = previous_non_blank(text, region.start)?;
        }
        Some(end)
    }

    fn opens_on_its_own_line(&self, text: &Text, opener_end: usize) -> bool {
        let language = self.language();
        let header = line_before(text, opener_end);
        match language.block_style() {
            BlockStyle::Braces => ends_with_opener(language, &header),
            // `key:` may be followed by a value on its own line, `def f():` hardly does.
            BlockStyle::Indentation => {
                !language.block_keywords().is_empty() && self.opens_below(text, opener_end)
            }
            BlockStyle::Keywords => ends_with_opener(language, &header),
            BlockStyle::Tags => self.ends_start_tag(opener_end),
            BlockStyle::Headings => false,
        }
    }

    fn opens_below(&self, text: &Text, opener_end: usize) -> bool {
        let language = self.language();
        let header = line_before(text, opener_end);
        match language.block_style() {
            BlockStyle::Tags => self.ends_start_tag(opener_end),
            BlockStyle::Indentation => {
                opens_block(language, &header)
                    // The last line of a header of several lines: `) -> int:`
                    || (ends_with_opener(language, &header) && header.trim_start().starts_with([')', ']', '}']))
                    || (ends_with_opener(language, &header)
                        && self.header_start(text, opener_end).is_some_and(|start| {
                            begins_with_keyword(language, &line_after(text, start))
                        }))
            }
            _ => opens_block(language, &header),
        }
    }

    fn ends_start_tag(&self, opener_end: usize) -> bool {
        let path = path_to(self.tree(), opener_end.saturating_sub(1)..opener_end);
        // Svelte's blocks start with `if_start` and the like.
        path.iter()
            .rev()
            .nth(1)
            .is_some_and(|node| node.kind() == "start_tag" || node.kind().ends_with("_start"))
    }

    /// Start of the line on which the construct begins that `opener_end` is in.
    fn header_start(&self, text: &Text, opener_end: usize) -> Option<usize> {
        let path = path_to(self.tree(), opener_end.saturating_sub(1)..opener_end);
        let construct = path[1..].iter().rev().find(|node| node.start_byte() + 1 < opener_end)?;
        let known = !construct.is_error();
        known.then(|| text.line_start(text.line_of(construct.start_byte())))
    }

    /// Whether the body that was opened at `opener_end` has nothing in it after the cursor.
    fn nothing_follows(&self, text: &Text, offset: usize, header_line: usize, opener_end: usize) -> bool {
        let language = self.language();
        let Some(next) = next_non_blank(text, offset) else { return true };
        let rest = line_after(text, next);
        if language.block_closers().iter().any(|closer| rest.starts_with(closer.as_str())) {
            return true;
        }
        if matches!(language.block_style(), BlockStyle::Headings | BlockStyle::Tags) {
            return false;
        }
        let next_line = text.line_of(next);
        let header = self.header_start(text, opener_end).map_or(header_line, |start| text.line_of(start));
        let header_width =
            indentation(text, header_line, usize::MAX).min(indentation(text, header, usize::MAX));
        next_line > text.line_of(offset) && indentation(text, next_line, usize::MAX) <= header_width
    }
}

/// Whether a line is one that opens a body, read without a tree.
pub(crate) fn opens_block(language: &Language, line: &str) -> bool {
    let line = line.trim();
    if line.is_empty() {
        return false;
    }
    match language.block_style() {
        BlockStyle::Braces | BlockStyle::Tags => ends_with_opener(language, line),
        BlockStyle::Indentation => {
            ends_with_opener(language, line)
                && (language.block_keywords().is_empty() || begins_with_keyword(language, line))
        }
        BlockStyle::Keywords => {
            let closed_again = language.block_closers().iter().any(|closer| ends_with_word(line, closer));
            ends_with_opener(language, line) || (begins_with_keyword(language, line) && !closed_again)
                // A function as a value: `return callback(function(a, b)`
                || (line.ends_with(')') && language.block_keywords().iter().any(|word| last_call_is(line, word)))
        }
        BlockStyle::Headings => {
            language.block_keywords().iter().any(|start| line.starts_with(start.as_str()))
        }
    }
}

fn ends_with_opener(language: &Language, line: &str) -> bool {
    let mut line = line.trim_end();
    // Ruby names the block's parameters behind its opener: `do |item|`
    if language.block_style() == BlockStyle::Keywords
        && let Some(head) = line.strip_suffix('|')
        && let Some((head, _)) = head.rsplit_once('|')
    {
        line = head.trim_end();
    }
    language.block_openers().iter().any(|opener| ends_with_word(line, opener))
}

fn begins_with_keyword(language: &Language, line: &str) -> bool {
    let line = line.trim_start();
    language.block_keywords().iter().any(|keyword| {
        line.strip_prefix(keyword.as_str())
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    })
}

/// Whether a line ends with a word or sign; a word must not be the tail of a longer one.
fn ends_with_word(line: &str, word: &str) -> bool {
    line.strip_suffix(word).is_some_and(|head| {
        let is_word = word.starts_with(|c: char| c.is_alphabetic());
        !(is_word && head.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
    })
}

/// Whether the parameter list at the end of a line belongs to this keyword: `x = function(a)`.
fn last_call_is(line: &str, keyword: &str) -> bool {
    line.rsplit_once('(').is_some_and(|(head, _)| ends_with_word(head.trim_end(), keyword))
}
