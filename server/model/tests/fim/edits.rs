//! Prompts and answers of models that write edits.

use fimble_model::fim::{EditChange, EditFormat, EditParts, FimTemplate, TextTemplate, WrittenBlock};

use crate::golden::snippet;
use crate::vocabularies::*;

const BLOCK: &str = "fn area(width: f32) -> f32 {\n    w * w\n}\n";
const BEFORE: &str = "fn area(w: f32) -> f32 {\n    w * w\n}\n";

fn template(tokens: &'static str, name: &'static str) -> (FakeVocabulary, FimTemplate) {
    let vocabulary = FakeVocabulary::new(tokens, "", name);
    let template = FimTemplate::detect(&vocabulary).expect("it is detected");
    (vocabulary, template)
}

fn change() -> EditChange {
    EditChange {
        path: "src/a.rs".to_owned(),
        line: 2,
        old: "fn area(w: f32) -> f32 {\n".to_owned(),
        new: "fn area(width: f32) -> f32 {\n".to_owned(),
    }
}

fn parts<'a>(changes: &'a [EditChange], block: &'a str) -> EditParts<'a> {
    EditParts {
        path: "src/a.rs",
        original: "use std;\n\nfn area(w: f32) -> f32 {\n    w * w\n}\n",
        snippets: &[],
        changes,
        above: "use std;\n\n",
        block,
        block_before: BEFORE,
        below: "",
        cursor: 13,
    }
}

#[test]
fn each_format_writes_its_published_prompt() {
    let changes = [change()];
    let snippets = [snippet("b.rs", "mod b;")];
    let parts = EditParts { snippets: &snippets, ..parts(&changes, BLOCK) };
    for (tokens, name, format, expected) in [
        (
            "<|endoftext|> <|file_sep|> <|cursor|>",
            "sweep-next-edit-0.5b",
            EditFormat::Sweep,
            "⟦<|file_sep|>⟧src/a.rs\nuse std;\n\nfn area(w: f32) -> f32 {\n    w * w\n}\n\
             ⟦<|file_sep|>⟧b.rs\nmod b;\n\
             ⟦<|file_sep|>⟧src/a.rs:3:3\noriginal:\nfn area(w: f32) -> f32 {\nupdated:\nfn area(width: f32) -> f32 {\n\
             ⟦<|file_sep|>⟧original/src/a.rs:1:4\nfn area(w: f32) -> f32 {\n    w * w\n}\n\
             ⟦<|file_sep|>⟧current/src/a.rs:1:4\nfn area(width⟦<|cursor|>⟧: f32) -> f32 {\n    w * w\n}\n\
             ⟦<|file_sep|>⟧updated/src/a.rs:1:4\n",
        ),
        (
            SEED_CODER,
            "zeta-2",
            EditFormat::Zeta2,
            "⟦<[fim-suffix]>⟧\n⟦<[fim-prefix]>⟧<filename>b.rs\nmod b;\n\n<filename>edit_history\n\
             --- a/src/a.rs\n+++ b/src/a.rs\n@@ -3,1 +3,1 @@\n-fn area(w: f32) -> f32 {\n+fn area(width: f32) -> f32 {\n\n\
             <filename>src/a.rs\nuse std;\n\n<<<<<<< CURRENT\nfn area(width<|user_cursor|>: f32) -> f32 {\n    w * w\n}\n\
             =======\n⟦<[fim-middle]>⟧",
        ),
        (
            SEED_CODER,
            "zeta-2.1",
            EditFormat::ZetaRegions,
            "⟦<[fim-suffix]>⟧\n⟦<[fim-prefix]>⟧<filename>b.rs\nmod b;\n\n<filename>edit_history\n\
             --- a/src/a.rs\n+++ b/src/a.rs\n@@ -3,1 +3,1 @@\n-fn area(w: f32) -> f32 {\n+fn area(width: f32) -> f32 {\n\n\
             <filename>src/a.rs\nuse std;\n\n<|marker_1|>fn area(width<|user_cursor|>: f32) -> f32 {\n    w * w\n}\n\
             <|marker_2|>⟦<[fim-middle]>⟧",
        ),
    ] {
        let (vocabulary, template) = template(tokens, name);
        assert_eq!(template.edit_format(), Some(format), "{name}");
        let prompt = template.render_edit(&parts).expect("it is rendered");
        assert_eq!(vocabulary.show(&prompt), expected, "{name}");
        // A server reads the same prompt as one text.
        let by_name = TextTemplate::for_model_name(name).expect("the name is known");
        let prompt = by_name.template().render_edit(&parts).expect("it is rendered");
        assert_eq!(by_name.text(&prompt), expected.replace(['⟦', '⟧'], ""), "{name}");
    }
}

