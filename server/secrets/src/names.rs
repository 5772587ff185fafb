//! Names that say that a value is secret, as data: `DB_PASSWORD`, `apiKey`, `client-secret`.
//!
//! Invariant: a name counts by its last words: `password_file` names a file, `file_password` a password.

use crate::values::Level;
use crate::words;

/// Parts of names that start a closer search, in lower case. Each name that counts contains one of them.
#[rustfmt::skip]
pub(crate) const KEYWORDS: &[&str] = &[
    "pass", "pwd", "secret", "token", "key", "auth", "cred", "bearer", "kennwort", "jwt", "contrase",
    "senha", "wachtwoord", "mnemonic", "identified by", "cookie", "seed", "psk", "motdepasse",
    "mot_de_passe", "signature",  "webhook", "session", "pw",
];

/// Ends of words that name what people choose as a password.
#[rustfmt::skip]
const PASSWORDS: &[&str] = &[
    "password", "passwords", "passwd", "passphrase", "passcode", "passwort", "kennwort", "contraseña",
    "contrasena", "senha", "wachtwoord", "motdepasse", "pwd", "requirepass", "masterauth", "masterpass",
    "dbpass", "userpass", "rootpass", "adminpass", "keypass", "storepass", "sshpass", "mypass",
];
/// Ends of words that name what is kept as a secret.
const SECRETS: &[&str] = &["secret", "secrets", "psk", "mnemonic"];
/// Whole words that do.
const WHOLE_PASSWORDS: &[&str] = &["pass", "pw", "passe"];
/// Whole words that name what is kept as a secret.
const WHOLE_SECRETS: &[&str] = &["credential", "credentials", "creds"];

/// Ends of words that name what programs issue.
#[rustfmt::skip]
const TOKENS: &[&str] = &[
    "token", "tokens", "apikey", "apikeys", "secretkey", "accesskey", "authkey", "privatekey", "accountkey",
    "sharedkey", "signingkey", "encryptionkey", "masterkey", "appkey", "clientkey", "servicekey",
    "authtoken", "accesstoken",
];
/// Whole words that do.
const WHOLE_TOKENS: &[&str] = &["auth", "authorization", "bearer", "jwt"];

/// Words before "key" that make it one of those.
#[rustfmt::skip]
const KEY_KINDS: &[&str] = &[
    "api", "secret", "private", "access", "auth", "authentication", "encryption", "encrypt", "encrypted",
    "decryption", "signing", "sign", "signature", "master", "app", "application", "service", "client",
    "account", "shared", "session", "server", "db", "database", "ssh", "deploy", "storage", "aes", "hmac",
    "jwt", "license", "licence", "webhook", "cipher", "admin", "integration", "ingest", "write", "read",
    "project", "stripe", "subscription", "consumer", "customer", "host", "function", "activation", "cookie",
    "flask", "django", "rails", "crypto", "wallet", "preshared", "rsa", "ecdsa", "ed", "tls",
    "ssl", "functions", "instrumentation", "management", "org", "user", "openai", "anthropic", "google",
    "azure", "aws", "gcp", "github", "sendgrid", "mailgun", "twilio", "algolia", "datadog", "segment",
    "mixpanel", "amplitude", "pusher", "firebase", "maps", "gemini", "cohere", "mistral",
];

/// Those of them that count also with other words between: `encryption_iv_key`.
const STRONG_KEY_KINDS: &[&str] =
    &["api", "secret", "private", "auth", "encryption", "encrypt", "signing", "aes", "hmac", "jwt"];

/// Words that may follow: `password_prod`, `secret_key`, `API_TOKEN_2`.
#[rustfmt::skip]
const AFTER: &[&str] = &[
    "value", "val", "str", "string", "text", "raw", "plain", "plaintext", "prod", "production", "dev",
    "development", "test", "testing", "staging", "stage", "live", "local", "sandbox", "default", "old",
    "new", "current", "main", "primary", "secondary", "backup", "b", "base", "encoded", "hex", "bytes",
    "env", "key", "keys", "access", "token", "secret", "password", "data", "admin", "root", "one", "two",
    "a", "v", "real", "master", "slave", "pw", "literal", "const", "constant", "global", "internal",
    "external", "for", "app", "db", "api", "user", "svc", "service", "client",
];

