//! The settings as a JSON Schema, for editors and for people. Invariant: it allows what the server allows; a default that
//! is found out while it runs is null, and its words stand in the description.

use serde_json::{Map, Value, json};

use super::entry::{Choice, Default, Kind, Scope, Setting};
use super::names::moved_to;
use super::table::{GROUPS, experimental};

/// What a client may send as settings, bare (without the section's name). Beyond the vocabulary of JSON Schema it holds, as
/// VS Code has them: `scope`, which is `window` for what a project may set and `machine` for what only the user may;
/// `enumDescriptions`, the meaning of each word of an `enum`; and `order`, the place among its neighbours. `group` is the
/// heading that a setting of the top level is shown under. A key of an earlier version is `deprecated` and has no group.
#[must_use]
pub fn settings_schema() -> Value {
    let mut properties = Map::new();
    for group in GROUPS {
        for (key, mut property) in properties_of(group.settings) {
            property["group"] = json!(group.title);
            properties.insert(key, property);
        }
    }
    for setting in experimental::SETTINGS {
        properties.insert(setting.key.to_owned(), deprecated(setting));
    }
    let mut schema = object(properties);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("Settings of Fimble");
    schema
}

fn object(properties: Map<String, Value>) -> Value {
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

fn properties_of(settings: &[Setting]) -> Map<String, Value> {
    let each = settings.iter().enumerate();
    each.map(|(at, setting)| (setting.key.to_owned(), property(at, setting))).collect()
}

/// A setting under its key of earlier versions.
fn deprecated(setting: &Setting) -> Value {
    let mut schema = property(0, setting);
    allow_null(&mut schema);
    schema["description"] = json!(format!("It is now `{}`.", moved_to(setting.key)));
    schema["deprecated"] = json!(true);
    schema
}

/// Lets a null say that nothing is set.
fn allow_null(schema: &mut Value) {
    schema["default"] = Value::Null;
    match schema.get_mut("type") {
        Some(Value::Array(types)) if types.contains(&json!("null")) => return,
        Some(Value::Array(types)) => types.push(json!("null")),
        _ => schema["type"] = json!([schema["type"], "null"]),
    }
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        words.push(Value::Null);
    }
}

fn property(order: usize, setting: &Setting) -> Value {
    let mut schema = match setting.kind {
        Kind::Flag(_) => json!({"type": "boolean"}),
        Kind::Whole(low, high, _) => json!({"type": "integer", "minimum": low, "maximum": high}),
        Kind::Number(low, high, _) => json!({"type": "number", "minimum": low, "maximum": high}),
        Kind::Choice(choices) => json!({
            "type": "string",
            "enum": each(choices, |choice| choice.name),
            "enumDescriptions": each(choices, |choice| choice.meaning),
        }),
        Kind::List(..) => json!({"type": "array", "items": {"type": "string"}}),
        Kind::OneOrMore(..) => json!({"type": ["string", "array"], "items": {"type": "string"}}),
        Kind::Texts(..) => json!({"type": "object", "additionalProperties": {"type": "string"}}),
        Kind::Object(settings) => object(properties_of(settings)),
    };
    let mut description = setting.description.to_owned();
    let default = match setting.default {
        Default::Flag(value) => Some(json!(value)),
        Default::Whole(value) => Some(json!(value)),
        Default::Number(value) => Some(json!(value)),
        Default::Word(value) => Some(json!(value)),
        Default::EmptyList => Some(json!([])),
        Default::EmptyObject => Some(json!({})),
        Default::Nested => None,
        Default::Found(words) => {
            allow_null(&mut schema);
            description = format!("{description} If not set: {words}.");
            Some(Value::Null)
        }
    };
    if let Some(default) = default {
        schema["default"] = default;
    }
    schema["description"] = json!(description);
    schema["order"] = json!(order);
    schema["scope"] = json!(match setting.scope {
        Scope::Project => "window",
        Scope::Machine => "machine",
    });
    schema
}

fn each(choices: &[Choice], part: fn(&Choice) -> &'static str) -> Vec<&'static str> {
    choices.iter().map(part).collect()
}
