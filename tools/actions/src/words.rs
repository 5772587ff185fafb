//! Explanations, comments and tests as text. Invariant: code inside of a text is not taken for words or markup.

use regex::Regex;

use crate::task::Task;

/// The code of the first fenced block of a text.
pub fn fenced(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("```")?;
    let (_, rest) = rest.split_once('\n')?;
    Some(rest.split("\n```").next()?.to_owned() + "\n")
}

/// How often a whole word stands in a text.
pub fn count_word(text: &str, word: &str) -> usize {
    let is_part = |character: Option<char>| character.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let ends = text.match_indices(word).map(|(at, _)| (at, at + word.len()));
    ends.filter(|(start, end)| {
        !is_part(text[..*start].chars().next_back()) && !is_part(text[*end..].chars().next())
    })
    .count()
}

/// A text without the lines that begin so.
pub fn without_lines(text: &str, beginning: &str) -> String {
    let kept = text.split_inclusive('\n').filter(|line| !line.trim_start().starts_with(beginning));
    kept.collect()
}

/// Whether a line brings names from elsewhere.
pub fn is_import(line: &str) -> bool {
    ["import ", "from ", "use ", "#include"].iter().any(|beginning| line.starts_with(beginning))
        || (line.starts_with("const ") && line.contains("require("))
}

/// Whether a text holds a test of its language at all: without one a runner has nothing to fail.
pub fn has_tests(language: &str, text: &str) -> bool {
    let marks: &[&str] = match language {
        "python" => &["def test"],
        "javascript" => &["test(", "it("],
        "rust" => &["#[test]"],
        "c" => &["assert("],
        _ => &[""],
    };
    marks.iter().any(|mark| text.contains(mark))
}

/// An explanation names each parameter, says what it has to, and is Markdown without an outer fence and without HTML.
pub fn judge_explanation(task: &Task, text: &str) -> Result<(), String> {
    let said = text.trim();
    if said.starts_with("```") || said.starts_with("~~~") {
        return Err("it stands in a fence".to_owned());
    }
    let (mut words, mut is_code) = (String::new(), false);
    for line in said.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            words.push_str(line);
            words.push('\n');
        }
    }
    let without_spans: String = words.split('`').step_by(2).collect();
    if Regex::new("</?[a-zA-Z][^>]*>").is_ok_and(|tag| tag.is_match(&without_spans)) {
        return Err("it holds HTML".to_owned());
    }
    if let Some(name) = task.file.names.iter().find(|name| count_word(&words, name) == 0) {
        return Err(format!("it does not name {name}"));
    }
    let lower = words.to_lowercase();
    match task.file.says.iter().find(|group| !group.iter().any(|word| lower.contains(word.as_str()))) {
        Some(group) => Err(format!("it says nothing of {}", group.join(" or "))),
        None => Ok(()),
    }
}

/// A comment is the only thing that is new in the target, and names each parameter.
pub fn judge_comment(task: &Task, inside: &str, old: &str) -> Result<(), String> {
    let (new_lines, old_lines): (Vec<&str>, Vec<&str>) = (inside.lines().collect(), old.lines().collect());
    let n_above = new_lines.iter().zip(&old_lines).take_while(|(new, old)| new == old).count();
    let n_added = new_lines.len().saturating_sub(old_lines.len());
    let comment = new_lines.get(n_above..n_above + n_added).unwrap_or_default();
    if comment.is_empty() || new_lines.get(n_above + n_added..) != old_lines.get(n_above..) {
        return Err("something else than a comment was changed".to_owned());
    }
    let text = comment.join("\n");
    let mark = match task.language.as_str() {
        "python" => "\"\"\"",
        "rust" => "///",
        "go" => "//",
        _ => "/**",
    };
    if !text.trim_start().starts_with(mark) {
        return Err("what is new is no comment".to_owned());
    }
    match task.file.names.iter().find(|name| count_word(&text, name) == 0) {
        Some(name) => Err(format!("the comment does not name {name}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task() -> Task {
        let text = "action = \"explain\"\nfile = \"a.py\"\nsource = '''\n«def f(size):\n    return size\n»'''\n\
            names = [\"size\"]\nsays = [[\"return\", \"gives\"]]\n";
        Task::parse("python", "explain", text).unwrap()
    }

    #[test]
    fn explanations_are_words() {
        for (text, expected) in [
            ("It returns `size`.", ""),
            ("It gives size back, as in `<b>`:\n\n```\n<i>\n```\n", ""),
            ("```markdown\nIt returns size.\n```", "it stands in a fence"),
            ("It returns <b>size</b>.", "it holds HTML"),
            ("It returns the sizes.\n\n```\nf(size)\n```", "it does not name size"),
            ("It is about size.", "it says nothing of return or gives"),
        ] {
            assert_eq!(judge_explanation(&task(), text).err().unwrap_or_default(), expected, "{text}");
        }
    }

    #[test]
    fn comments_change_nothing_else() {
        let old = "def f(size):\n    return size\n";
        for (new, is_good) in [
            ("def f(size):\n    \"\"\"The size.\n\n    Args: size.\"\"\"\n    return size\n", true),
            ("def f(size):\n    \"\"\"Nothing.\"\"\"\n    return size\n", false),
            ("def f(size):\n    \"\"\"The size.\"\"\"\n    return size + 0\n", false),
            ("def f(size):\n    size = size\n    return size\n", false),
            (old, false),
        ] {
            assert_eq!(judge_comment(&task(), new, old).is_ok(), is_good, "{new}");
        }
    }

    #[test]
    fn whole_words_are_counted() {
        assert_eq!((count_word("a_b a ab a", "a"), count_word("", "a")), (2, 0));
        assert_eq!(fenced("Words:\n\n```c\na();\n```\nmore"), Some("a();\n".to_owned()));
        assert_eq!(fenced("none"), None);
    }
}
