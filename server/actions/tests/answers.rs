//! Whatever a chat model answers, no file gets new errors: every way of answering that was thought of, in every language
//! below, for several actions. Answers that are good under their wrapping have to arrive.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use fimble_actions::{ActionKind, Change, ChatWork, Outcome, Refusal, Source, find_target, perform};
use fimble_document::Text;
use fimble_model::{
    CancelToken, Chat, ChatAnswer, ChatOptions, Message, ModelError, StopReason, TokenObserver, Usage,
};
use fimble_syntax::{Language, ParseBudget, SyntaxTree, by_language_id};

/// A model that always answers the same, cut off where `is_cut` says so.
struct Scripted {
    answer: String,
    is_cut: bool,
    asked: Mutex<Vec<Vec<Message>>>,
}

impl Chat for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    fn context_length(&self) -> usize {
        4096
    }

    fn count_tokens(&self, text: &str) -> usize {
        text.len().div_ceil(4)
    }

    fn respond(
        &self,
        messages: &[Message],
        _: &ChatOptions,
        _: &CancelToken,
        mut observer: TokenObserver,
    ) -> Result<ChatAnswer, ModelError> {
        self.asked.lock().unwrap().push(messages.to_vec());
        let mut text = String::new();
        let mut stop = if self.is_cut { StopReason::MaxTokens } else { StopReason::Finished };
        for character in self.answer.chars() {
            text.push(character);
            if observer(character.encode_utf8(&mut [0; 4]), &[]) == ControlFlow::Break(()) {
                stop = StopReason::Observer;
                break;
            }
        }
        let usage = Usage::default();
        Ok(ChatAnswer { text, stop, model: "scripted".to_owned(), is_remote: false, usage })
    }
}

/// A file, the line of an item in it, and a good new version of that item.
struct Case {
    language: &'static str,
    path: &'static str,
    file: &'static str,
    line: usize,
    old: &'static str,
    new: &'static str,
}

const CASES: [Case; 8] = [
    Case {
        language: "rust",
        path: "src/a.rs",
        file: "struct A;\n\nimpl A {\n    fn sum(&self, all: &[u8]) -> u8 {\n        let mut n = 0;\n        for x in all {\n            n += x;\n        }\n        n\n    }\n}\n",
        line: 4,
        old: "    fn sum(&self, all: &[u8]) -> u8 {\n        let mut n = 0;\n        for x in all {\n            n += x;\n        }\n        n\n    }\n",
        new: "    fn sum(&self, all: &[u8]) -> u8 {\n        all.iter().sum()\n    }\n",
    },
    Case {
        language: "python",
        path: "a.py",
        file: "class A:\n    def total(self, rows):\n        n = 0\n        for row in rows:\n            n += row\n        return n\n\n\nprint(A())\n",
        line: 2,
        old: "    def total(self, rows):\n        n = 0\n        for row in rows:\n            n += row\n        return n\n",
        new: "    def total(self, rows):\n        if not rows:\n            return 0\n        return sum(rows)\n",
    },
    Case {
        language: "typescript",
        path: "src/a.ts",
        file: "class Box {\n  size(items: string[]): number {\n    let n = 0;\n    for (const item of items) {\n      n += item.length;\n    }\n    return n;\n  }\n}\n",
        line: 2,
        old: "  size(items: string[]): number {\n    let n = 0;\n    for (const item of items) {\n      n += item.length;\n    }\n    return n;\n  }\n",
        new: "  size(items: string[]): number {\n    const sizes = items.map((item) => item.length);\n    return sizes.reduce((a, b) => a + b, 0);\n  }\n",
    },
    Case {
        language: "go",
        path: "a.go",
        file: "package a\n\nfunc size(names []string) int {\n\tn := 0\n\tfor _, name := range names {\n\t\tn += len(name)\n\t}\n\treturn n\n}\n",
        line: 3,
        old: "func size(names []string) int {\n\tn := 0\n\tfor _, name := range names {\n\t\tn += len(name)\n\t}\n\treturn n\n}\n",
        new: "func size(names []string) int {\n\ttotal := 0\n\tfor _, name := range names {\n\t\ttotal += len(name)\n\t}\n\treturn total\n}\n",
    },
    Case {
        language: "java",
        path: "A.java",
        file: "class A {\n    int size(String[] names) {\n        int n = 0;\n        for (String name : names) {\n            n += name.length();\n        }\n        return n;\n    }\n}\n",
        line: 2,
        old: "    int size(String[] names) {\n        int n = 0;\n        for (String name : names) {\n            n += name.length();\n        }\n        return n;\n    }\n",
        new: "    int size(String[] names) {\n        if (names == null) {\n            return 0;\n        }\n        return String.join(\"\", names).length();\n    }\n",
    },
    Case {
        language: "c",
        path: "a.c",
        file: "#include <stddef.h>\r\n\r\nint sum(const int *all, size_t n)\r\n{\r\n    int s = 0;\r\n    for (size_t i = 0; i < n; i++)\r\n        s += all[i];\r\n    return s;\r\n}\r\n",
        line: 4,
        old: "int sum(const int *all, size_t n)\r\n{\r\n    int s = 0;\r\n    for (size_t i = 0; i < n; i++)\r\n        s += all[i];\r\n    return s;\r\n}\r\n",
        new: "int sum(const int *all, size_t n)\r\n{\r\n    int total = 0;\r\n    while (n > 0)\r\n        total += all[--n];\r\n    return total;\r\n}\r\n",
    },
    Case {
        language: "ruby",
        path: "a.rb",
        file: "class A\n  def total(rows)\n    n = 0\n    rows.each do |row|\n      n += row\n    end\n    n\n  end\nend\n",
        line: 2,
        old: "  def total(rows)\n    n = 0\n    rows.each do |row|\n      n += row\n    end\n    n\n  end\n",
        new: "  def total(rows)\n    return 0 if rows.empty?\n    rows.sum\n  end\n",
    },
    // A file that is broken elsewhere already.
    Case {
        language: "javascript",
        path: "a.js",
        file: "const broken = {;\n\nfunction size(names) {\n    let n = 0;\n    for (const name of names) {\n        n += name.length;\n    }\n    return n;\n}\n",
        line: 3,
        old: "function size(names) {\n    let n = 0;\n    for (const name of names) {\n        n += name.length;\n    }\n    return n;\n}\n",
        new: "function size(names) {\n    return names.join(\"\").length;\n}\n",
    },
];

