//! Parameters of a function, and how a list of them changed. Invariant: the object that a method is called on is no parameter; what
//! is not understood is no change.

use crate::tokens::is_word_character;

/// One parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    /// Whether a call may leave it out.
    pub(crate) is_optional: bool,
}

/// How parameters changed. Numbers count the parameters of a call, from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ParameterChange {
    Added(usize),
    Removed(usize),
    Renamed(usize),
    /// The old number of each new parameter.
    Reordered(Vec<usize>),
}

/// The languages whose parameters are understood.
pub(crate) const LANGUAGES: [&str; 10] =
    ["python", "rust", "typescript", "tsx", "javascript", "go", "java", "c", "cpp", "csharp"];

/// The parameters of a list; none if there is one that stands for several arguments.
pub(crate) fn parameters(language: &str, items: &[&str]) -> Option<Vec<Parameter>> {
    let mut found = Vec::new();
    for (index, item) in items.iter().enumerate() {
        if index == 0 && is_receiver(language, item) {
            continue;
        }
        if item.contains("...") || item.starts_with(['*', '/', '@', '{', '[']) {
            return None;
        }
        let name = name_of(language, item);
        if name.is_empty() || found.iter().any(|other: &Parameter| other.name == name) {
            return None;
        }
        let head = item.split(':').next().unwrap_or_default();
        let is_optional = item.contains('=') || (language != "rust" && head.trim_end().ends_with('?'));
        found.push(Parameter { name, is_optional });
    }
    Some(found)
}

/// Whether the first item is the object of a method.
pub(crate) fn is_receiver(language: &str, item: &str) -> bool {
    match language {
        "python" => matches!(item, "self" | "cls"),
        "rust" => {
            let item = item.split(':').next().unwrap_or_default();
            item.split(|c: char| !is_word_character(c)).next_back() == Some("self")
        }
        "typescript" | "tsx" => item.starts_with("this:"),
        _ => false,
    }
}

fn name_of(language: &str, item: &str) -> String {
    let item = item.split('=').next().unwrap_or_default();
    let words = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !is_word_character(c) && c != '$');
        words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let found = match language {
        "go" => words(item).into_iter().next(),
        // The type stands before the name.
        "java" | "c" | "cpp" | "csharp" => words(item.split('[').next().unwrap_or_default()).pop(),
        _ => words(item.split(':').next().unwrap_or_default()).pop(),
    };
    found.unwrap_or_default()
}

/// How the old parameters became the new ones, if in one way that calls have to follow.
pub(crate) fn change(old: &[Parameter], new: &[Parameter]) -> Option<ParameterChange> {
    let (old_names, new_names): (Vec<&str>, Vec<&str>) = (
        old.iter().map(|one| one.name.as_str()).collect(),
        new.iter().map(|one| one.name.as_str()).collect(),
    );
    let without = |names: &[&str], left_out: usize| -> Vec<String> {
        let kept = names.iter().enumerate().filter(|(index, _)| *index != left_out);
        kept.map(|(_, name)| (*name).to_owned()).collect()
    };
    if new.len() == old.len() + 1 {
        return (0..new.len())
            .find(|index| without(&new_names, *index) == old_names)
            .map(ParameterChange::Added);
    }
    if new.len() + 1 == old.len() {
        return (0..old.len())
            .find(|index| without(&old_names, *index) == new_names)
            .map(ParameterChange::Removed);
    }
    if new.len() != old.len() || old_names == new_names {
        return None;
    }
    let order: Option<Vec<usize>> =
        new_names.iter().map(|name| old_names.iter().position(|old| old == name)).collect();
    if let Some(order) = order {
        return Some(ParameterChange::Reordered(order));
    }
    let mut differing = (0..old.len()).filter(|index| old_names[*index] != new_names[*index]);
    let first = differing.next()?;
    differing.next().is_none().then_some(ParameterChange::Renamed(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_parameters_are_found() {
        for (language, items, expected) in [
            ("python", vec!["self", "a", "b: int", "c=1", "d: str = ''"], Some("a b c? d?")),
            ("python", vec!["*args"], None),
            ("rust", vec!["&mut self", "a: u8", "mut b: Vec<u8>"], Some("a b")),
            ("rust", vec!["self: Box<Self>", "a: &'a str"], Some("a")),
            ("typescript", vec!["private a: string", "b?: number", "c = 1"], Some("a b? c?")),
            ("typescript", vec!["...rest: string[]"], None),
            ("go", vec!["a", "b int", "c *T"], Some("a b c")),
            ("java", vec!["final int a", "List<String> b"], Some("a b")),
            ("cpp", vec!["const char *a", "int b[3]", "int c = 1"], Some("a b c?")),
        ] {
            let found = parameters(language, &items).map(|found| {
                let names =
                    found.iter().map(|one| format!("{}{}", one.name, if one.is_optional { "?" } else { "" }));
                names.collect::<Vec<_>>().join(" ")
            });
            assert_eq!(found.as_deref(), expected, "{items:?}");
        }
    }

    #[test]
    fn a_change_is_one_that_calls_can_follow() {
        use ParameterChange::{Added, Removed, Renamed, Reordered};
        for (old, new, expected) in [
            ("a b", "a b c", Some(Added(2))),
            ("a b", "c a b", Some(Added(0))),
            ("a b c", "a c", Some(Removed(1))),
            ("a b", "a c", Some(Renamed(1))),
            ("a b", "b a", Some(Reordered(vec![1, 0]))),
            ("a b", "a b", None),
            ("a b", "c d", None),
            ("a", "a b c", None),
        ] {
            let list = |names: &str| -> Vec<Parameter> {
                let names = names.split_whitespace().map(str::to_owned);
                names.map(|name| Parameter { name, is_optional: false }).collect()
            };
            assert_eq!(change(&list(old), &list(new)), expected, "{old} {new}");
        }
    }
}
