//! Files that hold secrets by their names and folders.
//!
//! Invariant: names are judged without opening the file. Data about secrets is secret (`passwords.json`), source code about
//! secrets is not (`secrets.rs`, `password_reset.html`), unless it is named as settings (`settings_secret.py`).

use std::path::Path;

use crate::words;

/// Whole names, in lower case.
#[rustfmt::skip]
const NAMES: &[&str] = &[
    ".env", ".envrc", ".flaskenv", ".git-credentials", ".gitcredentials", ".htpasswd", ".netrc", "_netrc",
    ".npmrc", ".yarnrc.yml", ".pgpass", "pgpass.conf", ".my.cnf", ".mylogin.cnf", ".pypirc", ".vault_pass",
    ".vault-token", ".vault_password", ".boto", ".s3cfg", ".dockercfg", ".dockerconfigjson", ".terraformrc",
    "terraform.rc", "credentials.tfrc.json", ".gem/credentials", "credentials", "client_secret",
    "kubeconfig", "kube.config", "admin.conf", "master.key", "id_dsa", "id_ecdsa", "id_ed25519", "id_rsa",
    "id_ecdsa_sk", "id_ed25519_sk", "identity", "shadow", "htpasswd", "passwd", "secring.gpg", ".secret",
    ".secrets", ".password", ".passwords", ".token", ".tokens", ".credentials", ".cargo-credentials",
    "token.json", "token.txt", "token", "apikey", "api_key", "api-key", "apikey.txt", "api_key.txt",
    "rclone.conf", ".rclone.conf", "sftp-config.json", "filezilla.xml", "recentservers.xml",
    "wp-config.php", "keystore.properties", "local.settings.json", "application_default_credentials.json",
    "google-services.json", "publishsettings", "userkeys.json", "wallet.dat",
    "jenkins.plugins.publish_over_ssh.bapsshpublisherplugin.xml", "auth.json", ".ftpconfig",
    ".remote-sync.json", "pass", "login.keychain", "logins.json", "key3.db", "key4.db", ".irb_history",
    ".psql_history", ".mysql_history", ".bash_history", ".zsh_history", ".sh_history", ".python_history",
    ".rediscli_history", ".node_repl_history",
];

/// Beginnings of whole names, in lower case.
#[rustfmt::skip]
const STARTS: &[&str] = &[
    ".env.", ".env-", ".env_", "service-account", "service_account", "serviceaccount", "client_secret",
    "client-secret", "id_rsa", "id_ed25519", "id_ecdsa", "id_dsa", "access_token", "auth_token",
    "api_token", "accesstoken", "gcp-key", "gcp_key", "gcloud-key", "firebase-adminsdk", "oauth_token",
    "oauth-token", "refresh_token", "kubeconfig", ".env~",
];

/// Extensions, in lower case.
#[rustfmt::skip]
const EXTENSIONS: &[&str] = &[
    "agekey", "asc", "bks", "cer", "crt", "der", "env", "gpg", "jceks", "jks", "kdb", "kdbx", "key",
    "keychain", "keystore", "keytab", "mobileprovision", "ovpn", "p12", "p8", "pem", "pfx", "pgp", "pkcs12",
    "ppk", "psafe3", "publishsettings", "sops", "tfstate", "tfvars", "truststore",
];

/// Folders that hold nothing but what is private to a user.
#[rustfmt::skip]
const FOLDERS: &[&str] = &[
    ".1password", ".aws", ".azure", ".docker", ".gcloud", ".gnupg", ".kube", ".oci", ".password-store",
    ".secrets", ".ssh", ".terraform.d", ".vault",
];

/// Folders of data; source code in them is about secrets.
const DATA_FOLDERS: &[&str] =
    &["secrets", "secret", "credentials", "private_keys", "private-keys", "passwords", "creds"];

/// Files that describe a package, in any folder.
#[rustfmt::skip]
const MANIFESTS: &[&str] = &[
    "cargo.toml", "package.json", "pyproject.toml", "tsconfig.json", "composer.json", "deno.json",
    "pom.xml", "makefile", "dockerfile", "license", "chart.yaml", "kustomization.yaml", "cmakelists.txt",
    "requirements.txt", "setup.cfg", "codeowners", "readme", "readme.txt", "justfile", "gemfile",
];

/// Folders of texts in the languages of people.
#[rustfmt::skip]
const LOCALE_FOLDERS: &[&str] = &[
    "lang", "langs", "language", "languages", "locale", "locales", "i18n", "l10n", "translations",
    "translation", "messages", "intl", "lc_messages",
];

/// Words that name a secret as part of the name of a file.
#[rustfmt::skip]
const SECRET_WORDS: &[&str] = &[
    "secret", "secrets", "password", "passwords", "passwd", "passwort", "credential", "credentials",
    "creds", "apikey", "apikeys", "passphrase",
];

/// Words that make it a file about secrets.
#[rustfmt::skip]
const ABOUT: &[&str] = &[
    "santa", "schema", "reset", "example", "sample", "template", "policy", "policies", "strength", "rules",
    "form", "forms", "generator", "hash", "hashes", "field", "fields", "input", "validator", "check",
    "change", "forgot", "recovery", "common", "breached", "test", "tests", "spec", "manager", "store",
    "scanning", "scanner", "detector", "provider", "type", "types", "view", "page", "readme", "docs",
    "guide", "sharing", "garden", "agent", "crd", "class",
];

/// Extensions of data.
#[rustfmt::skip]
const DATA_EXTENSIONS: &[&str] = &[
    "", "bak", "cfg", "cnf", "conf", "config", "csv", "dat", "db", "dump", "edn", "enc", "env", "hcl",
    "hjson", "ini", "json", "json5", "jsonc", "kdl", "list", "local", "log", "old", "plist", "prod",
    "properties", "props", "sql", "sqlite", "tf", "toml", "tsv", "txt", "xlsx", "xml", "yaml",
    "yml",
];

