//! Takes the code out of the answer of a chat model. Invariant: prose never counts as code; an answer that was cut off, or that
//! leaves code out, is refused; line numbers and diff marks in front of lines are removed.

use crate::Refusal;
use crate::edit::similarity;

/// A code block that has no fences counts as code only if it shares this much with the code that was asked about.
const LEAST_SIMILAR: f64 = 0.4;

/// A block between fences.
struct Block {
    word: String,
    lines: Vec<String>,
    is_closed: bool,
}

impl Block {
    /// Whether it may hold code of a language with these names: a block without a word may.
    fn can_be(&self, words: &[String]) -> bool {
        words.is_empty() || self.word.is_empty() || self.is_diff() || words.contains(&self.word)
    }

    fn is_diff(&self) -> bool {
        self.word == "diff" || self.word == "patch"
    }
}

/// The code of an answer, with `\n` line breaks. `old` is the code that was asked about, or empty where new code was asked
/// for. `is_cut` says that the answer reached its limit; `words` are the names of the code's language.
pub(crate) fn code_of(answer: &str, old: &str, is_cut: bool, words: &[String]) -> Result<String, Refusal> {
    let answer = answer.replace("\r\n", "\n").replace('\r', "\n").trim().to_owned();
    if answer.is_empty() {
        return Err(if is_cut { Refusal::Truncated } else { Refusal::Empty });
    }
    let blocks = blocks_of(&answer);
    let code =
        if blocks.is_empty() { bare(&answer, old, is_cut)? } else { choose(blocks, old, is_cut, words)? };
    if code.trim().is_empty() {
        return Err(Refusal::Empty);
    }
    if elides(&code, old) {
        return Err(Refusal::Elided);
    }
    Ok(code)
}

/// Whether an answer that is still being written has a complete block of code in this language: what follows is not wanted.
pub(crate) fn has_closed_block(answer: &str, words: &[String]) -> bool {
    let is_it = |block: &Block| block.is_closed && block.can_be(words);
    (answer.contains("```") || answer.contains("~~~")) && blocks_of(answer).iter().any(is_it)
}

/// The text of the first block between fences, or all of the answer where there is none.
pub(crate) fn first_block_or_all(answer: &str) -> (String, bool) {
    match blocks_of(answer).into_iter().next() {
        Some(block) => (block.lines.join("\n"), true),
        None => (answer.to_owned(), false),
    }
}

/// Markdown without a fence around all of it, also while it grows.
pub(crate) fn without_outer_fence(text: &str) -> &str {
    const WORDS: [&str; 3] = ["markdown", "md", "text"];
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let Some((character, length, word)) = fence(first) else {
        return text;
    };
    // As long as its first line grows it may become one.
    let is_growing =
        rest.is_empty() && !text.ends_with('\n') && WORDS.iter().any(|known| known.starts_with(word));
    if is_growing {
        return "";
    }
    if !WORDS.contains(&word.to_lowercase().as_str()) {
        return text;
    }
    let inner = rest.trim_end();
    let (above, last) = inner.rsplit_once('\n').unwrap_or(("", inner));
    // Its last line closes it unless it closes a block in it.
    let is_mark = |line: &&str| fence(line).is_some_and(|(other, n, _)| other == character && n >= length);
    let closes = is_mark(&last) && fence(last).is_some_and(|(_, _, word)| word.is_empty());
    if closes && above.lines().filter(is_mark).count() % 2 == 0 { above.trim_end() } else { rest }
}

/// The blocks between fences, as Markdown has them: a fence is closed by one of the same character that is as long at least
/// and stands alone.
fn blocks_of(answer: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open: Option<(char, usize, usize)> = None;
    for line in answer.lines() {
        let fence = fence(line);
        match (open, fence) {
            (None, Some((character, length, word))) => {
                open = Some((character, length, crate::style::leading(line).len()));
                blocks.push(Block { word: word.to_lowercase(), lines: Vec::new(), is_closed: false });
            }
            (Some((character, length, _)), Some((other, n, ""))) if other == character && n >= length => {
                open = None;
                if let Some(block) = blocks.last_mut() {
                    block.is_closed = true;
                }
            }
            // A fence that is indented, as in a list, indents its block.
            (Some((_, _, indentation)), _) => {
                let n_blanks = crate::style::leading(line).len().min(indentation);
                if let Some(block) = blocks.last_mut() {
                    block.lines.push(line[n_blanks..].to_owned());
                }
            }
            (None, None) => {}
        }
    }
    blocks
}