/// A function of another name, as models paste them.
fn neighbour(language: &str) -> &'static str {
    match language {
        "rust" => "fn other() {}",
        "python" => "def other():\n    pass",
        "go" => "func other() {}",
        "java" => "int other() { return 1; }",
        "c" => "int other(void) { return 1; }",
        "ruby" => "def other\nend",
        _ => "function other() {}",
    }
}

fn import(language: &str) -> &'static str {
    match language {
        "rust" => "use std::fmt;",
        "python" => "import os",
        "go" => "import \"os\"",
        "java" => "import java.util.List;",
        "c" => "#include <stddef.h>",
        "ruby" => "require \"set\"",
        _ => "import fs from \"fs\";",
    }
}

fn map_lines(text: &str, change: impl Fn(usize, &str) -> String) -> String {
    text.lines().enumerate().map(|(index, line)| change(index, line)).collect::<Vec<_>>().join("\n")
}

/// Ways to answer: name, the answer, whether it is cut off, and whether the good code has to arrive.
fn answers(case: &Case) -> Vec<(&'static str, String, bool, bool)> {
    let new = case.new.replace("\r\n", "\n");
    let old = case.old.replace("\r\n", "\n");
    let (word, code) = (case.language, new.trim_end());
    let fenced = |code: &str| format!("```{word}\n{code}\n```");
    let blanks = new.len() - new.trim_start_matches([' ', '\t']).len();
    let dedented = map_lines(code, |_, line| line.get(blanks..).unwrap_or_default().to_owned());
    let at = |share: usize| (0..=code.len() * share / 4).rev().find(|at| code.is_char_boundary(*at)).unwrap();
    let without_last = code.rsplit_once('\n').map_or("", |(head, _)| head).to_owned();
    let n_old = old.lines().count();
    let diff: String = old
        .lines()
        .map(|line| format!("-{line}\n"))
        .chain(code.lines().map(|line| format!("+{line}\n")))
        .collect();
    vec![
        ("fenced", fenced(code), false, true),
        ("fenced without word", format!("```\n{code}\n```"), false, true),
        ("tildes", format!("~~~{word}\n{code}\n~~~"), false, true),
        ("long fence", format!("`````{word}\n{code}\n`````"), false, true),
        (
            "prose around",
            format!("Sure! Here is the code:\n\n{}\n\nIt is shorter now.", fenced(code)),
            false,
            true,
        ),
        ("windows", fenced(code).replace('\n', "\r\n"), false, true),
        (
            "numbered",
            fenced(&map_lines(code, |index, line| format!("{:3} | {line}", index + 1))),
            false,
            true,
        ),
        (
            "numbered with colons",
            fenced(&map_lines(code, |index, line| format!("{}: {line}", index + 1))),
            false,
            true,
        ),
        ("diff", format!("```diff\n--- a\n+++ b\n@@ -1,{n_old} +1,9 @@\n{diff}```"), false, true),
        ("dedented", fenced(&dedented), false, true),
        ("too deep", fenced(&map_lines(&dedented, |_, line| format!("            {line}"))), false, true),
        (
            "thoughts first",
            format!("<think>\nHm, ```x``` or\n```\ny\n```\n</think>\n\n{}", fenced(code)),
            false,
            true,
        ),
        ("no closing fence", format!("```{word}\n{code}"), false, true),
        ("usage behind", format!("{}\n\nUse it so:\n\n```{word}\nx = 1\n```", fenced(code)), false, true),
        ("shell in front", format!("```sh\nmake test\n```\n\n{}", fenced(code)), false, true),
        ("blank lines around", fenced(&format!("\n\n{code}\n\n\n")), false, true),
        ("a neighbour pasted", fenced(&format!("{}\n\n{code}", neighbour(case.language))), false, false),
        ("an import pasted", fenced(&format!("{}\n\n{code}", import(case.language))), false, false),
        (
            "body as deep as its head",
            fenced(&map_lines(&dedented, |_, line| line.trim().to_owned())),
            false,
            false,
        ),
        ("trailing blanks", fenced(&map_lines(code, |_, line| format!("{line}  "))), false, false),
        ("first line lost its blanks", fenced(code.trim_start()), false, false),
        ("tabs", fenced(&dedented.replace("    ", "\t")), false, false),
        ("steps of two", fenced(&dedented.replace("    ", "  ")), false, false),
        ("bare", code.to_owned(), false, false),
        (
            "bare with prose",
            format!("Here is the new version:\n\n{code}\n\nI hope that this helps!"),
            false,
            false,
        ),
        ("cut off early", format!("```{word}\n{}", &code[..at(1)]), true, false),
        ("cut off in the middle", format!("```{word}\n{}", &code[..at(2)]), true, false),
        ("cut off late", format!("```{word}\n{}", &code[..at(3)]), true, false),
        ("ended early", format!("```{word}\n{}\n```", &code[..at(2)]), false, false),
        ("ended late", format!("```{word}\n{}\n```", &code[..at(3)]), false, false),
        ("last line missing", fenced(&without_last), false, false),
        ("one bracket too many", fenced(&format!("{code}\n}}")), false, false),
        ("open string", fenced(&format!("{code}\n\"open")), false, false),
        ("open comment", fenced(&format!("{code}\n/* open")), false, false),
        ("empty", String::new(), false, false),
        ("blank", " \n\n ".to_owned(), false, false),
        ("empty block", "```\n```".to_owned(), false, false),
        ("refusal", "I am sorry, but I cannot help with that.".to_owned(), false, false),
        ("prose", "This function adds numbers. It could be shorter.".to_owned(), false, false),
        ("prose in a fence", fenced("This function adds numbers, one after the other."), false, false),
        ("HTML", "<html><body><h1>502 Bad Gateway</h1></body></html>".to_owned(), false, false),
        ("JSON", "{\"error\": {\"message\": \"overloaded\"}}".to_owned(), false, false),
        (
            "other language",
            "```haskell\nsum :: [Int] -> Int\nsum = foldr (+) 0\n```".to_owned(),
            false,
            false,
        ),
        (
            "left out",
            fenced(&format!(
                "{}\n    // ... rest unchanged\n    # ... rest unchanged",
                code.lines().next().unwrap()
            )),
            false,
            false,
        ),
        ("the same", fenced(old.trim_end()), false, false),
        ("three times", format!("{}\n{}\n{}", fenced(code), fenced(code), fenced(code)), false, true),
        ("three times in one", fenced(&format!("{code}\n{code}\n{code}")), false, false),
        ("wild characters", fenced(&format!("{code}\n\u{0}\u{feff}\u{202e}\u{fffd}💥")), false, false),
        ("no end", fenced(&"x(".repeat(300)), false, false),
        ("only a comment", fenced("// nothing\n# nothing"), false, false),
        ("Markdown", "# Title\n\n- one\n- two\n\n> quote".to_owned(), false, false),
        ("fence in fence", format!("````{word}\n```\n{code}\n```\n````"), false, false),
    ]
}

