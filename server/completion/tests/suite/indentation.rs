//! White space of suggestions: made of what the file uses, and as deep as the place asks for, however the model writes it.

use fimble_completion::{CompletionSettings, CursorInput, MultiLine, Trigger};
use fimble_model::StopReason;

use crate::support::{Marked, complete, generation};

const UNITS: [&str; 5] = ["\t", "  ", "   ", "    ", "        "];

/// The buffer's new lines after the answer is accepted; none if nothing is shown.
fn accepted(
    path: &str,
    marked: &str,
    answer: &str,
    trigger: Trigger,
    multi_line: MultiLine,
) -> Option<Vec<String>> {
    let marked = Marked::new(path, marked);
    let settings = CompletionSettings { multi_line, ..CompletionSettings::default() };
    let input = CursorInput { trigger, ..marked.input() };
    let finished = complete(&input, &settings, &generation(answer, -0.01, StopReason::EndToken(1))).ok()?;
    let suggestion = finished.result.ok()?;
    let mut content = marked.text.to_string();
    let line = marked.text.line_of(marked.offset);
    let n_lines = 1 + suggestion.text.matches('\n').count();
    content.replace_range(suggestion.replace, &suggestion.text);
    Some(content.lines().skip(line).take(n_lines).map(str::to_owned).collect())
}

fn with_units(text: &str, unit: &str) -> String {
    text.replace('→', unit)
}