/// Words before that make the name a question, an action other than setting, or something public.
#[rustfmt::skip]
const BEFORE_NEVER: &[&str] = &[
    "should", "is", "has", "no", "without", "show", "hide", "forgot", "reset", "require", "requires", "invalid",
    "missing", "get", "fetch", "find", "read", "check", "verify", "validate", "need", "needs", "allow",
    "allows", "public", "pub", "eos", "bos", "pad", "unk", "sep", "cls", "mask", "stop", "special", "next",
    "page", "csrf", "xsrf", "sort", "cache", "primary", "foreign", "partition", "index", "lookup", "parse",
    "regex", "hash", "hashed", "digest",
];

/// How strongly a name says that its value is secret; none if it does not. `before` is the word before the name, if one
/// stands there, as in "API key".
pub(crate) fn level(name: &str, before: Option<&str>) -> Option<Level> {
    let words: Vec<String> = words::split(name).map(str::to_lowercase).collect();
    let mut level: Option<Level> = None;
    for (at, word) in words.iter().enumerate() {
        let previous = at.checked_sub(1).map(|at| words[at].as_str()).or(before);
        let own = level_of_word(word, previous, &words[..at]);
        level = match (own, level) {
            (Some(own), earlier) => Some(earlier.map_or(own, |earlier| earlier.max(own))),
            (None, Some(earlier)) if AFTER.contains(&word.as_str()) => Some(earlier),
            _ => None,
        };
    }
    let is_never = words.iter().any(|word| BEFORE_NEVER.contains(&word.as_str()))
        && level < Some(Level::Secret)
        // To pass something is a verb.
        || words.len() > 1 && words[0] == "pass" && words[1] != "word" && words[1] != "phrase"
        || words.first().is_some_and(|word| BEFORE_NEVER.contains(&word.as_str()));
    level.filter(|_| !is_never)
}

fn level_of_word(word: &str, previous: Option<&str>, earlier: &[String]) -> Option<Level> {
    if PASSWORDS.iter().any(|end| word.ends_with(end)) || WHOLE_PASSWORDS.contains(&word) {
        return Some(Level::Password);
    }
    if SECRETS.iter().any(|end| word.ends_with(end)) || WHOLE_SECRETS.contains(&word) {
        return Some(Level::Secret);
    }
    if TOKENS.iter().any(|end| word.ends_with(end)) || WHOLE_TOKENS.contains(&word) {
        return Some(Level::Token);
    }
    if word != "key"
        && word != "keys"
        && word != "phrase"
        && word != "cookie"
        && word != "id"
        && word != "session"
    {
        return None;
    }
    let previous = previous.map(str::to_lowercase);
    match (word, previous.as_deref()) {
        ("phrase", Some("pass" | "seed" | "recovery" | "mnemonic")) => Some(Level::Password),
        ("phrase", _) | ("id", None) => None,
        ("cookie", Some("auth" | "erlang")) => Some(Level::Token),
        ("cookie" | "session", _) => None,
        ("id", Some("secret" | "session")) => Some(Level::Token),
        ("id", _) => None,
        (_, Some(kind)) if KEY_KINDS.contains(&kind) => Some(Level::Token),
        _ if earlier.iter().any(|word| STRONG_KEY_KINDS.contains(&word.as_str())) => Some(Level::Token),
        _ => Some(Level::Weak),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_count_by_their_last_words() {
        let of = |name| level(name, None);
        for name in
            ["DB_PASSWORD", "dbPassword", "PGPASSWORD", "spring.datasource.password", "mysql_pwd", "userPass"]
        {
            assert_eq!(of(name), Some(Level::Password), "{name}");
        }
        for name in
            ["apiKey", "X-Api-Key", "GITHUB_TOKEN", "accessKey", "auth", "encryption_key", "API_TOKEN_2"]
        {
            assert_eq!(of(name), Some(Level::Token), "{name}");
        }
        assert_eq!(of("MY_KEY"), Some(Level::Weak));
        for name in [
            "password_file",
            "passwordField",
            "getToken",
            "tokenizer",
            "keyboard",
            "monkey",
            "author",
            "public_key",
            "page_token",
            "secret_name",
            "compass",
        ] {
            assert_eq!(of(name), None, "{name}");
        }
        assert_eq!(level("key", Some("API")), Some(Level::Token));
    }
}
