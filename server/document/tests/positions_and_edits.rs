//! Positions and edits against a plain string, in all three encodings.

use fimble_document::{
    ChangeError, Document, Position, PositionEncoding, PositionRange, SyncState, Text, TextChange,
};
use proptest::prelude::*;

const ENCODINGS: [PositionEncoding; 3] =
    [PositionEncoding::Utf8, PositionEncoding::Utf16, PositionEncoding::Utf32];

/// Text of the characters that go wrong elsewhere: every line break, astral, combining, wide, and plain.
fn troublesome_text() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop::sample::select(vec![
            "a", "b ", "\n", "\r\n", "\r", "é", "漢", "😀", "e\u{301}", "\t", "\u{2028}", "𝒳y",
        ]),
        0..60,
    )
    .prop_map(|parts| parts.concat())
}

/// The specification, on a plain string: where each line starts and where its text ends.
fn reference_lines(text: &str) -> Vec<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut lines = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while at < bytes.len() {
        let width = match bytes[at] {
            b'\r' if bytes.get(at + 1) == Some(&b'\n') => 2,
            b'\r' | b'\n' => 1,
            _ => 0,
        };
        if width == 0 {
            at += 1;
        } else {
            lines.push((start, at));
            at += width;
            start = at;
        }
    }
    lines.push((start, text.len()));
    lines
}

fn width(character: char, encoding: PositionEncoding) -> usize {
    match encoding {
        PositionEncoding::Utf8 => character.len_utf8(),
        PositionEncoding::Utf16 => character.len_utf16(),
        PositionEncoding::Utf32 => 1,
    }
}

fn reference_offset(text: &str, position: Position, encoding: PositionEncoding) -> usize {
    let lines = reference_lines(text);
    let Some(&(start, end)) = lines.get(position.line as usize) else { return text.len() };
    let mut units = 0;
    for (index, character) in text[start..end].char_indices() {
        units += width(character, encoding);
        if units > position.character as usize {
            return start + index;
        }
    }
    end
}

fn any_position() -> impl Strategy<Value = Position> {
    (0u32..20, prop_oneof![0u32..40, Just(u32::MAX)])
        .prop_map(|(line, character)| Position { line, character })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn offset_is_what_the_specification_says(content in troublesome_text(), position in any_position()) {
        let text = Text::new(&content);
        for encoding in ENCODINGS {
            prop_assert_eq!(text.offset(position, encoding), reference_offset(&content, position, encoding));
        }
    }

    #[test]
    fn position_and_offset_are_inverse(content in troublesome_text()) {
        let text = Text::new(&content);
        let breaks: Vec<usize> = content.match_indices("\r\n").map(|(at, _)| at + 1).collect();
        for (offset, _) in content.char_indices().chain([(content.len(), ' ')]) {
            if breaks.contains(&offset) {
                continue;
            }
            for encoding in ENCODINGS {
                prop_assert_eq!(text.offset(text.position(offset, encoding), encoding), offset);
            }
        }
    }

    #[test]
    fn lines_are_those_of_the_specification(content in troublesome_text()) {
        let text = Text::new(&content);
        let lines = reference_lines(&content);
        prop_assert_eq!(text.n_lines(), lines.len());
        for (line, (start, end)) in lines.into_iter().enumerate() {
            prop_assert_eq!((text.line_start(line), text.line_end(line)), (start, end));
        }
    }

    #[test]
    fn points_count_line_feeds_only(content in troublesome_text(), at in 0usize..200) {
        let text = Text::new(&content);
        let offset = text.floor_char_boundary(at);
        let before = &content[..offset];
        let point = text.point(at);
        prop_assert_eq!(point.row, before.matches('\n').count());
        prop_assert_eq!(point.column, before.rsplit('\n').next().unwrap().len());
    }

    /// Texts without a lone `\r` take a short way; edits can take them off it at any time.
    #[test]
    fn points_stay_right_under_edits(
        content in prop::sample::select(vec!["", "a\nb\n", "a\r\nb\r\n", "é\r\n\r\n", "a\rb"]),
        changes in prop::collection::vec((0usize..12, 0usize..12, prop::sample::select(vec!["", "x", "\n", "\r", "\r\n", "é"])), 1..8),
    ) {
        let mut document = Document::new(content, 0);
        for (version, (first, second, new_text)) in (1..).zip(changes) {
            let text = document.text();
            let (start, end) = (first.min(second).min(text.len()), first.max(second).min(text.len()));
            let [start, end] = [start, end].map(|at| text.position(at, PositionEncoding::Utf8));
            let change = TextChange::Part { range: PositionRange { start, end }, text: new_text.to_owned() };
            prop_assert_eq!(document.apply(version, &[change], PositionEncoding::Utf8, |_, _| {}), Ok(()));
            let content = document.text().to_string();
            for (offset, _) in content.char_indices().chain([(content.len(), ' ')]) {
                let before = &content[..offset];
                let expected = (before.matches('\n').count(), before.rsplit('\n').next().unwrap().len());
                let point = document.text().point(offset);
                prop_assert_eq!((point.row, point.column), expected, "{:?} at {}", content, offset);
            }
        }
    }

    #[test]
    fn incremental_changes_equal_a_plain_string(
        content in troublesome_text(),
        changes in prop::collection::vec((any_position(), any_position(), troublesome_text()), 1..12),
    ) {
        for encoding in ENCODINGS {
            let mut expected = content.clone();
            let mut document = Document::new(content.as_str(), 0);
            for (version, (first, second, new_text)) in changes.iter().enumerate() {
                let (start, end) = if first <= second { (*first, *second) } else { (*second, *first) };
                let fits = start.line as usize <= reference_lines(&expected).len();
                let change = TextChange::Part { range: PositionRange { start, end }, text: new_text.clone() };
                let mut edits = Vec::new();
                let result = document.apply(i32::try_from(version).unwrap() + 1, &[change], encoding, |text, edit| {
                    edits.push((edit, text.point(edit.new_end)));
                });
                if !fits {
                    let refused = matches!(result, Err(ChangeError::OutsideText { .. }));
                    prop_assert!(refused);
                    break;
                }
                let bytes = reference_offset(&expected, start, encoding)..reference_offset(&expected, end, encoding);
                expected.replace_range(bytes.clone(), new_text);
                prop_assert_eq!(result, Ok(()));
                prop_assert_eq!(document.text().to_string(), expected.clone());
                let (edit, new_end_point) = edits[0];
                prop_assert_eq!((edit.start, edit.old_end), (bytes.start, bytes.end));
                prop_assert_eq!(edit.new_end_point, new_end_point);
            }
        }
    }

    #[test]
    fn a_whole_text_is_told_as_the_replacement_of_everything(
        before in troublesome_text(),
        after in troublesome_text(),
    ) {
        let everything = range((0, 0), (u32::MAX, 0));
        let [part, whole] = [everything, None].map(|range| {
            let mut document = Document::new(before.as_str(), 0);
            let mut edits = Vec::new();
            let change = change(range, &after);
            let applied = document.apply(1, &[change], PositionEncoding::Utf16, |_, edit| edits.push(edit));
            (applied, edits, document.text().to_string())
        });
        prop_assert_eq!(&whole.2, &after);
        prop_assert_eq!(part, whole);
    }

    #[test]
    fn slices_and_chunks_never_panic(content in troublesome_text(), from in 0usize..300, to in 0usize..300) {
        let text = Text::new(&content);
        let _ = text.slice(from..to);
        let _ = text.chunk_from(from.min(text.len()));
        let _: String = text.chars_from(from).take(3).chain(text.chars_before(to).take(3)).collect();
    }
}

