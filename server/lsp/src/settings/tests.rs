//! Settings as clients send them, good and bad.

use serde_json::json;

use fimble_model::{ProjectCacheUse, Provider};

use super::entry::{Default as Preset, Kind, Setting};
use super::table::{EXPERIMENTAL, experimental, top_level};
use super::*;
use crate::models::state::{ModelRole, NetworkOptions, SharedEngine};

fn resolve(value: &Value) -> (Settings, Vec<String>) {
    let mut layers = SettingsLayers::default();
    layers.set_initialization(value);
    let (settings, problems) = layers.resolve();
    (settings, problems.iter().map(ToString::to_string).collect())
}

#[test]
fn what_is_set_holds() {
    let all = json!({
        "enabled": false, "languages": {"disabled": ["markdown"]}, "multiLine": "never", "minConfidence": 0.5,
        "model": "/models/x", "completion": "always", "logLevel": "debug", "budgetMs": 500, "provider": "cuda",
        "lookAhead": "never", "chat": ["ollama:devstral", "bundled"], "allowRemote": ["models.example:443"],
        "apiKeys": {"models.example:443": "env:KEY"}, "noRemotePaths": ["secret/**"],
        "experimental": {
            "maxLines": 3, "maxNewTokens": 32, "contextTokens": 256, "inComments": false, "inStrings": false,
            "syntaxCheck": false, "threads": 2, "maxFileBytes": 1000, "heal": false, "speculation": "never",
            "snippets": false, "kvMegabytes": 64, "kvCache": "int8", "projectCache": "always", "projectCacheMegabytes": 8,
            "sharedEngine": "always", "nextEdit": true,
        },
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
            kv_precision: fimble_model::KvPrecision::Int8,
            without_guesses: true,
            network: network.clone(),
            project_cache: ProjectCacheUse::Always,
            project_cache_megabytes: Some(8),
            shared_engine: SharedEngine::Always,
            workspace: None,
        }
    );
    assert_eq!(settings.chat, ["ollama:devstral", "bundled"]);
    let chat = settings.own_model(ModelRole::Chat).unwrap();
    assert_eq!((chat.role, &chat.network, chat.threads), (ModelRole::Chat, &network, Some(2)));
    assert_eq!(settings.look_ahead, AutoAlwaysNever::Never);
    assert!(settings.next_edit);
    assert_eq!(settings.budget_ms, 500);
    assert_eq!(settings.completion.max_new_tokens, Some(32));
    assert_eq!(settings.completion.max_prompt_tokens, Some(256));
    assert_eq!(settings.completion.max_file_bytes, 1000);
}

/// The setting of this key in the table, and the settings that set it to a value.
fn find(key: &str, value: &Value) -> (&'static Setting, Value) {
    match key.strip_prefix("experimental.") {
        Some(inner) => {
            let setting = experimental::SETTINGS.iter().find(|setting| setting.key == inner);
            (setting.unwrap(), json!({"experimental": {inner: value}}))
        }
        None => (top_level().find(|setting| setting.key == key).unwrap(), json!({key: value})),
    }
}

#[test]
fn a_bad_value_costs_only_itself() {
    for (key, value) in [
        ("enabled", json!("yes")),
        ("languages", json!(["markdown"])),
        ("multiLine", json!("sometimes")),
        ("experimental.maxLines", json!(0)),
        ("experimental.maxLines", json!(-1)),
        ("experimental.maxNewTokens", json!(1.5)),
        ("experimental.contextTokens", json!(1)),
        ("minConfidence", json!(1.01)),
        ("model", json!("  ")),
        ("model", json!(["bundled", 3])),
        ("chat", json!({"name": "x"})),
        ("allowRemote", json!("models.example:443")),
        ("apiKeys", json!(["env:KEY"])),
        ("apiKeys", json!({"models.example:443": 1})),
        ("noRemotePaths", json!([1])),
        ("experimental.threads", json!(0)),
        ("provider", json!("gpu")),
        ("experimental.kvMegabytes", json!(0)),
        ("experimental.kvCache", json!("int4")),
        ("completion", json!(true)),
        ("lookAhead", json!(true)),
        ("budgetMs", json!(0)),
        ("experimental.speculation", json!("always")),
        ("experimental.projectCache", json!("sometimes")),
        ("experimental.projectCacheMegabytes", json!(0)),
        ("experimental.sharedEngine", json!("sometimes")),
        ("experimental.maxFileBytes", json!("10 MB")),
        ("experimental.nextEdit", json!("auto")),
        ("logLevel", json!("loud")),
    ] {
        let (setting, mut all) = find(key, &value);
        all["experimental"]["inStrings"] = json!(false);
        let (settings, problems) = resolve(&json!({"fimble": all}));
        assert_eq!(problems.len(), 1, "{key}: {problems:?}");
        assert!(problems[0].contains(&format!("fimble.{key}: ")), "{}", problems[0]);
        let allowed = setting.kind.allowed();
        assert!(problems[0].contains(&allowed), "{}", problems[0]);
        assert!(!settings.completion.in_strings, "the rest applies");
    }
}

