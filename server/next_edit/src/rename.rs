//! Renames: a name was changed where it is defined, and its old form is still used. Invariant: nothing is proposed while the old
//! name is defined elsewhere in the same scope, or the new one already means something there; strings and comments stay.

use std::collections::BTreeMap;
use std::ops::Range;

use fimble_syntax::{Name, NameRole};

use crate::binding::{Binding, OTHER_MEMBER, stem};
use crate::diff::{Diff, Run};
use crate::hunk::common_ends;
use crate::source::{ScopeKind, Source};
use crate::tokens::{is_name, is_specific};
use crate::{Hunk, NextEdit, NextEditKind, Request};

/// Hunks that are searched for changed names, the last ones.
const MAX_HUNKS: usize = 24;

const OTHER_FILE: f32 = 0.82;
/// Tokens that a hunk with a rename may change, old and new ones together.
const MAX_CHANGED: usize = 16;

/// Two uses were changed and the definition was not yet; then for each further use.
const FROM_USES: f32 = 0.66;
const PER_USE: f32 = 0.06;
/// The new name begins as the old one does.
const ALIKE: f32 = 0.08;
const MIN_ALIKE: usize = 4;
/// Uses of a shorter name may be of several things.
const MIN_USED_NAME: usize = 3;
/// Another import may be of another thing.
const FROM_IMPORT: f32 = 0.6;
/// The same, if nothing else of the import was changed.
const FROM_IMPORT_ALONE: f32 = 0.68;
/// The line was changed in other ways, too: perhaps it is about another thing now.
const WITH_OTHERS: f32 = 0.22;
/// A field and a variable in one.
const BOTH: f32 = 0.68;
/// Several assignments may define one variable, or another one each.
const SEVERAL_ASSIGNMENTS: f32 = 0.1;
/// For each further place that was changed in the same way, up to [`MAX_AGREEING`].
const AGREEING: f32 = 0.01;
const MAX_AGREEING: usize = 5;

/// A name that became another one.
struct Renamed<'a, 's> {
    old: String,
    new: String,
    /// Where it was changed, the last change first.
    places: Vec<(&'s Source<'a>, Range<usize>)>,
    /// Whether the changes of names are all that one of the hunks has.
    is_alone: bool,
}

impl Renamed<'_, '_> {
    /// A name of the whole file is the same in other files. Local names that changed alike in several files are each their own.
    fn by_binding(self) -> Vec<Self> {
        let is_shared = self.places.iter().any(|(source, place)| {
            let name = source.tree.name_at(source.text, place.clone());
            name.and_then(|name| source.binding(place, name)) == Some(Binding::Global)
        });
        if is_shared {
            return vec![self];
        }
        let mut found: Vec<Self> = Vec::new();
        for (source, place) in self.places {
            match found.iter_mut().find(|renamed| renamed.places[0].0.document == source.document) {
                Some(renamed) => renamed.places.push((source, place)),
                None => found.push(Self {
                    old: self.old.clone(),
                    new: self.new.clone(),
                    places: vec![(source, place)],
                    is_alone: self.is_alone,
                }),
            }
        }
        found
    }
}

/// The edits that renames call for.
pub(crate) fn candidates(request: &Request<'_>, sources: &[Source<'_>], found: &mut Vec<NextEdit>) {
    for renamed in renamed_names(request, sources).into_iter().flat_map(Renamed::by_binding) {
        if (request.cancelled)() {
            return;
        }
        // Only where no changed place is a definition do uses say what is renamed.
        let at_definition = renamed.places.iter().filter_map(|(source, place)| {
            let name = source.tree.name_at(source.text, place.clone())?;
            Some((*source, place, source.binding(place, name)?, name.is_definition))
        });
        let at_definition = at_definition.max_by_key(|(_, _, _, is_definition)| *is_definition);
        let Some((source, place, binding, is_definition)) = at_definition else {
            let plan =
                renamed.places.first().and_then(|(source, _)| plan_from_uses(request, source, &renamed));
            let uses = plan.iter().zip(&renamed.places);
            found.extend(uses.flat_map(|(plan, (source, _))| edits(request, source, plan, &renamed)));
            continue;
        };
        let Some(mut plan) = plan(request, source, place, &binding, &renamed) else { continue };
        if binding == Binding::Global && !is_definition && renamed.places.len() == 1 {
            let most = if renamed.is_alone { FROM_IMPORT_ALONE } else { FROM_IMPORT };
            plan.iter_mut().for_each(|place| place.confidence = place.confidence.min(most));
        }
        if !renamed.is_alone && renamed.places.len() == 1 {
            plan.iter_mut().for_each(|place| place.confidence -= WITH_OTHERS);
        }
        found.extend(edits(request, source, &plan, &renamed));
        if binding == Binding::Global && is_definition {
            for other in sources.iter().filter(|other| other.document != source.document) {
                let plan = plan_elsewhere(request, source, other, &renamed);
                found.extend(plan.iter().flat_map(|plan| edits(request, other, plan, &renamed)));
            }
        }
    }
}

