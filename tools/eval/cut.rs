//! Cuts places out of files, by kind. Invariant: a kind's places do not depend on which other kinds are asked for; nothing but
//! the files, their order and the seed decides.

mod blocks;
mod crossfile;
mod lines;
mod quiet;
mod source;

use std::ops::Range;

use fimble_engine::SplitMix64;

use self::source::Source;
use crate::case::{Case, Kind, Wanted, cut_out};

/// A place that could be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, by its index.
    file: usize,
    /// What is cut out of it, in bytes.
    range: Range<usize>,
    /// What sort of place of its kind it is; each sort is taken equally often.
    sort: &'static str,
}

/// Cuts the places that are wanted, those of one file together.
pub fn cut(files: &[(String, String)], wanted: &Wanted) -> Vec<Case> {
    let kinds = match wanted.kinds.as_slice() {
        [] => vec![Kind::Rest, Kind::Line],
        kinds => kinds.to_vec(),
    };
    let mut cases: Vec<(usize, Case)> = lines::cut(files, &kinds, wanted.n_cases, wanted.seed);
    let needs_trees = |kind: &Kind| matches!(kind, Kind::Lines | Kind::Body | Kind::Crossfile | Kind::Quiet);
    let wanted_kinds: Vec<Kind> =
        Kind::ALL.into_iter().filter(|kind| needs_trees(kind) && kinds.contains(kind)).collect();
    if !wanted_kinds.is_empty() {
        let sources: Vec<Source<'_>> = files
            .iter()
            .enumerate()
            .filter_map(|(index, (path, text))| Source::parse(index, path, text))
            .collect();
        for kind in wanted_kinds {
            let places: Vec<Place> = match kind {
                Kind::Lines => sources.iter().flat_map(blocks::lines).collect(),
                Kind::Body => sources.iter().flat_map(blocks::bodies).collect(),
                Kind::Crossfile => crossfile::places(&sources),
                Kind::Quiet => sources.iter().flat_map(quiet::places).collect(),
                Kind::Rest | Kind::Line => Vec::new(),
            };
            let number = Kind::ALL.iter().position(|other| *other == kind).unwrap_or(0) as u64;
            let mut random = SplitMix64::new(wanted.seed ^ number.wrapping_mul(0xd1b5_4a32_d192_ed03));
            for place in take(places, wanted.n_cases, &mut random) {
                let (path, text) = &files[place.file];
                cases.push((place.file, cut_out(path, text, kind, place.sort, place.range)));
            }
        }
    }
    cases.sort_by_key(|(file, _)| *file);
    cases.into_iter().map(|(_, case)| case).collect()
}

/// So many of the places, of each sort equally many as far as there are, in the order of the files.
fn take(places: Vec<Place>, n_wanted: usize, random: &mut SplitMix64) -> Vec<Place> {
    let mut sorts: Vec<(&str, Vec<Place>)> = Vec::new();
    for place in places {
        match sorts.iter_mut().find(|(sort, _)| *sort == place.sort) {
            Some((_, of_sort)) => of_sort.push(place),
            None => sorts.push((place.sort, vec![place])),
        }
    }
    sorts.sort_by_key(|(sort, _)| *sort);
    let mut taken: Vec<Place> = Vec::new();
    while taken.len() < n_wanted && sorts.iter().any(|(_, of_sort)| !of_sort.is_empty()) {
        for (_, of_sort) in &mut sorts {
            if taken.len() < n_wanted && !of_sort.is_empty() {
                taken.push(of_sort.swap_remove(random.below(of_sort.len())));
            }
        }
    }
    taken.sort_by_key(|place| (place.file, place.range.start));
    taken
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cases;

    fn fixture(name: &str, kinds: &[Kind], n_cases: usize) -> cases::Project {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/eval").join(name);
        cases::read(&folder, &Wanted { kinds: kinds.to_vec(), n_cases, seed: 3, edits_elsewhere: false })
            .unwrap()
    }

    #[test]
    fn every_case_puts_its_file_together_again() {
        for name in ["ledger-python", "depot-go", "hangar-rust", "quill-typescript"] {
            let project = fixture(name, &Kind::ALL, 30);
            for kind in Kind::ALL {
                assert!(project.cases.iter().any(|case| case.kind == kind), "{name} has no {kind:?}");
            }
            for case in &project.cases {
                let (before, after) = case.text.split_at(case.offset);
                let whole = format!("{before}{}{after}", case.expected);
                let (_, text) = project.files.iter().find(|(path, _)| *path == case.path).unwrap();
                assert_eq!(&whole, text, "{case:?}");
                assert_eq!(case.expected.is_empty(), case.kind == Kind::Quiet, "{case:?}");
                assert_eq!(case.expected.trim_end(), case.expected, "{case:?}");
                let n_lines = case.expected.lines().filter(|line| !line.trim().is_empty()).count();
                assert!(n_lines <= 8 && (n_lines <= 1 || case.kind.has_several_lines()), "{case:?}");
            }
        }
    }

    #[test]
    fn a_kind_has_the_same_places_whatever_else_is_asked_for() {
        let of = |kinds: &[Kind]| {
            let mut cases = fixture("ledger-python", kinds, 12).cases;
            cases.retain(|case| case.kind == Kind::Body);
            cases
        };
        let alone = of(&[Kind::Body]);
        assert_eq!((alone.len(), &alone), (12, &of(&Kind::ALL)));
        assert_eq!(alone, of(&[Kind::Quiet, Kind::Body]));
    }

    #[test]
    fn sorts_are_taken_alike_and_all_of_them_if_there_are_too_few() {
        let place = |start, sort| Place { file: 0, range: start..start + 1, sort };
        let places: Vec<Place> =
            (0..20).map(|at| place(at, "many")).chain([place(30, "few"), place(31, "few")]).collect();
        let taken = take(places.clone(), 6, &mut SplitMix64::new(5));
        assert_eq!(taken.iter().filter(|place| place.sort == "few").count(), 2);
        assert_eq!(taken.len(), 6);
        assert_eq!(take(places, 99, &mut SplitMix64::new(5)).len(), 22);
    }
}
