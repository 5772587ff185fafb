//! Changed parameters: calls in the old form are to follow. Invariant: an argument is only proposed that the code shows to be meant,
//! and a call that was edited since is left alone.

use std::ops::Range;
use std::sync::Arc;

use fimble_syntax::{Name, NameRole};

use crate::binding::{Binding, GLOBAL, OTHER_MEMBER};
use crate::calls::{List, list_at};
use crate::parameters::{LANGUAGES, Parameter, ParameterChange, change, is_receiver, parameters};
use crate::source::Source;
use crate::tokens::{is_name, is_specific, tokens};
use crate::{Hole, Hunk, NextEdit, NextEditKind, Request};

/// Hunks that are searched for changed parameters, the last ones.
const MAX_HUNKS: usize = 8;

/// An argument was removed, moved, or has another name.
const FOLLOWS: f32 = 0.86;
/// Another call has the new argument.
const FROM_CALL: f32 = 0.84;
/// The caller has a variable with the name of the new parameter.
const FROM_NAME: f32 = 0.74;
/// For each further call that was changed.
const AGREEING: f32 = 0.03;
const OTHER_FILE: f32 = 0.05;

/// Stands for a missing argument; no code holds it.
const HOLE: &str = "\0";

/// A function whose parameters were changed.
struct Changed<'s, 'a> {
    source: &'s Source<'a>,
    /// The name that calls use.
    name: String,
    binding: Binding,
    old: Vec<Parameter>,
    new: Vec<Parameter>,
    change: ParameterChange,
    has_receiver: bool,
    range: Range<usize>,
}

/// A call with its arguments.
struct Call<'s, 'a> {
    source: &'s Source<'a>,
    name: Range<usize>,
    list: List,
    confidence: f32,
}

/// The edits that changed parameters call for. Returns where the parameters are.
pub(crate) fn candidates(
    request: &Request<'_>,
    sources: &[Source<'_>],
    found: &mut Vec<NextEdit>,
) -> Vec<(Arc<str>, Range<usize>)> {
    let mut seen = Vec::new();
    for changed in changed_functions(request, sources) {
        seen.push((changed.source.document.clone(), changed.range.clone()));
        let calls = all_calls(&changed, sources);
        found.extend(calls.iter().filter_map(|call| edit(request, &changed, call, &calls)));
    }
    seen
}

/// The calls that lack an argument which the code does not show.
pub(crate) fn holes(request: &Request<'_>, sources: &[Source<'_>]) -> Vec<Hole> {
    let mut found = Vec::new();
    for changed in changed_functions(request, sources) {
        let ParameterChange::Added(index) = changed.change else { continue };
        let calls = all_calls(&changed, sources);
        let is_missing = |call: &&Call<'_, '_>| {
            !changed.new[index].is_optional
                && call.list.items.len() == changed.old.len()
                && !call.is_spread()
                && !call.is_edited(request)
                && new_argument(request, &changed, index, call, &calls).is_none()
        };
        found.extend(calls.iter().filter(is_missing).map(|call| {
            let (offset, text) = added(&changed, index, call, HOLE);
            let (before, behind) = text.split_once(HOLE).unwrap_or((&text, ""));
            Hole {
                document: Arc::clone(&call.source.document),
                offset,
                before: before.to_owned(),
                behind: behind.to_owned(),
                definition: definition(&changed),
                defined_in: Arc::clone(&changed.source.document),
                confidence: FOLLOWS * (call.confidence / GLOBAL),
            }
        }));
    }
    found
}

/// The lines of a changed list of parameters.
fn definition(changed: &Changed<'_, '_>) -> String {
    let text = changed.source.text;
    let start = text.line_start(text.line_of(changed.range.start));
    text.slice(start..text.line_end(text.line_of(changed.range.end))).into_owned()
}

