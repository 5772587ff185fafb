//! Secrets of many kinds, made up from parts.
//!
//! Invariant: each kind has a name, and its secret is random for each seed.

use crate::languages::{LANGUAGES, given};
use crate::random::Random;

/// A text with a secret in it.
pub struct Case {
    pub kind: &'static str,
    pub language: &'static str,
    pub text: String,
    pub secret: String,
}

type Make = fn(&mut Random) -> String;

/// Tokens of services, found by their form whatever the name.
#[rustfmt::skip]
const TOKENS: &[(&str, Make)] = &[
    ("AWS key id", |r| ["AK", "IA", &r.of("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)].concat()),
    ("Google API key", |r| ["AI", "za", "Sy", &r.url(33)].concat()),
    ("Google OAuth secret", |r| ["GOC", "SPX-", &r.url(28)].concat()),
    ("Google access token", |r| ["ya", "29.", &r.url(120)].concat()),
    ("Azure client secret", |r| [&r.alnum(3), "8Q", "~", &r.url(34)].concat()),
    ("GitHub token", |r| ["gh", "p_", &r.alnum(36)].concat()),
    ("GitHub OAuth token", |r| ["gh", "o_", &r.alnum(36)].concat()),
    ("GitHub refresh token", |r| ["gh", "r_", &r.alnum(76)].concat()),
    ("GitHub fine-grained token", |r| ["github", "_pat_", &r.alnum(22), "_", &r.alnum(59)].concat()),
    ("GitLab token", |r| ["gl", "pat-", &r.url(20)].concat()),
    ("GitLab runner token", |r| ["gl", "rt-", &r.url(20)].concat()),
    ("GitLab deploy token", |r| ["gl", "dt-", &r.url(20)].concat()),
    ("Slack bot token", |r| ["xo", "xb-", &r.digits(12), "-", &r.digits(12), "-", &r.alnum(24)].concat()),
    ("Slack app token", |r| ["xa", "pp-1-A", &r.upper(10), "-", &r.digits(13), "-", &r.hex(64)].concat()),
    ("Slack webhook", |r| ["https://hooks.", "slack.com/services/T", &r.upper(8), "/B", &r.upper(8), "/", &r.alnum(24)].concat()),
    ("Stripe live key", |r| ["sk_", "live_", &r.alnum(24)].concat()),
    ("Stripe test key", |r| ["sk_", "test_", &r.alnum(24)].concat()),
    ("Stripe webhook secret", |r| ["wh", "sec_", &r.alnum(32)].concat()),
    ("Twilio key", |r| ["S", "K", &r.hex(32)].concat()),
    ("SendGrid key", |r| ["S", "G.", &r.url(22), ".", &r.url(43)].concat()),
    ("Mailgun key", |r| ["ke", "y-", &r.hex(32)].concat()),
    ("Mailchimp key", |r| [&r.hex(32), "-u", "s12"].concat()),
    ("Brevo key", |r| ["xkey", "sib-", &r.hex(64), "-", &r.alnum(16)].concat()),
    ("Resend key", |r| ["r", "e_", &r.alnum(8), "_", &r.alnum(24)].concat()),
    ("npm token", |r| ["np", "m_", &r.alnum(36)].concat()),
    ("PyPI token", |r| ["py", "pi-AgEIcHlwaS5vcmc", &r.url(80)].concat()),
    ("RubyGems key", |r| ["ruby", "gems_", &r.hex(48)].concat()),
    ("Cargo registry token", |r| ["ci", "o", &r.alnum(32)].concat()),
    ("NuGet key", |r| ["oy", "2", &r.lower_alnum(43)].concat()),
    ("Docker token", |r| ["dckr", "_pat_", &r.url(27)].concat()),
    ("Discord token", |r| ["MT", &r.alnum(24), ".", &r.alnum(6), ".", &r.url(38)].concat()),
    ("Discord webhook", |r| ["https://discord", ".com/api/webhooks/", &r.digits(18), "/", &r.url(68)].concat()),
    ("Telegram token", |r| [&r.digits(10), ":A", "A", &r.url(33)].concat()),
    ("Vault token", |r| ["hv", "s.", &r.url(90)].concat()),
    ("Terraform token", |r| [&r.alnum(14), ".atlas", "v1.", &r.url(67)].concat()),
    ("Databricks token", |r| ["da", "pi", &r.hex(32)].concat()),
    ("Shopify token", |r| ["shp", "at_", &r.hex(32)].concat()),
    ("New Relic user key", |r| ["NR", "AK-", &r.upper(27)].concat()),
    ("New Relic licence key", |r| [&r.hex(36), "FFFF", "NRAL"].concat()),
    ("age key", |r| ["AGE-SECRET", "-KEY-1", &r.of("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)].concat()),
    ("Supabase token", |r| ["sb", "p_", &r.hex(40)].concat()),
    ("Sentry user token", |r| ["sntr", "yu_", &r.hex(64)].concat()),
    ("Sentry organisation token", |r| ["sntr", "ys_ey", &r.alnum(90), "_", &r.base64(43)].concat()),
    ("Grafana token", |r| ["gl", "sa_", &r.alnum(32), "_", &r.hex(8)].concat()),
    ("Grafana cloud token", |r| ["gl", "c_ey", &r.alnum(90)].concat()),
    ("Notion token", |r| ["nt", "n_", &r.digits(11), &r.alnum(35)].concat()),
    ("Notion old token", |r| ["sec", "ret_", &r.alnum(43)].concat()),
    ("Linear key", |r| ["lin", "_api_", &r.alnum(40)].concat()),
    ("Groq key", |r| ["gs", "k_", &r.alnum(52)].concat()),
    ("OpenAI old key", |r| ["s", "k-", &r.alnum(20), "T3Blbk", "FJ", &r.alnum(20)].concat()),
    ("OpenAI project key", |r| ["sk-", "proj-", &r.url(74), "T3Blbk", "FJ", &r.url(74)].concat()),
    ("OpenAI service key", |r| ["sk-", "svcacct-", &r.url(58), "T3Blbk", "FJ", &r.url(58)].concat()),
    ("Anthropic key", |r| ["sk-", "ant-api03-", &r.url(93), "AA"].concat()),
    ("Hugging Face token", |r| ["h", "f_", &r.alnum(34)].concat()),
    ("Replicate token", |r| ["r", "8_", &r.alnum(37)].concat()),
    ("Perplexity key", |r| ["pp", "lx-", &r.alnum(48)].concat()),
    ("DigitalOcean token", |r| ["do", "p_v1_", &r.hex(64)].concat()),
    ("Doppler token", |r| ["dp", ".pt.", &r.alnum(43)].concat()),
    ("Postman key", |r| ["PM", "AK-", &r.hex(24), "-", &r.hex(34)].concat()),
    ("Pulumi token", |r| ["pu", "l-", &r.hex(40)].concat()),
    ("PlanetScale password", |r| ["pscale", "_pw_", &r.url(43)].concat()),
    ("Airtable token", |r| ["pa", "t", &r.alnum(14), ".", &r.hex(64)].concat()),
    ("Figma token", |r| ["fi", "gd_", &r.url(40)].concat()),
    ("Square token", |r| ["sq0", "atp-", &r.url(22)].concat()),
    ("Atlassian token", |r| ["ATA", "TT3", &r.url(186)].concat()),
    ("Tailscale key", |r| ["tskey", "-auth-", &r.alnum(12), "-", &r.alnum(32)].concat()),
    ("SonarQube token", |r| ["sq", "p_", &r.hex(40)].concat()),
    ("Dynatrace token", |r| ["dt0", "c01.", &r.upper(24), ".", &r.upper(64)].concat()),
    ("HubSpot token", |r| ["pat-", "na1-", &r.uuid()].concat()),
    ("JSON web token", |r| ["ey", "J", &r.alnum(33), ".ey", "J", &r.url(70), ".", &r.url(43)].concat()),
];

/// Names whose values are secret, and how the values look.
#[rustfmt::skip]
const NAMED: &[(&str, &str, Make)] = &[
    ("database password", "db_password", |r| r.password()),
    ("password", "password", |r| r.password()),
    ("passwd", "smtp_passwd", |r| r.password()),
    ("pwd", "redis_pwd", |r| r.password()),
    ("pass", "db_pass", |r| r.password()),
    ("passphrase", "key_passphrase", |r| r.password()),
    ("client secret", "client_secret", |r| r.alnum(32)),
    ("secret key", "secret_key", |r| r.alnum(50)),
    ("AWS secret access key", "aws_secret_access_key", |r| r.base64(40)),
    ("API key", "api_key", |r| r.hex(32)),
    ("API token", "api_token", |r| r.alnum(40)),
    ("access token", "access_token", |r| r.url(48)),
    ("auth token", "auth_token", |r| r.uuid()),
    ("encryption key", "encryption_key", |r| format!("{}=", r.base64(43))),
    ("signing key", "signing_key", |r| r.hex(64)),
    ("private key", "private_key", |r| r.hex(64)),
    ("storage key", "storage_account_key", |r| format!("{}==", r.base64(86))),
    ("credential", "service_credential", |r| r.alnum(24)),
];

/// Writes a secret with a password.
type Writer = fn(&mut Random, &str) -> String;

/// Secrets in forms of their own.
#[rustfmt::skip]
const WHOLE: &[(&str, &str, Writer)] = &[
    ("PostgreSQL address", "python", |_, p| format!("DB = \"postgres://app:{p}@db.internal:5432/shop\"")),
    ("MongoDB address", "javascript", |_, p| format!("mongoose.connect('mongodb+srv://app:{p}@cluster0.ab1.mongodb.net/x');")),
    ("Redis address", "yaml", |_, p| format!("cache: redis://:{p}@cache:6379/0")),
    ("AMQP address", "java", |_, p| format!("String url = \"amqp://app:{p}@mq:5672/\";")),
    ("HTTPS address", "shell", |_, p| format!("git clone https://deploy:{p}@git.firm.io/a.git")),
    ("MySQL address", "ini", |_, p| format!("url = mysql://root:{p}@10.0.0.5/app")),
    ("JDBC address", "java", |_, p| format!("String url = \"jdbc:mysql://db:3306/app?user=app&password={p}\";")),
    ("JDBC semicolons", "ini", |_, p| format!("url=jdbc:sqlserver://db:1433;user=app;password={p};encrypt=true")),
    ("ADO connection string", "csharp", |_, p| format!("var c = \"Server=db;Database=app;User Id=app;Password={p};\";")),
    ("libpq connection string", "python", |_, p| format!("connect(\"host=db dbname=app user=app password={p}\")")),
    ("Azure storage string", "python", |r, _| format!("c = \"DefaultEndpointsProtocol=https;AccountName=shop;{}Key={}==;EndpointSuffix=core.windows.net\"", "Account", r.base64(86))),
    ("Azure bus string", "json", |r, _| format!("{{\"bus\": \"Endpoint=sb://a.servicebus.windows.net/;SharedAccessKeyName=Root;{}Key={}=\"}}", "SharedAccess", r.base64(43))),
    ("Bearer header", "javascript", |r, _| format!("headers: {{ Authorization: 'Bearer {}' }}", r.alnum(40))),
    ("Bearer header of curl", "shell", |r, _| format!("curl -H \"Authorization: Bearer {}\" https://api.firm.io/v1", r.alnum(32))),
    ("Basic header", "python", |r, p| { let _ = r; format!("headers = {{\"Authorization\": \"Basic {}\"}}", crate::encode(&format!("admin:{p}"))) }),
    ("key header", "shell", |r, _| format!("curl -H 'X-Api-Key: {}' https://api.firm.io", r.hex(32))),
    ("curl user", "shell", |_, p| format!("curl -u admin:{p} https://api.firm.io/v1/jobs")),
    ("sshpass", "shell", |_, p| format!("sshpass -p '{p}' ssh deploy@10.0.0.7")),
    ("mysql option", "shell", |_, p| format!("mysql -u root -p{p} shop < dump.sql")),
    ("RSA private key", "python", |r, _| format!("KEY = \"\"\"-----BEGIN RSA {0}-----\n{1}\n{2}\n-----END RSA {0}-----\"\"\"", "PRIVATE KEY", r.base64(64), r.base64(64))),
    ("escaped private key", "json", |r, _| format!("{{\"private_key\": \"-----BEGIN {0}-----\\n{1}\\n-----END {0}-----\\n\"}}", "PRIVATE KEY", r.base64(64))),
    ("OpenSSH private key", "yaml", |r, _| format!("key: |\n  -----BEGIN OPENSSH {0}-----\n  {1}\n  -----END OPENSSH {0}-----", "PRIVATE KEY", r.base64(70))),
    ("PGP private key", "typescript", |r, _| format!("const k = `-----BEGIN PGP {0} BLOCK-----\n\n{1}\n-----END PGP {0} BLOCK-----`;", "PRIVATE KEY", r.base64(64))),
    ("Kubernetes secret", "yaml", |_, p| format!("apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\ntype: Opaque\ndata:\n  user: YWRtaW4=\n  other: {}", crate::encode(p))),
    ("Kubernetes plain secret", "yaml", |_, p| format!("kind: Secret\nmetadata:\n  name: db\nstringData:\n  conn: {p}")),
    ("kubeconfig token", "yaml", |r, _| format!("users:\n- name: a\n  user:\n    token: {}", r.alnum(40))),
    ("kubeconfig key", "yaml", |r, _| format!("users:\n- name: a\n  user:\n    client-key-data: LS0t{}==", r.base64(120))),
    ("Docker auth", "json", |_, p| format!("{{\"auths\": {{\"ghcr.io\": {{\"auth\": \"{}\"}}}}}}", crate::encode(&format!("bot:{p}xyz")))),
    ("npm auth", "ini", |r, _| format!("//registry.firm.io/:_authToken={}", r.uuid())),
    ("netrc", "ini", |_, p| format!("machine api.firm.io login bot password {p}")),
    ("pgpass variable", "shell", |_, p| format!("PGPASSWORD={p} psql -h db -U app")),
    ("SQL user", "sql", |_, p| format!("CREATE USER app IDENTIFIED BY '{p}';")),
    ("SQL role", "sql", |_, p| format!("ALTER ROLE app WITH LOGIN PASSWORD '{p}';")),
    ("WireGuard key", "ini", |r, _| format!("[Interface]\nPrivateKey = {}=\nAddress = 10.0.0.2/24", r.base64(43))),
    ("Redis configuration", "ini", |_, p| format!("requirepass {p}")),
    ("Azure signature", "javascript", |r, _| format!("const u = 'https://a.blob.core.windows.net/c?sv=2022-11-02&sp=r&sig={}%3D';", r.alnum(43))),
    ("comment", "go", |_, p| format!("// the old password was {p}1X9")),
    ("wallet", "javascript", |r, _| format!("const mnemonic = '{}';", (0..12).map(|_| r.word()).collect::<Vec<_>>().join(" "))),
    ("Laravel key", "ini", |r, _| format!("APP_KEY=base64:{}=", r.base64(43))),
    ("Ansible password", "yaml", |_, p| format!("ansible_become_pass: {p}")),
    ("Spring password", "ini", |_, p| format!("spring.datasource.password={p}")),
    ("Django key", "python", |r, _| format!("SECRET_KEY = 'django-insecure-{}'", r.of("abcdefghijklmnopqrstuvwxyz0123456789!@#$%^&*(-_=+)", 50))),
    ("comparison", "python", |_, p| format!("if password == \"{p}\":")),
    ("Heroku key", "shell", |r, _| format!("export HEROKU_API_KEY={}", r.uuid())),
    ("nested property", "kotlin", |_, p| format!("storePassword = \"{p}\"\n    keyAlias = \"upload\"")),
];

/// All kinds.
pub fn n_kinds() -> usize {
    TOKENS.len() + NAMED.len() + WHOLE.len()
}

/// Made-up secrets, `n` of them, of every kind and in every language.
pub fn cases(seed: u64, n: usize) -> Vec<Case> {
    let mut random = Random::new(seed);
    let names = ["client", "value", "x", "endpoint", "remote", "config_item"];
    (0..n)
        .map(|at| {
            let kind = at % n_kinds();
            let language = LANGUAGES[random.below(LANGUAGES.len())];
            if let Some((kind, make)) = TOKENS.get(kind) {
                let secret = make(&mut random);
                let name = random.pick(&names);
                Case { kind, language, text: given(&mut random, language, name, &secret), secret }
            } else if let Some((kind, name, make)) = NAMED.get(kind - TOKENS.len()) {
                let secret = make(&mut random);
                Case { kind, language, text: given(&mut random, language, name, &secret), secret }
            } else {
                let (kind, language, make) = WHOLE[kind - TOKENS.len() - NAMED.len()];
                let secret = random.password();
                Case { kind, language, text: make(&mut random, &secret), secret: String::new() }
            }
        })
        .collect()
}
