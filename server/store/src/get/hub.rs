//! The Hugging Face hub: addresses, redirects, and what it says about a repository. Invariant: the user's token goes to the hub
//! itself only, to no host that it redirects to; a redirect from an encrypted to an unencrypted address is not followed.

use std::env;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::curl::{self, Ask, Head, Sink, Trouble};
use super::failure::Failure;
use super::spec::{HubSpec, is_segment};
use crate::found;

/// The hub unless `HF_ENDPOINT` names another.
const ENDPOINT: &str = "https://huggingface.co";
/// Most redirects of one request.
const MOST_REDIRECTS: usize = 8;
/// Longest description of a repository, in bytes.
const LONGEST_DESCRIPTION: usize = 16 << 20;

/// The hub with the user's settings for it.
#[derive(Clone)]
pub struct Hub {
    endpoint: String,
    token: Option<String>,
    offline: bool,
    caches: Vec<PathBuf>,
    curl: String,
}

/// A file of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubFile {
    /// Its path in the repository.
    pub path: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256 in hex; the hub states it for large files only.
    pub sha256: Option<String>,
}

/// The hub's description of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// `OWNER/REPO`.
    pub repository: String,
    /// The commit that was described.
    pub revision: String,
    /// The licence, if stated.
    pub licence: Option<String>,
    /// All files.
    pub files: Vec<HubFile>,
}

/// The hub's headers for a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Linked {
    /// SHA-256 of the file in hex.
    pub sha256: Option<String>,
    /// Its length in bytes.
    pub bytes: Option<u64>,
}

impl Hub {
    /// The hub by the variables `HF_ENDPOINT`, `HF_TOKEN` and `HF_HUB_OFFLINE`. `caches` are the roots of its cache.
    pub fn from_env(caches: Vec<PathBuf>) -> Self {
        let variable = |name| env::var(name).ok().filter(|value: &String| !value.trim().is_empty());
        let endpoint = variable("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_owned());
        let token = variable("HF_TOKEN").map(|token| token.trim().to_owned());
        let offline = variable("HF_HUB_OFFLINE")
            .is_some_and(|value| ["1", "on", "yes", "true"].contains(&value.to_ascii_lowercase().as_str()));
        Self::at(&endpoint, token, offline, caches)
    }

    /// The hub at an address.
    pub fn at(endpoint: &str, token: Option<String>, offline: bool, caches: Vec<PathBuf>) -> Self {
        let endpoint = endpoint.trim().trim_end_matches('/').to_owned();
        Self { endpoint, token, offline, caches, curl: "curl".to_owned() }
    }

    /// The same with another program than `curl`.
    #[must_use]
    pub fn with_curl(self, program: &str) -> Self {
        Self { curl: program.to_owned(), ..self }
    }

    /// Whether the user wants no request to the hub.
    pub fn is_offline(&self) -> bool {
        self.offline
    }

    /// The address of a file.
    pub(super) fn address(&self, repository: &str, revision: &str, file: &str) -> String {
        format!("{}/{repository}/resolve/{revision}/{file}", self.endpoint)
    }

    /// A file in the hub's cache. A checksum finds it whatever it is called there.
    pub(super) fn cached(
        &self,
        repository: &str,
        revision: &str,
        file: &str,
        sha256: Option<&str>,
    ) -> Option<PathBuf> {
        if !repository.split('/').chain(file.split('/')).all(is_segment) {
            return None;
        }
        self.caches.iter().find_map(|root| {
            let folder = found::hub::repository_folder(root, repository);
            if let Some(sha256) = sha256 {
                let blob = folder.join("blobs").join(sha256.to_ascii_lowercase());
                if blob.is_file() {
                    return Some(blob);
                }
            }
            let named = folder.join("snapshots").join(revision);
            let snapshot = if named.is_dir() { named } else { found::hub::snapshot_of(root, repository)? };
            let path = file.split('/').fold(snapshot, |path, part| path.join(part));
            inside(root, &path)
        })
    }

    /// Asks for a file and follows where the hub leads.
    pub(super) fn open(
        &self,
        url: &str,
        from: u64,
        if_range: Option<&str>,
        receiver: &mut dyn Receiver,
    ) -> Result<Head, Trouble> {
        let mut url = url.to_owned();
        let mut linked = Linked::default();
        for _ in 0..MOST_REDIRECTS {
            let is_hub = origin(&url) == origin(&self.endpoint);
            let token = self.token.as_deref().filter(|_| is_hub);
            let ask = Ask { url: &url, token, from, if_range };
            let mut hop = Hop { is_hub, linked: &mut linked, receiver };
            let head = curl::ask(&self.curl, &ask, &mut hop)?;
            if !is_redirect(head.status) {
                return Ok(head);
            }
            let target = head.get("location").and_then(|location| joined(&url, location));
            url = target.ok_or_else(|| Trouble::Unusable("it redirects to an invalid address".to_owned()))?;
            if self.endpoint.starts_with("https:") && !url.starts_with("https:") {
                return Err(Trouble::Unusable("it redirects to an address without encryption".to_owned()));
            }
        }
        Err(Trouble::Unusable(format!("too many redirects: more than {MOST_REDIRECTS} redirects")))
    }

    /// Asks for the description of a repository.
    pub(super) fn describe(&self, spec: &HubSpec) -> Result<Description, Failure> {
        let revision = spec.revision.as_deref().unwrap_or("main");
        let url = format!("{}/api/models/{}/revision/{revision}?blobs=true", self.endpoint, spec.repository);
        let what = format!("{} at {revision}", spec.repository);
        for is_last in [false, true] {
            let mut body = Body(Vec::new());
            let head = self
                .open(&url, 0, None, &mut body)
                .map_err(|trouble| Failure::from_trouble(trouble, &what))?;
            if head.status == 200 {
                return parse(&spec.repository, revision, &body.0).map_err(|reason| {
                    let cause = "the hub's description cannot be read";
                    Failure::source(&what, cause, reason, "check HF_ENDPOINT and the proxy")
                });
            }
            if head.status == 429 && !is_last {
                super::wait_as_told(&head);
                continue;
            }
            return Err(Failure::from_status(head.status, &what));
        }
        Err(Failure::from_status(429, &what))
    }
}

/// Takes the answer at the end of all redirects.
pub(super) trait Receiver {
    /// Status and headers, and what the hub said before; says whether the body is wanted.
    fn head(&mut self, head: &Head, linked: &Linked) -> bool;
    /// The next piece of the body.
    fn body(&mut self, piece: &[u8]) -> Result<(), Trouble>;
}

/// One of the answers on the way.
struct Hop<'a> {
    is_hub: bool,
    linked: &'a mut Linked,
    receiver: &'a mut dyn Receiver,
}