fn parse(language: &'static Language, text: &Text) -> SyntaxTree {
    SyntaxTree::parse(language, text, None, &ParseBudget::unlimited()).unwrap()
}

fn run(case: &Case, kind: ActionKind, answer: &str, is_cut: bool) -> (Result<Outcome, Refusal>, usize) {
    let language = by_language_id(case.language).unwrap();
    let text = Text::new(case.file);
    let tree = parse(language, &text);
    let source =
        Source { text: &text, tree: Some(&tree), language: Some(language), path: case.path, file: case.path };
    let place = text.line_end(case.line);
    let target = find_target(&source, place..place, true).unwrap();
    assert_eq!(text.slice(target.range.clone()), case.old, "{}", case.language);
    let chat = Scripted { answer: answer.to_owned(), is_cut, asked: Mutex::default() };
    let work = ChatWork { kind, instruction: "make it better", problems: &[], progress: Arc::new(|_| {}) };
    let outcome = perform(&work, &source, &target, &chat, &CancelToken::new());
    let n_asked = chat.asked.lock().unwrap().len();
    (outcome, n_asked)
}

fn applied(case: &Case, outcome: &Outcome) -> Option<String> {
    let Change::Edits(edits) = &outcome.change else { return None };
    let mut file = case.file.to_owned();
    let mut end = file.len();
    for edit in edits.iter().rev() {
        assert!(edit.range.start <= edit.range.end && edit.range.end <= end, "edits are in order: {edits:?}");
        end = edit.range.start;
        file.replace_range(edit.range.clone(), &edit.text);
    }
    Some(file)
}

