//! Keys that are not those of a setting: keys of earlier versions, and misspelt ones. Invariant: a key of an earlier version is
//! one of a setting that stands under `experimental` now.

use super::entry::{Kind, Setting};
use super::table::{EXPERIMENTAL, experimental, top_level};

/// The setting that had this key at the top level in earlier versions.
pub(super) fn moved(key: &str) -> Option<&'static Setting> {
    experimental::SETTINGS.iter().find(|setting| setting.key == key)
}

/// The key, from the top level, of a setting that [`moved`].
pub(super) fn moved_to(key: &str) -> String {
    format!("{EXPERIMENTAL}.{key}")
}

/// The key, from the top level, that is spelt most like this one: a third of its letters may differ. None if there is none.
pub(super) fn nearest(key: &str) -> Option<String> {
    let last = letters(key.rsplit('.').next().unwrap_or_default());
    let n_may_differ = last.chars().count().div_ceil(3);
    let distance = |known: &String| {
        let known_last = letters(known.rsplit('.').next().unwrap_or_default());
        strsim::osa_distance(&letters(key), &letters(known)).min(strsim::osa_distance(&last, &known_last))
    };
    let found = whole_keys().into_iter().map(|known| (distance(&known), known)).min_by_key(|(n, _)| *n);
    found.filter(|(n_differ, _)| *n_differ <= n_may_differ).map(|(_, known)| known)
}

/// What counts when two keys are compared: `no_remote_paths` is spelt as `noRemotePaths`.
fn letters(key: &str) -> String {
    key.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The keys of all settings from the top level; objects have none of their own.
fn whole_keys() -> Vec<String> {
    let keys = |setting: &Setting| match setting.kind {
        Kind::Object(settings) => {
            settings.iter().map(|inner| format!("{}.{}", setting.key, inner.key)).collect()
        }
        _ => vec![setting.key.to_owned()],
    };
    top_level().flat_map(keys).collect()
}