#[test]
fn a_bad_value_in_an_object_costs_only_itself_and_is_named_with_its_path() {
    let (settings, problems) = resolve(
        &json!({"languages": {"off": [], "disabled": ["markdown"]}, "experimental": {"maxLines": 3}}),
    );
    assert_eq!(settings.disabled_languages, ["markdown"]);
    assert_eq!(settings.completion.max_lines, 3);
    assert_eq!(
        problems,
        [
            "fimble.languages.off is no setting and is ignored; `fimble doctor --print-config schema` lists the \
             settings. Until then no server beyond this machine is asked."
        ]
    );
    let (_, problems) = resolve(&json!({"languages": {"disabled": [3]}}));
    assert!(problems[0].starts_with("fimble.languages.disabled: [3] is not allowed"), "{problems:?}");
}

/// Puts every default that the table names where it belongs.
fn apply_defaults(entries: impl IntoIterator<Item = &'static Setting>, settings: &mut Settings) {
    for entry in entries {
        let value = match (&entry.default, &entry.kind) {
            (Preset::Flag(value), Kind::Flag(_)) => json!(value),
            (Preset::Whole(value), Kind::Whole(..)) => json!(value),
            (Preset::Number(value), Kind::Number(..)) => json!(value),
            (Preset::Word(value), Kind::Choice(_)) => json!(value),
            (Preset::EmptyList, Kind::List(..)) => json!([]),
            (Preset::EmptyObject, Kind::Texts(..)) => json!({}),
            (Preset::Nested, Kind::Object(entries)) => {
                apply_defaults(*entries, settings);
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
    apply_defaults(top_level(), &mut settings);
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
        ("experimental", json!({"snippets": "false"})),
        ("experimental", json!({"snippet": false})),
        ("experimental", json!("snippets")),
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
            let (settings, mut problems) = resolve(&whole);
            problems.retain(|problem| !problem.contains("is now"));
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
    assert!(!resolve(&json!({"experimental": {"snippets": "false"}})).0.snippets);
    // A setting that keeps nothing here costs only itself; what is not set keeps nothing.
    for harmless in [
        json!({"maxLines": 3}),
        json!({"experimental": {"maxLines": "many"}}),
        json!({"noRemotePaths": null}),
        json!({"noRemotePaths": []}),
    ] {
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
fn keys_by_scope(
    entries: impl IntoIterator<Item = &'static Setting>,
    scope: super::entry::Scope,
) -> Vec<&'static str> {
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
    let of_projects = keys_by_scope(top_level(), super::entry::Scope::Project);
    for key in ["model", "chat", "allowRemote", "apiKeys", "noRemotePaths"] {
        assert!(!of_projects.contains(&key), "{key}");
    }
    assert!(of_projects.contains(&"maxLines") && !of_projects.contains(&"sharedEngine"));
}

#[test]
fn every_setting_takes_what_its_kind_allows_and_nothing_else() {
    let inner = experimental::SETTINGS.iter().map(|entry| (Some(EXPERIMENTAL), entry));
    for (outer, entry) in top_level().map(|entry| (None, entry)).chain(inner) {
        let set = |value: Value| {
            let own = json!({entry.key: value});
            resolve(&json!({"fimble": outer.map_or(own.clone(), |outer| json!({outer: own}))}))
        };
        assert_eq!(set(allowed(&entry.kind)).1, Vec::<String>::new(), "{}", entry.key);
        // Text may be anything but this.
        let (settings, problems) = set(json!([{}]));
        assert_eq!((without_faults(settings), problems.len()), (Settings::default(), 1), "{problems:?}");
    }
}

#[test]
fn the_schema_knows_every_setting_with_default_and_description() {
    fn check(properties: &serde_json::Map<String, Value>, entries: Vec<&Setting>) {
        assert_eq!(properties.len(), entries.len());
        for entry in entries {
            let property = &properties[entry.key];
            assert!(property["description"].as_str().unwrap().ends_with('.'), "{property}");
            match entry.kind {
                Kind::Object(entries) => {
                    check(property["properties"].as_object().unwrap(), entries.iter().collect());
                }
                _ => assert!(property.get("default").is_some(), "{property}"),
            }
        }
    }
    let schema = settings_schema();
    let all = schema["properties"].as_object().unwrap().clone();
    let (old, now): (serde_json::Map<_, _>, serde_json::Map<_, _>) =
        all.into_iter().partition(|(_, property)| property["deprecated"] == true);
    check(&now, top_level().collect());
    check(&old, experimental::SETTINGS.iter().collect());
    assert!(now.values().all(|property| property["group"].is_string()));
}

#[test]
fn users_see_at_most_14_settings() {
    let n = |entry: &Setting| match entry.kind {
        Kind::Object(entries) => entries.len(),
        _ => 1,
    };
    let n_visible: usize = top_level().filter(|entry| entry.key != EXPERIMENTAL).map(n).sum();
    assert!(n_visible <= 14, "{n_visible}");
}

#[test]
fn an_unknown_key_is_answered_with_the_nearest_known_one() {
    for (key, nearest) in [
        ("maxLine", "experimental.maxLines"),
        ("modle", "model"),
        ("noremotepath", "noRemotePaths"),
        ("no_remote_paths", "noRemotePaths"),
        ("min-confidence", "minConfidence"),
        ("disabled", "languages.disabled"),
    ] {
        let (settings, problems) = resolve(&json!({key: 3}));
        assert_eq!(without_faults(settings), Settings::default());
        let start = format!("fimble.{key} is no setting and is ignored. Write `{nearest}` if");
        assert!(problems.len() == 1 && problems[0].starts_with(&start), "{problems:?}");
    }
    for (settings, key, nearest) in [
        (json!({"languages": {"disable": []}}), "languages.disable", "languages.disabled"),
        (json!({"experimental": {"chat": "x"}}), "experimental.chat", "chat"),
        (json!({"experimental": {"treads": 1}}), "experimental.treads", "experimental.threads"),
    ] {
        let start = format!("fimble.{key} is no setting and is ignored. Write `{nearest}` if");
        let (_, problems) = resolve(&settings);
        assert!(problems.len() == 1 && problems[0].starts_with(&start), "{problems:?}");
    }
    for key in ["gopls", "theme", "x", "", "ü"] {
        let (_, problems) = resolve(&json!({"fimble": {"languages": {key: 3}}}));
        assert!(problems[0].contains("`fimble doctor --print-config schema` lists"), "{problems:?}");
    }
}

#[test]
fn a_key_of_an_earlier_version_applies_with_one_message() {
    for entry in experimental::SETTINGS {
        let key = entry.key;
        let (old, problems) = resolve(&json!({key: allowed(&entry.kind)}));
        assert_eq!(problems, [format!("`{key}` is now `experimental.{key}`; write it there.")]);
        assert_eq!(old, resolve(&json!({"experimental": {key: allowed(&entry.kind)}})).0);
    }
    // A bad value is told as well.
    let (settings, problems) = resolve(&json!({"maxLines": "many"}));
    assert_eq!((settings, problems.len()), (Settings::default(), 2));
    assert!(problems[1].starts_with("fimble.maxLines: \"many\" is not allowed"), "{problems:?}");
    assert_eq!(resolve(&json!({"maxLines": null})), (Settings::default(), Vec::new()));
}

#[test]
fn the_key_of_now_counts_where_both_are_set() {
    let (settings, problems) = resolve(&json!({"maxLines": 3, "experimental": {"maxLines": 5}}));
    assert_eq!((settings.completion.max_lines, problems.len()), (5, 1), "{problems:?}");
    let (settings, problems) = resolve(&json!({"maxLines": 3, "experimental": {"maxLines": null}}));
    assert_eq!((settings.completion.max_lines, problems.len()), (3, 1), "{problems:?}");
    let mut layers = SettingsLayers::default();
    layers.set_initialization(&json!({"experimental": {"maxLines": 5}}));
    layers.set_configuration(&json!({"maxLines": 3}));
    assert_eq!(layers.resolve().0.completion.max_lines, 5);
}

#[test]
fn a_configuration_stands_over_the_initialization_key_by_key() {
    let mut layers = SettingsLayers::default();
    layers.set_initialization(&json!({
        "budgetMs": 100, "minConfidence": 0.1,
        "experimental": {"maxLines": 3, "inStrings": false, "inComments": false},
    }));
    let changed = json!({"budgetMs": null, "experimental": {"maxLines": 5, "inStrings": null}});
    layers.set_configuration(&json!({"fimble": changed}));
    let (settings, problems) = layers.resolve();
    assert!(problems.is_empty());
    let completion = settings.completion;
    // A key that is null was set before and is not any more.
    assert_eq!((completion.max_lines, completion.in_strings, completion.in_comments), (5, true, false));
    assert_eq!((settings.budget_ms, completion.min_confidence), (BUDGET_MS, 0.1));
    for unchanged in [json!({}), json!({"experimental": {}}), json!({"experimental": []})] {
        layers.set_configuration(&unchanged);
        assert_eq!(layers.resolve().0.completion.max_lines, 3, "{unchanged}");
    }
    layers.set_configuration(&json!({"experimental": null}));
    assert_eq!(layers.resolve().0.completion.max_lines, 8);
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
            assert!(problems[0].contains("--print-config schema"), "{problems:?}");
        }
    }
}

#[test]
fn sections_of_other_servers_are_none_of_our_business() {
    let (settings, problems) = resolve(&json!({"gopls": {"gofumpt": true}, "experimental": {"maxLines": 3}}));
    assert_eq!((settings.completion.max_lines, problems), (3, Vec::new()));
    // A key of an earlier version is ours.
    assert_eq!(faults(&json!({"snippets": {}})).len(), 1);
    assert_eq!(resolve(&json!({"fimble": {"gopls": {}}})).1.len(), 1, "in our section it is a mistake");
}