#[test]
fn no_answer_brings_new_errors_and_good_ones_arrive() {
    let (mut n_answers, mut n_edits) = (0, 0);
    for case in &CASES {
        let language = by_language_id(case.language).unwrap();
        let n_errors = parse(language, &Text::new(case.file)).n_errors();
        let (head, tail) = case.file.split_once(case.old).unwrap();
        for (name, answer, is_cut, is_good) in answers(case) {
            for kind in
                [ActionKind::Simplify, ActionKind::Instruction, ActionKind::Document, ActionKind::Tests]
            {
                let what = format!("{}, {name}, {}", case.language, kind.name());
                let (outcome, n_asked) = run(case, kind, &answer, is_cut);
                n_answers += 1;
                assert!(n_asked <= 2, "{what}: asked {n_asked} times");
                if let Ok(outcome) = &outcome
                    && let Some(file) = applied(case, outcome)
                {
                    n_edits += 1;
                    let found = parse(language, &Text::new(&file)).n_errors();
                    assert!(found <= n_errors, "{what}: {found} errors instead of {n_errors}:\n{file}");
                    assert!(file.contains("\r\n") == case.file.contains("\r\n"), "{what}");
                    assert!(
                        !file.contains("\r\n") || !file.replace("\r\n", "").contains('\n'),
                        "{what}: {file:?}"
                    );
                    if matches!(kind, ActionKind::Simplify | ActionKind::Instruction) {
                        assert!(file.starts_with(head) && file.ends_with(tail), "{what}: {file}");
                    }
                }
                if let Ok(Outcome { change: Change::NewFile { text, .. }, .. }) = &outcome {
                    assert!(!parse(language, &Text::new(text)).has_errors(), "{what}: {text}");
                }
                if is_good && kind == ActionKind::Simplify {
                    let outcome = outcome.unwrap_or_else(|refusal| panic!("{what}: {refusal}\n{answer}"));
                    assert_eq!(
                        applied(case, &outcome),
                        Some(case.file.replace(case.old, case.new)),
                        "{what}"
                    );
                    assert_eq!(n_asked, 1, "{what}");
                }
            }
        }
    }
    assert!(n_answers > 1000 && n_edits > 400, "{n_edits} edits of {n_answers} answers");
}

