//! How likely a replacement is wanted at a place.

use std::ops::Range;

use fimble_syntax::{Name, NameRole, Region};

use super::example::{Example, Replaced, is_own_word};
use super::place::Place;
use crate::binding::Binding;
use crate::hunk::common_ends;
use crate::likelihood::{Likelihood, Weights, flag, log, number};
use crate::pattern::is_common;
use crate::source::Source;
use crate::tokens::{is_name, is_specific, places_of};
use crate::{Hunk, Request};

/// Characters at both ends that names have in common which are alike.
const MIN_ALIKE: usize = 4;

/// Places of a word that are looked at. A more common word is known.
const MAX_WORDS: usize = 100;

/// What speaks for and against a replacement.
const WEIGHTS: Weights<55> = [
    ("bias", -0.38),
    ("two changes", 0.23),
    ("more changes", 0.34),
    ("name", 0.26),
    ("insertion", -0.83),
    ("removal", 0.46),
    ("tokens replaced", 0.86),
    ("specific", 0.04),
    ("longest word", 0.46),
    ("alike", 0.75),
    ("equal before", 1.04),
    ("equal behind", 1.11),
    ("equal line", 0.47),
    ("passed", -0.93),
    ("others", -0.26),
    ("another file", -0.06),
    ("behind", -1.41),
    ("age", -0.62),
    ("changes of the hunk", -0.39),
    ("comment", -0.13),
    ("string", 0.02),
    ("another region", -1.05),
    ("new words known", -0.41),
    ("old name defined", -0.24),
    ("same role", 0.27),
    ("unknown variable", -0.67),
    ("distance", -0.20),
    ("tokens written", -1.76),
    ("common words only", -0.45),
    ("in import", -0.42),
    ("from import", -0.87),
    ("name, specific", 0.31),
    ("new name defined", -0.13),
    ("changes", 0.82),
    ("share done", 0.39),
    ("other changes fit", -0.07),
    ("other changes do not fit", -0.90),
    ("name, equal before", 0.03),
    ("name, equal behind", -0.19),
    ("insertion, equal before", 0.47),
    ("insertion, equal behind", 0.49),
    ("another file, more changes", -0.18),
    ("another file, specific", -0.33),
    ("another file, left at home", 0.16),
    ("another file, knows", 0.75),
    ("one change, behind", -0.08),
    ("one change, age", -0.26),
    ("name, no code", 0.18),
    ("in scope", -0.18),
    ("out of scope", -0.44),
    ("in scope, two changes", 0.04),
    ("definition twice", -0.31),
    ("another file, definition changed", -0.07),
    ("definition changed", -0.02),
    ("passed since", -2.33),
];

/// What all places of one document have in common.
pub(crate) struct Evidence<'r, 's, 'a> {
    request: &'r Request<'r>,
    replaced: &'r Replaced<'s, 'a>,
    source: &'r Source<'a>,
    is_home: bool,
    /// Where the old tokens are left in the document.
    left: Vec<usize>,
    /// Where they were replaced in the document, the last one first.
    done: Vec<usize>,
    region: Region,
    role: Option<NameRole>,
    new_words: Vec<&'r str>,
    /// The share of the new words that the document has elsewhere.
    known: f32,
    old_is_defined: bool,
    new_is_defined: bool,
    from_import: bool,
    /// Whether a name was changed where it is defined.
    definition_changed: bool,
    /// What it stands for, if it was changed at its definition in this document.
    binding: Option<Binding>,
    /// Where the hunk before the last one of the document is.
    before_last: Option<usize>,
    /// Where the hunks of the document are that are newer than the last change.
    newer: Vec<usize>,
    n_left_at_home: usize,
    /// Whether the document shows that it knows the one where the last change is.
    knows_home: bool,
}

