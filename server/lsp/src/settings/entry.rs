//! What one setting is: its key, what it allows, its default, its meaning, and where it is put. Invariant: what an entry
//! allows is said in one place, [`Kind`], for checking, for messages and for the schema; what cannot be read where a rule about
//! privacy may have been meant forbids every server beyond this machine.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Settings, SettingsProblem};

/// One setting, or an object of settings.
pub(super) struct Setting {
    /// Name in camel case.
    pub(super) key: &'static str,
    /// What it allows, and how it is put into [`Settings`].
    pub(super) kind: Kind,
    /// The value if it is not set.
    pub(super) default: Default,
    /// Who may set it.
    pub(super) scope: Scope,
    /// What holds when its value is not allowed.
    pub(super) malformed: Malformed,
    /// What it does, in Markdown.
    pub(super) description: &'static str,
}

/// What a setting allows, with the way into [`Settings`].
pub(super) enum Kind {
    /// True or false.
    Flag(fn(&mut Settings, bool)),
    /// A whole number in a range, both ends allowed.
    Whole(usize, usize, fn(&mut Settings, usize)),
    /// A number in a range, both ends allowed.
    Number(f32, f32, fn(&mut Settings, f32)),
    /// One of several words.
    Choice(&'static [Choice]),
    /// A list of texts; the words say what one is.
    List(&'static str, fn(&mut Settings, Vec<String>)),
    /// A text that is not blank, or a list of them; the words say what one is.
    OneOrMore(&'static str, fn(&mut Settings, Vec<String>)),
    /// An object whose values are texts; the words say what its entries are.
    Texts(&'static str, fn(&mut Settings, BTreeMap<String, String>)),
    /// An object with settings of its own.
    Object(&'static [Setting]),
}

/// A word that a setting may be.
pub(super) struct Choice {
    pub(super) name: &'static str,
    pub(super) meaning: &'static str,
    pub(super) set: fn(&mut Settings),
}

/// The value if it is not set.
pub(super) enum Default {
    /// True or false.
    Flag(bool),
    /// A whole number.
    Whole(usize),
    /// A number.
    Number(f64),
    /// A word.
    Word(&'static str),
    /// An empty list.
    EmptyList,
    /// An empty object.
    EmptyObject,
    /// What its settings say.
    Nested,
    /// Found out while it runs; the words say how.
    Found(&'static str),
}

/// Who may set it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// The user, and a project for itself.
    Project,
    /// The user only: it names a file, an address, or what this machine can bear, and a project that was fetched from
    /// somewhere must not decide that.
    Machine,
}

/// What holds when a value is not allowed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Malformed {
    /// The default.
    Default,
    /// The default, and no server beyond this machine is asked: it may have been meant to keep text here.
    Closes,
}

/// Notes that what stands under a key cannot be read, and may be a rule.
pub(super) fn close(key: &str, into: &mut Settings) {
    into.model.network.unreadable.push(format!("the setting {key} cannot be read"));
}

impl Kind {
    /// What is allowed, for messages.
    pub(super) fn allowed(&self) -> String {
        match self {
            Self::Flag(_) => "true or false".to_owned(),
            Self::Whole(low, high, _) => format!("a whole number from {low} to {high}"),
            Self::Number(low, high, _) => format!("a number from {low} to {high}"),
            Self::Choice(choices) => {
                let names: Vec<_> = choices.iter().map(|choice| format!("\"{}\"", choice.name)).collect();
                match names.split_last() {
                    Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
                    _ => names.concat(),
                }
            }
            Self::List(item, _) => format!("a list of {item}"),
            Self::OneOrMore(item, _) => format!("{item}, or a list of these, the preferred one first"),
            Self::Texts(entries, _) => format!("an object with {entries}"),
            Self::Object(settings) => {
                let keys: Vec<_> = settings.iter().map(|setting| setting.key).collect();
                format!("an object with {}", keys.join(", "))
            }
        }
    }
}

impl Setting {
    /// Puts a value where it belongs, or says why not. `path` is the whole key.
    pub(super) fn apply(
        &self,
        path: &str,
        value: &Value,
        into: &mut Settings,
        problems: &mut Vec<SettingsProblem>,
    ) {
        if let Kind::Object(settings) = self.kind {
            match value {
                Value::Object(values) => apply_all(settings, path, values, into, problems),
                // Lua has one word for an empty list and an empty object.
                Value::Array(items) if items.is_empty() => {}
                _ => self.report(path, value, into, problems),
            }
        } else if self.set(value, into).is_none() {
            self.report(path, value, into, problems);
        }
    }

    /// A value that is not allowed.
    fn report(&self, path: &str, value: &Value, into: &mut Settings, problems: &mut Vec<SettingsProblem>) {
        problems.push(SettingsProblem::not_allowed(path, value, self));
        if self.malformed == Malformed::Closes {
            close(path, into);
            // Whoever set it may have wanted no other file to be read.
            into.snippets &= self.key != "snippets";
        }
    }

    /// Nothing if the value is not allowed.
    fn set(&self, value: &Value, into: &mut Settings) -> Option<()> {
        match self.kind {
            Kind::Flag(set) => set(into, value.as_bool()?),
            Kind::Whole(low, high, set) => {
                let number = usize::try_from(value.as_u64()?).ok()?;
                set(into, (low..=high).contains(&number).then_some(number)?);
            }
            Kind::Number(low, high, set) => {
                #[expect(clippy::cast_possible_truncation, reason = "no setting needs more than f32 holds")]
                let number = value.as_f64()? as f32;
                set(into, (low..=high).contains(&number).then_some(number)?);
            }
            Kind::Choice(choices) => {
                let name = value.as_str()?;
                (choices.iter().find(|choice| choice.name == name)?.set)(into);
            }
            Kind::List(_, set) => {
                let items = value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned));
                set(into, items.collect::<Option<Vec<_>>>()?);
            }
            Kind::OneOrMore(_, set) => {
                let texts = match value {
                    Value::Array(items) => items.iter().map(text_of).collect::<Option<Vec<_>>>()?,
                    one => vec![text_of(one)?],
                };
                set(into, texts);
            }
            Kind::Texts(_, set) => {
                let texts = match value {
                    // Lua has one word for an empty list and an empty object.
                    Value::Array(items) if items.is_empty() => BTreeMap::new(),
                    entries => {
                        let entries = entries.as_object()?.iter();
                        entries
                            .map(|(key, value)| Some((key.clone(), text_of(value)?)))
                            .collect::<Option<_>>()?
                    }
                };
                set(into, texts);
            }
            Kind::Object(_) => return None,
        }
        Some(())
    }
}

/// A text that is not blank.
fn text_of(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    (!text.trim().is_empty()).then(|| text.to_owned())
}

/// Applies each value on its own to the one of `settings` that has its key. `path` is the key of the object around them, empty
/// for the section itself; a null means "not set".
pub(super) fn apply_all<'a>(
    settings: impl IntoIterator<Item = &'static Setting>,
    path: &str,
    values: impl IntoIterator<Item = (&'a String, &'a Value)>,
    into: &mut Settings,
    problems: &mut Vec<SettingsProblem>,
) {
    let settings: Vec<_> = settings.into_iter().collect();
    for (key, value) in values {
        let whole = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match settings.iter().find(|setting| setting.key == key) {
            _ if value.is_null() => {}
            Some(setting) => setting.apply(&whole, value, into, problems),
            // It may be a rule of another version, or one whose name is misspelt.
            None => {
                problems.push(SettingsProblem::unknown(&whole));
                close(&whole, into);
            }
        }
    }
}
