//! Every setting, in groups. Invariant: a setting is added here, in one entry of its group, and nowhere else but as a field of
//! [`super::Settings`]; the test `settings` of the binary then names the files that are made from it.

pub(super) mod experimental;
mod log;
mod models;
mod privacy;
mod suggestions;

use super::entry::{Default, Kind, Malformed, Scope, Setting};

/// Settings that are shown together.
pub(super) struct Group {
    /// The heading above them.
    pub(super) title: &'static str,
    /// In the order in which they are shown.
    pub(super) settings: &'static [Setting],
}

/// Key of the object with the settings that few users need.
pub(super) const EXPERIMENTAL: &str = "experimental";

/// All settings, in the order in which they are shown.
pub(super) const GROUPS: &[Group] = &[
    Group { title: "Suggestions", settings: suggestions::SETTINGS },
    Group { title: "Models", settings: models::SETTINGS },
    Group { title: "Privacy", settings: privacy::SETTINGS },
    Group { title: "Log", settings: log::SETTINGS },
    Group {
        title: "Experimental",
        settings: &[Setting {
            key: EXPERIMENTAL,
            kind: Kind::Object(experimental::SETTINGS),
            default: Default::Nested,
            scope: Scope::Project,
            malformed: Malformed::Closes,
            description: "Settings for measurements and unusual machines. They may change with any version.",
        }],
    },
];

/// The settings at the top level.
pub(super) fn top_level() -> impl Iterator<Item = &'static Setting> {
    GROUPS.iter().flat_map(|group| group.settings)
}