impl<'r, 's, 'a> Evidence<'r, 's, 'a> {
    pub(crate) fn new(
        request: &'r Request<'r>,
        source: &'r Source<'a>,
        replaced: &'r Replaced<'s, 'a>,
        places: &[Place],
    ) -> Self {
        let last = &replaced.examples[0];
        let is_home = last.source.document == source.document;
        let at_home = replaced.examples.iter().filter(|example| example.source.document == source.document);
        let is_new = |word: &&String| is_own_word(word) && !replaced.old.contains(word);
        let mut evidence = Self {
            request,
            replaced,
            source,
            is_home,
            left: places.iter().map(|place| place.range.start).collect(),
            done: at_home.map(|example| example.place.start).collect(),
            region: last.source.tree.region(last.source.text, last.place.start),
            role: role(last.source, &last.place).map(|name| name.role),
            new_words: replaced.new.iter().filter(is_new).map(String::as_str).collect(),
            known: 0.5,
            old_is_defined: false,
            new_is_defined: false,
            from_import: last.source.is_import(last.place.start),
            definition_changed: false,
            binding: None,
            before_last: None,
            newer: Vec::new(),
            n_left_at_home: 0,
            knows_home: false,
        };
        if replaced.is_name() {
            let definition = replaced.examples.iter().find_map(|example| {
                let name = role(example.source, &example.place).filter(|name| name.is_definition)?;
                Some((example.source, example.source.binding(&example.place, name)))
            });
            evidence.definition_changed = definition.is_some();
            let at_home = definition.filter(|(defined, _)| defined.document == source.document);
            evidence.binding = at_home.and_then(|(_, binding)| binding);
        }
        let of_home = source.hunks(request.history.hunks()).filter(|hunk| !hunk.is_blank());
        evidence.before_last = of_home.map(|hunk| hunk.range.start).rev().nth(1);
        let hunks = request.history.hunks().iter().rev().filter(|hunk| !hunk.is_blank()).take(last.age);
        evidence.newer =
            hunks.filter(|hunk| hunk.document == source.document).map(|hunk| hunk.range.start).collect();
        if !is_home {
            let sought = replaced.sought();
            let word = sought.iter().find(|word| is_own_word(word));
            let places = word.map(|word| places_of(last.source.content(), word, MAX_WORDS));
            evidence.n_left_at_home =
                places.map_or(0, |places| places.map_or(MAX_WORDS, |places| places.len()));
            let names = word.and_then(|word| source.names(word)).unwrap_or_default();
            evidence.knows_home = word.is_some_and(|word| source.knows(last.source, word, &names));
        }
        let words = &evidence.new_words;
        if !words.is_empty() {
            let n_known = words.iter().filter(|word| evidence.is_known(word)).count();
            evidence.known = number(n_known) / number(words.len());
        }
        if replaced.is_name() {
            evidence.old_is_defined = evidence.is_defined(&replaced.old[0]);
            evidence.new_is_defined = evidence.is_defined(&replaced.new[0]);
        }
        evidence
    }

    /// Whether a word stands where nothing was edited.
    fn is_known(&self, word: &str) -> bool {
        let places = places_of(self.source.content(), word, MAX_WORDS);
        places.is_none_or(|places| places.iter().any(|place| self.is_untouched(place)))
    }

    fn is_defined(&self, name: &str) -> bool {
        let names = self.source.names(name).unwrap_or_default();
        names.iter().any(|(range, name)| name.is_definition && self.is_untouched(range))
    }

    fn is_untouched(&self, range: &Range<usize>) -> bool {
        let touches = |hunk: &Hunk| hunk.touches(range.start) || hunk.touches(range.end);
        !self.source.hunks(self.request.history.hunks()).any(touches)
    }