#[test]
fn a_model_that_fills_in_writes_no_edits() {
    let (_, qwen) = template(QWEN, "qwen2.5-coder-0.5b");
    assert_eq!(qwen.edit_format(), None);
    assert_eq!(qwen.render_edit(&parts(&[], BLOCK)), None);
}

#[test]
fn a_text_with_a_mark_of_the_format_is_refused() {
    for (tokens, name, mark) in [
        (QWEN, "sweep-next-edit-1.5b", "<|cursor|>"),
        (QWEN, "sweep-next-edit-1.5b", "<|file_sep|>"),
        (SEED_CODER, "zeta-2", ">>>>>>> UPDATED"),
        (SEED_CODER, "zeta-2.1", "<|marker_3|>"),
    ] {
        let (_, template) = template(tokens, name);
        let block = format!("let a = \"{mark}\";\n");
        assert_eq!(template.render_edit(&parts(&[], &block)), None, "{mark}");
        let changes = [EditChange { old: block, ..change() }];
        assert_eq!(template.render_edit(&parts(&changes, BLOCK)), None, "{mark}");
        assert!(template.render_edit(&parts(&[], BLOCK)).is_some());
    }
}

fn whole(text: &str) -> Option<WrittenBlock> {
    Some(WrittenBlock { range: 0..BLOCK.len(), text: text.to_owned() })
}

#[test]
fn an_answer_is_read_as_its_format_says() {
    let changed = "fn area(width: f32) -> f32 {\n    width * width\n}\n";
    for (format, answer, expected) in [
        (EditFormat::Sweep, changed.to_owned(), whole(changed)),
        (EditFormat::Sweep, changed.trim_end().to_owned(), whole(changed)),
        (EditFormat::Sweep, format!("{changed}<|file_sep|>src/b.rs"), whole(changed)),
        (EditFormat::Sweep, BLOCK.to_owned(), None),
        (EditFormat::Sweep, String::new(), None),
        (EditFormat::Zeta2, format!("{changed}>>>>>>> UPDATED\n"), whole(changed)),
        (EditFormat::Zeta2, changed.replace("width *", "width<|user_cursor|> *"), whole(changed)),
        (EditFormat::Zeta2, "NO_EDITS\n".to_owned(), None),
        (EditFormat::ZetaRegions, format!("<|marker_1|>{changed}<|marker_2|>"), whole(changed)),
        (EditFormat::ZetaRegions, "<|marker_1|><|marker_1|>".to_owned(), None),
        (EditFormat::ZetaRegions, format!("<|marker_1|>{changed}"), None),
        (EditFormat::ZetaRegions, format!("<|marker_2|>{changed}<|marker_9|>"), None),
        (EditFormat::ZetaRegions, changed.to_owned(), None),
    ] {
        assert_eq!(format.read(BLOCK, &answer), expected, "{format:?}: {answer}");
    }
}

#[test]
fn a_region_is_written_apart_from_the_others() {
    let block: String =
        (0..40).map(|line| if line % 10 == 9 { "\n".to_owned() } else { format!("line {line}\n") }).collect();
    let (vocabulary, template) = template(SEED_CODER, "zeta-2.1");
    let prompt = template.render_edit(&parts(&[], &block)).expect("it is rendered");
    let shown = vocabulary.show(&prompt);
    for start in ["<|marker_1|>line 0", "<|marker_2|>line 10", "<|marker_3|>line 20", "\n<|marker_4|>"] {
        assert!(shown.contains(start), "{start}: {shown}");
    }
    let answer = "<|marker_2|>line ten\n\n<|marker_3|>";
    let written = EditFormat::ZetaRegions.read(&block, answer).expect("it is read");
    let region = &block[written.range];
    assert!(region.starts_with("line 10\n") && region.ends_with("line 18\n\n"), "{region}");
    assert_eq!(written.text, "line ten\n\n");
}
