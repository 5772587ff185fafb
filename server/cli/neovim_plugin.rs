//! The Neovim plugin, which is in the binary so that both have one version, and its installation for Neovim. Invariant: the
//! plugin is written whole, or the old one stays; nothing outside its own folder is changed.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// A file of the plugin, by its path inside.
macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../editors/neovim/", $path)))),*]
    };
}

/// Every file of the plugin.
const FILES: &[(&str, &str)] = files![
    "README.md",
    "doc/fimble.txt",
    "doc/tags",
    "lua/fimble/client.lua",
    "lua/fimble/command.lua",
    "lua/fimble/config.lua",
    "lua/fimble/documents.lua",
    "lua/fimble/editor.lua",
    "lua/fimble/ghost.lua",
    "lua/fimble/health.lua",
    "lua/fimble/init.lua",
    "lua/fimble/keys.lua",
    "lua/fimble/menu.lua",
    "lua/fimble/message.lua",
    "lua/fimble/model.lua",
    "lua/fimble/next_edit.lua",
    "lua/fimble/paint.lua",
    "lua/fimble/status.lua",
    "lua/fimble/text.lua",
    "plugin/fimble.lua",
];

/// Where Neovim looks for plugins that it loads by itself.
///
/// # Errors
/// The system names no folder for the user's data.
pub fn folder() -> anyhow::Result<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let (base, suffix) = if cfg!(windows) {
        (variable("XDG_DATA_HOME").or_else(|| variable("LOCALAPPDATA")), "-data")
    } else {
        let home = || variable("HOME").map(|home| Path::new(&home).join(".local/share").into_os_string());
        (variable("XDG_DATA_HOME").or_else(home), "")
    };
    let base = base.context(
        "There is no folder for Neovim's data. Set XDG_DATA_HOME to the folder that `:echo stdpath('data')` is in",
    )?;
    let mut name = variable("NVIM_APPNAME").unwrap_or_else(|| OsString::from("nvim"));
    name.push(suffix);
    Ok(Path::new(&base).join(name).join("site/pack/fimble/start/fimble"))
}

/// Writes the plugin into `folder`, replacing one that is there.
///
/// # Errors
/// A file could not be written; the error names it.
pub fn install(folder: &Path) -> anyhow::Result<()> {
    let staged = folder.with_extension("new");
    let cannot = |path: &Path| format!("Cannot write {}. Check that the folder is yours", path.display());
    if staged.exists() {
        fs::remove_dir_all(&staged).with_context(|| cannot(&staged))?;
    }
    for (name, content) in FILES {
        let path = staged.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| cannot(parent))?;
        }
        fs::write(&path, content).with_context(|| cannot(&path))?;
    }
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| cannot(folder))?;
    }
    fs::rename(&staged, folder).with_context(|| cannot(folder))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn files_below(folder: &Path, root: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files_below(&path, root, found);
            } else {
                found.insert(path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/"));
            }
        }
    }

    #[test]
    fn every_file_of_the_plugin_is_installed_and_nothing_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("start/fimble");
        fs::create_dir_all(target.join("lua")).unwrap();
        fs::write(target.join("lua/old.lua"), "").unwrap();
        install(&target).unwrap();
        let (mut ours, mut installed) = (BTreeSet::new(), BTreeSet::new());
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("editors/neovim");
        files_below(&source, &source, &mut ours);
        files_below(&target, &target, &mut installed);
        assert_eq!(ours, installed);
        assert_eq!(fs::read_dir(folder.path().join("start")).unwrap().count(), 1);
    }

    #[test]
    fn the_plugin_has_the_version_of_the_binary() {
        let (_, lua) = FILES.iter().find(|(name, _)| *name == "lua/fimble/init.lua").unwrap();
        assert!(lua.contains(&format!("M.version = \"{}\"", env!("CARGO_PKG_VERSION"))));
    }
}
