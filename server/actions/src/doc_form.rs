//! The form of a doc comment: a summary, a line for each parameter, and what is returned. Invariant: an answer that is not in the
//! form is not lost: it is used unchanged.

use fimble_document::Text;
use fimble_syntax::SyntaxTree;

use crate::{Source, Target};

/// The head of the line that says what is returned.
const RETURNS: &str = "Returns";
/// The head of the first line.
const SUMMARY: &str = "Summary";

/// The names of the parameters of a target, in order; empty where the language's queries do not know.
pub(crate) fn parameters(source: &Source<'_>, target: &Target) -> Vec<String> {
    let (Some(tree), Some(item)) = (source.tree, &target.item) else { return Vec::new() };
    let Some(body) = &item.body else { return Vec::new() };
    names(tree, source.text, item.range.start..body.start.max(item.range.start), &target.name)
}

fn names(tree: &SyntaxTree, text: &Text, header: std::ops::Range<usize>, own: &str) -> Vec<String> {
    let found = tree.defined_names(text, header).into_iter().map(|name| text.slice(name).into_owned());
    let mut names: Vec<String> = Vec::new();
    for name in found.filter(|name| name != own && !["self", "this", "cls"].contains(&name.as_str())) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The form in the prompt.
pub(crate) fn form(parameters: &[String]) -> String {
    let lines = parameters.iter().map(|name| format!("{name}: what it is\n"));
    format!("{SUMMARY}: what it does\n{}{RETURNS}: what it returns", lines.collect::<String>())
}

/// The words of an answer in that form, as comments of the language have them; none if it is not in the form.
pub(crate) fn filled(answer: &str, parameters: &[String], language: &str) -> Option<String> {
    let mut summary = String::new();
    let mut meanings: Vec<(String, String)> = Vec::new();
    let mut returns = String::new();
    for line in answer.lines() {
        let line = line.trim().trim_start_matches(['-', '*', ' ', '/', '#']);
        let Some((head, said)) = line.split_once(':') else {
            continue;
        };
        let head = head.trim().trim_matches(['`', '*', ' ']);
        let said = said.trim().trim_matches('*').trim();
        if said.is_empty() {
            continue;
        }
        if head.eq_ignore_ascii_case(SUMMARY) && summary.is_empty() {
            said.clone_into(&mut summary);
        } else if head.eq_ignore_ascii_case(RETURNS) && returns.is_empty() {
            said.clone_into(&mut returns);
        } else if parameters.iter().any(|name| name == head) && !meanings.iter().any(|(name, _)| name == head)
        {
            meanings.push((head.to_owned(), said.to_owned()));
        }
    }
    if summary.is_empty() || meanings.len() < parameters.len() {
        return None;
    }
    let nothing = ["none", "nothing", "void", "n/a", "-"];
    if nothing.contains(&returns.trim_end_matches('.').to_lowercase().as_str()) {
        returns.clear();
    }
    Some(comment(&sentence(&summary), &meanings, &returns, language))
}

fn comment(summary: &str, meanings: &[(String, String)], returns: &str, language: &str) -> String {
    let mut lines = vec![summary.to_owned()];
    let mut section = |title: &str, of_section: Vec<String>| {
        if !of_section.is_empty() {
            lines.push(String::new());
            lines.extend((!title.is_empty()).then(|| title.to_owned()));
            lines.extend(of_section);
        }
    };
    let each = |form: &dyn Fn(&str, &str) -> String| -> Vec<String> {
        meanings.iter().map(|(name, said)| form(name, said)).collect()
    };
    let returned = |form: &dyn Fn(&str) -> String| -> Vec<String> {
        Some(returns).filter(|said| !said.is_empty()).map(form).into_iter().collect()
    };
    match language {
        "python" => {
            section("Args:", each(&|name, said| format!("    {name}: {said}")));
            section("Returns:", returned(&|said| format!("    {said}")));
        }
        "rust" => {
            section("", each(&|name, said| format!("* `{name}`: {said}")));
            section("", returned(&|said| format!("Returns {}", lower(said))));
        }
        "javascript" | "typescript" | "tsx" | "java" | "php" | "c" | "cpp" => {
            let mark =
                if matches!(language, "javascript" | "typescript" | "tsx") { "@returns" } else { "@return" };
            let mut tags = each(&|name, said| format!("@param {name} {said}"));
            tags.extend(returned(&|said| format!("{mark} {said}")));
            section("", tags);
        }
        _ => {
            section("", each(&|name, said| format!("{name}: {said}")));
            section("", returned(&|said| format!("Returns: {said}")));
        }
    }
    lines.join("\n")
}

/// A text that ends as sentences do.
fn sentence(text: &str) -> String {
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

/// A text in the middle of a sentence; a name at its beginning stays as it is.
fn lower(text: &str) -> String {
    let mut characters = text.chars();
    match (characters.next(), text.split_whitespace().next()) {
        (Some(first), Some(word)) if word.chars().skip(1).all(char::is_lowercase) => {
            first.to_lowercase().chain(characters).collect()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filled_form_becomes_a_comment_of_the_language() {
        let names = ["size".to_owned(), "fill".to_owned()];
        let answer =
            "Summary: Pads a text\n- `size`: the width\n**fill**: What is added\nReturns: The text.\n";
        for (language, expected) in [
            (
                "python",
                "Pads a text.\n\nArgs:\n    size: the width\n    fill: What is added\n\nReturns:\n    The text.",
            ),
            ("rust", "Pads a text.\n\n* `size`: the width\n* `fill`: What is added\n\nReturns the text."),
            ("java", "Pads a text.\n\n@param size the width\n@param fill What is added\n@return The text."),
            ("go", "Pads a text.\n\nsize: the width\nfill: What is added\n\nReturns: The text."),
        ] {
            assert_eq!(filled(answer, &names, language).as_deref(), Some(expected));
        }
        assert_eq!(filled("Summary: Stops.\nReturns: None", &[], "go").as_deref(), Some("Stops."));
        for bad in ["Pads a text.", "Summary: Pads.\nsize: the width\n", "size: the width\nfill: x\n"] {
            assert_eq!(filled(bad, &names, "go"), None, "{bad}");
        }
        assert!(form(&names).contains("\nsize: what it is\nfill: what it is\nReturns:"));
    }
}
