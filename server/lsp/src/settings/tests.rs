//! Settings as clients send them, good and bad.

use serde_json::json;

use fimble_model::{ProjectCacheUse, Provider};

use super::entry::{Default as Preset, Kind, Setting};
use super::table::SETTINGS;
use super::*;
use crate::models::state::NetworkOptions;

fn resolve(value: &Value) -> (Settings, Vec<String>) {
    let mut layers = SettingsLayers::default();
    layers.set_initialization(value);
    let (settings, problems) = layers.resolve();
    (settings, problems.iter().map(ToString::to_string).collect())
}

#[test]
fn what_is_set_holds() {
    let all = json!({
        "enabled": false, "languages": {"disabled": ["markdown"]}, "multiLine": "never", "maxLines": 3,
        "maxNewTokens": 32, "contextTokens": 256, "minConfidence": 0.5, "inComments": false, "inStrings": false,
        "syntaxCheck": false, "model": "/models/x", "threads": 2, "completion": "always", "maxFileBytes": 1000,
        "logLevel": "debug", "heal": false, "budgetMs": 500, "speculation": "never", "snippets": false, "provider": "cuda", "kvMegabytes": 64, "lookAhead": "never",
        "chat": ["ollama:devstral", "bundled"], "allowRemote": ["models.example:443"],
        "apiKeys": {"models.example:443": "env:KEY"}, "noRemotePaths": ["secret/**"],
        "projectCache": "always", "projectCacheMegabytes": 8,
    });
    let (settings, problems) = resolve(&all);
    assert_eq!(problems, Vec::<String>::new());
    assert!(!settings.enabled && !settings.completion.in_comments && !settings.completion.heal);
    assert_eq!(settings.disabled_languages, ["markdown"]);
    let network = NetworkOptions {
        allow_remote: vec!["models.example:443".to_owned()],
        api_keys: [("models.example:443".to_owned(), "env:KEY".to_owned())].into(),
        no_remote_paths: vec!["secret/**".to_owned()],
        unreadable: Vec::new(),
    };
    assert_eq!(
        settings.model,
        ModelSettings {
            role: ModelRole::Completion,
            names: vec!["/models/x".to_owned()],
            threads: Some(2),
            provider: Provider::Cuda,
            kv_megabytes: Some(64),
            without_guesses: true,
            network: network.clone(),
            project_cache: ProjectCacheUse::Always,
            project_cache_megabytes: Some(8),
        }
    );
    assert_eq!(settings.chat, ["ollama:devstral", "bundled"]);
    let chat = settings.chat_model().unwrap();
    assert_eq!((chat.role, &chat.network, chat.threads), (ModelRole::Chat, &network, Some(2)));
    assert_eq!(settings.look_ahead, AutoAlwaysNever::Never);
    assert_eq!(settings.budget_ms, 500);
    assert_eq!(settings.completion.max_new_tokens, Some(32));
    assert_eq!(settings.completion.max_prompt_tokens, Some(256));
    assert_eq!(settings.completion.max_file_bytes, 1000);
}

#[test]
fn a_bad_value_costs_only_itself() {
    for (key, value) in [
        ("enabled", json!("yes")),
        ("languages", json!(["markdown"])),
        ("multiLine", json!("sometimes")),
        ("maxLines", json!(0)),
        ("maxLines", json!(-1)),
        ("maxNewTokens", json!(1.5)),
        ("contextTokens", json!(1)),
        ("minConfidence", json!(1.01)),
        ("model", json!("  ")),
        ("model", json!(["bundled", 3])),
        ("chat", json!({"name": "x"})),
        ("allowRemote", json!("models.example:443")),
        ("apiKeys", json!(["env:KEY"])),
        ("apiKeys", json!({"models.example:443": 1})),
        ("noRemotePaths", json!([1])),
        ("threads", json!(0)),
        ("provider", json!("gpu")),
        ("kvMegabytes", json!(0)),
        ("completion", json!(true)),
        ("lookAhead", json!(true)),
        ("budgetMs", json!(0)),
        ("speculation", json!("always")),
        ("projectCache", json!("sometimes")),
        ("projectCacheMegabytes", json!(0)),
        ("maxFileBytes", json!("10 MB")),
        ("logLevel", json!("loud")),
    ] {
        let (settings, problems) = resolve(&json!({"fimble": {key: value, "inStrings": false}}));
        assert_eq!(problems.len(), 1, "{key}: {problems:?}");
        assert!(problems[0].contains(&format!("fimble.{key}: ")), "{}", problems[0]);
        let allowed = SETTINGS.iter().find(|known| known.key == key).unwrap().kind.allowed();
        assert!(problems[0].contains(&allowed), "{}", problems[0]);
        assert!(!settings.completion.in_strings, "the rest applies");
    }
}

