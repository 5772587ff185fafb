//! What gives a secret away: the name of its file, or how it looks. Must hold: names are judged without opening the file;
//! a text is judged in one pass; when in doubt it is a secret, because a file too few costs a worse suggestion only.

use std::path::Path;

/// Whole names of files that hold secrets, in lower case.
const NAMES: &[&str] = &[
    ".git-credentials",
    ".htpasswd",
    ".netrc",
    "_netrc",
    ".npmrc",
    ".pgpass",
    ".pypirc",
    ".vault_pass",
    "credentials",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "id_rsa",
    "kubeconfig",
    "master.key",
];

/// Beginnings of such names, in lower case.
const NAME_STARTS: &[&str] =
    &[".env", "credentials.", "secrets.", "secret.", "service-account", "service_account"];

/// Extensions of such files, in lower case.
const EXTENSIONS: &[&str] = &[
    "asc", "crt", "gpg", "jks", "kdbx", "key", "keystore", "p12", "p8", "pem", "pfx", "ppk", "tfstate",
    "tfvars",
];

/// Folders whose content is nobody's business.
const FOLDERS: &[&str] = &[".aws", ".azure", ".docker", ".gnupg", ".kube", ".ssh"];

/// Beginnings of tokens that services give out, with how many letters, digits, `_` or `-` must follow.
const TOKENS: &[(&str, usize)] = &[
    ("AKIA", 16),
    ("ASIA", 16),
    ("AIza", 35),
    ("ghp_", 30),
    ("gho_", 30),
    ("ghs_", 30),
    ("ghu_", 30),
    ("github_pat_", 40),
    ("glpat-", 20),
    ("hf_", 30),
    ("npm_", 36),
    ("pypi-", 40),
    ("sk-ant-", 30),
    ("sk-proj-", 30),
    ("sk_live_", 20),
    ("rk_live_", 20),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("SG.", 40),
];

/// Words that name a secret, in lower case, as they end the name of a variable or key.
const SECRET_WORDS: &[&str] = &[
    "password",
    "passwd",
    "secret",
    "api_key",
    "apikey",
    "access_key",
    "private_key",
    "auth_token",
    "access_token",
];

/// Letters and digits that an assigned value must have, at least, to look like a secret.
const MIN_VALUE: usize = 16;

/// Whether a file of this name holds secrets, as far as names tell.
#[must_use]
pub fn is_secret_path(path: &Path) -> bool {
    let Some(name) = path.file_name() else { return false };
    let name = name.to_string_lossy().to_lowercase();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let is_in_folder = || {
        let folders = path.parent().into_iter().flat_map(Path::components);
        folders
            .map(|folder| folder.as_os_str().to_string_lossy().to_lowercase())
            .any(|folder| FOLDERS.contains(&folder.as_str()))
    };
    // Samples of such files are meant to be read.
    let is_sample = [".example", ".sample", ".template"].iter().any(|end| name.ends_with(end));
    !is_sample
        && (NAMES.contains(&name.as_str())
            || NAME_STARTS.iter().any(|start| name.starts_with(start))
            || EXTENSIONS.contains(&extension)
            || is_in_folder())
}

/// What secret a text seems to hold, for people; none if it seems to hold none. The secret itself is not repeated.
#[must_use]
pub fn find_secret(text: &str) -> Option<&'static str> {
    if text.contains("-----BEGIN ") && text.contains("PRIVATE KEY-----") {
        return Some("a private key");
    }
    if TOKENS.iter().any(|(start, n_more)| has_token(text, start, *n_more)) {
        return Some("an access token");
    }
    text.lines().any(assigns_secret).then_some("a password or key that is assigned")
}

fn has_token(text: &str, start: &str, n_more: usize) -> bool {
    text.match_indices(start).any(|(at, _)| {
        let stands_alone = !text[..at].ends_with(|last: char| last.is_ascii_alphanumeric());
        let rest = text[at + start.len()..].bytes();
        let n_follow = rest.take_while(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(byte)).count();
        stands_alone && n_follow >= n_more
    })
}

/// Whether a line assigns a literal that looks random to a name that says it is secret.
fn assigns_secret(line: &str) -> bool {
    // Long lines are data, and no file with them is read.
    if line.len() > 1000 || !line.contains(['=', ':']) {
        return false;
    }
    let lower = line.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| {
        lower.match_indices(word).any(|(at, _)| {
            let rest = &line[at + word.len()..];
            let rest = rest.trim_start_matches(['"', '\'', ' ', ']', ')']);
            let Some(value) = rest.strip_prefix([':', '=']) else { return false };
            let value = value.trim_start_matches([':', '=', '>', ' ']);
            let Some(quote) = value.chars().next().filter(|first| ['"', '\''].contains(first)) else {
                return false;
            };
            let value = value[1..].split(quote).next().unwrap_or_default();
            looks_random(value)
        })
    })
}

/// Long, without spaces, of letters and digits in a mix that no name and no sentence has.
fn looks_random(value: &str) -> bool {
    let n_digits = value.bytes().filter(u8::is_ascii_digit).count();
    let n_upper = value.bytes().filter(u8::is_ascii_uppercase).count();
    let n_lower = value.bytes().filter(u8::is_ascii_lowercase).count();
    let is_one_word =
        value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=_-.!@#$%^&*".contains(&byte));
    is_one_word && value.len() >= MIN_VALUE && n_digits >= 3 && n_upper + n_lower >= 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_hold_secrets_are_known() {
        let secret = [
            ".env",
            "app/.env.production",
            "certs/server.KEY",
            "home/.ssh/config",
            "terraform/prod.tfvars",
            "Secrets.yaml",
            "deploy/id_ed25519",
        ];
        for path in secret {
            assert!(is_secret_path(Path::new(path)), "{path}");
        }
        for path in
            ["src/main.rs", "environment.py", ".env.example", "src/secrets/mod.rs", "keyboard.ts", "key.rs"]
        {
            assert!(!is_secret_path(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn texts_that_hold_secrets_are_known() {
        // Put together here, so that no scanner takes this file for a leak.
        let tokens = [
            format!("aws = {}{}", "AKIA", "IOSFODNN7EXAMPLE"),
            format!("token: {}{}", "ghp_", "a1".repeat(18)),
            format!("-----BEGIN RSA {}-----\nMII", "PRIVATE KEY"),
            format!("db_password = \"{}\"", "x9Kd02mmQpL7aa31Zb"),
            format!("\"apiKey\": '{}'", "0123456789abcdef0123"),
        ];
        for text in tokens {
            assert!(find_secret(&text).is_some(), "{text}");
        }
        let innocent = [
            "let password = prompt(\"Password: \")?;",
            "assert_eq!(password, \"correct horse battery staple\");",
            "const SECRET_NAME: &str = \"kubernetes-secret-name\";",
            "sk-learn and AKIAN are words",
            "fn api_key(&self) -> Option<&str>",
        ];
        for text in innocent {
            assert_eq!(find_secret(text), None, "{text}");
        }
    }
}
