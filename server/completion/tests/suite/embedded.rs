//! Scripts and styles inside of components: what is suggested there is what would be suggested in a file of their own.

use fimble_completion::CompletionSettings;
use fimble_model::StopReason;

use crate::support::{Marked, complete, generation, planned};

/// Places in a part of a component: the name that the part would have as a file, its tags, its text, and what a model says.
const PLACES: &[(&str, &str, &str, &str, &str)] = &[
    (
        "a.ts",
        "<script setup lang=\"ts\">",
        "</script>",
        "function first(value: number): void {\n  $0\n}\n",
        "if (value > 1) {\n    second();\n  }\n}\n\nfunction third() {\n",
    ),
    (
        "a.ts",
        "<script lang=\"ts\">",
        "</script>",
        "const first: Map<string, number> = $0\n",
        "new Map<string, number>();\n",
    ),
    ("a.js", "<script>", "</script>", "const first = second(`${$0}`);\n", "third.name"),
    ("a.js", "<script>", "</script>", "// The $0\n", "first of all\nsecond();\n"),
    ("a.js", "<script>", "</script>", "first(second$0)\n", ", third);\nfourth();\n"),
    ("a.js", "<script>", "</script>", "const first = \"$0\";\n", "second\";\nthird();\n"),
    ("a.css", "<style>", "</style>", ".first {\n  $0\n}\n", "color: red;\n  margin: 0;\n}\n\n.second {\n"),
    ("a.css", "<style>", "</style>", ".first {\n  color: $0\n}\n", "red } }"),
];

#[test]
fn a_part_of_a_component_is_completed_as_a_file_of_its_own() {
    let settings = CompletionSettings::default();
    for (file, open, close, marked, answer) in PLACES {
        let answer = generation(answer, -0.01, StopReason::EndToken(1));
        let outcome = |path: &str, marked: &str| {
            let marked = Marked::new(path, marked);
            let input = marked.input();
            let plan = planned(&input, &settings).unwrap_or_else(|refusal| panic!("{path}: {refusal:?}"));
            let finished = complete(&input, &settings, &answer).expect("it is planned");
            let shown = finished.result.map(|suggestion| suggestion.text).map_err(|refusal| refusal.kind);
            (plan.context.region, plan.context.mode, shown)
        };
        let alone = outcome(file, marked);
        for host in ["a.vue", "a.svelte", "a.html"] {
            let embedded = format!("<!-- A part. -->\n<p>it's</p>\n{open}\n{marked}{close}\n");
            assert_eq!(outcome(host, &embedded), alone, "{host} {marked:?}");
        }
    }
}
