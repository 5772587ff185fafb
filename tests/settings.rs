//! Files generated from the table of settings: the settings of VS Code and the tables of docs/. Invariant: they are what the
//! table says; run with `FIMBLE_RENEW=1` this test writes them instead of comparing.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs::{read_to_string, write};
use std::path::PathBuf;

use fimble_lsp::settings_schema;
use serde_json::{Map, Value, json};

/// The heading of the settings that stand on a page of their own.
const EXPERIMENTAL: &str = "Experimental";

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Compares, or writes.
fn hold(name: &str, expected: &str) {
    let path = path(name);
    if std::env::var_os("FIMBLE_RENEW").is_some() {
        write(&path, expected).unwrap();
    } else if read_to_string(&path).unwrap() != expected {
        panic!(
            "{name} differs from the table of settings. FIMBLE_RENEW=1 cargo test -p fimble --test settings mends it."
        );
    }
}

/// The same for a part of a file, between these two texts.
fn hold_between(name: &str, start: &str, end: &str, expected: &str) {
    let page = read_to_string(path(name)).unwrap();
    let (before, rest) = page.split_once(start).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    hold(name, &format!("{before}{start}{expected}{end}{after}"));
}

/// A heading with its settings: whole keys, and what the schema says.
struct Group {
    title: String,
    settings: Vec<(String, Value)>,
}

/// The groups of the schema. Keys of earlier versions are in none.
fn groups() -> Vec<Group> {
    let schema = settings_schema();
    let mut groups: Vec<Group> = Vec::new();
    for title in ["Suggestions", "Models", "Privacy", "Log", EXPERIMENTAL] {
        let properties = schema["properties"].as_object().unwrap().iter();
        let own = properties.filter(|(_, property)| property["group"] == title);
        let own: Map<_, _> = own.map(|(key, property)| (key.clone(), property.clone())).collect();
        groups.push(Group { title: title.to_owned(), settings: flat(&json!({"properties": own}), "") });
    }
    let n_grouped: usize = groups.iter().map(|group| group.settings.len()).sum();
    let all = flat(&schema, "").into_iter().filter(|(_, property)| property["deprecated"] != true);
    assert_eq!(all.count(), n_grouped, "a group is missing here");
    groups
}

/// Every setting with its whole key, objects taken apart, in the order of the table.
fn flat(schema: &Value, prefix: &str) -> Vec<(String, Value)> {
    let mut properties: Vec<_> = schema["properties"].as_object().unwrap().iter().collect();
    properties.sort_by_key(|(_, property)| property["order"].as_u64());
    let each = properties.into_iter().flat_map(|(key, property)| {
        let key = format!("{prefix}{key}");
        match property.get("properties") {
            Some(_) => flat(property, &format!("{key}.")),
            None => vec![(key, property.clone())],
        }
    });
    each.collect()
}

fn items(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// A setting as VS Code wants it.
fn of_vs_code(order: usize, mut property: Value) -> Value {
    let members = property.as_object_mut().unwrap();
    members.remove("group");
    let description = members.remove("description").unwrap();
    members.insert("markdownDescription".to_owned(), description);
    members.insert("order".to_owned(), json!(order));
    property
}

/// The keys of earlier versions. VS Code has to know them, because a key that it does not know may be set by a project.
fn deprecated() -> impl Iterator<Item = (String, Value)> {
    let all = flat(&settings_schema(), "").into_iter().filter(|(_, property)| property["deprecated"] == true);
    all.map(|(key, mut property)| {
        property.as_object_mut().unwrap().remove("deprecated");
        property["markdownDeprecationMessage"] = json!(format!("Set `#fimble.experimental.{key}#` instead."));
        (format!("fimble.{key}"), of_vs_code(0, property))
    })
}

#[test]
fn the_settings_of_vs_code_are_those_of_the_server() {
    let name = "editors/vscode/package.json";
    let groups = groups().into_iter().enumerate().map(|(order, group)| {
        let settings = group.settings.into_iter().enumerate();
        let mut properties: Map<_, _> = settings
            .map(|(order, (key, property))| (format!("fimble.{key}"), of_vs_code(order, property)))
            .collect();
        if group.title == EXPERIMENTAL {
            properties.extend(deprecated());
        }
        json!({"title": group.title, "order": order, "properties": properties})
    });
    let groups = format!("{:#}", Value::from_iter(groups)).replace('\n', "\n    ");
    // What is made stands last in the file, behind the settings of the extension itself.
    let start = "        \"title\": \"Extension\",\n";
    let package = read_to_string(path(name)).unwrap();
    let (before, rest) = package.split_once(start).unwrap();
    let (own, _) = rest.split_once("\n      },\n").unwrap();
    let made = groups.strip_prefix("[\n").unwrap();
    hold(name, &format!("{before}{start}{own}\n      }},\n{made}\n  }}\n}}\n"));
}

/// Settings as a table in Markdown.
fn table(settings: &[(String, Value)]) -> String {
    let mut table = String::from("| key | default | meaning |\n|---|---|---|\n");
    for (key, property) in settings {
        let default = match &property["default"] {
            Value::Null => String::new(),
            value => format!("`{value}`"),
        };
        let mut meaning = property["description"].as_str().unwrap().to_owned();
        for (word, said) in items(&property["enum"]).zip(items(&property["enumDescriptions"])) {
            meaning.push_str(&format!(" `{word}`: {said}"));
        }
        table.push_str(&format!("| `{key}` | {default} | {meaning} |\n"));
    }
    table
}

#[test]
fn the_pages_of_the_configuration_list_every_setting() {
    let (start, end) = ("<!-- settings -->\n", "<!-- /settings -->");
    let mut tables = String::new();
    for group in groups() {
        let table = table(&group.settings);
        if group.title == EXPERIMENTAL {
            hold_between("docs/experimental-settings.md", start, end, &table);
        } else {
            tables.push_str(&format!("### {}\n\n{table}\n", group.title));
        }
    }
    hold_between("docs/configuration.md", start, end, &format!("\n{tables}"));
}

#[test]
fn the_template_of_jetbrains_is_that_of_the_server() {
    let mappings = fimble_syntax::all().iter().map(|language| {
        let extensions = language.extensions().iter().map(|extension| format!("*.{extension}"));
        let patterns: Vec<_> = extensions.chain(language.file_names().iter().cloned()).collect();
        json!({"fileType": {"patterns": patterns}, "languageId": language.language_ids()[0]})
    });
    let template = json!({
        "name": "Fimble",
        "url": concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/editors/jetbrains/README.md"),
        "programArgs": {"default": "fimble lsp"},
        "fileTypeMappings": Value::from_iter(mappings),
    });
    hold("editors/jetbrains/template.json", &format!("{template:#}\n"));
    let mut settings = settings_schema();
    settings.as_object_mut().unwrap().remove("$schema");
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": settings["title"],
        "type": "object",
        "properties": {"fimble": settings},
    });
    hold("editors/jetbrains/settings.schema.json", &format!("{schema:#}\n"));
    // What the user starts with: no setting, under the name of the section that the server asks for.
    hold("editors/jetbrains/settings.json", "{\n  \"fimble\": {}\n}\n");
}
