//! Passwords, keys and tokens of the open file. Invariant: no model outside of this process reads one that the detector knows, and
//! no suggestion writes one.

use fimble_completion::{CursorInput, Suggestion};
use fimble_document::Text;
use fimble_model::Model;

/// The text as a model may read it, where that is not the text itself. Every place outside of a secret stays where it is.
pub(crate) fn text_for(model: &dyn Model, text: &Text) -> Option<Text> {
    if !model.leaves_process() {
        return None;
    }
    fimble_secrets::masked(&text.slice(0..text.len())).map(|masked| Text::new(&masked))
}

/// Whether accepting a suggestion would write a secret, or a part of one.
pub(crate) fn writes_secret(input: &CursorInput<'_>, suggestion: &Suggestion) -> bool {
    let text = input.text;
    let line = text.line_of(suggestion.replace.start);
    let before = text.slice(text.line_start(line)..suggestion.replace.start);
    let behind = text.slice(suggestion.replace.end..text.line_end(text.line_of(suggestion.replace.end)));
    let whole = format!("{before}{}{behind}", suggestion.text);
    let written = before.len()..before.len() + suggestion.text.len();
    let touches =
        |found: &fimble_secrets::Finding| found.range.start < written.end && written.start < found.range.end;
    fimble_secrets::find(&whole).iter().any(touches)
}

#[cfg(test)]
mod tests {
    use fimble_completion::Trigger;

    use super::*;

    #[test]
    fn a_suggestion_that_writes_a_secret_is_told_from_one_beside_it() {
        let password = ["x9Kd02", "mmQpL7aa31Zb"].concat();
        let typed = |before: &str, written: &str| {
            let text = Text::new(before);
            let offset = text.len();
            let input = CursorInput {
                text: &text,
                tree: None,
                language: None,
                path: "a.py",
                file: "/p/a.py",
                repository: "",
                snippets: &[],
                offset,
                elsewhere: fimble_completion::Elsewhere::default(),
                trigger: Trigger::Invoked,
                selected: None,
            };
            let suggestion = Suggestion {
                replace: offset..offset,
                text: written.to_owned(),
                confidence: 1.0,
                n_tokens: 1,
                is_remote: false,
            };
            writes_secret(&input, &suggestion)
        };
        assert!(typed("import db\npassword = \"", &format!("{password}\"")));
        assert!(typed(&format!("password = \"{}", &password[..6]), &format!("{}\"", &password[6..])));
        assert!(typed("", &format!("import db\npassword = \"{password}\"\n")));
        assert!(!typed(&format!("db.open(password=\"{password}\""), ", timeout=3)"));
        assert!(!typed("password = ", "os.environ[\"PASSWORD\"]"));
        assert!(!typed("let total = ", "items.iter().sum();"));
    }
}
