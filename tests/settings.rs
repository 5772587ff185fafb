//! What is made from the table of settings: the settings of VS Code and the table of docs/configuration.md. Invariant: they are
//! what the table says; run with `FIMBLE_RENEW=1` this test writes them instead of comparing.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs::{read_to_string, write};
use std::path::PathBuf;

use fimble_lsp::settings_schema;
use serde_json::{Map, Value, json};

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

#[test]
fn the_settings_of_vs_code_are_those_of_the_server() {
    let name = "editors/vscode/package.json";
    let properties: Map<_, _> = flat(&settings_schema(), "fimble.")
        .into_iter()
        .enumerate()
        .map(|(order, (key, mut property))| {
            let description = property.as_object_mut().unwrap().remove("description").unwrap();
            property["markdownDescription"] = description;
            property["order"] = json!(order);
            (key, property)
        })
        .collect();
    // What is made stands last in the file, so that the rest of it stays as it was written.
    let start = "        \"title\": \"Fimble\",\n        \"properties\": ";
    let package = read_to_string(path(name)).unwrap();
    let (before, _) = package.split_once(start).unwrap();
    let properties = format!("{:#}", Value::Object(properties)).replace('\n', "\n        ");
    hold(name, &format!("{before}{start}{properties}\n      }}\n    ]\n  }}\n}}\n"));
}

#[test]
fn the_page_of_the_configuration_lists_every_setting() {
    let name = "docs/configuration.md";
    let (start, end) = ("<!-- settings -->\n", "<!-- /settings -->");
    let page = read_to_string(path(name)).unwrap();
    let (before, rest) = page.split_once(start).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let mut table = String::from("| key | default | meaning |\n|---|---|---|\n");
    for (key, property) in flat(&settings_schema(), "") {
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
    hold(name, &format!("{before}{start}{table}{end}{after}"));
}
