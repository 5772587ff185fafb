//! Windows do not move while the user types, and keep to their budget.

use fimble_completion::{CompletionSettings, CursorInput, Plan, gate, plan};
use fimble_model::fim::Snippet;
use fimble_model::{ModelInfo, Piece, Prompt};
use proptest::prelude::*;

use crate::support::{Marked, count_tokens, model, planned};

/// A file of `n_functions` functions in a class, with imports.
fn long_file(n_functions: usize) -> String {
    let mut text =
        "import os\nfrom sys import argv\n\n\nclass Shop:\n    \"\"\"Sells things.\"\"\"\n\n".to_owned();
    for number in 0..n_functions {
        text.push_str(&format!(
            "    def method_{number}(self, first, second):\n        \"\"\"Method {number}.\"\"\"\n        total = \
             first * {number} + second\n        if total > {number}:\n            return [total, first]\n        \
             return self.other(total)\n\n"
        ));
    }
    text
}

fn settings(max_prompt_tokens: usize) -> CompletionSettings {
    CompletionSettings { max_prompt_tokens: Some(max_prompt_tokens), ..CompletionSettings::default() }
}

fn plan_at(content: &str, offset: usize, max_prompt_tokens: usize) -> Plan {
    let marked = Marked::at("a.py", content, offset);
    plan(&marked.input(), &settings(max_prompt_tokens), &model(4096), &count_tokens).expect("a plan")
}

/// Everything but the typed line, which is the last piece.
fn stable_part(prompt: &Prompt) -> Vec<Piece> {
    let mut pieces = prompt.pieces.clone();
    if matches!(pieces.last(), Some(Piece::Text(_))) {
        pieces.pop();
    }
    pieces
}

fn n_tokens(prompt: &Prompt) -> usize {
    prompt
        .pieces
        .iter()
        .map(|piece| match piece {
            Piece::Token(_) => 1,
            Piece::Text(text) => count_tokens(text),
        })
        .sum()
}

#[test]
fn typing_on_a_line_changes_the_typed_line_only() {
    let content = long_file(60);
    // Unclosed brackets and quotes are what breaks trees.
    let typed = "        value = self.compute({\"a\": [first, 'x', (second";
    for place in ["method_0", "method_25", "method_59"] {
        let at = content.find(place).expect("the method");
        let line_start = content[at..].find("        if total").expect("a line") + at;
        let mut parts = Vec::new();
        for n_typed in 0..=typed.len() {
            let line = format!("{}\n", &typed[..n_typed]);
            let text = format!("{}{line}{}", &content[..line_start], &content[line_start..]);
            let plan = plan_at(&text, line_start + n_typed, 400);
            parts.push(stable_part(&plan.prompt));
        }
        assert!(parts.windows(2).all(|pair| pair[0] == pair[1]), "at {place}");
    }
}

#[test]
fn brackets_that_the_editor_closes_do_not_change_the_prompt() {
    let open = Marked::new("a.py", "first = 1\nvalue = compute$0\nlast = 2\n");
    let closed = Marked::new("a.py", "first = 1\nvalue = compute($0)\nlast = 2\n");
    let plans = [&open, &closed]
        .map(|marked| planned(&marked.input(), &CompletionSettings::default()).expect("a plan"));
    assert_eq!(stable_part(&plans[0].prompt), stable_part(&plans[1].prompt));
    assert_eq!(plans[1].context.replaced.len(), 1);
}

#[test]
fn going_down_moves_the_start_rarely_and_to_the_start_of_an_item() {
    let content = long_file(80);
    let mut starts = Vec::new();
    let mut offset = 0;
    let mut n_lines = 0;
    let mut marked = Marked::at("a.py", &content, 0);
    for line in content.split_inclusive('\n') {
        offset += line.len();
        n_lines += 1;
        marked.offset = offset;
        let plan = plan(&marked.input(), &settings(512), &model(4096), &count_tokens).expect("a plan");
        assert!(plan.context.prefix.end <= offset);
        starts.push(plan.context.prefix.start);
    }
    let n_moves = starts.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(n_moves * 6 < n_lines, "{n_moves} moves over {n_lines} lines");
    assert!(starts.windows(2).filter(|pair| pair[1] < pair[0]).count() <= 2, "the start goes back");
    starts.retain(|start| *start > 0);
    starts.dedup();
    assert!(starts.iter().all(|start| content[..*start].ends_with('\n')), "a start inside of a line");
    let at_item = |start: &&usize| content[**start..].trim_start().starts_with("def method");
    let n_at_items = starts.iter().filter(at_item).count();
    assert!(n_at_items * 5 > starts.len() * 3, "{n_at_items} of {} starts are at an item", starts.len());
}

#[test]
fn most_of_the_budget_is_used() {
    let content = long_file(80);
    for offset in [content.len() / 2, content.len() / 3, content.len()] {
        let plan = plan_at(&content, content[..offset].rfind('\n').expect("a line") + 1, 512);
        assert!(plan.context.prompt_tokens * 10 > 512 * 5, "{} of 512", plan.context.prompt_tokens);
    }
}