#[test]
fn what_is_asked_names_the_task_and_holds_the_code() {
    let case = &CASES[0];
    let language = by_language_id(case.language).unwrap();
    let text = Text::new(case.file);
    let tree = parse(language, &text);
    let source =
        Source { text: &text, tree: Some(&tree), language: Some(language), path: case.path, file: case.path };
    let start = case.file.find("for x in").unwrap();
    let selection = start..case.file.find("        n\n").unwrap();
    let target = find_target(&source, selection, true).unwrap();
    let chat = Scripted { answer: String::new(), is_cut: false, asked: Mutex::default() };
    let problems = [fimble_actions::Problem { range: start..start + 3, message: "too slow".to_owned() }];
    let work = ChatWork {
        kind: ActionKind::Extract,
        instruction: "",
        problems: &problems,
        progress: Arc::new(|_| {}),
    };
    assert_eq!(perform(&work, &source, &target, &chat, &CancelToken::new()), Err(Refusal::Empty));
    let asked = chat.asked.lock().unwrap();
    let question = &asked[0][1].content;
    for wanted in [
        "src/a.rs (Rust)",
        "struct A;",
        "fn sum(&self",
        "this is selected:\n```rust\nfor x in all",
        "too slow",
        "`sum`",
    ] {
        assert!(question.contains(wanted), "{wanted:?} is not in {question}");
    }
    assert!(asked[1].last().unwrap().content.contains("empty"));
}

#[test]
fn an_explanation_that_reached_its_limit_says_so() {
    for (is_cut, expected) in [(false, "It adds."), (true, "It adds.\n\n*The answer was cut off")] {
        let Change::Words(words) =
            run(&CASES[0], ActionKind::Explain, "It adds.\n", is_cut).0.unwrap().change
        else {
            panic!("an explanation is words");
        };
        assert!(words.starts_with(expected) && (is_cut || words == expected), "{words}");
    }
}

#[test]
fn code_that_is_too_long_is_refused_before_it_is_asked_about() {
    let file = format!("fn long() {{\n{}}}\n", "    call_something_with_a_long_name();\n".repeat(500));
    let language = by_language_id("rust").unwrap();
    let text = Text::new(&file);
    let tree = parse(language, &text);
    let source = Source {
        text: &text,
        tree: Some(&tree),
        language: Some(language),
        path: "a.rs",
        file: "/project/a.rs",
    };
    let target = find_target(&source, 20..20, false).unwrap();
    let chat = Scripted { answer: String::new(), is_cut: false, asked: Mutex::default() };
    let work =
        ChatWork { kind: ActionKind::Simplify, instruction: "", problems: &[], progress: Arc::new(|_| {}) };
    let refused = perform(&work, &source, &target, &chat, &CancelToken::new());
    assert!(matches!(refused, Err(Refusal::TooLong { .. })), "{refused:?}");
    assert!(chat.asked.lock().unwrap().is_empty());
}

#[test]
fn what_stands_around_is_not_written_a_second_time() {
    let file = "#include <stddef.h>\n\nint first(void)\n{\n    return 1;\n}\n\nint sum(int a)\n{\n    return a;\n}\n\nint last(void)\n{\n    return 3;\n}\n";
    let case = Case {
        language: "c",
        path: "a.c",
        file,
        line: 9,
        old: "int sum(int a)\n{\n    return a;\n}\n",
        new: "int sum(int a)\n{\n    return a + 0;\n}\n",
    };
    let pasted = file.replace("return a;", "return a + 0;").replace("return 3;", "return 4;");
    let main = "int main(void)\n{\n    return sum(1);\n}\n";
    for answer in [pasted.clone(), format!("{pasted}\n{main}"), format!("{}\n{main}", case.new)] {
        let (outcome, n_asked) = run(&case, ActionKind::Errors, &format!("```c\n{answer}```"), false);
        let made = applied(&case, &outcome.unwrap()).unwrap();
        assert_eq!((made, n_asked), (file.replace(case.old, case.new), 1), "{answer}");
    }
}
