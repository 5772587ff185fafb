//! Results as tables and as data. Invariant: rates are of all tasks of a row, refusals included.

use std::time::Duration;

use serde_json::{Value, json};

use crate::judge::Verdict;
use crate::task::Task;

/// What came of one task.
pub struct Result {
    /// The task.
    pub task: Task,
    /// Whether it is right.
    pub verdict: Verdict,
    /// Whether it was compiled or run, and not only looked at.
    pub was_run: bool,
    /// From asking to the first text, for explanations.
    pub first: Option<Duration>,
    /// From asking to the end.
    pub whole: Duration,
}

/// The verdicts in the order of the columns.
const COLUMNS: [&str; 5] = ["passed", "refused", "wrong", "does not compile", "broke the file"];

/// A Markdown table with a row for each value of a key, and one for all.
pub fn markdown(title: &str, results: &[Result], key: &dyn Fn(&Task) -> String) -> String {
    let mut keys: Vec<String> = Vec::new();
    for result in results {
        let key = key(&result.task);
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let mut text = format!(
        "| {title} | tasks | {} | s, median |\n|---|--:|--:|--:|--:|--:|--:|--:|\n",
        COLUMNS.join(" | ")
    );
    for wanted in &keys {
        let of_row: Vec<&Result> = results.iter().filter(|result| key(&result.task) == *wanted).collect();
        text.push_str(&row(wanted, &of_row));
    }
    text.push_str(&row("all", &results.iter().collect::<Vec<_>>()));
    text
}

fn row(name: &str, results: &[&Result]) -> String {
    let count = |word: &str| results.iter().filter(|result| result.verdict.word() == word).count();
    let counts: Vec<String> = COLUMNS.iter().map(|word| count(word).to_string()).collect();
    let seconds = median(results.iter().map(|result| result.whole.as_secs_f64()).collect());
    format!("| {name} | {} | {} | {seconds:.1} |\n", results.len(), counts.join(" | "))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

/// One line for each task, with a header.
pub fn csv(model: &str, results: &[Result]) -> String {
    let mut text = "model,task,action,verdict,checked,seconds\n".to_owned();
    for result in results {
        let checked = if result.was_run { "run" } else { "structure" };
        let seconds = result.whole.as_secs_f64();
        let (task, word) = (&result.task, result.verdict.word());
        text.push_str(&format!("{model},{},{},{word},{checked},{seconds:.1}\n", task.name, task.file.action));
    }
    text
}

/// Everything, reasons included.
pub fn as_json(model: &str, results: &[Result]) -> Value {
    let tasks = results.iter().map(|result| {
        json!({
            "task": result.task.name,
            "action": result.task.file.action,
            "verdict": result.verdict.word(),
            "reason": result.verdict.reason(),
            "checked": if result.was_run { "run" } else { "structure" },
            "first_seconds": result.first.map(|first| first.as_secs_f64()),
            "seconds": result.whole.as_secs_f64(),
        })
    });
    json!({"model": model, "tasks": tasks.collect::<Vec<_>>()})
}

/// Passed and all tasks of each action, by which a model is offered for it.
pub fn abilities(results: &[Result]) -> Vec<(String, usize, usize)> {
    let mut found: Vec<(String, usize, usize)> = Vec::new();
    for result in results {
        let action = &result.task.file.action;
        let index = found.iter().position(|(name, _, _)| name == action).unwrap_or_else(|| {
            found.push((action.clone(), 0, 0));
            found.len() - 1
        });
        found[index].1 += usize::from(result.verdict == Verdict::Passed);
        found[index].2 += 1;
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(action: &str, verdict: Verdict, seconds: u64) -> Result {
        let text = format!("action = \"{action}\"\nfile = \"a.py\"\nsource = '''\n«a\n»'''\n");
        let task = Task::parse("python", action, &text).unwrap();
        Result { task, verdict, was_run: true, first: None, whole: Duration::from_secs(seconds) }
    }

    #[test]
    fn rates_count_refusals() {
        let results = [
            result("fix", Verdict::Passed, 1),
            result("fix", Verdict::Refused("no".to_owned()), 4),
            result("extract", Verdict::Broke("it".to_owned()), 9),
        ];
        let table = markdown("action", &results, &|task| task.kind.clone());
        assert!(table.contains("| fix | 2 | 1 | 1 | 0 | 0 | 0 | 2.5 |\n"), "{table}");
        assert!(table.ends_with("| all | 3 | 1 | 1 | 0 | 0 | 1 | 4.0 |\n"), "{table}");
        assert_eq!(abilities(&results), [("extract".to_owned(), 0, 1), ("fix".to_owned(), 1, 2)]);
        assert!(csv("m", &results).ends_with("m,python/extract,extract,broke the file,run,9.0\n"));
    }
}