#[test]
fn a_bad_value_in_an_object_costs_only_itself_and_is_named_with_its_path() {
    let (settings, problems) =
        resolve(&json!({"languages": {"off": [], "disabled": ["markdown"]}, "maxLines": 3}));
    assert_eq!(settings.disabled_languages, ["markdown"]);
    assert_eq!(settings.completion.max_lines, 3);
    assert_eq!(
        problems,
        [
            "fimble.languages.off is no setting and is ignored. Settings are disabled. Until then no server beyond this \
             machine is asked."
        ]
    );
    let (_, problems) = resolve(&json!({"languages": {"disabled": [3]}}));
    assert!(problems[0].starts_with("fimble.languages.disabled: [3] is not allowed"), "{problems:?}");
}

/// Puts every default that the table names where it belongs.
fn apply_defaults(entries: &[Setting], settings: &mut Settings) {
    for entry in entries {
        let value = match (&entry.default, &entry.kind) {
            (Preset::Flag(value), Kind::Flag(_)) => json!(value),
            (Preset::Whole(value), Kind::Whole(..)) => json!(value),
            (Preset::Number(value), Kind::Number(..)) => json!(value),
            (Preset::Word(value), Kind::Choice(_)) => json!(value),
            (Preset::EmptyList, Kind::List(..)) => json!([]),
            (Preset::EmptyObject, Kind::Texts(..)) => json!({}),
            (Preset::Nested, Kind::Object(entries)) => {
                apply_defaults(entries, settings);
                continue;
            }
            (Preset::Found(_), _) => continue,
            _ => panic!("the default of {} is of another kind", entry.key),
        };
        let mut problems = Vec::new();
        entry.apply(entry.key, &value, settings, &mut problems);
        assert_eq!(problems, []);
    }
}

#[test]
fn the_defaults_of_the_table_are_those_that_hold() {
    let mut settings = Settings::default();
    apply_defaults(SETTINGS, &mut settings);
    assert_eq!(settings, Settings::default());
}

/// A value that this kind allows.
fn allowed(kind: &Kind) -> Value {
    match kind {
        Kind::Flag(_) => json!(true),
        Kind::Whole(low, ..) => json!(low),
        Kind::Number(low, ..) => json!(low),
        Kind::Choice(choices) => json!(choices.last().unwrap().name),
        Kind::OneOrMore(..) => json!("x"),
        Kind::Texts(..) => json!({"x": "y"}),
        Kind::List(..) => json!(["x"]),
        Kind::Object(entries) => {
            entries.iter().map(|entry| (entry.key.to_owned(), allowed(&entry.kind))).collect()
        }
    }
}

/// The same without what is noted of values that cannot be read, and without what follows from that.
fn without_faults(mut settings: Settings) -> Settings {
    settings.model.network.unreadable.clear();
    Settings { snippets: true, ..settings }
}

/// What forbids every server beyond this machine.
fn faults(value: &Value) -> Vec<String> {
    resolve(value).0.model.network.unreadable
}

#[test]
fn what_cannot_be_read_where_a_rule_may_be_meant_forbids_servers_beyond_this_machine() {
    let others = json!({"chat": "vllm@https://models.example:443", "allowRemote": ["models.example:443"]});
    assert_eq!(faults(&others), Vec::<String>::new());
    for (key, value) in [
        ("noRemotePaths", json!("secret/**")),
        ("noRemotePaths", json!({"0": "secret/**"})),
        ("noRemotePaths", json!(["secret/**", 7])),
        ("noRemotePaths", json!(["secret/**", null])),
        ("noRemotePaths", json!([["secret/**"]])),
        ("noRemotePaths", json!(true)),
        ("allowRemote", json!("models.example:443")),
        ("allowRemote", json!([443])),
        ("apiKeys", json!("env:KEY")),
        ("apiKeys", json!({"models.example:443": 7})),
        ("apiKeys", json!({"models.example:443": ""})),
        ("model", json!(["bundled", 3])),
        ("chat", json!({"name": "x"})),
        ("chat", json!("")),
        ("snippets", json!("false")),
        ("enabled", json!("false")),
        ("languages", json!(["dotenv"])),
        ("languages", json!({"disabled": "dotenv"})),
        ("languages", json!({"disable": ["dotenv"]})),
        ("noRemotePath", json!(["secret/**"])),
        ("noremotepaths", json!(["secret/**"])),
        ("no_remote_paths", json!(["secret/**"])),
    ] {
        let mut all = others.clone();
        all[key] = value;
        for whole in [all.clone(), json!({"fimble": all})] {
            let (settings, problems) = resolve(&whole);
            assert_eq!(
                (settings.model.network.unreadable.len(), problems.len()),
                (1, 1),
                "{whole}: {problems:?}"
            );
            let message = &problems[0];
            assert!(message.contains("no server beyond this machine is asked"), "{message}");
            assert!(message.contains(&format!("fimble.{key}")), "{message}");
        }
    }
    assert_eq!(faults(&json!({"fimble": "noRemotePaths"})).len(), 1);
    assert!(!resolve(&json!({"snippets": "false"})).0.snippets);
    // A setting that keeps nothing here costs only itself; what is not set keeps nothing.
    for harmless in
        [json!({"maxLines": "many"}), json!({"noRemotePaths": null}), json!({"noRemotePaths": []})]
    {
        assert_eq!(faults(&harmless), Vec::<String>::new(), "{harmless}");
    }
}

