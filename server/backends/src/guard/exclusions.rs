//! Files whose text stays here: those of the setting `noRemotePaths` on this machine, and those that hold secrets by their names
//! in this process.
//!
//! Invariant: in doubt a file is kept. A pattern counts at any depth, in any case of letters and in any Unicode normal form; a
//! folder is kept with all that is in it, and so is text of which nobody says where it is from. A pattern that may mean
//! something else to its writer is an error.

use std::path::PathBuf;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::path_form::{PathForm, spellings};

/// The setting `noRemotePaths`, and what holds without it.
#[derive(Clone, Default)]
pub(super) struct Exclusions {
    /// Files that no server beyond this machine sees.
    patterns: GlobSet,
    /// Files that servers may see although their names say that they hold secrets.
    named: GlobSet,
}

impl Exclusions {
    /// Reads the setting. The error is one sentence.
    pub(super) fn new(setting: &[String]) -> Result<Self, String> {
        Self::at_home(setting, std::env::home_dir())
    }

    fn at_home(setting: &[String], home: Option<PathBuf>) -> Result<Self, String> {
        let (mut patterns, mut named) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        for written in setting {
            let wrong = |what: &dyn std::fmt::Display| {
                format!("noRemotePaths: {written:?} is no pattern of paths ({what})")
            };
            let (pattern, set) = match written.trim().strip_prefix('!') {
                Some(exception) => (exception.trim(), &mut named),
                None => (written.trim(), &mut patterns),
            };
            let pattern = expanded(pattern, home.as_deref()).map_err(|what| wrong(&what))?;
            // On some systems a backslash separates, on others it may stand before what is meant as it is.
            let mut readings = vec![pattern.replace('\\', "/")];
            if !cfg!(windows) && pattern.contains('\\') {
                readings.push(pattern);
            }
            for reading in readings {
                let spellings = spellings(&reading);
                if spellings.is_empty() {
                    return Err(wrong(&"it names nothing"));
                }
                for spelling in spellings {
                    for form in [format!("{spelling}/**"), spelling] {
                        let glob = GlobBuilder::new(&form).case_insensitive(true).build();
                        set.add(glob.map_err(|error| wrong(error.kind()))?);
                    }
                }
            }
        }
        let built = |set: GlobSetBuilder| {
            set.build().map_err(|error| format!("noRemotePaths cannot be used ({})", error.kind()))
        };
        Ok(Self { patterns: built(patterns)?, named: built(named)? })
    }

    /// Why text of these files, named by their whole paths, must not go to another machine, if so.
    pub(super) fn keep_on_machine(&self, sources: &[String]) -> Option<String> {
        if self.patterns.is_empty() {
            return None;
        }
        if sources.is_empty() || sources.iter().any(String::is_empty) {
            return Some(
                "it is not known which files the text is from, and noRemotePaths keeps some on this machine"
                    .to_owned(),
            );
        }
        let kept =
            sources.iter().find_map(|path| forms(path).find_map(|form| end_in(&self.patterns, &form)))?;
        Some(format!("the setting noRemotePaths keeps {kept} on this machine"))
    }

    /// Why text of these files must not go to any server, if so.
    pub(super) fn keep_in_process(&self, sources: &[String]) -> Option<String> {
        let holds_secrets = |form: &PathForm| {
            fimble_secrets::is_secret_path(form.whole()) && end_in(&self.named, form).is_none()
        };
        let kept = sources.iter().find_map(|path| forms(path).find(holds_secrets))?;
        let name = kept.name();
        Some(format!(
            "{name} holds secrets, by its name, and no server is sent such files unless the setting noRemotePaths holds \
             \"!{name}\""
        ))
    }
}

/// A path in every form that it may have to be read in.
fn forms(path: &str) -> impl Iterator<Item = PathForm> {
    // Editors name versions and cells of a file behind one of these.
    let bare = path.split(['?', '#']).next().unwrap_or(path);
    [(path, false), (bare, false), (path, true), (bare, true)]
        .into_iter()
        .map(|(path, has_backslashes)| PathForm::new(path, has_backslashes))
}

/// The end of a path that a pattern fits, the shortest one: it is shown to people and stands in traces, which hold no folders
/// that say whose they are.
fn end_in(patterns: &GlobSet, form: &PathForm) -> Option<String> {
    let mut ends = form.ends();
    ends.find_map(|(written, folded)| {
        (patterns.is_match(&written) || patterns.is_match(&folded)).then_some(written)
    })
}