#[test]
fn imports_and_headers_that_fall_out_of_the_window_are_kept() {
    let content = long_file(60);
    let at = content.find("method_50").expect("the method");
    let offset = content[at..].find("return self").expect("a line") + at;
    let marked = Marked::at("a.py", &content, offset);
    for input in [marked.input(), CursorInput { tree: None, ..marked.input() }] {
        let plan = plan(&input, &settings(400), &model(4096), &count_tokens).expect("a plan");
        let kept = |ranges: &[std::ops::Range<usize>]| -> Vec<String> {
            ranges.iter().map(|range| content[range.clone()].to_owned()).collect()
        };
        assert_eq!(kept(&plan.context.kept_imports), ["import os\n", "from sys import argv\n"]);
        assert_eq!(kept(&plan.context.kept_headers), ["class Shop:\n"]);
        let before = plan.prompt.pieces.iter().find_map(|piece| match piece {
            Piece::Text(text) if text.contains("class Shop:") => Some(text),
            _ => None,
        });
        assert!(
            before.is_some_and(|text| text.starts_with("import os\nfrom sys import argv\nclass Shop:\n    "))
        );
    }
}

#[test]
fn a_header_of_several_lines_is_kept_whole() {
    let body: String =
        (0..200).map(|number| format!("    let value_{number} = compute({number});\n")).collect();
    let content =
        format!("use std::fmt;\n\nfn long(\n    first: u32,\n    second: u32,\n) -> u32 {{\n{body}}}\n");
    let marked = Marked::at("a.rs", &content, content.len() - 2);
    let plan = plan(&marked.input(), &settings(300), &model(4096), &count_tokens).expect("a plan");
    let headers: Vec<&str> = plan.context.kept_headers.iter().map(|range| &content[range.clone()]).collect();
    assert_eq!(headers, ["fn long(\n    first: u32,\n    second: u32,\n) -> u32 {\n"]);
}

#[test]
fn what_one_side_does_not_need_goes_to_the_other() {
    let content = long_file(80);
    let at_start = plan_at(&content, 0, 512);
    assert!(suffix_tokens(&at_start) > 300, "{:?}", at_start.context.pieces);
    let at_end = plan_at(&content, content.len(), 1024);
    let in_middle = plan_at(&content, content[..content.len() / 2].rfind('\n').expect("a line") + 1, 1024);
    assert_eq!(suffix_tokens(&at_end), 0);
    assert!(suffix_tokens(&in_middle) > 150, "{:?}", in_middle.context.pieces);
}

/// Text that goes wrong: long lines, every line break, wide characters, brackets.
fn troublesome_text() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop_oneof![
            prop::sample::select(vec![
                "a",
                "b = ",
                "\n",
                "\r\n",
                "\r",
                "é",
                "漢",
                "😀",
                "\t",
                "    ",
                "def f():",
                "{",
                "}",
                "(",
                "\"",
                "'",
                "# ",
                "<|endoftext|>",
                "import x\n",
                "class A:\n",
                "\u{2028}",
                "\\",
            ])
            .prop_map(str::to_owned),
            (1_usize..400).prop_map(|n| "long ".repeat(n)),
            (1_usize..20).prop_map(|n| "    let value = compute(first, second);\n".repeat(n)),
        ],
        0..60,
    )
    .prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn a_plan_keeps_to_its_budget_on_any_text(
        content in troublesome_text(),
        place in 0.0_f64..1.1,
        budget in 48_usize..700,
        path in prop::sample::select(vec!["a.py", "a.rs", "a.md", "a.unknown"]),
        with_tree: bool,
    ) {
        let offset = (content.len() as f64 * place) as usize;
        let mut marked = Marked::at(path, &content, offset);
        if !with_tree {
            marked = marked.without_tree();
        }
        let settings = settings(budget);
        let _ = gate(&marked.input(), &settings);
        let plan = plan(&marked.input(), &settings, &model(4096), &count_tokens).expect("a plan");
        let context = &plan.context;
        prop_assert!(n_tokens(&plan.prompt) <= budget, "{} of {}", n_tokens(&plan.prompt), budget);
        prop_assert!(context.prefix.end <= context.line.start && context.line.end <= context.replaced.start);
        prop_assert!(context.replaced.end <= context.suffix.start && context.suffix.end <= content.len());
    }
}

fn suffix_tokens(plan: &Plan) -> usize {
    plan.context.pieces.iter().find(|piece| piece.kind == "suffix").expect("a suffix").tokens
}

#[test]
fn snippets_take_their_share_and_the_best_one_stays() {
    let snippet = |name: &str, n_lines: usize| Snippet {
        path: format!("{name}.rs"),
        file: format!("/project/{name}.rs"),
        text: format!("fn {name}_function() {{}}\n").repeat(n_lines),
    };
    let content = long_file(80);
    let marked = Marked::at("a.rs", &content, content.len() / 2);
    let snippets = [snippet("huge", 500), snippet("good", 4), snippet("best", 4)];
    let input = CursorInput { snippets: &snippets, ..marked.input() };
    let with = plan(&input, &settings(512), &model(4096), &count_tokens).expect("a plan");
    let texts: String = with.prompt.pieces.iter().map(|piece| format!("{piece:?}")).collect();
    assert!(
        texts.contains("good_function")
            && texts.contains("best_function")
            && !texts.contains("huge_function")
    );
    assert!(texts.find("good_function") < texts.find("best_function"));
    let used = with.context.pieces.iter().find(|piece| piece.kind == "snippets").expect("a piece").tokens;
    assert!(used > 0 && used <= 512 / 4, "{used}");
    assert!(with.context.prompt_tokens <= 512);
    // A model that knows no snippets gets none.
    let plain = ModelInfo { fim: Err("none".to_owned()), ..model(4096) };
    let without = plan(&input, &settings(512), &plain, &count_tokens).expect("a plan");
    assert!(!format!("{:?}", without.prompt).contains("best_function"));
}