/// The functions whose parameters were changed, each once, the last changes first.
fn changed_functions<'s, 'a>(request: &Request<'_>, sources: &'s [Source<'a>]) -> Vec<Changed<'s, 'a>> {
    let hunks = request.history.hunks().iter().rev().filter(|hunk| !hunk.is_blank()).take(MAX_HUNKS);
    let mut found: Vec<Changed<'s, 'a>> = Vec::new();
    for hunk in hunks {
        let Some(source) = sources.iter().find(|source| source.document == hunk.document) else { continue };
        if (request.cancelled)() || request.is_being_typed(source, &hunk.range) {
            continue;
        }
        let Some(changed) = changed(request, source, hunk) else { continue };
        let is_same = |other: &Changed<'_, '_>| {
            (&other.source.document, &other.range) == (&changed.source.document, &changed.range)
        };
        if !found.iter().any(is_same) {
            found.push(changed);
        }
    }
    found
}

fn all_calls<'s, 'a>(changed: &Changed<'_, '_>, sources: &'s [Source<'a>]) -> Vec<Call<'s, 'a>> {
    sources.iter().flat_map(|source| calls(changed, source).unwrap_or_default()).collect()
}

/// Where a new argument is inserted in a call, and the text with its comma.
fn added(changed: &Changed<'_, '_>, index: usize, call: &Call<'_, '_>, argument: &str) -> (usize, String) {
    let n_arguments = call.list.items.len();
    let n_positional = (0..n_arguments).find(|index| call.keyword(*index).is_some()).unwrap_or(n_arguments);
    if index > n_positional {
        let argument = format!("{}={argument}", changed.new[index].name);
        call.list.insertion(n_arguments, &argument)
    } else {
        call.list.insertion(index, argument)
    }
}

/// The function whose parameters a hunk changed.
fn changed<'s, 'a>(request: &Request<'_>, source: &'s Source<'a>, hunk: &Hunk) -> Option<Changed<'s, 'a>> {
    let language = source.tree.language().name();
    if !LANGUAGES.contains(&language) {
        return None;
    }
    let is_around = |range: &Range<usize>| range.start <= hunk.range.start && hunk.range.end <= range.end;
    let scopes = source.tree.enclosing_scopes(source.text, hunk.range.end);
    let scope = scopes.into_iter().rev().find(|scope| is_around(&scope.header))?;
    let declared = scope.name?;
    let name = source.declared_name(&declared);
    let own_start = name.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |at| at + 1);
    let place = declared.start + own_start..declared.start + name.len();
    let open = place.end + source.content().get(place.end..scope.header.end)?.find('(')?;
    let list = list_at(source.content(), open, true)?;
    if !(list.open < hunk.range.start && hunk.range.end <= list.close) {
        return None;
    }
    // The list as it was: with the hunks in it undone.
    let mut old_text = source.content()[list.open..=list.close].to_owned();
    let mut hunks: Vec<&Hunk> = source.hunks(request.history.hunks()).collect();
    hunks.sort_by_key(|hunk| std::cmp::Reverse(hunk.range.start));
    for hunk in hunks.iter().filter(|hunk| list.open < hunk.range.start && hunk.range.end <= list.close) {
        old_text.replace_range(hunk.range.start - list.open..hunk.range.end - list.open, &hunk.old);
    }
    let old_list = list_at(&old_text, 0, true).filter(|old| old.close + 1 == old_text.len())?;
    let items: Vec<&str> = list.items.iter().map(|item| &source.content()[item.clone()]).collect();
    let old_items: Vec<&str> = old_list.items.iter().map(|item| &old_text[item.clone()]).collect();
    let (old, new) = (parameters(language, &old_items)?, parameters(language, &items)?);
    let mut name = source.content()[place.clone()].to_owned();
    let mut binding = source.binding(&place, source.tree.name_at(source.text, place.clone())?)?;
    let mut has_receiver = items.first().is_some_and(|first| is_receiver(language, first));
    let is_constructor = ["__init__", "constructor"].contains(&name.as_str())
        || source.own_type(&place).as_deref() == Some(name.as_str());
    if is_constructor {
        (name, binding, has_receiver) = (source.own_type(&place)?, Binding::Global, false);
    }
    let range = list.open..list.close;
    let change = change(&old, &new)?;
    // Another function of this name may be the one that is called.
    let is_other = |(range, other): &(Range<usize>, Name)| {
        other.is_definition && *range != place && source.same_thing(&binding, range, *other).is_some()
    };
    let is_overloaded = !is_constructor
        && !source.has_declarations()
        && source.names_of(&binding, &name).is_none_or(|names| names.iter().any(is_other));
    (!is_overloaded).then_some(Changed { source, name, binding, old, new, change, has_receiver, range })
}