/// The character of a fence, its length, and the word behind it.
fn fence(line: &str) -> Option<(char, usize, &str)> {
    let line = line.trim();
    let character = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let rest = line.trim_start_matches(character);
    let length = line.len() - rest.len();
    let word = rest.trim();
    (length >= 3 && !word.contains('`')).then_some((character, length, word))
}

/// The block that is meant: of several in the code's language the one most like the old code, or the longest where there is none.
fn choose(blocks: Vec<Block>, old: &str, is_cut: bool, words: &[String]) -> Result<String, Refusal> {
    let n_blocks = blocks.len();
    let rated = blocks.into_iter().enumerate().map(|(index, block)| {
        let text = cleaned(&block.lines, block.is_diff());
        #[expect(clippy::cast_precision_loss, reason = "an answer has some kilobytes")]
        let rating = if old.is_empty() { text.len() as f64 } else { similarity(old, &text) };
        (block.can_be(words), rating, n_blocks - index, block.is_closed, text)
    });
    let best = rated.max_by(|left, right| {
        left.0.cmp(&right.0).then(left.1.total_cmp(&right.1)).then(left.2.cmp(&right.2))
    });
    match best {
        Some((_, _, _, false, _)) if is_cut => Err(Refusal::Truncated),
        Some((_, _, _, _, text)) => Ok(text),
        None => Err(Refusal::Prose),
    }
}

/// An answer without fences: code if it is like the old code, without the sentences around it.
fn bare(answer: &str, old: &str, is_cut: bool) -> Result<String, Refusal> {
    let lines: Vec<String> = answer.lines().map(str::to_owned).collect();
    let first = lines.iter().position(|line| !line.trim().is_empty() && !is_sentence(line));
    let last = lines.iter().rposition(|line| !line.trim().is_empty() && !is_sentence(line));
    let (Some(first), Some(last)) = (first, last) else { return Err(Refusal::Prose) };
    let text = cleaned(&lines[first..=last], false);
    if old.is_empty() || similarity(old, &text) < LEAST_SIMILAR {
        return Err(Refusal::Prose);
    }
    if is_cut { Err(Refusal::Truncated) } else { Ok(text) }
}

/// Whether a line is English: words, and none of the characters that code is full of.
fn is_sentence(line: &str) -> bool {
    let line = line.trim();
    let n_words = line.split_whitespace().count();
    let has_code = line.contains(['{', '}', '(', ')', ';', '=', '<', '>', '[', ']', '#', '@', '$', '|']);
    let ends = line.ends_with(['.', ':', '!', '?', ',']);
    let begins = line.starts_with(|c: char| c.is_uppercase());
    !has_code
        && ((n_words >= 3 && (ends || begins)) || (begins && ends && line.len() > 3 && !line.contains('_')))
}

/// Lines without the marks that models copy from their prompts: numbers, or the marks of a diff.
fn cleaned(lines: &[String], is_diff: bool) -> String {
    let text = |lines: Vec<&str>| lines.join("\n");
    if is_diff || lines.iter().any(|line| line.starts_with("@@ ")) {
        let is_head =
            |line: &str| ["@@", "--- ", "+++ ", "diff ", "index "].iter().any(|head| line.starts_with(head));
        let kept = lines.iter().map(String::as_str).filter(|line| !is_head(line) && !line.starts_with('-'));
        return text(kept.map(|line| line.strip_prefix(['+', ' ']).unwrap_or(line)).collect());
    }
    let numbered: Option<Vec<(usize, &str)>> =
        lines.iter().filter(|line| !line.trim().is_empty()).map(|line| line_number(line)).collect();
    match numbered {
        Some(numbered) if numbered.len() > 1 && numbered.windows(2).all(|pair| pair[0].0 < pair[1].0) => {
            text(lines.iter().map(|line| line_number(line).map_or("", |(_, rest)| rest)).collect())
        }
        _ => text(lines.iter().map(String::as_str).collect()),
    }
}

/// A line's number and the rest of the line, where it begins with one: `12 | code`, `12: code`, `12<tab>code`.
fn line_number(line: &str) -> Option<(usize, &str)> {
    let line = line.trim_start();
    let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number = line[..digits].parse().ok()?;
    let rest = &line[digits..];
    let rest = rest.strip_prefix('\t').or_else(|| {
        let rest = rest.trim_start_matches(' ');
        let rest = rest.strip_prefix(['|', ':'])?;
        Some(rest.strip_prefix(' ').unwrap_or(rest))
    })?;
    Some((number, rest))
}

