//! Files whose text stays on this machine. Must hold: in doubt a file is kept: a pattern counts at any depth and in any case of
//! letters, a folder is kept with all that is in it, and so is text of which nobody says where it is from.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// The setting `noRemotePaths`.
#[derive(Clone, Default)]
pub(super) struct KeptFiles {
    patterns: GlobSet,
}

impl KeptFiles {
    /// Reads the setting. The error is one sentence.
    pub(super) fn new(setting: &[String]) -> Result<Self, String> {
        let mut patterns = GlobSetBuilder::new();
        for written in setting {
            let wrong = |what: &dyn std::fmt::Display| {
                format!("noRemotePaths: {written:?} is no pattern of paths ({what})")
            };
            let pattern = if cfg!(windows) { written.replace('\\', "/") } else { written.clone() };
            let pattern = pattern.trim().trim_start_matches("./").trim_matches('/');
            if pattern.is_empty() {
                return Err(wrong(&"it names nothing"));
            }
            for form in [pattern.to_owned(), format!("{pattern}/**")] {
                let glob = GlobBuilder::new(&form).case_insensitive(true).build();
                patterns.add(glob.map_err(|error| wrong(error.kind()))?);
            }
        }
        let patterns = patterns.build();
        Ok(Self {
            patterns: patterns.map_err(|error| format!("noRemotePaths cannot be used ({})", error.kind()))?,
        })
    }

    /// Why text of these files, named by their whole paths, must not go to another machine, if so.
    pub(super) fn withholds(&self, sources: &[String]) -> Option<String> {
        if self.patterns.is_empty() {
            return None;
        }
        if sources.is_empty() || sources.iter().any(String::is_empty) {
            return Some(
                "it is not known which files the text is from, and noRemotePaths keeps some here".to_owned(),
            );
        }
        let kept = sources.iter().find_map(|path| self.match_of(path))?;
        Some(format!("the setting noRemotePaths keeps {kept} on this machine"))
    }

    /// The end of a path that a pattern fits, the shortest one: it is told to people and stands in traces, which hold no
    /// folders that say whose they are.
    fn match_of<'a>(&self, path: &'a str) -> Option<&'a str> {
        // Editors name versions and cells of a file behind one of these.
        let bare = path.split(['?', '#']).next().unwrap_or(path);
        [path, bare].into_iter().find_map(|path| {
            let starts = path.rmatch_indices('/').map(|(at, _)| at + 1).chain([0]);
            starts.map(|start| &path[start..]).find(|end| self.patterns.is_match(end))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(patterns: &[&str]) -> KeptFiles {
        let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        KeptFiles::new(&patterns).unwrap()
    }

    #[test]
    fn a_pattern_counts_wherever_the_file_lies() {
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
        ] {
            let reason = kept(&[pattern]).withholds(&["/b.rs".to_owned(), path.to_owned()]);
            assert!(reason.is_some(), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("secret/**", "/home/me/app/secrets/a.rs"),
            ("secret/**", "/home/me/app/src/secret.rs"),
            ("secret", "/home/me/app/src/secret.rs"),
            ("*.pem", "/home/me/app/x.pem.rs"),
            ("/home/me/app/**", "/home/you/app/src/main.rs"),
        ] {
            assert_eq!(kept(&[pattern]).withholds(&[path.to_owned()]), None, "{pattern} {path}");
        }
    }

    #[test]
    fn what_is_told_names_no_folder_that_says_whose_it_is() {
        let reason = kept(&["secret/**"]).withholds(&["/home/me/app/secret/a.rs".to_owned()]).unwrap();
        assert!(reason.contains(" secret/a.rs ") && !reason.contains("home"), "{reason}");
    }

    #[test]
    fn in_doubt_it_stays_here() {
        for sources in [vec![], vec![String::new()]] {
            assert!(kept(&["x"]).withholds(&sources).is_some());
            assert_eq!(kept(&[]).withholds(&sources), None);
        }
        for wrong in ["", " ", "/", "./", "["] {
            assert!(
                KeptFiles::new(&[wrong.to_owned()]).is_err_and(|told| told.contains("noRemotePaths")),
                "{wrong:?}"
            );
        }
    }
}
