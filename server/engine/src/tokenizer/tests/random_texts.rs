//! Random pieces of source and of odd text. Invariant: the same pieces in every run.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::random::SplitMix64;

/// Random choices.
pub(super) struct Random(pub(super) SplitMix64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0.below(most)
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

/// Texts that are easily split wrongly.
const ODD: &[&str] = &[
    "\r\n",
    "\r",
    "\t",
    "\t\t  ",
    "   ",
    "  \n \n",
    "\n\n\n",
    "\u{a0}",
    "\u{3000}",
    "\u{2028}",
    "\u{85}",
    "\u{b}",
    "\u{200b}",
    "\u{feff}",
    "0",
    "7",
    "1234567890",
    "3.14e-10",
    "0x1F",
    "１２",
    "٣٤",
    "½",
    "²",
    "Ⅷ",
    "é",
    "e\u{301}",
    "n\u{303}o",
    "a\u{308}\u{323}",
    "日本語",
    "한국어",
    "汉字",
    "Ελληνικά",
    "Привет",
    "שלום",
    "नमस्ते",
    "ไทย",
    "ß",
    "ŉ",
    "ǅ",
    "ʰ",
    "ﬁ",
    "😀",
    "👩‍👩‍👧",
    "🇩🇪",
    "❤️",
    "√",
    "→",
    "«»",
    "“”",
    "…",
    "—",
    "_",
    "__init__",
    "'s",
    "'S",
    "'ll",
    "'LL",
    "'\u{17f}",
    "don't",
    "I'VE",
    "it's",
    "x'y",
    "''",
    "$",
    "+=",
    "<=>",
    "^~|`",
    "/*",
    "//",
    "\\n",
    "#!",
    "@",
    "a1b2",
    "camelCaseWord",
    "HTTPServer",
    "snake_case",
    "αβγ",
    "İ",
    "ı",
    "\u{1}",
    "\u{7f}",
    "\u{e000}",
    "𝒳",
    "𐍈",
    "\u{301}",
    "\u{94d}",
    "☺",
    "▁",
    "Ġ",
    "Ċ",
    "<0x0A>",
    "{}[]();",
    "==",
    "!=",
    "-->",
    "&&",
];

/// Source files of this repository.
pub(super) fn sources() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut folders =
        vec![root.join("server"), root.join("tests"), root.join("editors"), root.join("models/recipe")];
    let mut texts = vec![std::fs::read_to_string(root.join("README.md")).unwrap()];
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<PathBuf> =
            std::fs::read_dir(&folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && name != "node_modules" && name != "target" {
                folders.push(path);
            } else if path.metadata().is_ok_and(|metadata| metadata.len() < 200_000) {
                texts.extend(std::fs::read_to_string(&path));
            }
        }
    }
    assert!(texts.len() > 100);
    texts
}

fn slice<'a>(text: &'a str, random: &mut Random, longest: usize) -> &'a str {
    let boundary = |at: usize| text.floor_char_boundary(at.min(text.len()));
    let start = boundary(random.below(text.len().max(1)));
    &text[start..boundary(start + 1 + random.below(longest)).max(start)]
}

/// A piece of source or of odd text, in which texts of special tokens stand too.
pub(super) fn piece(random: &mut Random, sources: &[String], specials: &[String]) -> String {
    let source = |random: &mut Random| {
        let text = random.of(sources).clone();
        slice(&text, random, 300).to_owned()
    };
    match random.below(8) {
        0..3 => source(random),
        3 => source(random).replace('\n', "\r\n"),
        4 => source(random).replace("    ", "\t"),
        5 => (0..1 + random.below(12)).map(|_| *random.of(ODD)).collect(),
        6 => {
            let mut text = String::new();
            for _ in 0..1 + random.below(5) {
                let special = random.of(specials).clone();
                write!(text, "{}{special}{}", slice(&source(random), random, 20), random.of(ODD)).unwrap();
            }
            text
        }
        _ => {
            let letters = (0..1 + random.below(30)).filter_map(|_| {
                let range =
                    random.of(&[0x20..0x7f, 0xa0..0x250, 0x300..0x600, 0x4e00..0x9fff, 0x1f300..0x1f650]);
                char::from_u32(range.start + random.below((range.end - range.start) as usize) as u32)
            });
            letters.collect()
        }
    }
}
