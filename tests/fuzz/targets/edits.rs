//! Any changes of a text, as clients send them. Invariant: nothing panics; the text and the offsets of each change are those of a
//! slow implementation that follows the specification word by word.

#![no_main]

use fimble_document::{Document, Point, Position, PositionEncoding, PositionRange, Text, TextChange};
use fimble_fuzz::LimitedAllocator;
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: LimitedAllocator = LimitedAllocator(1 << 20);

/// Characters of one to four bytes, of one and two UTF-16 units, and every line break.
const CHARACTERS: [char; 10] = ['a', ' ', '(', '\n', '\r', '\t', 'é', '日', '🦀', '\u{2028}'];

fuzz_target!(|bytes: &[u8]| {
    let _ = check(&mut Unstructured::new(bytes));
});

fn check(input: &mut Unstructured<'_>) -> Result<()> {
    let encoding =
        *input.choose(&[PositionEncoding::Utf8, PositionEncoding::Utf16, PositionEncoding::Utf32])?;
    let mut expected = text(input)?;
    let mut document = Document::new(expected.as_str(), 0);
    for version in 1.. {
        // Bytes that run out end the changes.
        if input.is_empty() {
            break;
        }
        let change = change(input)?;
        let mut edits = Vec::new();
        let result =
            document.apply(version, std::slice::from_ref(&change), encoding, |_, edit| edits.push(edit));
        let (start, old_end, inserted) = match &change {
            TextChange::Whole(text) => (0, expected.len(), text.to_string()),
            TextChange::Part { range, text } => {
                if range.end < range.start || range.start.line as usize > lines(&expected).len() {
                    assert!(result.is_err(), "{range:?} of {expected:?}");
                    return Ok(());
                }
                let at = |position| offset(&expected, position, encoding);
                (at(range.start), at(range.end), text.clone())
            }
        };
        assert_eq!(result, Ok(()), "{change:?} of {expected:?}");
        let [edit] = edits[..] else { panic!("{} edits", edits.len()) };
        let old = std::mem::take(&mut expected);
        expected = [&old[..start], &inserted, &old[old_end..]].concat();
        assert_eq!(document.text().to_string(), expected, "{change:?} of {old:?}");
        let new_end = start + inserted.len();
        assert_eq!((edit.start, edit.old_end, edit.new_end), (start, old_end, new_end));
        assert_eq!(edit.start_point, Point::default().after(&old[..start]));
        assert_eq!(edit.old_end_point, Point::default().after(&old[..old_end]));
        assert_eq!(edit.new_end_point, Point::default().after(&expected[..new_end]));
    }
    check_positions(document.text(), &expected, encoding);
    Ok(())
}

/// Each offset has a position that leads back to it.
fn check_positions(text: &Text, expected: &str, encoding: PositionEncoding) {
    for (at, _) in expected.char_indices() {
        let is_inside_line_break = expected[..at].ends_with('\r') && expected[at..].starts_with('\n');
        if !is_inside_line_break {
            assert_eq!(text.offset(text.position(at, encoding), encoding), at, "{expected:?}");
        }
    }
}

fn text(input: &mut Unstructured<'_>) -> Result<String> {
    let n_characters = input.int_in_range(0..=40)?;
    (0..n_characters).map(|_| input.choose(&CHARACTERS).copied()).collect()
}

fn position(input: &mut Unstructured<'_>) -> Result<Position> {
    Ok(Position { line: input.int_in_range(0..=12)?, character: input.int_in_range(0..=24)? })
}

fn change(input: &mut Unstructured<'_>) -> Result<TextChange> {
    if input.ratio(1, 16)? {
        return Ok(TextChange::Whole(Text::from(text(input)?.as_str())));
    }
    let range = PositionRange { start: position(input)?, end: position(input)? };
    Ok(TextChange::Part { range, text: text(input)? })
}

/// The lines of a text without their ends, each with the offset of its start.
fn lines(text: &str) -> Vec<(usize, &str)> {
    let mut lines = Vec::new();
    let mut start = 0;
    loop {
        let rest = &text[start..];
        let Some(length) = rest.find(['\n', '\r']) else {
            lines.push((start, rest));
            return lines;
        };
        lines.push((start, &rest[..length]));
        start += length + if rest[length..].starts_with("\r\n") { 2 } else { 1 };
    }
}

/// The offset of a position: past the end of its line it is that end, inside a character its start.
fn offset(text: &str, position: Position, encoding: PositionEncoding) -> usize {
    let lines = lines(text);
    let Some((start, line)) = lines.get(position.line as usize) else { return text.len() };
    let mut units = 0;
    for (at, character) in line.char_indices() {
        units += match encoding {
            PositionEncoding::Utf8 => character.len_utf8(),
            PositionEncoding::Utf16 => character.len_utf16(),
            PositionEncoding::Utf32 => 1,
        };
        if units > position.character as usize {
            return start + at;
        }
    }
    start + line.len()
}