/// A pattern with the home folder in the place of `~`. The error says what cannot be read in it.
fn expanded(pattern: &str, home: Option<&std::path::Path>) -> Result<String, &'static str> {
    if pattern.chars().any(char::is_control) {
        return Err("it holds a line break or another control character; write one pattern for each entry");
    }
    if pattern.contains("://") {
        return Err("it is an address; write a path");
    }
    if pattern.starts_with('!') {
        return Err("it begins with two exclamation marks");
    }
    if names_variable(pattern) {
        return Err("variables are not expanded; write ~ for the home folder, or the whole path");
    }
    let Some(rest) = pattern.strip_prefix('~') else { return Ok(pattern.to_owned()) };
    match (rest.find(['/', '\\']), home) {
        // A file whose name begins so.
        (None, _) if !rest.is_empty() => Ok(pattern.to_owned()),
        (Some(1..), _) => Err("the home folders of other users are not known; write the whole path"),
        (_, Some(home)) => {
            let home = home.to_string_lossy().replace('\\', "/");
            Ok(format!("{}{rest}", globset::escape(&home)))
        }
        (_, None) => Err("the home folder is not known; write the whole path"),
    }
}

/// Whether a pattern begins with a variable of a shell, which nobody would put a value into here.
fn names_variable(pattern: &str) -> bool {
    let is_name = |text: &str| {
        !text.is_empty()
            && text.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
    };
    let first = pattern.split(['/', '\\']).next().unwrap_or_default();
    let in_percent = first.strip_prefix('%').and_then(|rest| rest.strip_suffix('%'));
    first.starts_with("${") || first.strip_prefix('$').is_some_and(is_name) || in_percent.is_some_and(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exclusions(patterns: &[&str]) -> Exclusions {
        let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        Exclusions::at_home(&patterns, Some(PathBuf::from("/home/me"))).unwrap()
    }

    #[test]
    fn a_pattern_counts_wherever_the_file_lies_and_however_it_is_written() {
        for (pattern, path) in [
            ("secret/**", "/home/me/app/secret/a.rs"),
            ("secret/**", "/home/me/secret/deep/b.rs"),
            ("secret", "/home/me/app/secret/a.rs"),
            ("secret/", "/home/me/app/secret/a.rs"),
            ("/secret", "/home/me/app/secret/a.rs"),
            ("./secret/*", "/home/me/app/Secret/A.rs"),
            ("app/secret/**", "c:/code/app/secret/a.rs"),
            ("/home/me/app/**", "/home/me/app/src/main.rs"),
            ("**/*.pem", "/home/me/app/x.pem"),
            ("*.pem", "/home/me/app/keys/x.pem"),
            ("*.pem", "/home/me/app/keys/x.pem?version=2"),
            ("*.pem", "x.pem#cell"),
            ("key", "/home/me/app/key"),
            ("**", "a"),
            // Case and normal forms.
            ("schlüssel", "/app/SCHLÜSSEL/a.rs"),
            ("SCHLÜSSEL/**", "/app/schlu\u{308}ssel/a.rs"),
            ("schlu\u{308}ssel", "/app/schl\u{fc}ssel"),
            ("straße", "/app/STRASSE/a.rs"),
            ("STRASSE", "/app/straße/a.rs"),
            ("stra?e", "/app/straße/a.rs"),
            ("οδος", "/app/ΟΔΟΣ"),
            ("[A-C]nn", "/app/bnn"),
            ("[äö]l", "/app/Öl/a.rs"),
            ("[!x]l", "/app/öl/a.rs"),
            ("[]x]l", "/app/xl"),
            ("?l", "/app/öl/a.rs"),
            // Detours.
            ("app/secret/**", "/home/me/app/./secret/a.rs"),
            ("app/secret/**", "/home/me/app//secret/a.rs"),
            ("app/secret/**", "/home/me/app/src/../secret/a.rs"),
            ("app/./secret/**", "/home/me/app/secret/a.rs"),
            ("app//secret", "/home/me/app/secret/a.rs"),
            ("app/src/../secret", "/home/me/app/secret/a.rs"),
            ("../secret", "/home/me/app/secret/a.rs"),
            ("**/../secret", "/home/me/app/secret/a.rs"),
            ("/home/me/app/", "/home/./me/x/..//app/a.rs"),
            // The home folder.
            ("~/app/**", "/home/me/app/src/main.rs"),
            ("~/app", "/home/me/APP/src/main.rs"),
            ("~", "/home/me/x"),
            ("~", "/home/me"),
            ("~/", "/home/me/x"),
            ("~lock.odt", "/app/~lock.odt"),
            // What Windows writes, and what it drops.
            (r"app\secret\**", "/home/me/app/secret/a.rs"),
            (r"C:\app\secret", "c:/app/secret/a.rs"),
            ("app/secret", r"C:\app\secret\a.rs"),
            ("secret", "/app/secret./a.rs"),
            ("secret", "/app/secret /a.rs"),
            ("  secret  ", "/app/secret/a.rs"),
            ("$RECYCLE.BIN", "/$Recycle.Bin/a"),
        ] {
            let reason = exclusions(&[pattern]).keep_on_machine(&["/b.rs".to_owned(), path.to_owned()]);
            assert!(reason.is_some(), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("secret/**", "/home/me/app/secrets/a.rs"),
            ("secret/**", "/home/me/app/src/secret.rs"),
            ("secret", "/home/me/app/src/secret.rs"),
            ("*.pem", "/home/me/app/x.pem.rs"),
            ("/home/me/app/**", "/home/you/app/src/main.rs"),
            ("~/app/**", "/home/you/app/src/main.rs"),
            ("app/secret/**", "/home/me/app/secret/../src/a.rs"),
            ("!secret", "/home/me/secret/a.rs"),
        ] {
            assert_eq!(exclusions(&[pattern]).keep_on_machine(&[path.to_owned()]), None, "{pattern} {path}");
        }
    }

    #[test]
    fn what_is_shown_names_no_folder_that_says_whose_it_is() {
        let reason = exclusions(&["secret/**"]).keep_on_machine(&["/home/me/app/secret/a.rs".to_owned()]);
        let reason = reason.unwrap();
        assert!(reason.contains(" secret/a.rs ") && !reason.contains("home"), "{reason}");
    }

    #[test]
    fn in_doubt_it_stays_here() {
        for sources in [vec![], vec![String::new()]] {
            assert!(exclusions(&["x"]).keep_on_machine(&sources).is_some());
            assert_eq!(exclusions(&[]).keep_on_machine(&sources), None);
        }
    }

    #[test]
    fn a_pattern_that_cannot_be_read_is_an_error() {
        let wrong = [
            "",
            " ",
            "/",
            "./",
            "..",
            "[",
            "{a",
            "a\nb",
            "a\0",
            "!",
            "!!a",
            "$HOME/app",
            "${HOME}/app",
            "$SECRETS",
            "%USERPROFILE%\\app",
            "~you/app",
            "file:///home/me/app",
            "!$HOME",
        ];
        for wrong in wrong {
            let error = Exclusions::at_home(&[wrong.to_owned()], Some(PathBuf::from("/home/me"))).err();
            assert!(error.is_some_and(|error| error.contains("noRemotePaths")), "{wrong:?}");
        }
        assert!(Exclusions::at_home(&["~/app".to_owned()], None).is_err());
    }

    #[test]
    fn files_that_hold_secrets_by_their_names_stay_in_the_process_unless_they_are_named() {
        let secret = [
            "/p/.env",
            "/p/.ENV",
            "/p/.env?version=1",
            "/p/./.env",
            "/p/id_rsa",
            "/p/server.key",
            "/p/.aws/credentials",
            "/p/secrets/db.yaml",
            "/p/my-secrets.yaml",
            "/p/passwords.json",
            "/p/settings_secret.py",
            "C:\\p\\.env",
            "/p/prod.tfvars",
            "/p/kubeconfig",
            "/p/x/../.ssh/config",
        ];
        for path in secret {
            let reason = exclusions(&[]).keep_in_process(&["/p/a.rs".to_owned(), path.to_owned()]);
            let reason = reason.unwrap_or_else(|| panic!("{path}"));
            assert!(reason.contains("noRemotePaths") && !reason.contains("/p/"), "{reason}");
            assert_eq!(exclusions(&["!**"]).keep_in_process(&[path.to_owned()]), None, "{path}");
        }
        assert_eq!(exclusions(&[]).keep_in_process(&["/p/a.rs".to_owned()]), None);
        assert_eq!(exclusions(&["!.env"]).keep_in_process(&["/p/.env".to_owned()]), None);
        assert_eq!(exclusions(&["!~/app/.env"]).keep_in_process(&["/home/me/app/.env".to_owned()]), None);
        assert!(exclusions(&["!~/app/.env"]).keep_in_process(&["/home/me/.env".to_owned()]).is_some());
        // What the user keeps on this machine stays there, whatever else is said about it.
        let both = exclusions(&["!.env", ".env"]);
        let path = ["/p/.env".to_owned()];
        assert!(both.keep_in_process(&path).is_none() && both.keep_on_machine(&path).is_some());
    }
}
