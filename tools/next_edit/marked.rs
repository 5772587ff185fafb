//! Places of our own: texts in which changes are marked. Invariant: the text without its marks is that at the start.
//!
//! A place begins with `@@ KIND | SORT | PATH`, a further file of it with `@@@ PATH`. `«N:OLD→NEW»` is a change that is typed; the
//! numbers give the order, and changes of one number are typed without a pause. `«?:OLD→NEW»` is left and follows from what was
//! typed, `«!:OLD→NEW»` is left and does not. Of the sort `undone` all is taken back; of `in a word` the last word is not complete.

use anyhow::{Context as _, bail};

use crate::case::{Case, Change, File, Kind, Left, Typed};

/// The places of a file.
///
/// # Errors
/// A mark is not complete, or a line is no head.
pub fn parse(text: &str) -> anyhow::Result<Vec<Case>> {
    let mut cases: Vec<Case> = Vec::new();
    for (at, line) in text.split_inclusive('\n').enumerate() {
        if let Some(path) = line.strip_prefix("@@@ ") {
            let case =
                cases.last_mut().with_context(|| format!("line {}: a file without a place", at + 1))?;
            case.files.push(empty(path));
        } else if let Some(head) = line.strip_prefix("@@ ") {
            cases.push(begin(head).with_context(|| format!("line {}", at + 1))?);
        } else {
            let files = cases.last_mut().and_then(|case| case.files.last_mut());
            let file = files.with_context(|| format!("line {}: a text without a place", at + 1))?;
            file.text.push_str(line);
        }
    }
    for case in &mut cases {
        let head = format!("{} | {}", case.files[0].path, case.sort);
        for at in 0..case.files.len() {
            let marked = std::mem::take(&mut case.files[at].text);
            let marks = read_marks(&marked).with_context(|| head.clone())?;
            case.files[at].text = marks.text;
            case.files[at].left = marks.left;
            if at == 0 {
                case.typed = marks.typed;
                case.typed.sort_by_key(|typed| typed.hunk);
            } else if !marks.typed.is_empty() {
                bail!("{head}: only the first file is edited");
            }
        }
    }
    Ok(cases)
}

fn empty(path: &str) -> File {
    File { path: path.trim().to_owned(), text: String::new(), left: Vec::new() }
}

fn begin(head: &str) -> anyhow::Result<Case> {
    let parts: Vec<&str> = head.split('|').map(str::trim).collect();
    let [kind, sort, path] = parts[..] else { bail!("a head is `@@ KIND | SORT | PATH`") };
    let kind = Kind::by_name(kind).with_context(|| format!("there is no kind {kind}"))?;
    let language = fimble_syntax::detect("", path, "").with_context(|| format!("no language of {path}"))?;
    Ok(Case {
        source: "our own".to_owned(),
        language: language.name().to_owned(),
        kind,
        sort: sort.to_owned(),
        files: vec![empty(path)],
        typed: Vec::new(),
        is_undone: sort == "undone",
        is_typing: sort == "in a word",
    })
}

struct Marks {
    text: String,
    typed: Vec<Typed>,
    left: Vec<Left>,
}

fn read_marks(marked: &str) -> anyhow::Result<Marks> {
    let mut marks = Marks { text: String::new(), typed: Vec::new(), left: Vec::new() };
    let mut rest = marked;
    while let Some((before, after)) = rest.split_once('«') {
        marks.text.push_str(before);
        let (mark, after) = after.split_once('»').context("a mark does not end")?;
        let (name, change) = mark.split_once(':').with_context(|| format!("«{mark}» has no number"))?;
        let (old, new) = change.split_once('→').with_context(|| format!("«{mark}» has no arrow"))?;
        let start = marks.text.len();
        marks.text.push_str(old);
        let change = Change { range: start..marks.text.len(), new: new.to_owned() };
        match name {
            "?" | "!" => marks.left.push(Left { change, follows: name == "?" }),
            _ => {
                let hunk = name.parse().with_context(|| format!("«{mark}» has no number"))?;
                marks.typed.push(Typed { hunk, change });
            }
        }
        rest = after;
    }
    marks.text.push_str(rest);
    Ok(marks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_become_ranges_of_the_text_at_the_start() {
        let text = "@@ rename | 1 so far | a.py\nuse(«2:old→new»)\ndef «1:old→new»(x): pass\n«?:old→new»(1)\n@@@ b.py\nx = «!:→y»1\n";
        let cases = parse(text).unwrap();
        let [case] = &cases[..] else { panic!("{cases:?}") };
        assert_eq!(
            (case.language.as_str(), case.kind, case.sort.as_str()),
            ("python", Kind::Rename, "1 so far")
        );
        assert_eq!(case.files[0].text, "use(old)\ndef old(x): pass\nold(1)\n");
        let ranges: Vec<_> =
            case.typed.iter().map(|typed| (typed.hunk, typed.change.range.clone())).collect();
        assert_eq!(ranges, [(1, 13..16), (2, 4..7)]);
        let left =
            |file: usize| case.files[file].left.iter().map(|left| (left.change.range.clone(), left.follows));
        assert_eq!(left(0).collect::<Vec<_>>(), [(26..29, true)]);
        assert_eq!(left(1).collect::<Vec<_>>(), [(4..4, false)]);
        assert_eq!((case.files[1].path.as_str(), case.files[1].text.as_str()), ("b.py", "x = 1\n"));
    }

    #[test]
    fn what_is_not_complete_is_named() {
        for (text, reason) in [
            ("x\n", "a text without a place"),
            ("@@ rename | a.py\n", "a head is"),
            ("@@ guess | | a.py\n", "no kind guess"),
            ("@@ other | | a.py\n«1:a→b\n", "does not end"),
            ("@@ other | | a.py\n«1:ab»\n", "no arrow"),
            ("@@ other | | a.py\n«x:a→b»\n", "no number"),
        ] {
            let error = format!("{:#}", parse(text).unwrap_err());
            assert!(error.contains(reason), "{error}");
        }
    }
}
