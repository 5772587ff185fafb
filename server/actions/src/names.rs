//! Clearer names: a model says which name becomes which, and the names are replaced here. Invariant: nothing but names of
//! variables that belong to the code changes; a name that is taken, or whose uses are not all known, stays.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::hidden::Hidden;
use crate::{Edit, Refusal, Source, Target, line_edits};

/// Names that are asked about at most.
const MAX_NAMES: usize = 24;

/// A variable of the target with the places where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) name: String,
    uses: Vec<Range<usize>>,
}

/// The variables of a target that can be renamed, in order. None of those that refer to something outside.
pub(crate) fn variables(source: &Source<'_>, target: &Target) -> Vec<Variable> {
    let (Some(tree), Some(_)) = (source.tree, &target.item) else { return Vec::new() };
    let text = source.text;
    let outline = tree.outline(text, target.range.clone());
    let is_known = |name: &str| {
        outline.inside.iter().chain(&outline.outside).any(|part| part.name == name)
            || outline.around.iter().any(|around| around == name)
    };
    let mut found: Vec<Variable> = Vec::new();
    for range in tree.defined_names(text, target.range.clone()) {
        let name = text.slice(range).into_owned();
        let is_usable = !["self", "this", "cls", "_"].contains(&name.as_str()) && name != target.name;
        if !is_usable || is_known(&name) || found.iter().any(|other| other.name == name) {
            continue;
        }
        let uses = tree.uses(text, target.range.clone(), &name).unwrap_or_default();
        if !uses.is_empty() && found.len() < MAX_NAMES {
            found.push(Variable { name, uses });
        }
    }
    found
}

/// The edits of an answer with lines of the form `old -> new`.
///
/// # Errors
/// The answer names nothing that can be renamed.
pub(crate) fn renamed(
    answer: &str,
    variables: &[Variable],
    source: &Source<'_>,
    target: &Target,
    hidden: &Hidden,
) -> Result<Vec<Edit>, Refusal> {
    let old = source.text.slice(target.range.clone()).into_owned();
    let mut taken: BTreeSet<String> = words(&old).map(str::to_owned).collect();
    if let Some(tree) = source.tree {
        let outside = tree.outline(source.text, target.range.clone()).outside;
        taken.extend(outside.into_iter().map(|part| part.name));
    }
    let mut replaced: Vec<(Range<usize>, String)> = Vec::new();
    let mut done: BTreeSet<String> = BTreeSet::new();
    let pairs: Vec<(String, String)> = hidden.restored(answer).lines().filter_map(pair).collect();
    for (from, to) in &pairs {
        let Some(variable) = variables.iter().find(|variable| variable.name == *from) else { continue };
        // A name that the author wrote in full is not made shorter.
        let is_better = to.len() > from.len() || to.len() > 3;
        if is_name(to) && is_better && taken.insert(to.clone()) && done.insert(from.clone()) {
            replaced.extend(variable.uses.iter().map(|range| (range.clone(), to.clone())));
        }
    }
    if replaced.is_empty() {
        let is_said = pairs.iter().any(|(from, to)| from == to);
        return Err(if is_said { Refusal::NoChange } else { Refusal::NoNames });
    }
    replaced.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    let mut new = old.clone();
    for (range, name) in replaced {
        new.replace_range(range.start - target.range.start..range.end - target.range.start, &name);
    }
    Ok(line_edits(&old, &new, target.range.start))
}

/// The two names of a line.
fn pair(line: &str) -> Option<(String, String)> {
    let (from, to) = ["->", "→", "=>", ":", "="].iter().find_map(|mark| line.split_once(mark))?;
    let from = words(from).last()?.to_owned();
    Some((from, words(to).next()?.to_owned()))
}

fn is_name(word: &str) -> bool {
    word.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use fimble_document::Text;
    use fimble_syntax::{ParseBudget, SyntaxTree, by_language_id};

    use super::*;
    use crate::find_target;

    const CODE: &str = "LIMIT = 3\n\n\ndef mean(p, scale=1):\n    s = 0\n    for q in p:\n        s += q.s\n    return s / len(p) * LIMIT\n";

    fn with_answer(answer: &str) -> Result<String, Refusal> {
        let text = Text::new(CODE);
        let language = by_language_id("python").unwrap();
        let tree = SyntaxTree::parse(language, &text, None, &ParseBudget::unlimited()).unwrap();
        let source =
            Source { text: &text, tree: Some(&tree), language: Some(language), path: "a.py", file: "/a.py" };
        let target =
            find_target(&source, CODE.find("for").unwrap()..CODE.find("for").unwrap(), false).unwrap();
        let variables = variables(&source, &target);
        let names: Vec<&str> = variables.iter().map(|variable| variable.name.as_str()).collect();
        assert_eq!(names, ["p", "scale", "s", "q"]);
        let mut new = CODE.to_owned();
        for edit in renamed(answer, &variables, &source, &target, &Hidden::of(&text))?.iter().rev() {
            new.replace_range(edit.range.clone(), &edit.text);
        }
        Ok(new)
    }

    #[test]
    fn names_are_replaced_where_they_stand_for_the_variable() {
        let expected =
            CODE.replace("(p, ", "(points, ").replace("in p:", "in points:").replace("len(p)", "len(points)");
        let expected = expected
            .replace("    s = 0", "    total = 0")
            .replace(" s +=", " total +=")
            .replace("return s", "return total");
        for answer in [
            "p -> points\ns -> total\nscale -> scale\nq -> q\n",
            "- `p` → `points`\n- `s` → `total` (the sum)\n",
            "```\np: points\ns: total\nmean: average\nLIMIT: bound\n```",
            // Taken names, and what is no name, are left out.
            "p -> points\ns -> total\nq -> LIMIT\nscale -> len\n",
            "p -> points\ns -> total\nq -> points\nscale -> 1x\n",
        ] {
            assert_eq!(with_answer(answer).as_deref(), Ok(expected.as_str()), "{answer}");
        }
    }

    #[test]
    fn an_answer_without_names_is_refused() {
        assert_eq!(with_answer("I would rename nothing."), Err(Refusal::NoNames));
        assert_eq!(with_answer("p -> p\ns -> s\n"), Err(Refusal::NoChange));
        assert_eq!(with_answer("x -> points\n"), Err(Refusal::NoNames));
    }
}