/// Extensions of languages in which settings are written.
const SETTINGS_EXTENSIONS: &[&str] = &[
    "bash", "bat", "fish", "ps1", "sh", "zsh", "cjs", "ex", "exs", "groovy", "js", "kts", "lua", "mjs",
    "php", "pl", "py", "rb", "ts",
];

/// Words of files with settings.
#[rustfmt::skip]
const SETTINGS: &[&str] = &[
    "settings", "setting", "config", "conf", "configuration", "local", "prod", "production", "env",
    "environment", "staging", "constants", "initializers",
];

/// Whether a file of this name, in these folders, holds secrets, judged by the names.
#[must_use]
pub fn is_secret_path(path: impl AsRef<Path>) -> bool {
    judge(path.as_ref())
}

fn judge(path: &Path) -> bool {
    // Windows' separators count on every system: paths come from documents of editors too.
    let whole = path.to_string_lossy().replace('\\', "/");
    let lower = whole.to_lowercase();
    let mut parts = lower.split('/').filter(|part| !part.is_empty());
    let Some(name) = parts.next_back() else { return false };
    let folders: Vec<&str> = parts.collect();
    let is_in = |list: &[&str]| folders.iter().rev().take(3).any(|folder| list.contains(folder));
    // Samples are meant to be read.
    let is_sample =
        [".example", ".sample", ".template", ".dist", ".tmpl", ".tpl", ".defaults", "-example", "-sample"]
            .iter()
            .any(|end| name.ends_with(end) || name.contains(&format!("{end}.")));
    if is_sample || name.ends_with(".pub") || MANIFESTS.contains(&name) {
        return false;
    }
    let extension = match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => extension,
        _ => "",
    };
    if NAMES.contains(&name)
        || EXTENSIONS.contains(&extension)
        || is_in(FOLDERS)
        || STARTS.iter().any(|start| name.starts_with(start) && !is_code(extension))
    {
        return true;
    }
    // Camel case separates words too.
    let cased = whole.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let cased_stem =
        cased.rsplit_once('.').map_or(cased, |(stem, _)| if stem.is_empty() { cased } else { stem });
    let words: Vec<String> = words::split(cased_stem).map(str::to_lowercase).collect();
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let is_data = DATA_EXTENSIONS.contains(&extension) && !(name.starts_with('.') && extension.is_empty());
    let is_settings = SETTINGS_EXTENSIONS.contains(&extension);
    let is_about = has(ABOUT) || is_in(LOCALE_FOLDERS);
    if is_in(DATA_FOLDERS) && (is_data && !is_about || is_settings && (has(SETTINGS) || has(SECRET_WORDS))) {
        return true;
    }
    let names_key = words.windows(2).any(|pair| {
        matches!(pair[0].as_str(), "api" | "private" | "access" | "secret")
            && matches!(pair[1].as_str(), "key" | "keys")
    });
    let names_secret = has(SECRET_WORDS) || names_key;
    names_secret && !is_about && (is_data || is_settings && has(SETTINGS))
}

/// Whether files of this extension are source code.
fn is_code(extension: &str) -> bool {
    #[rustfmt::skip]
const CODE: &[&str] = &[
    "c", "cc", "cpp", "cs", "go", "h", "hpp", "html", "java", "jsx", "kt", "md", "rs", "rst", "scala",
    "swift", "tsx", "vue",
];
    CODE.contains(&extension) || SETTINGS_EXTENSIONS.contains(&extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_about_secrets_is_secret_and_code_is_not() {
        let secret = [
            ".env",
            "app/.env.production",
            ".env.local",
            "prod.env",
            "certs/server.KEY",
            "home/.ssh/config",
            "terraform/prod.tfvars",
            "Secrets.yaml",
            "deploy/id_ed25519",
            "my-secrets.yaml",
            "passwords.json",
            "settings_secret.py",
            "config/secrets/db.yaml",
            "secrets/prod.json",
            "kubeconfig",
            ".npmrc",
            ".pypirc",
            ".netrc",
            ".pgpass",
            ".aws/credentials",
            "C:\\Users\\me\\.aws\\config",
            "a/server.pem",
            "k8s/db-secret.yml",
            "credentials.json",
            "service-account-prod.json",
            "client_secret_123.json",
            "secrets.auto.tfvars",
            "api_keys.toml",
            "secrets/settings.py",
            "secret_settings.py",
            "appsettings.secrets.json",
            "dbPasswords.txt",
        ];
        for path in secret {
            assert!(is_secret_path(path), "{path}");
        }
        let harmless = [
            "src/main.rs",
            "environment.py",
            ".env.example",
            ".env.sample",
            "src/secrets/mod.rs",
            "server/secrets/src/lib.rs",
            "keyboard.ts",
            "key.rs",
            "secrets.rs",
            "secrets.py",
            "password_reset.html",
            "tokenizer.py",
            "secret_santa.md",
            "token.py",
            "tokenizer.json",
            "lang/en/passwords.php",
            "locales/de/passwords.json",
            "credentials.go",
            "auth.rs",
            "id_rsa.pub",
            "secret.schema.json",
            "tokens.css",
            "design-tokens.json",
            "PasswordForm.tsx",
            "env.d.ts",
            "config/settings.py",
            "docs/secrets.md",
            "passport.js",
            "special_tokens_map.json",
            "Makefile",
            "package.json",
            ".gitignore",
            "server/secrets/Cargo.toml",
        ];
        for path in harmless {
            assert!(!is_secret_path(path), "{path}");
        }
    }
}