/// The changed names, the last change first. A name that was changed back, or is being typed, is not among them.
fn renamed_names<'a, 's>(request: &Request<'_>, sources: &'s [Source<'a>]) -> Vec<Renamed<'a, 's>> {
    let mut found: Vec<Renamed<'a, 's>> = Vec::new();
    for hunk in request.history.hunks().iter().rev().filter(|hunk| !hunk.is_blank()).take(MAX_HUNKS) {
        let Some(source) = sources.iter().find(|source| source.document == hunk.document) else { continue };
        let diff = Diff::new(hunk, source.text);
        // In code that was written anew, tokens agree by chance.
        let n_changed: usize = diff.runs.iter().map(|run| run.old.len() + run.new.len()).sum();
        if n_changed > MAX_CHANGED {
            continue;
        }
        let is_name_change = |run: &&Run| run.old.len() == 1 && run.new.len() == 1;
        let is_alone = diff.runs.iter().all(|run| is_name_change(&run));
        for run in diff.runs.iter().filter(is_name_change) {
            let (old, new) = (diff.old_at(run.old.start), diff.new_at(run.new.start));
            let is_back = found.iter().any(|renamed| renamed.old == new && renamed.new == old);
            if !is_name(old) || !is_name(new) || is_back {
                continue;
            }
            let place = diff.place(run.new.start);
            match found.iter_mut().find(|renamed| renamed.old == old && renamed.new == new) {
                Some(renamed) => {
                    renamed.places.push((source, place));
                    renamed.is_alone |= is_alone;
                }
                None => found.push(Renamed {
                    old: old.to_owned(),
                    new: new.to_owned(),
                    places: vec![(source, place)],
                    is_alone,
                }),
            }
        }
    }
    let is_reverted = |renamed: &Renamed<'_, '_>| {
        request.history.reverted().any(|reverted| reverted.old == renamed.old && reverted.new == renamed.new)
    };
    found.retain(|renamed| !is_reverted(renamed));
    // What was typed in full elsewhere is complete.
    found.retain(|renamed| match &renamed.places[..] {
        [(source, place)] => !request.is_being_typed(source, place),
        _ => true,
    });
    found
}

/// A place of an old name that stands for the renamed thing.
struct Use {
    range: Range<usize>,
    /// What the old name is replaced by.
    text: String,
    confidence: f32,
}

/// The uses of what was renamed at its definition.
fn plan(
    request: &Request<'_>,
    source: &Source<'_>,
    place: &Range<usize>,
    binding: &Binding,
    renamed: &Renamed<'_, '_>,
) -> Option<Vec<Use>> {
    let names = source.names_of(binding, &renamed.old)?;
    if is_known(request, source, binding, &renamed.new) {
        return None;
    }
    // The old name is imported, too.
    let is_imported = |range: &Range<usize>| source.is_import(range.start) && !source.is_import(place.start);
    if *binding == Binding::Global && names.iter().any(|(range, _)| is_imported(range)) {
        return None;
    }
    let mut hidden: Vec<Range<usize>> = Vec::new();
    let mut is_assigned_again = false;
    for (range, name) in names.iter().filter(|(_, name)| name.is_definition) {
        match definition_elsewhere(source, binding, place, range, *name) {
            Elsewhere::Conflict => return None,
            Elsewhere::Hidden(function) => hidden.push(function),
            Elsewhere::Same => is_assigned_again |= source.is_assigning(),
            Elsewhere::Unrelated => {}
        }
    }
    // `const { name } = object` defines a variable, too.
    let is_pattern = |range: &Range<usize>| {
        let before = source.before(range.start).trim_start();
        before.contains('{') && ["const ", "let ", "var "].iter().any(|word| before.starts_with(word))
    };
    for (range, _) in
        names.iter().filter(|(range, name)| name.role == NameRole::Shorthand && is_pattern(range))
    {
        hidden.extend(source.function_around(range).map(|function| function.range));
    }
    let is_hidden = |range: &Range<usize>, name: Name| {
        let is_in = |function: &Range<usize>| function.start <= range.start && range.end <= function.end;
        name.role != NameRole::Member && hidden.iter().any(is_in)
    };
    let mut uses = uses(source, binding, &names, renamed);
    uses.retain(|(name, place)| !is_hidden(&place.range, *name));
    let doubt = if is_assigned_again { SEVERAL_ASSIGNMENTS } else { 0.0 };
    let lowered = |(_, place): (Name, Use)| Use { confidence: place.confidence - doubt, ..place };
    Some(uses.into_iter().map(lowered).collect())
}

/// The uses of what was renamed at two uses, and its definition.
fn plan_from_uses(request: &Request<'_>, source: &Source<'_>, renamed: &Renamed<'_, '_>) -> Option<Vec<Use>> {
    let names = source.names(&renamed.old)?;
    let mut definitions = names.iter().filter(|(_, name)| name.is_definition);
    let ((definition, name), None) = (definitions.next()?, definitions.next()) else { return None };
    let binding = source.binding(definition, *name)?;
    let is_short = renamed.old.len() < MIN_USED_NAME;
    if renamed.places.len() < 2 || is_short || is_known(request, source, &binding, &renamed.new) {
        return None;
    }
    let n_further = u16::try_from(renamed.places.len().min(MAX_AGREEING) - 2).map_or(0.0, f32::from);
    let (n_alike, _) = common_ends(&renamed.old, &renamed.new);
    let is_alike = n_alike >= MIN_ALIKE && 2 * n_alike >= renamed.old.len().min(renamed.new.len());
    let confidence = FROM_USES + PER_USE * n_further + if is_alike { ALIKE } else { 0.0 };
    let uses = uses(source, &binding, &names, renamed);
    Some(uses.into_iter().map(|(_, place)| Use { confidence, ..place }).collect())
}

/// Whether a name means something in the scope of a binding already, apart from what was just written.
fn is_known(request: &Request<'_>, source: &Source<'_>, binding: &Binding, new: &str) -> bool {
    let is_old = |(range, name): &(Range<usize>, Name)| {
        !is_changed(request, source, range) && source.same_thing(binding, range, *name).is_some()
    };
    source.names_of(binding, new).is_none_or(|names| names.iter().any(is_old))
}

fn uses(
    source: &Source<'_>,
    binding: &Binding,
    names: &[(Range<usize>, Name)],
    renamed: &Renamed<'_, '_>,
) -> Vec<(Name, Use)> {
    let mut found = Vec::new();
    for (range, name) in names {
        let Some(confidence) = source.same_thing(binding, range, *name) else { continue };
        if confidence <= OTHER_MEMBER && !is_specific(&renamed.old) {
            continue;
        }
        let text = match (name.role, binding) {
            (NameRole::Shorthand, Binding::Member(_)) => format!("{}: {}", renamed.new, renamed.old),
            (NameRole::Shorthand, _) => format!("{}: {}", renamed.old, renamed.new),
            _ => renamed.new.clone(),
        };
        // The variable of a pattern `{ field }` may be meant to have the new name, too.
        let is_both = name.role == NameRole::Shorthand && matches!(binding, Binding::Member(_));
        let confidence = if is_both { confidence.min(BOTH) } else { confidence };
        found.push((*name, Use { range: range.clone(), text, confidence }));
    }
    found
}

/// What a definition of the old name means for a rename.
enum Elsewhere {
    /// The old name is still there: the change was no rename.
    Conflict,
    /// In this function the old name is another thing.
    Hidden(Range<usize>),
    /// It belongs to the renamed thing.
    Same,
    /// It is something else.
    Unrelated,
}

fn definition_elsewhere(
    source: &Source<'_>,
    binding: &Binding,
    place: &Range<usize>,
    range: &Range<usize>,
    name: Name,
) -> Elsewhere {
    let scopes = source.scopes_around(range);
    let innermost = scopes.last();
    let is_call = || source.behind(range.end).starts_with('(');
    // Of a function that is declared and defined, one place has a body.
    let has_bodies = || source.has_body(range) && source.has_body(place);
    let is_declared = source.has_declarations() && is_call() && !has_bodies();
    let is_assigned = || {
        let is_item = |range: &Range<usize>| {
            let before = source.before(range.start);
            ["def", "class", "function"].iter().any(|keyword| before.ends_with(keyword))
        };
        source.is_assigning() && !is_item(range) && !is_item(place)
    };
    match binding {
        Binding::Local(scope) => {
            if range.end <= scope.start || scope.end <= range.start || name.role == NameRole::Member {
                return Elsewhere::Unrelated;
            }
            let is_same_function =
                innermost.is_some_and(|(inner, kind)| *kind == ScopeKind::Function && inner.range == *scope);
            let is_later = place.start < range.start;
            if is_assigned() && is_same_function && is_later { Elsewhere::Same } else { Elsewhere::Conflict }
        }
        Binding::Global => match innermost {
            _ if name.role == NameRole::Member => Elsewhere::Unrelated,
            Some((scope, ScopeKind::Function)) => Elsewhere::Hidden(scope.range.clone()),
            Some((_, ScopeKind::Type)) => {
                let is_constructor = source.has_named_constructors() && is_call();
                match () {
                    () if is_constructor => Elsewhere::Same,
                    () if source.has_implicit_this() => Elsewhere::Conflict,
                    () => Elsewhere::Unrelated,
                }
            }
            _ if is_declared => Elsewhere::Same,
            _ if is_assigned() && place.start < range.start => Elsewhere::Same,
            _ => Elsewhere::Conflict,
        },
        Binding::Member(owner) => match innermost {
            Some((scope, ScopeKind::Function)) if name.role == NameRole::Free => {
                Elsewhere::Hidden(scope.range.clone())
            }
            _ if name.role == NameRole::Free && matches!(innermost, None | Some((_, ScopeKind::Module))) => {
                let is_own = source.own_type(range) == *owner;
                if is_declared && is_own { Elsewhere::Same } else { Elsewhere::Unrelated }
            }
            _ if is_declared => Elsewhere::Same,
            _ => Elsewhere::Conflict,
        },
    }
}

/// Whether a name was written by a recent edit.
fn is_changed(request: &Request<'_>, source: &Source<'_>, range: &Range<usize>) -> bool {
    let touches = |hunk: &Hunk| hunk.range.start <= range.end && range.start <= hunk.range.end;
    source.hunks(request.history.hunks()).any(touches)
}

/// The uses of a global thing in another file that shows that it knows it.
fn plan_elsewhere(
    request: &Request<'_>,
    home: &Source<'_>,
    source: &Source<'_>,
    renamed: &Renamed<'_, '_>,
) -> Option<Vec<Use>> {
    let names = source.names(&renamed.old)?;
    let is_new = source
        .names(&renamed.new)?
        .iter()
        .any(|(range, name)| name.role != NameRole::Member && !is_changed(request, source, range));
    let module = stem(&home.document);
    if is_new || !source.knows(home, &renamed.old, &names) {
        return None;
    }
    let mut hidden = Vec::new();
    for (range, name) in names.iter().filter(|(_, name)| name.is_definition) {
        match source.function_around(range) {
            Some(function) => hidden.push(function.range),
            None if name.role == NameRole::Member => {}
            None => return None,
        }
    }
    let mut places = Vec::new();
    for (range, name) in &names {
        let is_hidden = hidden.iter().any(|hidden| hidden.start <= range.start && range.end <= hidden.end);
        let is_of_module = source.receiver(range) == Some(module) || source.is_import(range.start);
        if !is_hidden && (name.role == NameRole::Free || is_of_module) {
            places.push(Use { range: range.clone(), text: renamed.new.clone(), confidence: OTHER_FILE });
        }
    }
    Some(places)
}

/// One edit for each line.
fn edits(
    request: &Request<'_>,
    source: &Source<'_>,
    plan: &[Use],
    renamed: &Renamed<'_, '_>,
) -> Vec<NextEdit> {
    let mut lines: BTreeMap<usize, Vec<&Use>> = BTreeMap::new();
    for place in plan {
        lines.entry(source.line_of(place.range.start)).or_default().push(place);
    }
    let agreeing = renamed.places.len();
    let bonus = AGREEING * u16::try_from(agreeing.min(MAX_AGREEING) - 1).map_or(0.0, f32::from);
    let mut found = Vec::new();
    for uses in lines.values() {
        let (Some(first), Some(last)) = (uses.first(), uses.last()) else { continue };
        let whole = first.range.start..last.range.end;
        let has_hunk = source
            .hunks(request.history.hunks())
            .any(|hunk| hunk.range.start <= whole.end && whole.start <= hunk.range.end);
        let confidence = |place: &Use| (place.confidence + bonus).min(0.99);
        if has_hunk || uses.len() == 1 {
            found.extend(uses.iter().map(|place| {
                let text = place.text.clone();
                source.edit(place.range.clone(), text, NextEditKind::Rename, confidence(place), agreeing)
            }));
            continue;
        }
        let mut text = source.content()[whole.clone()].to_owned();
        for place in uses.iter().rev() {
            text.replace_range(place.range.start - whole.start..place.range.end - whole.start, &place.text);
        }
        let least = uses.iter().map(|place| confidence(place)).fold(1.0, f32::min);
        found.push(source.edit(whole, text, NextEditKind::Rename, least, agreeing));
    }
    found
}
