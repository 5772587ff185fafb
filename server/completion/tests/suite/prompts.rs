//! The prompts for the model.

use fimble_completion::{CompletionSettings, Mode, MultiLine, RefusalKind, SelectedItem, plan};
use fimble_model::{ModelInfo, Piece};

use crate::support::{Marked, count_tokens, model, planned};

fn shown(pieces: &[Piece]) -> String {
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Token(id) => format!("[{id}]"),
            Piece::Text(text) => text.clone(),
        })
        .collect()
}

#[test]
fn the_line_stands_behind_the_middle_token_and_auto_closed_brackets_nowhere() {
    let marked = Marked::new("src/a.py", "import os\n\nprint(os$0)\n\ndone()\n");
    let plan = planned(&marked.input(), &CompletionSettings::default()).expect("a plan");
    assert_eq!(shown(&plan.prompt.pieces), "[7]src/a.py\n[2]import os\n\n[3]\n\ndone()\n[4]print(os");
    assert!(plan.prompt.heal);
    assert_eq!(plan.context.template, "Qwen2.5-Coder");
    assert!(plan.options.stop_tokens.contains(&1));
}

#[test]
fn a_new_line_lengthens_the_prompt_at_its_end() {
    const BELOW: &str =
        "\ndone(all_that_was_called_above, and_more_of_it, and_this_too)\nreturn_what_was_done()\n";
    let prompt = |n_above: usize| {
        let above: String = (0..n_above).map(|line| format!("call_{line}()\n")).collect();
        let marked = Marked::new("a.py", &format!("{above}last($0){BELOW}"));
        shown(&planned(&marked.input(), &CompletionSettings::default()).expect("a plan").prompt.pieces)
    };
    assert!(prompt(1).ends_with(&format!("[2]call_0()\n[3]{BELOW}[4]last(")), "a first line stays above");
    assert!(prompt(3).ends_with(&format!("call_1()\n[3]{BELOW}[4]call_2()\nlast(")), "{}", prompt(3));
    let marked = Marked::new("a.py", "first()\nsecond()\nthird()\nlast($0)\ndone()\n");
    let short = planned(&marked.input(), &CompletionSettings::default()).expect("a plan");
    assert!(shown(&short.prompt.pieces).ends_with("third()\n[3]\ndone()\n[4]last("), "little stands below");
    for n_above in [2_usize, 4, 5, 8, 15, 16, 17, 31, 32, 100] {
        let begins_anew = n_above % 16 == 0 || (n_above < 16 && n_above.is_power_of_two());
        let (before, after) = (prompt(n_above - 1), prompt(n_above));
        let typed = before.strip_suffix("last(").expect("the typed line is last");
        let expected = format!("{typed}call_{}()\nlast(", n_above - 1);
        assert_eq!(after == expected, !begins_anew, "{n_above} lines above: {after}");
    }
}

#[test]
fn text_right_of_the_cursor_begins_the_suffix() {
    let marked = Marked::new("a.py", "total = $0 + tax\nshow(total)\n");
    let plan = planned(&marked.input(), &CompletionSettings::default()).expect("a plan");
    assert_eq!(shown(&plan.prompt.pieces), "[7]a.py\n[2][3] + tax\nshow(total)\n[4]total = ");
    assert_eq!(plan.context.mode, Mode::SingleLine);
}

#[test]
fn the_model_reads_plain_line_breaks() {
    let marked = Marked::new("a.py", "a = 1\r\nb = 2\r\nc = $0\r\nd = 4\r");
    let plan = planned(&marked.input(), &CompletionSettings::default()).expect("a plan");
    assert_eq!(shown(&plan.prompt.pieces), "[7]a.py\n[2]a = 1\nb = 2\n[3]\nd = 4\n[4]c = ");
}