    /// How likely the replacement is wanted at a place.
    pub(crate) fn at(&self, place: &Place) -> Likelihood {
        let Self { replaced, source, is_home, .. } = self;
        let last = &replaced.examples[0];
        let n_examples = replaced.examples.len();
        let sought = replaced.sought();
        let own = || sought.iter().filter(|text| is_own_word(text));
        let is_name_change = replaced.is_name();
        let is_specific = own().any(|word| is_specific(word));
        let longest = own().map(|word| word.len()).max().unwrap_or(0);
        let most = |count: &dyn Fn(&Example<'_, '_>) -> usize| {
            replaced.examples.iter().map(count).max().unwrap_or(0)
        };
        let before = most(&|example| n_equal(&example.left, &place.left));
        let behind = most(&|example| n_equal(&example.right, &place.right));
        let is_ended = |example: &[String], place: &[String]| n_equal(example, place) == example.len();
        let is_equal_line = replaced
            .examples
            .iter()
            .any(|example| is_ended(&example.left, &place.left) && is_ended(&example.right, &place.right));
        let (first, end) = (self.done.iter().min(), self.done.iter().max());
        let is_passed =
            |at: &&usize| first.is_some_and(|first| first < *at) && end.is_some_and(|end| *at < end);
        let n_passed = self.left.iter().filter(is_passed).count();
        let is_downwards = self.done.get(1).is_none_or(|before| *before < last.place.start);
        let is_back = (place.old.start < last.place.start) == is_downwards;
        let region = source.tree.region(source.text, place.old.start);
        let name = role(source, &place.old);
        let is_unknown = self
            .new_words
            .iter()
            .any(|word| last.source.is_local(word, &last.place) && !source.is_local(word, &place.old));
        let n_lines = source.line_of(place.old.start).abs_diff(source.line_of(last.place.start));
        let tokens = || replaced.old.iter().chain(&replaced.new);
        let is_one = n_examples == 1;
        let is_on_line = |tokens: &&Vec<String>| {
            !tokens.is_empty()
                && tokens.iter().all(|token| place.left.contains(token) || place.right.contains(token))
        };
        // Since the last change the user was beyond the place, and came back.
        let is_between = |hunk: &usize| {
            let (low, high) = ((*hunk).min(last.place.start), (*hunk).max(last.place.start));
            low < place.old.start && place.old.start < high
        };
        let is_passed_since = *is_home && self.newer.iter().any(is_between);
        let in_scope = self
            .binding
            .as_ref()
            .zip(name)
            .map(|(binding, name)| source.same_thing(binding, &place.old, name));
        let n_beside = last.beside.iter().filter(|tokens| !tokens.is_empty()).count();
        let n_fitting = last.beside.iter().filter(is_on_line).count();
        // Against the direction in which the user went on.
        let is_against = self
            .before_last
            .is_some_and(|before| (before < last.place.start) == (place.old.start < last.place.start));
        let terms = [
            1.0,
            flag(n_examples == 2),
            flag(n_examples > 2),
            flag(is_name_change),
            flag(replaced.old.is_empty()),
            flag(replaced.new.is_empty()),
            number(replaced.old.len().min(8)) / 8.0,
            flag(is_specific),
            number(longest.min(20)) / 20.0,
            flag(is_name_change && is_alike(&replaced.old[0], &replaced.new[0])),
            number(before) / 6.0,
            number(behind) / 6.0,
            flag(is_equal_line),
            log(n_passed),
            log(self.left.len().saturating_sub(1)),
            flag(!is_home),
            flag(*is_home && self.done.len() > 1 && is_back),
            log(last.age),
            log(last.beside.len() + 1),
            flag(region == Region::Comment),
            flag(region == Region::String),
            flag(region != self.region),
            self.known,
            flag(self.old_is_defined),
            flag(name.is_some() && name.map(|name| name.role) == self.role),
            flag(is_unknown),
            if *is_home { log(n_lines) / 5.0 } else { 0.0 },
            number(replaced.new.len().min(12)) / 12.0,
            flag(!tokens().any(|text| is_name(text) && !is_common(text))),
            flag(source.is_import(place.old.start)),
            flag(self.from_import),
            flag(is_name_change && is_specific),
            flag(self.new_is_defined),
            log(n_examples),
            number(self.done.len()) / number(self.done.len() + self.left.len()),
            log(n_fitting),
            log(n_beside - n_fitting),
            if is_name_change { number(before) / 6.0 } else { 0.0 },
            if is_name_change { number(behind) / 6.0 } else { 0.0 },
            if replaced.old.is_empty() { number(before) / 6.0 } else { 0.0 },
            if replaced.old.is_empty() { number(behind) / 6.0 } else { 0.0 },
            flag(!is_home && n_examples > 2),
            flag(!is_home && is_specific),
            if *is_home { 0.0 } else { log(self.n_left_at_home) },
            flag(!is_home && self.knows_home),
            flag(*is_home && is_one && is_against),
            if is_one { log(last.age) } else { 0.0 },
            flag(is_name_change && region != Region::Code),
            in_scope.flatten().unwrap_or(0.0),
            flag(in_scope == Some(None)),
            if is_one { 0.0 } else { in_scope.flatten().unwrap_or(0.0) },
            flag(self.binding.is_some() && name.is_some_and(|name| name.is_definition)),
            flag(!is_home && self.definition_changed),
            flag(self.definition_changed),
            flag(is_passed_since),
        ];
        Likelihood::of(&WEIGHTS, terms)
    }
}

fn role(source: &Source<'_>, place: &Range<usize>) -> Option<Name> {
    source.tree.name_at(source.text, place.clone())
}

fn is_alike(old: &str, new: &str) -> bool {
    let (before, behind) = common_ends(old, new);
    let n_alike = before + behind;
    n_alike >= MIN_ALIKE && 2 * n_alike >= old.len().min(new.len())
}

/// The number of tokens that are equal, from the nearest on.
fn n_equal(example: &[String], place: &[String]) -> usize {
    example.iter().zip(place).take_while(|(a, b)| a == b).count()
}