impl Sink for Hop<'_> {
    fn head(&mut self, head: &Head) -> bool {
        if self.is_hub {
            self.linked.learn(head);
        }
        !is_redirect(head.status) && self.receiver.head(head, self.linked)
    }

    fn body(&mut self, piece: &[u8]) -> Result<(), Trouble> {
        self.receiver.body(piece)
    }
}

/// A short answer, kept in memory.
struct Body(Vec<u8>);

impl Receiver for Body {
    fn head(&mut self, head: &Head, _: &Linked) -> bool {
        head.status == 200
    }

    fn body(&mut self, piece: &[u8]) -> Result<(), Trouble> {
        if self.0.len() + piece.len() > LONGEST_DESCRIPTION {
            return Err(Trouble::Unusable("its description is too long".to_owned()));
        }
        self.0.extend(piece);
        Ok(())
    }
}

impl Linked {
    fn learn(&mut self, head: &Head) {
        if let Some(etag) = head.get("x-linked-etag") {
            let hex = etag.trim_start_matches("W/").trim_matches('"');
            let is_sha256 = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
            self.sha256 = is_sha256.then(|| hex.to_ascii_lowercase());
        }
        if let Some(bytes) = head.get("x-linked-size").and_then(|size| size.parse().ok()) {
            self.bytes = Some(bytes);
        }
    }
}

fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Scheme, host and port of an address.
fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let scheme = scheme.to_ascii_lowercase();
    let port = match scheme.as_str() {
        "https" => ":443",
        _ => ":80",
    };
    let host = host.to_ascii_lowercase();
    Some(format!("{scheme}://{}", host.strip_suffix(port).unwrap_or(&host)))
}

/// The target of an address in an answer.
fn joined(base: &str, location: &str) -> Option<String> {
    if location.starts_with("https://") || location.starts_with("http://") {
        return Some(location.to_owned());
    }
    let scheme = base.split_once("://")?.0;
    if let Some(rest) = location.strip_prefix("//") {
        return Some(format!("{scheme}://{rest}"));
    }
    location.starts_with('/').then(|| origin(base).map(|origin| format!("{origin}{location}")))?
}