fn range(start: (u32, u32), end: (u32, u32)) -> Option<PositionRange> {
    Some(PositionRange {
        start: Position { line: start.0, character: start.1 },
        end: Position { line: end.0, character: end.1 },
    })
}

fn change(range: Option<PositionRange>, text: &str) -> TextChange {
    match range {
        Some(range) => TextChange::Part { range, text: text.to_owned() },
        None => TextChange::Whole(text.into()),
    }
}

#[test]
fn a_change_that_does_not_fit_waits_for_the_full_text() {
    let mut document = Document::new("one\n", 1);
    let encoding = PositionEncoding::Utf16;
    let lost = document.apply(2, &[change(range((9, 0), (9, 0)), "x")], encoding, |_, _| {});
    assert_eq!(lost, Err(ChangeError::OutsideText { line: 9, n_lines: 2 }));
    assert_eq!(document.sync_state(), SyncState::OutOfSync);
    let ignored = document.apply(3, &[change(range((0, 0), (0, 0)), "x")], encoding, |_, _| {});
    assert_eq!(ignored, Err(ChangeError::AlreadyOutOfSync));
    assert_eq!(document.apply(4, &[change(None, "two\n")], encoding, |_, _| {}), Ok(()));
    assert_eq!((document.sync_state(), document.text().to_string()), (SyncState::InSync, "two\n".to_owned()));
}

#[test]
fn versions_must_grow() {
    let mut document = Document::new("", 5);
    let stale = document.apply(5, &[change(range((0, 0), (0, 0)), "x")], PositionEncoding::Utf16, |_, _| {});
    assert_eq!(stale, Err(ChangeError::StaleVersion { current: 5, received: 5 }));
    assert_eq!(document.sync_state(), SyncState::OutOfSync);
}

#[test]
fn a_reversed_range_is_refused() {
    let mut document = Document::new("abc", 0);
    let reversed =
        document.apply(1, &[change(range((0, 2), (0, 1)), "")], PositionEncoding::Utf16, |_, _| {});
    assert_eq!(reversed, Err(ChangeError::ReversedRange));
}

#[test]
fn a_position_inside_a_surrogate_pair_means_its_start() {
    let text = Text::new("a😀b");
    assert_eq!(text.offset(Position { line: 0, character: 2 }, PositionEncoding::Utf16), 1);
    assert_eq!(text.offset(Position { line: 0, character: 3 }, PositionEncoding::Utf16), 5);
}

#[test]
fn changes_before_a_full_text_in_the_same_notification_do_not_matter() {
    let mut document = Document::new("abc", 0);
    let changes =
        [change(range((99, 0), (99, 0)), "x"), change(None, "full"), change(range((0, 4), (0, 4)), "!")];
    assert_eq!(document.apply(1, &changes, PositionEncoding::Utf16, |_, _| {}), Ok(()));
    assert_eq!(document.text().to_string(), "full!");
}