/// The calls of a function in a document.
fn calls<'s, 'a>(changed: &Changed<'_, '_>, source: &'s Source<'a>) -> Option<Vec<Call<'s, 'a>>> {
    let names = source.names(&changed.name)?;
    let is_home = source.document == changed.source.document;
    if !is_home
        && (changed.binding != Binding::Global || !source.knows(changed.source, &changed.name, &names))
    {
        return None;
    }
    let mut found = Vec::new();
    for (range, name) in names.into_iter().filter(|(_, name)| !name.is_definition) {
        let confidence = match &changed.binding {
            binding if is_home => source.same_thing(binding, &range, name),
            _ => (name.role == NameRole::Free).then_some(GLOBAL - OTHER_FILE),
        };
        let Some(confidence) = confidence else { continue };
        // `Type::method(object)` has the object among its arguments.
        let is_static = changed.has_receiver && source.before(range.start).ends_with("::");
        if is_static || (confidence <= OTHER_MEMBER && !is_specific(&changed.name)) {
            continue;
        }
        let is_open = source.content()[range.end..].starts_with('(');
        if let Some(list) = list_at(source.content(), range.end, false).filter(|_| is_open) {
            found.push(Call { source, name: range, list, confidence });
        }
    }
    Some(found)
}

impl Call<'_, '_> {
    fn argument(&self, index: usize) -> &str {
        &self.source.content()[self.list.items[index].clone()]
    }

    /// The name of an argument that is passed by name.
    fn keyword(&self, index: usize) -> Option<&str> {
        let mark = match self.source.tree.language().name() {
            "python" => "=",
            "csharp" => ":",
            _ => return None,
        };
        let (name, value) = self.argument(index).split_once(mark)?;
        let name = name.trim();
        (is_name(name) && !value.starts_with('=')).then_some(name)
    }

    fn is_spread(&self) -> bool {
        (0..self.list.items.len()).any(|index| self.argument(index).starts_with(['*', '.']))
    }

    /// Whether its arguments are being typed.
    fn is_being_typed(&self, request: &Request<'_>) -> bool {
        request.is_being_typed(self.source, &(self.list.open..self.list.close))
    }

    /// Whether an edit of the history is in the arguments.
    fn is_edited(&self, request: &Request<'_>) -> bool {
        let is_inside = |hunk: &Hunk| self.list.open < hunk.range.end && hunk.range.start <= self.list.close;
        self.source.hunks(request.history.hunks()).any(is_inside)
    }
}