/// A file whose links stay inside of a root.
fn inside(root: &Path, path: &Path) -> Option<PathBuf> {
    let (root, real) = (root.canonicalize().ok()?, path.canonicalize().ok()?);
    (real.starts_with(root) && real.is_file()).then_some(real)
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    sha: Option<String>,
    #[serde(default, rename = "cardData")]
    card: serde_json::Value,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    sha256: String,
    size: u64,
}

fn parse(repository: &str, revision: &str, body: &[u8]) -> Result<Description, String> {
    let answer: Answer = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let text = |name: &str| {
        let value = &answer.card[name];
        value.as_str().or_else(|| value[0].as_str()).map(str::to_owned)
    };
    let tag = answer.tags.iter().find_map(|tag| tag.strip_prefix("license:").map(str::to_owned));
    let licence = match text("license").or(tag).as_deref() {
        Some("other") => text("license_name").or(Some("other".to_owned())),
        licence => licence.map(str::to_owned),
    };
    // Names that lead elsewhere are no files of a model.
    let named = answer.siblings.into_iter().filter(|file| file.rfilename.split('/').all(is_segment));
    let files = named.map(|file| HubFile {
        bytes: file.lfs.as_ref().map(|lfs| lfs.size).or(file.size).unwrap_or_default(),
        sha256: file
            .lfs
            .map(|lfs| lfs.sha256.to_ascii_lowercase())
            .filter(|sha256| sha256.len() == 64 && is_segment(sha256)),
        path: file.rfilename,
    });
    let revision = answer.sha.filter(|sha| is_segment(sha)).unwrap_or_else(|| revision.to_owned());
    Ok(Description { repository: repository.to_owned(), revision, licence, files: files.collect() })
}

/// Whether a licence, by its name, forbids commercial use.
pub fn forbids_commerce(licence: &str) -> bool {
    let licence = licence.to_ascii_lowercase();
    let mut words = licence.split(|c: char| !c.is_ascii_alphanumeric());
    licence.contains("non-commercial")
        || words.any(|word| matches!(word, "nc" | "noncommercial" | "research" | "mnpl" | "mrl"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_joined_and_origins_compared() {
        assert_eq!(joined("https://hub/a/b", "/c"), Some("https://hub/c".to_owned()));
        assert_eq!(joined("https://hub/a", "//cdn/x"), Some("https://cdn/x".to_owned()));
        assert_eq!(joined("https://hub/a", "http://cdn/x"), Some("http://cdn/x".to_owned()));
        assert_eq!(joined("https://hub/a", "ftp://cdn/x"), None);
        assert_eq!(origin("https://Hub:443/a"), origin("HTTPS://hub"));
        assert_ne!(origin("http://hub:81/a"), origin("http://hub/"));
        assert_ne!(origin("https://hub.evil/"), origin("https://hub/"));
    }

    #[test]
    fn descriptions_hold_licence_files_and_checksums() {
        let sha = "a".repeat(64);
        let body = format!(
            r#"{{"sha":"c0ffee","cardData":{{"license":"other","license_name":"qwen-research"}},
               "siblings":[{{"rfilename":"x.gguf","size":9,"lfs":{{"sha256":"{sha}","size":9}}}},
                           {{"rfilename":"config.json","size":3}},{{"rfilename":"../evil","size":1}}]}}"#
        );
        let description = parse("a/b", "main", body.as_bytes()).unwrap();
        assert_eq!(description.revision, "c0ffee");
        assert_eq!(description.licence.as_deref(), Some("qwen-research"));
        let files: Vec<_> = description.files.iter().map(|file| (file.path.as_str(), file.bytes)).collect();
        assert_eq!(files, [("x.gguf", 9), ("config.json", 3)]);
        assert_eq!(description.files[0].sha256, Some(sha));
        assert!(parse("a/b", "main", b"<html>").is_err());
    }

    #[test]
    fn licences_that_forbid_commerce_are_known_by_their_names() {
        for licence in ["cc-by-nc-4.0", "qwen-research", "mnpl-0.1", "Some Non-Commercial Licence"] {
            assert!(forbids_commerce(licence), "{licence}");
        }
        for licence in ["apache-2.0", "mit", "bigcode-openrail-m", "llama3.2"] {
            assert!(!forbids_commerce(licence), "{licence}");
        }
    }
}
