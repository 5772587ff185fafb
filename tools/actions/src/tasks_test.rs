//! The tasks themselves: that they are well formed, that nothing passes that was not done, and that a right outcome does.

use std::collections::BTreeMap;
use std::path::Path;

use crate::editor::Change;
use crate::judge::{Verdict, judge};
use crate::programs::{Tools, run_all};
use crate::syntax::n_errors;
use crate::task::{Task, read_all};

fn tasks() -> Vec<Task> {
    read_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/actions")).unwrap()
}

fn verdict(task: &Task, change: &Change) -> Verdict {
    let folder = tempfile::tempdir().unwrap();
    judge(task, change, Tools::found(), folder.path()).unwrap()
}

#[test]
fn there_are_ten_kinds_in_six_languages_and_all_sources_parse() {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for task in tasks() {
        *kinds.entry(task.kind.clone()).or_default() += 1;
        assert_eq!(n_errors(&task.language, &task.source), 0, "{}", task.name);
        let target = &task.source[task.target.clone()];
        assert!(target.ends_with('\n') && task.selected.start >= task.target.start, "{}", task.name);
        if let Some(broken) = task.broken_source() {
            assert_ne!(broken, task.source, "{}", task.name);
        }
        assert_eq!(task.file.action == "fix", !task.file.message.is_empty(), "{}", task.name);
        assert_eq!(task.file.action == "instruction", !task.file.instruction.is_empty(), "{}", task.name);
    }
    assert!(kinds.len() == 10 && kinds.values().all(|n| *n == 6), "{kinds:?}");
}

#[test]
fn sources_compile_and_pass_as_they_are_only_where_nothing_was_asked() {
    let tools = Tools::found();
    for task in tasks() {
        // One that is to be fixed may not compile.
        if tools.run(&task.language) && task.file.action != "fix" {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(&task.file.file), &task.source).unwrap();
            let ran = run_all(folder.path(), &tools.compile(&task.language, &task.file.file)).unwrap();
            assert!(ran.is_good, "{}: {}", task.name, ran.said);
        }
        let judged = verdict(&task, &Change::Text(task.source.clone()));
        assert_ne!(judged, Verdict::Passed, "{}", task.name);
    }
}

/// A right outcome: the target of a task replaced.
fn replaced(name: &str, new: &str) -> Verdict {
    let task = tasks().into_iter().find(|task| task.name == name).unwrap();
    let mut text = task.source.clone();
    text.replace_range(task.target.clone(), new);
    verdict(&task, &Change::Text(text))
}

#[test]
fn what_breaks_the_file_is_told_from_what_is_wrong() {
    let good = "def count_lines(path, wanted):\n    with open(path) as file:\n        return sum(wanted in line for line in file)\n\n";
    if Tools::found().run("python") {
        assert_eq!(replaced("python/idiom", good), Verdict::Passed);
        assert!(matches!(replaced("python/idiom", &good.replace("sum", "len")), Verdict::Wrong(_)));
    }
    for broken in [
        format!("import os\n\n\n{good}"),
        format!("{good}\ndef logs(folder):\n    return []\n\n"),
        good.replace("sum(", "sum(("),
    ] {
        assert!(matches!(replaced("python/idiom", &broken), Verdict::Broke(_)), "{broken}");
    }
    let go = "func Contains(items []string, wanted string) bool {\n\tfor _, item := range items {\n\t\tif item == wanted {\n\t\t\treturn true\n\t\t}\n\t}\n\treturn false\n}\n\n";
    assert_eq!(replaced("go/fix", go), Verdict::Passed);
    assert!(matches!(replaced("go/fix", &go.replace('_', "index")), Verdict::Wrong(_)));
}

#[test]
fn tests_have_to_pass_and_to_find_the_defect() {
    if !Tools::found().run("python") {
        return;
    }
    let task = tasks().into_iter().find(|task| task.name == "python/tests").unwrap();
    let tests = |value: &str| {
        let text = format!(
            "import unittest\nfrom slug import slugify\n\n\nclass Slug(unittest.TestCase):\n    def test_it(self):\n        \
             self.assertEqual(slugify({value}), \"a-b\")\n"
        );
        verdict(&task, &Change::NewFile { name: "test_slug.py".to_owned(), text })
    };
    assert_eq!(tests("\"A b\""), Verdict::Passed);
    assert!(matches!(tests("\"a b\""), Verdict::Wrong(reason) if reason.contains("broken function")));
    assert!(matches!(tests("\"a c\""), Verdict::Wrong(_)));
}