/// The edit that makes a call follow.
fn edit(
    request: &Request<'_>,
    changed: &Changed<'_, '_>,
    call: &Call<'_, '_>,
    calls: &[Call<'_, '_>],
) -> Option<NextEdit> {
    let n_arguments = call.list.items.len();
    let keywords: Vec<usize> = (0..n_arguments).filter(|index| call.keyword(*index).is_some()).collect();
    let n_positional = keywords.first().copied().unwrap_or(n_arguments);
    if call.is_spread() || call.is_edited(request) {
        return None;
    }
    let named = |name: &str| keywords.iter().copied().find(|index| call.keyword(*index) == Some(name));
    let n_done = calls.iter().filter(|call| call.is_edited(request)).count();
    let agreeing = 1 + n_done;
    let bonus = AGREEING * if n_done > 1 { 1.0 } else { 0.0 };
    let (range, text, confidence) = match &changed.change {
        ParameterChange::Removed(index) => {
            let argument = match named(&changed.old[*index].name) {
                Some(argument) => argument,
                None if *index < n_positional && n_arguments == changed.old.len() => *index,
                None => return None,
            };
            (call.list.removal(argument), String::new(), FOLLOWS)
        }
        ParameterChange::Renamed(index) => {
            let argument = named(&changed.old[*index].name)?;
            let start = call.list.items[argument].start;
            let name = &changed.old[*index].name;
            (start..start + name.len(), changed.new[*index].name.clone(), FOLLOWS)
        }
        ParameterChange::Reordered(order) => {
            if n_arguments != changed.old.len() || !keywords.is_empty() {
                return None;
            }
            (call.list.items.first()?.start..call.list.items.last()?.end, reordered(call, order), FOLLOWS)
        }
        ParameterChange::Added(index) => {
            if changed.new[*index].is_optional || n_arguments != changed.old.len() {
                return None;
            }
            let (argument, confidence) = new_argument(request, changed, *index, call, calls)?;
            let (at, text) = added(changed, *index, call, &argument);
            (at..at, text, confidence)
        }
    };
    let confidence = (confidence * (call.confidence / GLOBAL) + bonus).min(0.97);
    Some(call.source.edit(range, text, NextEditKind::Signature, confidence, agreeing))
}

fn reordered(call: &Call<'_, '_>, order: &[usize]) -> String {
    let items = &call.list.items;
    let mut text = String::new();
    for (place, old) in order.iter().enumerate() {
        if let Some(before) = place.checked_sub(1) {
            text.push_str(&call.source.content()[items[before].end..items[place].start]);
        }
        text.push_str(call.argument(*old));
    }
    text
}

/// What a call is to pass for a new parameter: what another call passes since, or the caller's variable of the same name.
fn new_argument(
    request: &Request<'_>,
    changed: &Changed<'_, '_>,
    index: usize,
    call: &Call<'_, '_>,
    calls: &[Call<'_, '_>],
) -> Option<(String, f32)> {
    let examples = calls.iter().filter(|other| other.list.items.len() == changed.new.len());
    let mut passed: Vec<&str> = examples
        .filter(|other| other.name != call.name && other.is_edited(request) && !other.is_being_typed(request))
        .map(|other| other.argument(index))
        .collect();
    passed.dedup();
    if let [only] = passed[..]
        && is_visible(call, only)
    {
        return Some((only.to_owned(), FROM_CALL));
    }
    let name = &changed.new[index].name;
    let is_variable = passed.is_empty() && name.len() > 2 && call.source.is_local(name, &call.name);
    is_variable.then(|| (name.clone(), FROM_NAME))
}

/// Whether all names of an argument are known where a call is.
fn is_visible(call: &Call<'_, '_>, argument: &str) -> bool {
    let is_text = argument.starts_with(['"', '\'']);
    let names = tokens(argument);
    let names = names.iter().map(|token| token.of(argument)).filter(|word| is_name(word));
    is_text
        || names.take(1).all(|name| call.source.is_local(name, &call.name) || is_global(call.source, name))
}

/// Whether a name is known everywhere in a document.
fn is_global(source: &Source<'_>, name: &str) -> bool {
    const CONSTANTS: [&str; 10] =
        ["None", "True", "False", "null", "nullptr", "nil", "true", "false", "self", "this"];
    let is_global =
        |(range, name): &(Range<usize>, Name)| source.binding(range, *name) == Some(Binding::Global);
    CONSTANTS.contains(&name) || source.names(name).is_some_and(|names| names.iter().any(is_global))
}
