//! The difference between two results. Invariant: whatever is in one of them only is shown too; the form of results may
//! grow without a change here.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

/// A table of all numbers and words that differ, in the order of their names.
pub fn difference(earlier: &Value, now: &Value) -> String {
    let mut leaves: BTreeMap<String, [Option<&Value>; 2]> = BTreeMap::new();
    for (side, results) in [earlier, now].into_iter().enumerate() {
        collect(results, "", &mut |name, value| leaves.entry(name).or_default()[side] = Some(value));
    }
    let mut table = "| what | earlier | now | difference |\n|---|---|---|---|\n".to_owned();
    let mut n_equal = 0;
    for (name, [earlier, now]) in leaves {
        if earlier == now {
            n_equal += 1;
            continue;
        }
        let change = match (earlier.and_then(Value::as_f64), now.and_then(Value::as_f64)) {
            (Some(earlier), Some(now)) if earlier != 0.0 => {
                format!("{:+.1} %", (now - earlier) / earlier.abs() * 100.0)
            }
            (Some(earlier), Some(now)) => format!("{:+}", now - earlier),
            _ => String::new(),
        };
        let _ = writeln!(table, "| {name} | {} | {} | {change} |", shown(earlier), shown(now));
    }
    let _ = write!(table, "\n{n_equal} others are equal.");
    table
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn collect<'a>(value: &'a Value, name: &str, found: &mut dyn FnMut(String, &'a Value)) {
    let join = |part: &str| if name.is_empty() { part.to_owned() } else { format!("{name}.{part}") };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, field)| collect(field, &join(key), found)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| collect(item, &join(&at.to_string()), found));
        }
        leaf => found(name.to_owned(), leaf),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_changed_appeared_or_went_is_listed_and_the_rest_is_counted() {
        let earlier = json!({"model": "a", "all": {"p50Ms": 10.0, "count": 0}, "gone": 1, "same": [1, 2]});
        let now = json!({"model": "b", "all": {"p50Ms": 12.5, "count": 3}, "new": 2, "same": [1, 2]});
        assert_eq!(
            difference(&earlier, &now),
            "| what | earlier | now | difference |\n|---|---|---|---|\n\
             | all.count | 0 | 3 | +3 |\n\
             | all.p50Ms | 10.0 | 12.5 | +25.0 % |\n\
             | gone | 1 | - |  |\n\
             | model | a | b |  |\n\
             | new | - | 2 |  |\n\
             \n2 others are equal."
        );
    }
}
