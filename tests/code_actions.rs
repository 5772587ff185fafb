//! Code actions from a shell, with the bundled model: what it cannot do is said with the remedy, what any model can do is
//! done, and no source is written unless that is asked for.

use crate::{fimble, scratch, set_up, text_of};

const SOURCE: &str = "def add(a, b):\n    return a + b\n\n\ndef sub(a, b):\n    return a - b\n";

#[test]
fn without_a_chat_model_the_remedy_is_named() {
    set_up();
    let folder = scratch();
    let file = folder.path().join("calc.py");
    std::fs::write(&file, SOURCE).unwrap();
    let place = format!("{}:2", file.display());
    let out = folder.path().join("out");
    for arguments in [
        vec!["explain", &place],
        vec!["refactor", &place, "--kind", "simplify"],
        vec!["refactor", &place, "--instruction", "make it shorter"],
        vec!["explain", "--batch", folder.path().to_str().unwrap(), "--out", out.to_str().unwrap()],
    ] {
        let output = fimble(None, &arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let told = text_of(&output.stderr);
        assert!(told.contains("fimble model add") && told.contains("`--model`"), "{arguments:?}: {told}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    assert!(!out.exists(), "what cannot be done at all is not noted as done");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), SOURCE);
}

#[test]
fn any_model_writes_doc_comments_as_patches_and_writes_files_only_when_told() {
    set_up();
    let folder = scratch();
    let file = folder.path().join("calc.py");
    std::fs::write(&file, SOURCE).unwrap();
    let place = format!("{}:2", file.display());
    let output = fimble(None, &["refactor", &place, "--kind", "document"]);
    let (patch, told) = (text_of(&output.stdout), text_of(&output.stderr));
    // What the model says is up to it; saying nothing is told.
    if output.status.success() {
        assert!(patch.starts_with("--- a/") && patch.contains("\n+    \"\"\""), "{patch}");
    } else {
        assert!(told.starts_with("nothing was changed: "), "{told}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), SOURCE);
    let applied = fimble(None, &["refactor", &place, "--kind", "document", "--apply"]);
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(applied.status.success(), text != SOURCE);
    assert!(text.contains("    return a + b\n\n\ndef sub(a, b):\n    return a - b\n"), "{text}");

    std::fs::write(&file, SOURCE).unwrap();
    let (sources, out) = (folder.path().to_str().unwrap(), folder.path().join("out"));
    let batch = ["refactor", "--batch", sources, "--kind", "document", "--out", out.to_str().unwrap()];
    let first = text_of(&fimble(None, &batch).stderr);
    assert!(first.contains("0 done before"), "{first}");
    let second = text_of(&fimble(None, &batch).stderr);
    assert!(second.contains("0 results") && second.contains("1 done before"), "{second}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), SOURCE);
}

#[test]
fn wrong_places_are_named() {
    set_up();
    let folder = scratch();
    let file = folder.path().join("calc.py");
    std::fs::write(&file, SOURCE).unwrap();
    for (place, words) in [
        (format!("{}:99", file.display()), "has 7 lines"),
        (format!("{}:3-1", file.display()), "FIRST-LAST"),
        ("nowhere.py".to_owned(), "cannot read nowhere.py"),
    ] {
        let output = fimble(None, &["explain", &place]);
        let told = text_of(&output.stderr);
        assert!(!output.status.success() && told.contains(words), "{place}: {told}");
    }
}
