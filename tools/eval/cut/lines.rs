//! Rests of lines and whole lines, cut at random. Invariant: all lines of all files are alike, so longer files are cut more
//! often; a place may be taken twice.

use fimble_engine::SplitMix64;

use crate::case::{Case, Kind, cut_out};

/// Shorter lines leave nothing to complete, in bytes.
const SHORTEST_LINE: usize = 6;
/// Longer ones are data.
pub const LONGEST_LINE: usize = 160;
/// Where rests are wanted too, one place in so many is a whole line.
const ONE_LINE_IN: usize = 4;

/// Cuts so many places, with the file of each.
pub fn cut(files: &[(String, String)], kinds: &[Kind], n_cases: usize, seed: u64) -> Vec<(usize, Case)> {
    let (wants_rest, wants_line) = (kinds.contains(&Kind::Rest), kinds.contains(&Kind::Line));
    if !wants_rest && !wants_line {
        return Vec::new();
    }
    let lines: Vec<(usize, usize, usize)> = files
        .iter()
        .enumerate()
        .flat_map(|(file, (_, text))| {
            let mut start = 0;
            text.split_inclusive('\n').filter_map(move |line| {
                let (from, content) = (start, line.trim_end());
                start += line.len();
                let code = content.trim_start();
                let fits = (SHORTEST_LINE..=LONGEST_LINE).contains(&code.len());
                fits.then(|| (file, from + content.len() - code.len(), from + content.len()))
            })
        })
        .collect();
    let mut random = SplitMix64::new(seed);
    let mut cases: Vec<(usize, Case)> = Vec::new();
    for number in 0..n_cases.min(lines.len()) {
        let (file, code, end) = lines[random.below(lines.len())];
        let (path, text) = &files[file];
        let is_line = wants_line && (!wants_rest || number % ONE_LINE_IN == 0);
        let (kind, mut offset) = match is_line {
            true => (Kind::Line, code),
            false => (Kind::Rest, code + random.below(end - code - 1) + 1),
        };
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        cases.push((file, cut_out(path, text, kind, "", offset..end)));
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_leaves_the_rest_of_the_text() {
        let text = "fn größe(a: u32) -> u32 {\n    a + 1\n\n}\nstatic ZERO: u32 = 0;\n";
        let files = vec![("src/lib.rs".to_owned(), text.to_owned())];
        let cases = cut(&files, &[Kind::Rest, Kind::Line], 40, 7);
        assert_eq!(cases, cut(&files, &[Kind::Rest, Kind::Line], 40, 7));
        assert!(cases.iter().any(|(_, case)| case.kind == Kind::Line));
        assert!(cut(&files, &[Kind::Line], 40, 7).iter().all(|(_, case)| case.kind == Kind::Line));
        assert!(cut(&files, &[Kind::Body], 40, 7).is_empty());
        for (_, case) in cases {
            let (before, after) = case.text.split_at(case.offset);
            assert_eq!(format!("{before}{}{after}", case.expected), text);
            assert!(!case.expected.contains('\n') && !case.expected.is_empty());
        }
    }
}
