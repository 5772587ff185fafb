//! The name of a model on the hub: `hf:OWNER/REPO[@REVISION][/FILE]`. Invariant: no part of it leads out of a folder or adds
//! anything to an address.

/// A repository on the hub, and what of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubSpec {
    /// `OWNER/REPO`.
    pub repository: String,
    /// Commit or branch; none means `main`.
    pub revision: Option<String>,
    /// Path of a file in it.
    pub file: Option<String>,
}

impl HubSpec {
    /// Reads what the user wrote; none if it is not of this form.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("hf:")?.trim_end_matches('/');
        let (owner, rest) = rest.split_once('/')?;
        let (repository, file) = match rest.split_once('/') {
            Some((repository, file)) => (repository, Some(file.to_owned())),
            None => (rest, None),
        };
        let (repository, revision) = match repository.split_once('@') {
            Some((repository, revision)) => (repository, Some(revision.to_owned())),
            None => (repository, None),
        };
        let is_good = [owner, repository].into_iter().chain(revision.as_deref()).all(is_segment)
            && file.as_deref().is_none_or(|file| file.split('/').all(is_segment));
        let repository = format!("{owner}/{repository}");
        is_good.then_some(Self { repository, revision, file })
    }

    /// As the user would write it.
    pub fn text(&self) -> String {
        let revision = self.revision.as_ref().map(|revision| format!("@{revision}")).unwrap_or_default();
        let file = self.file.as_ref().map(|file| format!("/{file}")).unwrap_or_default();
        format!("hf:{}{revision}{file}", self.repository)
    }
}

/// Whether a text is one step of a path, and nothing more.
pub(super) fn is_segment(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+');
    !text.is_empty() && text.len() <= 200 && text.chars().all(is_plain) && !text.chars().all(|c| c == '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_revisions_and_files_are_told_apart() {
        let spec = |repository: &str, revision: Option<&str>, file: Option<&str>| {
            let (revision, file) = (revision.map(str::to_owned), file.map(str::to_owned));
            Some(HubSpec { repository: repository.to_owned(), revision, file })
        };
        for (text, expected) in [
            ("hf:a/b", spec("a/b", None, None)),
            ("hf:a/b/", spec("a/b", None, None)),
            ("hf:a/b@v1", spec("a/b", Some("v1"), None)),
            ("hf:a/b/x.gguf", spec("a/b", None, Some("x.gguf"))),
            ("hf:a/b@0123/onnx/m.onnx", spec("a/b", Some("0123"), Some("onnx/m.onnx"))),
            ("hf:a", None),
            ("hf:a/../x", None),
            ("hf:../b", None),
            ("hf:a/b/../../x", None),
            ("hf:a/b@", None),
            ("hf:a/b?x=1", None),
            ("hf:a/b c", None),
            ("a/b", None),
        ] {
            assert_eq!(HubSpec::parse(text), expected, "{text}");
        }
        assert_eq!(HubSpec::parse("hf:a/b@v1/x.gguf").unwrap().text(), "hf:a/b@v1/x.gguf");
    }
}
