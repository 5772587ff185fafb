//! Texts that look like secrets and hold none.
//!
//! Invariant: each is one that real projects hold.

use crate::languages::{LANGUAGES, given};
use crate::random::{Random, capital};

type Make = fn(&mut Random) -> String;

/// Names whose values are no secrets.
const PLAIN_NAMES: &[&str] = &[
    "checksum",
    "etag",
    "commit",
    "revision",
    "digest",
    "request_id",
    "trace_id",
    "content_hash",
    "version",
    "build_id",
    "password_field",
    "token_type",
    "key_name",
    "secret_name",
    "auth_url",
    "password_hint",
    "token_count",
    "public_key_id",
    "cache_key",
    "primary_key",
    "sort_key",
    "password_label",
    "author",
    "keyboard",
    "tokenizer_name",
    "api_version",
];
/// Names whose values would be secrets if they were random.
const SECRET_NAMES: &[&str] = &[
    "password",
    "api_key",
    "db_password",
    "auth_token",
    "client_secret",
    "access_token",
    "passphrase",
    "secret_key",
];

#[rustfmt::skip]
const KINDS: &[(&str, Make)] = &[
    ("SHA-256", |r| format!("sha256 = \"{}\"", r.hex(64))),
    ("SHA-1 of a commit", |r| format!("rev: {}", r.hex(40))),
    ("MD5", |r| format!("\"md5\": \"{}\",", r.hex(32))),
    ("integrity", |r| format!("\"integrity\": \"sha512-{}==\"", r.base64(86))),
    ("checksum of a lock file", |r| format!("checksum = \"{}\"", r.hex(64))),
    ("pinned action", |r| format!("uses: actions/checkout@{}", r.hex(40))),
    ("image digest", |r| format!("FROM alpine@sha256:{}", r.hex(64))),
    ("pip hash", |r| format!("    --hash=sha256:{} \\", r.hex(64))),
    ("UUID", |r| format!("id = \"{}\"", r.uuid())),
    ("UUID of a project", |r| format!("<ProjectGuid>{{{}}}</ProjectGuid>", r.uuid())),
    ("UUID constant", |r| format!("const DeviceId = \"{}\";", r.uuid())),
    ("picture", |r| format!("<img src=\"data:image/png;base64,iVBORw0KGgo{}==\">", r.base64(400))),
    ("picture in CSS", |r| format!("background: url(data:image/svg+xml;base64,PHN2Zy{});", r.base64(300))),
    ("font", |r| format!("src: url('data:font/woff2;base64,d09GMgAB{}') format('woff2');", r.base64(500))),
    ("source map", |r| format!("//# sourceMappingURL=data:application/json;base64,{}", r.base64(600))),
    ("public key", |r| format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{} user@host", r.base64(43))),
    ("public key block", |r| format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", r.base64(64))),
    ("certificate", |r| format!("-----BEGIN CERTIFICATE-----\nMIID{}\n-----END CERTIFICATE-----", r.base64(60))),
    ("PGP signature", |r| format!("-----BEGIN PGP SIGNATURE-----\n\n{}\n-----END PGP SIGNATURE-----", r.base64(64))),
    ("fingerprint", |r| format!("fingerprint: {}", (0..16).map(|_| r.hex(2)).collect::<Vec<_>>().join(":"))),
    ("lorem ipsum", |r| format!("text = \"Lorem ipsum dolor sit amet, {} consectetur {} elit\"", r.word(), r.word())),
    ("test vector", |r| format!("assert_eq!(sha256(b\"{}\"), hex!(\"{}\"));", r.word(), r.hex(64))),
    ("test vector of a cipher", |r| format!("{{ input: \"{}\", expected: \"{}\" }},", r.hex(32), r.hex(32))),
    ("byte table", |r| format!("const TABLE: [u8; 8] = [0x{}, 0x{}, 0x{}, 0x{}];", r.hex(2), r.hex(2), r.hex(2), r.hex(2))),
    ("colour", |r| format!("key_color: \"#{}\"", r.hex(6))),
    ("German text", |r| format!("password: \"Passwort {}\"", r.pick(&["vergessen?", "eingeben", "bestätigen", "zurücksetzen"]))),
    ("German word", |r| format!("\"password\": \"{}\"", r.pick(&["Passwort", "Kennwort", "Zugangscode", "Geheimwort", "Losungswort"]))),
    ("French word", |r| format!("password: '{}'", r.pick(&["Mot de passe", "Mot-de-passe", "Identifiant", "Clé secrète"]))),
    ("Spanish word", |r| format!("\"token\": \"{}\"", r.pick(&["Contraseña", "Ficha de acceso", "Credenciales", "Clave"]))),
    ("Russian word", |r| format!("password: \"{}\"", r.pick(&["Пароль", "Введите пароль", "Забыли пароль?", "Подтверждение"]))),
    ("Japanese word", |r| format!("\"password\": \"{}\"", r.pick(&["パスワード", "パスワードを入力", "暗証番号を入力してください"]))),
    ("Swedish word", |r| format!("secret = \"{}\"", r.pick(&["Lösenord", "Hemlighet", "Återställningskod", "Adgangskode", "Wachtwoord"]))),
    ("label", |r| format!("password_field = \"{}\"", r.pick(&["password", "passwd", "userPassword", "input[type=password]"]))),
    ("name as value", |r| { let name = r.pick(SECRET_NAMES); format!("{name} = \"{name}\"") }),
    ("placeholder in angle brackets", |r| format!("{} = \"<your-{}>\"", r.pick(SECRET_NAMES), r.word())),
    ("placeholder of words", |r| format!("{}: {}", r.pick(SECRET_NAMES), r.pick(&["your-api-key-here", "YOUR_TOKEN_HERE", "changeme", "change-me-please", "replace_with_secret", "xxxxxxxxxxxxxxxx", "****************", "TODO", "..."]))),
    ("variable of a shell", |r| { let n = r.pick(SECRET_NAMES).to_uppercase(); format!("export {n}=${{{n}}}") }),
    ("variable of a shell, quoted", |r| { let n = r.pick(SECRET_NAMES).to_uppercase(); format!("docker run -e {n}=\"${n}\" app") }),
    ("environment of Python", |r| format!("{} = os.environ[\"{}\"]", r.pick(SECRET_NAMES), r.pick(SECRET_NAMES).to_uppercase())),
    ("environment of JavaScript", |r| format!("const token = process.env.{};", r.pick(SECRET_NAMES).to_uppercase())),
    ("environment of Go", |r| format!("apiKey := os.Getenv(\"{}\")", r.pick(SECRET_NAMES).to_uppercase())),
    ("environment of Rust", |r| format!("let token = std::env::var(\"{}\")?;", r.pick(SECRET_NAMES).to_uppercase())),
    ("workflow secret", |r| format!("token: ${{{{ secrets.{} }}}}", r.pick(SECRET_NAMES).to_uppercase())),
    ("template", |r| format!("password: {{{{ .Values.{}.password }}}}", r.word())),
    ("call", |r| format!("let token = {}Token();", r.pick(&["get", "fetch", "next", "read"]))),
    ("call with an argument", |r| format!("const secret = await vault.read('secret/data/{}');", r.word())),
    ("method", |r| format!("password = user.{}.password2.strip()", r.word())),
    ("type", |r| format!("{}: {};", r.pick(&["password", "apiKey", "token"]), r.pick(&["string", "string | undefined", "Option<String>", "SecretString2"]))),
    ("parameter", |r| format!("def login(user: str, password: str, {}: int = 3):", r.word())),
    ("arithmetic", |r| format!("n_tokens = len(tokens) + {}", r.digits(8))),
    ("lexer", |r| format!("token = Token(kind=\"{}\", value=\"{}\")", r.word(), r.word())),
    ("token of a parser", |r| format!("case Token::{}Literal2 => self.token = next_token{},", capital(r.word()), r.digits(2))),
    ("message", |r| format!("error = \"The password must have at least {} characters and 1 digit\"", r.digits(1))),
    ("path", |r| format!("secret_key: /etc/{}/keys/server-2024.key", r.word())),
    ("mounted secret", |r| format!("password_file: /run/secrets/{}_password", r.word())),
    ("address", |r| format!("url = \"https://{}.example.com/v1/items?page=2&token_type=jwt\"", r.word())),
    ("address with a word as password", |r| format!("DATABASE_URL=postgres://{}:{}@localhost:5432/app", r.pick(&["user", "postgres", "app"]), r.pick(&["password", "pass", "secret", "postgres", "changeme"]))),
    ("address with variables", |_| "url = f\"postgres://{user}:{password}@{host}/db\"".to_owned()),
    ("address of a package", |r| format!("\"resolved\": \"https://packages.firm.io/@types/{}/-/node-20.1.{}.tgz\"", r.word(), r.digits(1))),
    ("registry with a port", |r| format!("image: registry.firm.io:5000/{}/app@sha256:{}", r.word(), r.hex(64))),
    ("bearer of a template", |_| "headers = {\"Authorization\": f\"Bearer {token}\"}".to_owned()),
    ("bearer of a documentation", |_| "curl -H 'Authorization: Bearer <token>' https://api.firm.io".to_owned()),
    ("sentence", |r| format!("# The token is {} before it is used, see the {} chapter.", r.word(), r.word())),
    ("list", |r| format!("fields = [\"username\", \"password\", \"{}\", \"token\"]", r.word())),
    ("schema", |r| format!("\"password\": {{ \"type\": \"string\", \"minLength\": {} }}", r.digits(1))),
    ("column", |r| format!("password VARCHAR(255) NOT NULL, -- {}", r.word())),
    ("test of a form", |_| "expect(screen.getByLabelText('Password')).toBeInTheDocument();".to_owned()),
    ("test password", |r| format!("user = User(password=\"{}\")", r.pick(&["password", "password123", "test", "secret", "testpassword", "wrong-password", "my-secret-password"]))),
    ("identifier", |r| format!("signing_key = {}KeyFromPem2048", r.word())),
    ("version", |r| format!("tokenizers = \"0.{}.{}\"", r.digits(2), r.digits(1))),
    ("date", |r| format!("token_expires: 2024-05-{}T10:00:00Z", r.digits(2))),
    ("number", |r| format!("max_tokens: {}", r.digits(8))),
    ("key of a map", |r| format!("localStorage.getItem('{}-{}-key')", r.word(), r.word())),
    ("shortcut", |r| format!("\"key\": \"ctrl+shift+{}\", \"command\": \"editor.action.{}\"", r.pick(&["a", "k", "p"]), r.word())),
    ("translation key", |r| format!("t('login.{}.password.placeholder')", r.word())),
    ("HTML input", |r| format!("<input type=\"password\" name=\"{}\" autocomplete=\"current-password\">", r.pick(SECRET_NAMES))),
    ("header detection", |_| "if text.contains(\"-----BEGIN PRIVATE KEY-----\") { return true; }".to_owned()),
    ("prefix detection", |_| ["if key.startswith(\"sk", "-\") or key.startswith(\"gh", "p_\"):"].concat()),
    ("masked token", |_| ["token: gh", "p_****************************"].concat()),
    ("masked key", |_| ["key: sk", "-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"].concat()),
    ("hexadecimal number", |r| format!("#define MAGIC_KEY 0x{}u", r.hex(8))),
    ("random text of a cache", |r| format!("cache_key = \"{}\"", r.hex(32))),
    ("model name", |_| "tokenizer: Qwen/Qwen2.5-Coder-0.5B-Instruct".to_owned()),
    ("special tokens", |_| "eos_token: \"<|endoftext|>\", pad_token: \"<|fim_pad_0123|>\"".to_owned()),
    ("class names", |r| format!("class=\"{}-btn--primary-2x key-{}_3Kd9a\"", r.word(), r.word())),
    ("encoded id", |r| format!("href=\"/watch?v={}\"", r.url(11))),
    ("Google tag", |r| format!("gtag('config', 'G-{}');", r.upper(10))),
    ("sentence with a colon", |r| format!("Password: at least 12 characters, for example a {} and a {}.", r.word(), r.word())),
    ("comparison of types", |_| "if (typeof password === 'undefined') throw new TypeError('password2');".to_owned()),
    ("regular expression", |_| "const PASSWORD_PATTERN = /^(?=.*[A-Z])(?=.*\\d)[A-Za-z\\d]{8,}$/;".to_owned()),
    ("pattern of tokens", |_| "token_regex = r\"gh[pousr]_[A-Za-z0-9]{36}\"".to_owned()),
    ("algorithm", |r| format!("auth = \"{}\"", r.pick(&["AWS4-HMAC-SHA256", "hmac-sha2-512", "oauth2", "bearerAuth", "scram-sha-256"]))),
    ("grant", |_| "grant_type=client_credentials&scope=read".to_owned()),
    ("setter of a field", |_| "this.password = password;\nself.token = token_2;\nsetPassword(newPassword1);".to_owned()),
    ("destructuring", |_| "const { password: userPassword1, token: authToken2 } = req.body;".to_owned()),
    ("dictionary of names", |r| format!("{{\"password\": \"{}_password\", \"token\": \"{}_token\"}}", r.word(), r.word())),
];

/// `n` harmless texts with their kinds.
pub fn cases(seed: u64, n: usize) -> Vec<(&'static str, String)> {
    let mut random = Random::new(seed);
    (0..n)
        .map(|at| match at % (KINDS.len() + 20) {
            kind if kind < KINDS.len() => (KINDS[kind].0, KINDS[kind].1(&mut random)),
            // Random values with names of no secret, and words with names of secrets, in all languages.
            kind if kind % 2 == 0 => {
                let language = LANGUAGES[random.below(LANGUAGES.len())];
                let value = match random.below(3) {
                    0 => random.hex(40),
                    1 => random.uuid(),
                    _ => random.hex(64),
                };
                let name = random.pick(PLAIN_NAMES);
                ("a random value with a plain name", given(&mut random, language, name, &value))
            }
            _ => {
                let language = LANGUAGES[random.below(LANGUAGES.len())];
                let words = [random.word(), random.word()];
                let value = random.pick(&["-", "_", ""]);
                let name = random.pick(SECRET_NAMES);
                ("words with a secret name", given(&mut random, language, name, &words.join(value)))
            }
        })
        .collect()
}
