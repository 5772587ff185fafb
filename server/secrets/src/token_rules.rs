//! Tokens that services issue, as data: how each begins and what follows. The formats are those that the services document.
//!
//! Invariant: every rule has a keyword of at least 2 bytes that occurs in each of its tokens, so that a text without the keywords
//! is never read twice.

/// Bytes that may follow a beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Set {
    /// `0-9a-fA-F`.
    Hex,
    /// `0-9A-Z`.
    Upper,
    /// `0-9A-Za-z`.
    Alnum,
    /// `0-9A-Za-z_-`.
    Word,
    /// `0-9A-Za-z_.-`.
    Dotted,
    /// `0-9A-Za-z+/=_-`.
    Base64,
}

/// The form of a token.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// The keyword, then as many of these bytes, at least and at most.
    Run(Set, usize, usize),
    /// A regular expression that matches from the keyword on.
    From(&'static str),
    /// A regular expression that matches around the keyword; so many bytes before it are looked at. Its first group, or all
    /// of it, is the secret.
    Around(usize, &'static str),
}

/// One kind of token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    /// For people.
    pub name: &'static str,
    /// Keywords, one of which is in the token; letters count as they are written.
    pub keys: &'static [&'static str],
    /// The form of the token.
    pub form: Form,
}

const fn run(name: &'static str, keys: &'static [&'static str], set: Set, min: usize, max: usize) -> Rule {
    Rule { name, keys, form: Form::Run(set, min, max) }
}

const fn from(name: &'static str, keys: &'static [&'static str], pattern: &'static str) -> Rule {
    Rule { name, keys, form: Form::From(pattern) }
}

const fn around(
    name: &'static str,
    keys: &'static [&'static str],
    n_before: usize,
    pattern: &'static str,
) -> Rule {
    Rule { name, keys, form: Form::Around(n_before, pattern) }
}

/// All kinds.
#[rustfmt::skip]
pub(crate) const RULES: &[Rule] = &[
    // Clouds.
    run("an AWS access key", &["AKIA", "ASIA", "ABIA", "ACCA"], Set::Upper, 16, 16),
    run("an Amazon service token", &["amzn.mws."], Set::Word, 30, 40),
    from("an Amazon Bedrock key", &["ABSK"], r"ABSK[A-Za-z0-9+/]{100,}={0,2}"),
    run("a Google API key", &["AIza"], Set::Word, 33, 40),
    run("a Google OAuth client secret", &["GOCSPX-"], Set::Word, 20, 40),
    run("a Google access token", &["ya29."], Set::Dotted, 20, 2048),
    from("a Google refresh token", &["1//0"], r"1//0[A-Za-z0-9_-]{40,}"),
    around("an Azure client secret", &["7Q~", "8Q~", "9Q~", "0Q~", "1Q~", "2Q~", "3Q~", "4Q~", "5Q~", "6Q~"], 3, r"[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{30,36}"),
    around("an Azure shared access signature", &["sig="], 160, r"(?:sv|se|sp|sr|SharedAccessSignature)[= ][^\s\x22'`]{0,140}?&?sig=([A-Za-z0-9%+/_=-]{30,})"),
    around("an Azure signature", &["sig="], 1, r"[?&]sig=([A-Za-z0-9%+/_-]{40,}(?:%3D|=)?)"),
    around("an Azure DevOps token", &["AZDO"], 80, r"[A-Za-z0-9]{72,80}AZDO[A-Za-z0-9]{4}"),
    around("an account key", &["AccountKey=", "SharedAccessKey=", "accountKey=", "sharedAccessKey="], 0, r"\w+Key=([A-Za-z0-9+/%_-]{20,}={0,2})"),
    run("a DigitalOcean token", &["dop_v1_", "doo_v1_", "dor_v1_"], Set::Hex, 32, 64),
    run("an Alibaba access key", &["LTAI"], Set::Alnum, 12, 30),
    run("a Tencent secret id", &["AKID"], Set::Alnum, 32, 36),
    run("a Yandex key", &["AQVN"], Set::Word, 35, 38),
    run("a Heroku key", &["HRKU-"], Set::Word, 36, 70),
    run("a Fly.io token", &["fo1_", "fm1_", "fm2_", "fm1r_", "fm1a_"], Set::Base64, 40, 2048),
    run("a Render key", &["rnd_"], Set::Alnum, 26, 40),
    run("a Netlify token", &["nfp_", "nfc_", "nfo_", "nfb_", "nfu_"], Set::Alnum, 30, 44),
    run("a Vercel token", &["vcp_", "vci_", "vca_", "vcr_", "vck_", "vercel_blob_rw_"], Set::Word, 24, 80),
    from("a Cloudflare key", &["v1.0-"], r"v1\.0-[a-f0-9]{24}-[a-f0-9]{100,}"),
    run("a Supabase key", &["sbp_", "sb_secret_", "sba_", "sbp_v0_"], Set::Word, 20, 64),
    run("a Neon key", &["napi_"], Set::Alnum, 40, 80),
    run("a PlanetScale secret", &["pscale_tkn_", "pscale_pw_", "pscale_oauth_"], Set::Dotted, 30, 70),
    run("a Databricks token", &["dapi", "dkea", "dose"], Set::Hex, 32, 32),
    from("a Databricks token", &["dapi"], r"dapi[a-f0-9]{32}-\d"),
    run("an Aiven token", &["AVNS_"], Set::Word, 16, 40),
    // Code hosting and building.
    run("a GitHub token", &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], Set::Alnum, 30, 255),
    run("a GitHub token", &["github_pat_"], Set::Word, 40, 255),
    run("a GitLab token", &["glpat-", "gldt-", "glrt-", "glrtr-", "glcbt-", "glptt-", "glft-", "glimt-", "glagent-", "gloas-", "glsoat-", "glffct-", "GR1348941"], Set::Dotted, 18, 320),
    from("a Bitbucket or Atlassian token", &["ATATT3", "ATCTT3", "ATBB"], r"AT(?:ATT3|CTT3|BB)[A-Za-z0-9_=-]{24,260}"),
    run("an npm token", &["npm_"], Set::Alnum, 30, 40),
    run("a PyPI token", &["pypi-AgE"], Set::Word, 40, 1000),
    run("a PyPI token", &["pypi-"], Set::Word, 60, 1000),
    run("a RubyGems key", &["rubygems_"], Set::Hex, 48, 48),
    run("a Cargo registry token", &["cio"], Set::Alnum, 32, 32),
    run("a NuGet key", &["oy2"], Set::Alnum, 43, 43),
    run("a Clojars token", &["CLOJARS_"], Set::Alnum, 60, 60),
    run("a Docker token", &["dckr_pat_", "dckr_oat_"], Set::Word, 20, 80),
    run("an Artifactory key", &["AKCp", "cmVmd"], Set::Alnum, 56, 80),
    run("a CircleCI token", &["CCIPAT_", "CCIPRJ_"], Set::Word, 30, 100),
    run("a Buildkite token", &["bkua_", "bkaa_"], Set::Hex, 40, 40),
    run("a SonarQube token", &["squ_", "sqp_", "sqa_"], Set::Hex, 40, 40),
    run("a Pulumi token", &["pul-"], Set::Hex, 40, 40),
    around("a Terraform token", &[".atlasv1."], 16, r"[A-Za-z0-9]{12,16}\.atlasv1\.[A-Za-z0-9_=-]{40,80}"),
    run("a Vault token", &["hvs.", "hvb.", "hvr."], Set::Word, 20, 320),
    from("a Doppler token", &["dp.pt.", "dp.st.", "dp.ct.", "dp.sa.", "dp.scim."], r"dp\.(?:pt|st|ct|sa|scim)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{36,48}"),
    run("a 1Password token", &["ops_eyJ"], Set::Base64, 60, 2048),
    from("a 1Password secret key", &["A3-"], r"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}"),
    run("an Infisical token", &["st.ey"], Set::Dotted, 40, 1000),
    run("an OpenShift token", &["sha256~"], Set::Word, 40, 48),
    run("a Tailscale key", &["tskey-auth-", "tskey-api-", "tskey-client-", "tskey-"], Set::Word, 18, 80),
    run("an Octopus key", &["API-"], Set::Upper, 25, 32),
    run("a Postman key", &["PMAK-"], Set::Word, 50, 70),
    from("a Harness token", &["pat.", "sat."], r"[ps]at\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}"),
    run("a Prefect key", &["pnu_", "pnb_"], Set::Alnum, 30, 40),
    run("a Sourcegraph token", &["sgp_", "slk_"], Set::Word, 40, 80),
    run("a Snyk token", &["snyk_"], Set::Dotted, 40, 120),
    // Talking and mailing.
    from("a Slack token", &["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxo-", "xoxe-", "xoxe.", "xoxc-", "xoxd-"], r"xox[a-z](?:\.xox[bp])?-[A-Za-z0-9%-]{16,400}"),
    run("a Slack app token", &["xapp-"], Set::Word, 24, 200),
    from("a Slack webhook", &["hooks.slack.com/"], r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/_-]{30,100}"),
    from("a Teams webhook", &["webhook.office.com/"], r"webhook\.office\.com/webhookb2/[A-Za-z0-9@-]{40,}/[A-Za-z0-9/-]{30,}"),
    from("a Discord webhook", &["discord.com/api/webhooks/", "discordapp.com/api/webhooks/"], r"discord(?:app)?\.com/api/webhooks/\d{10,22}/[A-Za-z0-9_-]{30,100}"),
    from("a Google Chat webhook", &["chat.googleapis.com/v1/spaces/"], r"chat\.googleapis\.com/v1/spaces/\S{4,40}key=[A-Za-z0-9_-]{20,}\S*"),
    from("a Discord token", &["MT", "Mj", "Mz", "MD", "ND", "NT", "Nj", "Nz", "OD", "OT"], r"[MNO][A-Za-z0-9_-]{22,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}"),
    around("a Telegram token", &[":AA"], 12, r"\d{8,10}:AA[A-Za-z0-9_-]{30,36}"),
    from("a Twilio key", &["SK", "AC"], r"(?:SK|AC)[0-9a-f]{32}"),
    from("a SendGrid key", &["SG."], r"SG\.[A-Za-z0-9_-]{14,32}\.[A-Za-z0-9_-]{30,60}"),
    from("a SendGrid key", &["SG."], r"SG\.[A-Za-z0-9_.-]{50,80}"),
    from("a Mailgun key", &["key-"], r"key-[0-9a-f]{32}"),
    around("a Mailchimp key", &["-us"], 32, r"[0-9a-f]{32}-us\d{1,2}"),
    run("a Brevo key", &["xkeysib-", "xsmtpsib-"], Set::Word, 64, 100),
    from("a Resend key", &["re_"], r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,30}"),
    // Paying and selling.
    run("a Stripe key", &["sk_live_", "sk_test_", "rk_live_", "rk_test_", "sk_prod_", "rk_prod_"], Set::Alnum, 16, 250),
    run("a Stripe webhook secret", &["whsec_"], Set::Base64, 20, 100),
    run("a Square token", &["sq0atp-", "sq0csp-", "sq0idp-"], Set::Word, 22, 44),
    run("a Square or Facebook token", &["EAAA", "EAAC", "EAAM", "EAAG", "EAAB"], Set::Word, 56, 400),
    run("a Shopify token", &["shpat_", "shpca_", "shppa_", "shpss_", "shpua_"], Set::Hex, 30, 40),
    run("a Shippo token", &["shippo_live_", "shippo_test_"], Set::Hex, 40, 40),
    run("an EasyPost key", &["EZAK", "EZTK"], Set::Alnum, 54, 54),
    from("a PayPal token", &["access_token$"], r"access_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32}"),
    run("a Flutterwave key", &["FLWSECK-", "FLWSECK_TEST-"], Set::Word, 12, 64),
    run("a Razorpay key", &["rzp_live_", "rzp_test_"], Set::Alnum, 14, 14),
    run("a Plaid token", &["access-sandbox-", "access-production-", "access-development-"], Set::Word, 36, 36),
    run("a Duffel token", &["duffel_test_", "duffel_live_"], Set::Word, 40, 48),
    // Watching.
    run("a New Relic key", &["NRAK-", "NRII-", "NRRA-", "NRJS-", "NRIQ-", "NRSP-", "NRAA-"], Set::Word, 19, 42),
    around("a New Relic licence key", &["FFFFNRAL", "NRAL"], 40, r"[a-f0-9]{30,36}(?:FFFF)?NRAL"),
    run("a Sentry token", &["sntrys_", "sntryu_", "sntrya_"], Set::Base64, 40, 700),
    run("a Grafana token", &["glsa_", "glc_"], Set::Base64, 32, 420),
    run("a Grafana key", &["eyJrIjoi"], Set::Base64, 50, 420),
    from("a Dynatrace token", &["dt0c01.", "dt0s01.", "dt0s16."], r"dt0[a-z]\d\d\.[A-Z0-9a-z]{8,24}\.[A-Z0-9a-z]{40,64}"),
    run("a PostHog key", &["phx_", "phs_"], Set::Alnum, 40, 52),
    from("a LaunchDarkly key", &["api-", "sdk-"], r"(?:api|sdk)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    run("a Honeycomb key", &["hcaik_", "hcbik_", "hcalk_"], Set::Alnum, 40, 64),
    run("an Infracost key", &["ico-"], Set::Alnum, 32, 32),
    // Writing and planning.
    run("a Notion token", &["ntn_"], Set::Alnum, 40, 50),
    run("a Notion token", &["secret_"], Set::Alnum, 40, 50),
    run("a Linear key", &["lin_api_", "lin_oauth_", "lin_wh_"], Set::Alnum, 32, 80),
    from("an Airtable token", &["pat"], r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
    run("a Figma token", &["figd_", "figu_", "figo_"], Set::Word, 36, 60),
    from("an Asana token", &["1/1", "2/1"], r"[12]/\d{15,18}(?:/\d{15,18})?:[0-9a-f]{32}"),
    run("a ReadMe key", &["rdme_"], Set::Alnum, 60, 80),
    run("a Contentful token", &["CFPAT-"], Set::Word, 40, 50),
    run("a Typeform token", &["tfp_"], Set::Dotted, 40, 64),
    run("a Dropbox token", &["sl.u.", "sl.B", "sl.A"], Set::Word, 100, 1500),
    run("a Frame.io token", &["fio-u-"], Set::Word, 60, 70),
    run("an Adobe secret", &["p8e-", "p8-"], Set::Word, 32, 40),
    from("a HubSpot token", &["pat-na", "pat-eu"], r"pat-(?:na|eu)\d-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    run("a Mapbox secret token", &["sk.eyJ"], Set::Dotted, 60, 200),
    run("a ClickUp token", &["pk_"], Set::Alnum, 40, 48),
    // Models.
    run("an Anthropic key", &["sk-ant-"], Set::Word, 24, 200),
    run("an OpenAI key", &["sk-proj-", "sk-svcacct-", "sk-admin-", "sk-None-"], Set::Word, 24, 250),
    around("an OpenAI key", &["T3BlbkFJ"], 100, r"sk-[A-Za-z0-9_-]{10,90}T3BlbkFJ[A-Za-z0-9_-]{10,90}"),
    run("an OpenRouter key", &["sk-or-"], Set::Word, 32, 90),
    run("an API key", &["sk-"], Set::Alnum, 32, 64),
    run("a Groq key", &["gsk_"], Set::Alnum, 32, 60),
    run("an xAI key", &["xai-"], Set::Alnum, 60, 90),
    run("a Perplexity key", &["pplx-"], Set::Alnum, 40, 60),
    run("a Replicate token", &["r8_"], Set::Alnum, 30, 44),
    run("a Hugging Face token", &["hf_", "api_org_"], Set::Alnum, 30, 44),
    run("a Fireworks key", &["fw_"], Set::Alnum, 22, 30),
    run("an NVIDIA key", &["nvapi-"], Set::Word, 50, 80),
    run("a Cerebras key", &["csk-"], Set::Alnum, 40, 60),
    run("a LangSmith key", &["lsv2_pt_", "lsv2_sk_"], Set::Word, 30, 60),
    run("a Pinecone key", &["pcsk_"], Set::Word, 40, 90),
    run("a Tavily or Jina key", &["tvly-", "jina_"], Set::Word, 30, 80),
    run("a Weights and Biases key", &["wandb_v1_"], Set::Word, 40, 90),
    // Keys of encryption and signed tokens.
    run("an age secret key", &["AGE-SECRET-KEY-1"], Set::Upper, 50, 60),
    from("a JSON web token", &["eyJ"], r"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]+){0,2}"),
    run("a JSON web token", &["ZXlKaGJHY2lPaU", "ZXlKMGVYQWlPaU"], Set::Base64, 60, 4096),
    from("a PuTTY private key", &["PuTTY-User-Key-File-"], r"PuTTY-User-Key-File-\d: [^\n]*\n[^\n]*\n[^\n]*\nPublic-Lines: \d+"),
    run("a Twitter bearer token", &["AAAAAAAAAAAAAAAAAAAAA"], Set::Base64, 60, 140),
    run("a GitLab session", &["_gitlab_session="], Set::Alnum, 32, 32),
];
