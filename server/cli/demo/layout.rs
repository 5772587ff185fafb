//! The layout of a line of the screen. Invariant: no line is longer than the terminal has columns, and the suggestion is cut
//! last.

/// Columns that a line takes beside the code and what answered: line number, bar and time.
const FRAME_WIDTH: usize = 17;
/// Columns of "model, cached prefix" and the sign of a suggestion that was accepted.
const PATH_WIDTH: usize = 22;
/// Columns of the longest counts of tokens and of the word that a suggestion was accepted.
const DETAIL_WIDTH: usize = 36;

/// The layout of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Columns that the code may take; what is longer is cut with an ellipsis.
    pub code: usize,
    /// Whether counts of tokens and words have room.
    pub has_details: bool,
}

impl Layout {
    /// The layout for a terminal of so many columns; none for a pipe, which takes lines of any length.
    pub fn new(columns: Option<usize>) -> Self {
        const CODE: std::ops::RangeInclusive<usize> = 24..=72;
        let Some(columns) = columns else { return Self { code: *CODE.end(), has_details: true } };
        let room = columns.saturating_sub(FRAME_WIDTH + PATH_WIDTH);
        let has_details = room >= CODE.end() + DETAIL_WIDTH;
        Self { code: room.clamp(*CODE.start(), *CODE.end()), has_details }
    }

    /// Cuts the text left of the cursor, the suggestion and the text right of the cursor to the width of the code.
    /// The suggestion is what people look at: it is cut last, and the far end of the left goes first.
    pub fn fit(self, before: &str, ghost: &str, right: &str) -> [String; 3] {
        let least_before = self.code / 3;
        let ghost = cut_end(ghost, self.code - least_before);
        let left = self.code - ghost.chars().count();
        let before = cut_start(before, left);
        let right = cut_end(right, left - before.chars().count());
        [before, ghost, right]
    }
}

/// At most so many characters; what is longer ends in an ellipsis.
fn cut_end(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept = text.chars().take(most.saturating_sub(1));
    kept.chain(['…']).take(most).collect()
}

/// At most so many characters; what is longer begins with an ellipsis.
fn cut_start(text: &str, most: usize) -> String {
    let n_characters = text.chars().count();
    if n_characters <= most {
        return text.to_owned();
    }
    ['…'].into_iter().chain(text.chars().skip(n_characters + 1 - most.max(1))).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_fits_its_terminal() {
        let longest = FRAME_WIDTH + PATH_WIDTH + DETAIL_WIDTH;
        assert_eq!(Layout::new(None), Layout { code: 72, has_details: true });
        assert_eq!(Layout::new(Some(72 + longest)), Layout { code: 72, has_details: true });
        assert_eq!(Layout::new(Some(72 + longest - 1)), Layout { code: 72, has_details: false });
        assert_eq!(Layout::new(Some(80)), Layout { code: 41, has_details: false });
        assert_eq!(Layout::new(Some(10)).code, 24);
    }

    #[test]
    fn the_suggestion_is_seen_however_long_the_line_is() {
        let layout = Layout { code: 12, has_details: false };
        for (parts, expected) in [
            (["ab", "cd", "ef"], ["ab", "cd", "ef"]),
            (["return value", "(1)", ")"], ["…rn value", "(1)", ""]),
            (["abcdefgh", "ij", "klmn"], ["abcdefgh", "ij", "k…"]),
            (["äöüäöüäöü", "0123456789", ")"], ["…äöü", "0123456…", ""]),
        ] {
            assert_eq!(layout.fit(parts[0], parts[1], parts[2]), expected);
        }
        assert_eq!((cut_end("ab", 0).as_str(), cut_start("ab", 0).as_str()), ("", ""));
        assert_eq!((cut_end("ab", 1).as_str(), cut_start("ab", 1).as_str()), ("…", "…"));
    }
}