/// A place in a language: the text above the cursor, the text below, and the lines that belong there.
type Place = (&'static str, &'static str, &'static str, &'static [&'static str]);

const PLACES: [Place; 4] = [
    (
        "a.py",
        "def first(values):\n→total = 0\n→for value in values:\n→→total += value\n→return total\n\n\ndef second(values):\n→for value in values:\n",
        "\n",
        &["→→if value:", "→→→run(value)", "→→stop(value)"],
    ),
    (
        "a.go",
        "package a\n\nfunc first(v []int) int {\n→for _, x := range v {\n→→total += x\n→}\n→return total\n}\n\nfunc second(v []int) {\n→for _, x := range v {\n",
        "\n→}\n}\n",
        &["→→if x > 0 {", "→→→run(x)", "→→}"],
    ),
    (
        "a.ts",
        "function first(v) {\n→for (const x of v) {\n→→total += x;\n→}\n}\n\nfunction second(v) {\n→for (const x of v) {\n",
        "\n→}\n}\n",
        &["→→if (x) {", "→→→run(x);", "→→}"],
    ),
    (
        "a.rb",
        "def first(values)\n→values.each do |value|\n→→total += value\n→end\nend\n\ndef second(values)\n→values.each do |value|\n",
        "\n→end\nend\n",
        &["→→if value", "→→→run(value)", "→→end"],
    ),
];

#[test]
fn every_line_is_indented_with_the_file_s_own_unit() {
    let mut n_shown = 0;
    for (path, above, below, lines) in PLACES {
        for unit in UNITS {
            for typed in ["", unit, &unit.repeat(2)] {
                let marked = format!("{}{typed}$0{}", with_units(above, unit), with_units(below, unit));
                let expected: Vec<String> = lines.iter().map(|line| with_units(line, unit)).collect();
                // The unit of the model may be the file's, or one that it is used to.
                for theirs in [unit, "\t", "  ", "    "] {
                    let whole = with_units(&lines.join("\n"), theirs);
                    let unit_in_first = theirs.repeat(2);
                    let rest = whole.trim_start();
                    let forms = if theirs == unit {
                        // All of it, without what is typed, with the blank of the first word.
                        vec![
                            whole.clone(),
                            whole[typed.len()..].to_owned(),
                            rest.to_owned(),
                            format!(" {rest}"),
                        ]
                    } else {
                        vec![format!("{unit_in_first}{rest}")]
                    };
                    for form in forms.iter().filter(|_| typed.is_empty() || theirs == unit) {
                        for trigger in [Trigger::Invoked, Trigger::Automatic] {
                            for multi_line in [MultiLine::Always, MultiLine::Never] {
                                let Some(new) = accepted(path, &marked, form, trigger, multi_line) else {
                                    continue;
                                };
                                n_shown += 1;
                                assert_eq!(
                                    new,
                                    expected[..new.len()],
                                    "{path}, unit {unit:?}, typed {typed:?}, the model says {form:?}"
                                );
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(n_shown > 400, "only {n_shown} were shown");
}

#[test]
fn recipes_begin_with_a_tab() {
    const ABOVE: &str = "all: a b\n\n.PHONY: clean test\n\ntest:\n\tcargo test\n\tcargo clippy\n\n";
    for (head, typed, answer, expected) in [
        ("clean:\n", "", "cargo clean\n", vec!["\tcargo clean"]),
        ("clean:\n", "", "    cargo clean\n    rm -r out\n", vec!["\tcargo clean", "\trm -r out"]),
        ("clean:\n", "", "\tcargo clean\n", vec!["\tcargo clean"]),
        ("clean:\n", "\t", "cargo clean\n\trm -r out\n", vec!["\tcargo clean", "\trm -r out"]),
        ("clean:\n", "\t", "cargo clean\n  rm -r out\n", vec!["\tcargo clean", "\trm -r out"]),
        ("a: a.c\n", "", "\tcc -o a a.c\n", vec!["\tcc -o a a.c"]),
        ("a: a.c\n", "", "  cc -o a a.c\n", vec!["\tcc -o a a.c"]),
        ("a: a.c\n\tcc -o a a.c\n", "", "strip a\n", vec!["\tstrip a"]),
        ("a: a.c\n\tcc -o a a.c\n\n", "", "b: b.c\n", vec!["b: b.c"]),
    ] {
        for trigger in [Trigger::Invoked, Trigger::Automatic] {
            for name in ["Makefile", "rules.mk"] {
                let marked = format!("{ABOVE}{head}{typed}$0\n");
                let new = accepted(name, &marked, answer, trigger, MultiLine::Always);
                let new = new.unwrap_or_else(|| panic!("nothing is shown: {head:?} {answer:?}"));
                assert_eq!(new, expected[..new.len()], "{head:?} {typed:?} {answer:?}");
            }
        }
    }
}

#[test]
fn the_nearest_block_of_a_mixed_file_counts() {
    let blanks = "class A:\n    def first(self):\n        if self.a:\n            return 1\n";
    let tabs = "class B:\n\tdef first(self):\n\t\tif self.a:\n\t\t\treturn 1\n\t\tif self.b:\n\t\t\treturn 2\n\t\treturn 3\n";
    for (above, unit) in [(format!("{blanks}\n\n{tabs}"), "\t"), (format!("{tabs}\n\n{blanks}"), "    ")] {
        let marked = format!("{above}\n{unit}def second(self):\n$0");
        for answer in ["\t\tself.a = 1\n\t\tself.b = 2", "        self.a = 1\n        self.b = 2"] {
            let new = accepted("a.py", &marked, answer, Trigger::Invoked, MultiLine::Always).unwrap();
            let expected = [format!("{unit}{unit}self.a = 1"), format!("{unit}{unit}self.b = 2")];
            assert_eq!(new, expected[..new.len()], "{answer:?}");
        }
    }
}

#[test]
fn lists_may_stand_as_deep_as_their_key() {
    for (marked, answer, expected) in [
        ("a:\n  - name: first\n    value: 1\nb:\n$0", "  - name: third", "  - name: third"),
        ("steps:\n- one\n- two\nmore:\n$0", "- three", "- three"),
        ("switch (a) {\n  case 1:\n    run();\n  case 2:\n$0\n}\n", "    stop();", "    stop();"),
    ] {
        let path = if marked.starts_with("switch") { "a.ts" } else { "a.yaml" };
        let new = accepted(path, marked, answer, Trigger::Invoked, MultiLine::Always).unwrap();
        assert_eq!(new, [expected], "{marked:?}");
    }
}