#[test]
fn what_may_be_a_key_is_not_repeated() {
    for value in [json!("sk-secret"), json!(["sk-secret"]), json!({"models.example:443": ["sk-secret"]})] {
        let (_, problems) = resolve(&json!({"apiKeys": value}));
        assert!(problems[0].contains("env:MODELS_KEY") && !problems[0].contains("sk-secret"), "{problems:?}");
    }
}

/// The keys of settings, objects taken apart.
fn keys_by_scope(entries: &[Setting], scope: super::entry::Scope) -> Vec<&'static str> {
    let mut keys = Vec::new();
    for entry in entries {
        match entry.kind {
            Kind::Object(entries) => keys.extend(keys_by_scope(entries, scope)),
            _ if entry.scope == scope => keys.push(entry.key),
            _ => {}
        }
    }
    keys
}

#[test]
fn a_project_sets_no_server_and_no_rule_about_servers() {
    let of_projects = keys_by_scope(SETTINGS, super::entry::Scope::Project);
    for key in ["model", "chat", "allowRemote", "apiKeys", "noRemotePaths"] {
        assert!(!of_projects.contains(&key), "{key}");
    }
    assert!(of_projects.contains(&"maxLines"));
}

#[test]
fn every_setting_takes_what_its_kind_allows_and_nothing_else() {
    for entry in SETTINGS {
        let (_, problems) = resolve(&json!({"fimble": {entry.key: allowed(&entry.kind)}}));
        assert_eq!(problems, Vec::<String>::new(), "{}", entry.key);
        // Text may be anything but this.
        let (settings, problems) = resolve(&json!({"fimble": {entry.key: [{}]}}));
        assert_eq!((without_faults(settings), problems.len()), (Settings::default(), 1), "{problems:?}");
    }
}

#[test]
fn the_schema_knows_every_setting_with_default_and_description() {
    fn check(schema: &Value, entries: &[Setting]) {
        let properties = schema["properties"].as_object().unwrap();
        assert_eq!(properties.len(), entries.len());
        for entry in entries {
            let property = &properties[entry.key];
            assert!(property["description"].as_str().unwrap().ends_with('.'), "{property}");
            match entry.kind {
                Kind::Object(entries) => check(property, entries),
                _ => assert!(property.get("default").is_some(), "{property}"),
            }
        }
    }
    check(&settings_schema(), SETTINGS);
}

#[test]
fn an_unknown_key_is_named_with_the_known_ones() {
    let (settings, problems) = resolve(&json!({"maxLine": 3}));
    assert_eq!(without_faults(settings), Settings::default());
    assert!(problems[0].starts_with("fimble.maxLine is no setting"), "{problems:?}");
    assert!(problems[0].contains("maxLines"));
}

#[test]
fn a_configuration_stands_over_the_initialization_key_by_key() {
    let mut layers = SettingsLayers::default();
    layers.set_initialization(&json!({"maxLines": 3, "inStrings": false, "inComments": false}));
    layers.set_configuration(&json!({"fimble": {"maxLines": 5, "inStrings": null}}));
    let (settings, problems) = layers.resolve();
    assert!(problems.is_empty());
    let completion = settings.completion;
    // A key that is null was set before and is not any more.
    assert_eq!((completion.max_lines, completion.in_strings, completion.in_comments), (5, true, false));
    layers.set_configuration(&json!({}));
    assert_eq!(layers.resolve().0.completion.max_lines, 3);
}

#[test]
fn settings_that_are_no_object_are_reported_unless_they_are_empty() {
    for value in [json!(null), json!([]), json!({"fimble": null}), json!({"fimble": []})] {
        assert_eq!(resolve(&value), (Settings::default(), Vec::new()), "{value}");
    }
    for value in [json!("x"), json!(3), json!(["maxLines"])] {
        for whole in [value.clone(), json!({"fimble": value})] {
            let (settings, problems) = resolve(&whole);
            assert_eq!((without_faults(settings), problems.len()), (Settings::default(), 1), "{whole}");
            assert!(problems[0].starts_with(&format!("fimble: {value} is no object")), "{problems:?}");
            assert!(problems[0].contains("maxLines, maxNewTokens"), "{problems:?}");
        }
    }
}

#[test]
fn sections_of_other_servers_are_none_of_our_business() {
    let (settings, problems) = resolve(&json!({"gopls": {"gofumpt": true}, "maxLines": 3}));
    assert_eq!((settings.completion.max_lines, problems), (3, Vec::new()));
    assert_eq!(resolve(&json!({"fimble": {"gopls": {}}})).1.len(), 1, "in our section it is a mistake");
}