/// Whether a comment replaces code that was left out, and is not in the old code.
fn elides(code: &str, old: &str) -> bool {
    const WORDS: [&str; 10] = [
        "rest",
        "existing",
        "unchanged",
        "same as",
        "remaining",
        "previous",
        "other",
        "as before",
        "omitted",
        "your code",
    ];
    code.lines().map(str::trim).any(|line| {
        let is_comment =
            ["//", "#", "/*", "--", "<!--", "*", ";", "\"\"\""].iter().any(|mark| line.starts_with(mark));
        let has_dots = line.contains("...") || line.contains('…');
        let lower = line.to_lowercase();
        let stands_alone = line == "..." || line == "…";
        (stands_alone || (is_comment && has_dots && WORDS.iter().any(|word| lower.contains(word))))
            && !old.lines().any(|old| old.trim() == line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Vec<String> {
        vec!["rust".to_owned(), "rs".to_owned()]
    }

    const OLD: &str = "fn a() {\n    one();\n    two();\n}\n";

    #[test]
    fn code_is_found_whatever_stands_around_it() {
        let wanted = "fn a() {\n    one();\n    three();\n}";
        let numbered = "1 | fn a() {\n2 |     one();\n3 |     three();\n4 | }";
        let diff = "```diff\n--- a\n+++ b\n@@ -1,4 +1,4 @@\n fn a() {\n     one();\n-    two();\n+    three();\n }\n```";
        for answer in [
            format!("```rust\n{wanted}\n```"),
            format!("Sure! Here is it:\n\n```\n{wanted}\n```\n\nIt calls `three`."),
            format!("~~~rust\n{wanted}\n~~~"),
            format!("```rust\n{numbered}\n```"),
            format!("```sh\ncargo run\n```\n```rust\n{wanted}\n```\n```rust\nfn main() {{ a() }}\n```"),
            format!("````\n{wanted}\n````"),
            format!("```rust\n{}\n```", wanted.replace('\n', "\r\n")),
            format!("Here is the new code:\n\n{wanted}\n\nI hope that this helps."),
            format!(
                "1. Do this:\n   ```rust\n{}\n   ```",
                wanted.replace("fn", "   fn").replace("\n", "\n   ").replace("      fn", "   fn")
            ),
            diff.to_owned(),
            format!("```rust\n{wanted}"),
        ] {
            assert_eq!(
                code_of(&answer, OLD, false, &words()).as_deref().map(str::trim),
                Ok(wanted),
                "{answer}"
            );
        }
    }

    #[test]
    fn an_outer_fence_of_markdown_is_taken_off_while_it_comes() {
        let inner = "It adds:\n\n```rust\nadd();\n```\n\nThat is all.";
        for word in ["markdown", "md"] {
            let whole = format!("```{word}\n{inner}\n```");
            assert_eq!(without_outer_fence(&whole), inner);
            for (at, _) in whole.char_indices() {
                let shown = without_outer_fence(&whole[..at]);
                assert!(inner.starts_with(shown.trim_end_matches(['`', '\n'])), "{shown:?} at {at}");
            }
        }
        let ends = "```md\nIt adds:\n```rust\nadd();\n```";
        assert_eq!(without_outer_fence(ends), "It adds:\n```rust\nadd();\n```");
        for whole in ["```rust\nadd();\n```\nIt adds.", inner, "", "```\nadd()\n```"] {
            assert_eq!(without_outer_fence(whole), whole);
        }
    }

    #[test]
    fn what_is_no_complete_code_is_refused() {
        for (answer, is_cut, expected) in [
            ("", false, Refusal::Empty),
            (" \n ", false, Refusal::Empty),
            ("", true, Refusal::Truncated),
            ("```rust\n\n```", false, Refusal::Empty),
            ("I cannot do that.", false, Refusal::Prose),
            ("The function looks fine. Nothing to do.", false, Refusal::Prose),
            ("```rust\nfn a() {\n    one();", true, Refusal::Truncated),
            ("fn a() {\n    one();\n    two()", true, Refusal::Truncated),
            ("```rust\nfn a() {\n    // ... rest of the code\n}\n```", false, Refusal::Elided),
            ("```rust\nfn a() {\n    one();\n    ...\n}\n```", false, Refusal::Elided),
        ] {
            assert_eq!(code_of(answer, OLD, is_cut, &words()), Err(expected), "{answer:?}");
        }
    }

    #[test]
    fn a_block_is_complete_when_its_fence_is_closed() {
        for (answer, expected) in [
            ("Here:\n```rust\nfn a() {}\n", false),
            ("Here:\n```rust\nfn a() {}\n```", true),
            ("````md\n```\ninner\n```\n", false),
            ("```sh\nmake\n```\n```rust\nfn", false),
            ("no code", false),
        ] {
            assert_eq!(has_closed_block(answer, &words()), expected, "{answer:?}");
        }
    }
}
