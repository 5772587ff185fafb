//! The nesting depth of brackets in a text. At a syntax error the parser goes through all open brackets at once; a text with very
//! many is refused before. Invariant: the depth is never too small; it is counted again only when edits may have made it
//! too large, so that a small change costs no walk over the text.

use fimble_document::TextEdit;
use fimble_grammars::Language;

use crate::ParseStopped;

/// Brackets that may be open at once.
const MAX_OPEN: usize = 20_000;

/// At most so many brackets are open at any place of a text. Those in strings and comments count, too: they come in pairs
/// there as well, or in small numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpenBrackets {
    /// Round, square and curly ones.
    brackets: usize,
    /// Signs `<` without a `>`, between two of the signs that no generic type holds.
    angles: usize,
    /// Signs `${`, open or not: they can be in strings that hide their closing brackets.
    substitutions: usize,
}

impl OpenBrackets {
    /// Of a text, of which this may be known already.
    ///
    /// # Errors
    /// There are too many.
    pub(crate) fn check<'a>(
        language: &Language,
        known: Option<Self>,
        read: &dyn Fn(usize) -> &'a [u8],
    ) -> Result<Self, ParseStopped> {
        let max_angles = language.deepest_generics().unwrap_or(usize::MAX);
        let max_substitutions = language.most_substitutions().unwrap_or(usize::MAX);
        let fits = |open: &Self| {
            open.brackets <= MAX_OPEN && open.angles <= max_angles && open.substitutions <= max_substitutions
        };
        known.filter(fits).or_else(|| Some(count(read)).filter(fits)).ok_or(ParseStopped::TooDeep)
    }

    /// After an edit, of which every new byte may open a bracket and every old one may have closed one.
    pub(crate) fn after(self, edit: &TextEdit) -> Self {
        let changed =
            (edit.old_end.saturating_sub(edit.start)).saturating_add(edit.new_end.saturating_sub(edit.start));
        Self {
            brackets: self.brackets.saturating_add(changed),
            // What is between two parts may go, and their signs come together.
            angles: self
                .angles
                .saturating_mul(if edit.old_end > edit.start { 2 } else { 1 })
                .saturating_add(changed),
            substitutions: self.substitutions.saturating_add(changed),
        }
    }
}

fn count<'a>(read: &dyn Fn(usize) -> &'a [u8]) -> OpenBrackets {
    let (mut offset, mut open, mut angles) = (0, 0_usize, 0_usize);
    let mut before = 0;
    let mut most = OpenBrackets { brackets: 0, angles: 0, substitutions: 0 };
    loop {
        let chunk = read(offset);
        if chunk.is_empty() {
            return most;
        }
        for byte in chunk {
            most.substitutions += usize::from(before == b'$' && *byte == b'{');
            before = *byte;
            match byte {
                b'(' | b'[' | b'{' => {
                    open += 1;
                    most.brackets = most.brackets.max(open);
                }
                b')' | b']' | b'}' => open = open.saturating_sub(1),
                b'<' => {
                    angles += 1;
                    most.angles = most.angles.max(angles);
                }
                b'>' => angles = angles.saturating_sub(1),
                _ => {}
            }
            if matches!(byte, b';' | b'{' | b'}') {
                angles = 0;
            }
        }
        offset += chunk.len();
    }
}

#[cfg(test)]
mod tests {
    use fimble_document::Point;
    use fimble_grammars::by_language_id;

    use super::*;

    fn edit(start: usize, old_end: usize, new_end: usize) -> TextEdit {
        let point = Point { row: 0, column: 0 };
        TextEdit { start, old_end, new_end, start_point: point, old_end_point: point, new_end_point: point }
    }

    fn check(language: &str, known: Option<OpenBrackets>, text: &str) -> Result<OpenBrackets, ParseStopped> {
        let language = by_language_id(language).expect("it is compiled in");
        OpenBrackets::check(language, known, &|offset| text.as_bytes().get(offset..).unwrap_or_default())
    }

    fn open(brackets: usize, angles: usize) -> OpenBrackets {
        OpenBrackets { brackets, angles, substitutions: 0 }
    }

    #[test]
    fn brackets_are_counted_when_they_must_be() {
        assert_eq!(check("c", None, "f(a[1], {})"), Ok(open(2, 0)));
        assert_eq!(check("c", None, ")]}(("), Ok(open(2, 0)));
        assert_eq!(check("c", None, &"{".repeat(MAX_OPEN)), Ok(open(MAX_OPEN, 0)));
        assert_eq!(check("c", None, &"{".repeat(MAX_OPEN + 1)), Err(ParseStopped::TooDeep));
        // Small edits are only added up.
        let known = open(2, 0).after(&edit(3, 5, 7));
        let expected = OpenBrackets { substitutions: 6, ..open(8, 6) };
        assert_eq!((known, check("c", Some(known), "")), (expected, Ok(known)));
        // A large one has them counted.
        let known = known.after(&edit(0, 0, MAX_OPEN));
        assert_eq!(check("c", Some(known), "((("), Ok(open(3, 0)));
        assert_eq!(check("c", Some(known), &"(".repeat(MAX_OPEN + 1)), Err(ParseStopped::TooDeep));
    }

    #[test]
    fn substitutions_are_counted_where_a_scanner_recurses_for_each() {
        let closed_in_strings = "`${'}'".repeat(2001);
        for language in ["svelte", "vue"] {
            assert_eq!(check(language, None, &closed_in_strings), Err(ParseStopped::TooDeep));
            assert!(check(language, None, &closed_in_strings[6..]).is_ok());
            assert!(check(language, None, &"${".repeat(2000).replace('{', "{}")).is_ok());
        }
        assert!(check("javascript", None, &closed_in_strings).is_ok());
    }

    #[test]
    fn generic_types_are_counted_where_a_grammar_cannot_bear_many() {
        let nested = format!("{}int{} x;", "List<".repeat(150), ">".repeat(150));
        let compared = "for (int i = 0; i < n; i++) {}\n".repeat(1000);
        for language in ["java", "csharp"] {
            assert!(check(language, None, &nested).is_ok());
            assert!(check(language, None, &compared).is_ok());
            assert_eq!(check(language, None, &"List<".repeat(201)), Err(ParseStopped::TooDeep));
            let known = check(language, None, &nested).expect("it is not too deep").after(&edit(0, 1, 1));
            assert_eq!(check(language, Some(known), &"a<".repeat(300)), Err(ParseStopped::TooDeep));
        }
        assert!(check("c", None, &"a<".repeat(300)).is_ok());
    }
}