#[test]
fn special_token_text_of_a_file_stays_text() {
    let marked = Marked::new(
        "a.py",
        "ENDS = '<|endoftext|><|fim_middle|>'\nx = '<|fim_suffix|>' + $0\ny = '<|file_sep|>'\n",
    );
    let plan = planned(&marked.input(), &CompletionSettings::default()).expect("a plan");
    let n_special = plan.prompt.pieces.iter().filter(|piece| matches!(piece, Piece::Token(_))).count();
    assert_eq!(n_special, 4, "only the four of the frame");
    let text: String = plan
        .prompt
        .pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::Text(text) => Some(text.as_str()),
            Piece::Token(_) => None,
        })
        .collect();
    for special in ["<|endoftext|>", "<|fim_middle|>", "<|fim_suffix|>", "<|file_sep|>"] {
        assert!(text.contains(special), "{special}");
    }
}

#[test]
fn a_selected_item_is_read_as_typed() {
    let marked = Marked::new("a.js", "first();\ncon$0\n");
    let item = SelectedItem { range: 9..12, text: "console".to_owned() };
    let plan = planned(&marked.input_with(Some(item)), &CompletionSettings::default()).expect("a plan");
    assert!(shown(&plan.prompt.pieces).ends_with("[4]console"));
}

#[test]
fn a_model_without_a_template_reads_left_to_right() {
    let marked = Marked::new("a.py", "a = 1\nb = $0\nc = 3\n");
    let plain = ModelInfo { fim: Err("none".to_owned()), bos: Some(5), ..model(2048) };
    let plan = plan(&marked.input(), &CompletionSettings::default(), &plain, &count_tokens).expect("a plan");
    assert_eq!(shown(&plan.prompt.pieces), "[5]a = 1\nb = ");
    assert_eq!(plan.context.template, "plain left to right");
    assert!(plan.context.suffix.is_empty());
}

#[test]
fn healing_asks_for_typed_text() {
    let cases = [("value = $0", true), ("value$0", true), ("    $0", true), ("$0", false)];
    for (text, heal) in cases {
        let marked = Marked::new("a.py", text);
        let settings = CompletionSettings::default();
        assert_eq!(planned(&marked.input(), &settings).expect("a plan").prompt.heal, heal, "{text:?}");
        let off = CompletionSettings { heal: false, ..settings };
        assert!(!planned(&marked.input(), &off).expect("a plan").prompt.heal);
    }
}

#[test]
fn a_context_without_room_is_refused_and_a_small_one_is_used() {
    let marked = Marked::new("a.py", "value = $0");
    let settings = CompletionSettings::default();
    let small = plan(&marked.input(), &settings, &model(64), &count_tokens).expect_err("no room");
    assert_eq!(small.kind, RefusalKind::ContextTooSmall);
    for (context, expected) in [(256, 112), (2048, 512), (4096, 1024)] {
        let plan = plan(&marked.input(), &settings, &model(context), &count_tokens).expect("a plan");
        assert_eq!(plan.context.max_prompt_tokens, expected, "context of {context}");
    }
}

#[test]
fn the_mode_follows_the_syntax() {
    use Mode::{MultiLine as Many, SingleLine as One};
    let cases = [
        ("a.rs", "fn f() {$0}", Many),
        ("a.rs", "fn f() {\n    $0\n}", Many),
        ("a.rs", "fn f() {\n    let a = 1;\n    $0\n    done();\n}", Many),
        ("a.rs", "fn f() {\n    let a = $0\n}", One),
        ("a.rs", "fn f() {\n    // what $0\n}", One),
        ("a.rs", "fn f() {\n    let a = \"$0\";\n}", One),
        ("a.rs", "fn f() { $0 + 1 }", One),
        ("a.py", "def f(a):$0", Many),
        ("a.py", "def f(a):\n    $0", Many),
        ("a.py", "value = 1\n$0", One),
        ("a.py", "# Adds.\n$0", Many),
        ("a.unknown", "if a {$0", Many),
        ("a.unknown", "if a {\n    $0", Many),
        ("a.unknown", "some words $0", One),
        ("a.unknown", "$0", One),
    ];
    for (path, text, expected) in cases {
        let marked = Marked::new(path, text);
        let mode = |multi_line| {
            let settings = CompletionSettings { multi_line, ..CompletionSettings::default() };
            planned(&marked.input(), &settings).expect("a plan").context.mode
        };
        assert_eq!(mode(MultiLine::Auto), expected, "{path} {text:?}");
        assert_eq!(mode(MultiLine::Never), One, "{path} {text:?}");
    }
}
