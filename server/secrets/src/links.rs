//! From a name to the value that it is given, in the forms of many languages: assignments, typed constants, pairs, keyword
//! arguments, setters, subscripts, elements and attributes of XML, options of commands.
//!
//! Invariant: at most a few hundred bytes after the name are read.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::floor;
use crate::values::Writing;

/// Bytes after a name in which its value must begin.
const MAX_LINK: usize = 240;
/// Bytes of the longest value.
const MAX_VALUE: usize = 4096;

/// Bytes of a value without quotes that are looked at.
const MAX_WORD: usize = 300;

/// A value and how it is written.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    /// The range, without quotes.
    pub range: Range<usize>,
    /// The value; pieces that are joined by operators are one.
    pub text: String,
    /// The notation.
    pub writing: Writing,
    /// Whether name and value are joined by more than a comma or a space.
    pub is_assigned: bool,
}

fn regex(pattern: &str) -> Option<Regex> {
    Regex::new(pattern).ok()
}

/// The end of a name: a quote, also an escaped one, and the bracket of a subscript.
const CLOSE: &str = r#"(?:\\?["'`]|%22|[*_]{2})?(?:\[[\w ]{0,20}\]|\]|\)\]?|\}\]?){0,2}"#;

/// A type between the name and `=`: `password: &str =`, `apiToken string =`.
static TYPED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    regex(&format!(
        r"^{CLOSE}[ \t]*[?!]?(?::[ \t]*[&A-Za-z_(\[][\w<>&'\[\]:.,|?*() \t]{{0,60}}?|:[ \t]*&?\[\w+;[ \t]?\w+\]|[ \t]+(?:As[ \t]+)?[*&\[\]]{{0,3}}[A-Za-z_][\w.\[\]<>*]{{0,30}}|[ \t]*\{{[^{{}}\n]{{1,40}}\}})[ \t]*=[ \t]*(?P<v>[^=>])"
    ))
});
/// An operator that gives a value.
static OPERATOR: LazyLock<Option<Regex>> = LazyLock::new(|| {
    regex(&format!(
        r"^{CLOSE}[ \t]*[?]?(?P<op>by lazy[ \t]*\{{|\|\|=|\?\?=|\?=|:=|::=|=>|->>?|={{1,3}}|!={{1,2}}|\+=|<-|:)(?P<s>[ \t]*)"
    ))
});
/// "is" of a sentence.
static SENTENCE: LazyLock<Option<Regex>> =
    LazyLock::new(|| regex(r"(?i)^[ \t]+(?:is|was|lautet|ist|to|are)[ \t]*:?[ \t]+"));
/// A call: a setter, a builder, a constructor.
static CALL: LazyLock<Option<Regex>> =
    LazyLock::new(|| regex(r"^(?:(?:::|\.)(?:new|from|of|set|value))?[ \t]*\([ \t\r\n]*"));
/// The next argument after a name in quotes.
static NEXT_ARGUMENT: LazyLock<Option<Regex>> = LazyLock::new(|| regex(r#"^\\?["'`][ \t]*,[ \t\r\n]*"#));
/// The value beside a name that is a value itself: `- name: TOKEN`, then `value: ...`; `<add key="Token" value="..."`.
static SIBLING: LazyLock<Option<Regex>> = LazyLock::new(|| {
    regex(
        r#"^\\?["'`]?[\s,;{]{0,60}(?:type[ \t]*=[ \t]*\w+\s{1,40}|sensitive[ \t]*=[ \t]*\w+\s{1,40}|description[ \t]*=[ \t]*"[^"\n]{0,60}"\s{1,40}){0,3}["']?(?i:value|default|content|defaultvalue)\\?["']?[ \t]*[=:][ \t]*"#,
    )
});
/// The text of an element of XML: `<password>`, or `<property name="password">`.
static ELEMENT: LazyLock<Option<Regex>> = LazyLock::new(|| regex(r#"^["']?[ \t]*>[ \t\r\n]*"#));
/// The element after the name, as in property lists.
static NEXT_ELEMENT: LazyLock<Option<Regex>> =
    LazyLock::new(|| regex(r"^</(?:key|name)>\s*<(?:string|value|data)>\s*"));
/// A space, as in `ENV TOKEN x`, `--password x`, `PASSWORD 'x'`.
static SPACE: LazyLock<Option<Regex>> = LazyLock::new(|| regex(r"^[ \t]+"));

/// The text that may be before a literal: a prefix of it, or the calls that make a value of it.
static WRAPPER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    regex(
        r#"^(?:(?:await |new |return )?[&*]?[A-Za-z_][\w.:<>]{0,40}!?[ \t]?\([ \t\r\n]*|\([ \t\r\n]*|[&*][ \t]*|[bBrRuUfFLN@]{1,2}#{0,2}(?P<q>["'`])|\$(?P<r>["'])|\[\][a-z]+\([ \t]*|\\\r?\n[ \t]*)"#,
    )
});
/// An operator or call that gives a default value.
static FALLBACK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    regex(
        r#"^[\w.$!:]{1,60}(?:[(\[]["'`]?\w{1,60}["'`]?[)\]])?[ \t]*(?:\?\?|\|\||\?:|\bor\b|\.unwrap_or\(|\.unwrap_or_else\(\|_?\|)[ \t]*(?P<q>["'`])"#,
    )
});
/// The next line, where a value alone begins.
static NEXT_LINE: LazyLock<Option<Regex>> = LazyLock::new(|| regex(r"^(?:[|>][+-]?|\\)?[ \t]*\r?\n[ \t]*"));
/// The text between the pieces of a literal.
static JOINT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    regex(r#"^[ \t]*(?:\+|\.\.|\.|<>|&|\\|_)?[ \t]*(?:\\?\r?\n[ \t]*(?:\+|\.\.|\.|&)?[ \t]*)?(?P<q>["'`])"#)
});

fn end_of(regex: &LazyLock<Option<Regex>>, text: &str) -> Option<usize> {
    Some((**regex).as_ref()?.find(text)?.end())
}

/// The values that the name at `name` may be given, the likeliest first.
pub(crate) fn values(text: &str, name: &Range<usize>) -> Vec<Value> {
    let rest = &text[name.end..floor(text, name.end + MAX_LINK)];
    let before = text[..name.start].bytes().next_back();
    let is_quoted = before.is_some_and(|byte| b"\"'`".contains(&byte));
    let mut found = Vec::new();
    let mut add = |value: Option<Value>| found.extend(value);
    if let Some(captures) = (*TYPED).as_ref().and_then(|typed| typed.captures(rest))
        && let Some(start) = captures.name("v")
    {
        add(literal(text, name.end + start.start(), true));
    }
    if let Some(captures) = (*OPERATOR).as_ref().and_then(|operator| operator.captures(rest))
        && !captures
            .get(0)
            .is_some_and(|all| all.as_str().ends_with(':') && rest[all.end()..].starts_with(':'))
    {
        let end = captures.get(0).map_or(0, |all| all.end());
        let operator = captures.name("op").map_or("", |found| found.as_str());
        let has_space = captures.name("s").is_some_and(|found| !found.is_empty());
        let at = name.end + end;
        match literal(text, at, true).or_else(|| fallback(text, at)) {
            Some(value) => add(Some(value)),
            None => add(plain(text, name, at, operator, has_space)),
        }
        return found;
    }
    if let Some(end) = end_of(&SENTENCE, rest) {
        let at = name.end + end;
        add(literal(text, at, false).or_else(|| doubtful(text, at)));
    }
    if let Some(end) = end_of(&CALL, rest) {
        add(literal(text, name.end + end, false));
    }
    let is_first = text[..name.start].trim_end_matches(['"', '\'', '`']).ends_with('(');
    if is_quoted
        && let Some(end) = end_of(&NEXT_ARGUMENT, rest)
        // Names below each other are a list.
        && (is_first || !rest[..end].contains('\n'))
    {
        add(literal(text, name.end + end, false));
    }
    if let Some(end) = end_of(&SIBLING, rest) {
        let at = name.end + end;
        add(literal(text, at, true).or_else(|| plain(text, name, at, ":", true)));
    }
    if let Some(end) = end_of(&NEXT_ELEMENT, rest) {
        let at = name.end + end;
        let n = text[at..floor(text, at + MAX_VALUE)].find('<').unwrap_or(0);
        let content = text[at..at + n].trim_end();
        let range = at..at + content.len();
        add(Some(Value { range, text: content.to_owned(), writing: Writing::Quoted, is_assigned: true }));
    }
    if let Some(end) = end_of(&ELEMENT, rest) {
        let at = name.end + end;
        let content = &text[at..floor(text, at + MAX_VALUE)];
        let is_tag =
            text[..name.start].ends_with(['<', '.', ':']) || is_quoted || rest.starts_with(['"', '\'']);
        if let (true, Some(end)) = (is_tag, content.find("</")) {
            let content = content[..end].trim_end();
            add(Some(Value {
                range: at..at + content.len(),
                text: content.to_owned(),
                writing: Writing::Quoted,
                is_assigned: true,
            }));
        }
    }
    if let Some(end) = end_of(&SPACE, rest) {
        let at = name.end + end;
        let is_option = text[..name.start].ends_with('-') || text[name.clone()].starts_with('-');
        // SQL: PASSWORD 'x', IDENTIFIED BY 'x'.
        let is_keyword = text[name.clone()].bytes().all(|byte| byte.is_ascii_uppercase() || byte == b' ')
            || text[name.clone()].contains(' ');
        let value = literal(text, at, is_option || is_keyword);
        add(value
            .or_else(|| if is_option { plain(text, name, at, "=", false) } else { spaced(text, name, at) }));
    }
    found
}

/// The literal that is used if what stands here has no value: `env.TOKEN ?? "x"`, `getenv("TOKEN") or "x"`.
fn fallback(text: &str, at: usize) -> Option<Value> {
    let rest = &text[at..floor(text, at + MAX_LINK)];
    let quote = (*FALLBACK).as_ref()?.captures(rest)?.name("q")?;
    quoted(text, at + quote.start(), true)
}

/// A literal in quotes here, or after what makes a value of it, or on the next line.
fn literal(text: &str, at: usize, is_assigned: bool) -> Option<Value> {
    let mut at = at;
    if let Some(end) = end_of(&NEXT_LINE, &text[at..floor(text, at + MAX_LINK)]) {
        at += end;
    }
    for _ in 0..4 {
        let rest = &text[at..floor(text, at + MAX_LINK)];
        if rest.starts_with(['"', '\'', '`']) || rest.starts_with("\\\"") {
            return quoted(text, at, is_assigned);
        }
        let captures = (*WRAPPER).as_ref()?.captures(rest)?;
        let quote = captures.name("q").or_else(|| captures.name("r"));
        at += quote.map_or(captures.get(0)?.end(), |quote| quote.start());
    }
    None
}

/// A literal whose quote stands here, with the pieces that are joined to it.
fn quoted(text: &str, at: usize, is_assigned: bool) -> Option<Value> {
    let (mut inner, mut end) = one_literal(text, at)?;
    let mut value = text[inner.clone()].to_owned();
    for _ in 0..40 {
        let rest = &text[end..floor(text, end + MAX_LINK)];
        let Some(quote) = (*JOINT).as_ref()?.captures(rest).and_then(|captures| captures.name("q")) else {
            break;
        };
        // Without an operator, only literals in the same quotes are joined, and not in a list of them.
        let Some((next, next_end)) = one_literal(text, end + quote.start()) else { break };
        value.push_str(&text[next.clone()]);
        inner.end = next.end;
        end = next_end;
    }
    Some(Value { range: inner, text: value, writing: Writing::Quoted, is_assigned })
}

/// The content of one literal, and where it ends.
fn one_literal(text: &str, at: usize) -> Option<(Range<usize>, usize)> {
    let bytes = text.as_bytes();
    let rest = &bytes[at..];
    let quotes: [&[u8]; 6] = [b"\"\"\"", b"'''", b"\\\"", b"\"", b"'", b"`"];
    let quote = quotes.into_iter().find(|quote| rest.starts_with(quote))?;
    let may_span = quote.len() == 3 || quote == b"`";
    let start = at + quote.len();
    let mut end = start;
    while end < bytes.len().min(start + MAX_VALUE) {
        if bytes[end..].starts_with(quote) {
            return Some((start..end, end + quote.len()));
        }
        match bytes[end] {
            b'\\' if quote != b"\\\"" => end += 2,
            b'\n' if !may_span => return None,
            _ => end += 1,
        }
    }
    None
}

/// The word that stands here without quotes, up to what ends a value.
fn word(text: &str, at: usize) -> Option<(Range<usize>, &str)> {
    let line = &text[at..floor(text, at + MAX_WORD)];
    let line = line.split(['\n', '\r']).next()?;
    let end = line
        .find([' ', '\t', '"', '\'', '`', '<', '>', '(', ')', '[', ']', '{', '}', ';', ',', '\\'])
        .unwrap_or(line.len());
    (end > 0).then(|| (at..at + end, &line[end..]))
}

/// An unquoted value after an operator: the rest of a line of a data format or a shell.
fn plain(text: &str, name: &Range<usize>, at: usize, operator: &str, has_space: bool) -> Option<Value> {
    let mut at = at;
    let mut is_block = false;
    if operator == ":" || operator == "=" {
        let rest = &text[at..floor(text, at + MAX_LINK)];
        if let Some(end) = end_of(&NEXT_LINE, rest) {
            // Only after the marks of a block, or a backslash: else the next line is a line of its own.
            is_block = rest.starts_with(['|', '>', '\\']);
            if !is_block {
                return None;
            }
            at += end;
        }
    }
    let (mut range, mut after) = word(text, at)?;
    // A field of a connection string or of an address ends where the next begins.
    let is_option = text[name.clone()].starts_with("--");
    let is_field = operator == "=" && !has_space && (is_option || begins_field(text, name.start));
    if is_field && let Some(end) = text[range.clone()].find('&') {
        after = &text[range.start + end..];
        range.end = range.start + end;
    }
    let after = after.trim_end();
    let ends_line = after.is_empty() || after.starts_with(" #") || after.starts_with(" //");
    let line_start = crate::line_start(text, name.start);
    let head = text[line_start..name.start].trim_start();
    // `export X=`, `- name: x`, a comment, or nothing before the name: a line of a data format or a shell.
    let is_line = head.len() < 60
        && head.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" \t_-#/*.:;\"'@$".contains(&byte))
        && !["let ", "var ", "const ", "if ", "return ", "self.", "this.", "def ", "val ", "auto "]
            .iter()
            .any(|start| head.contains(start));
    let is_shell =
        operator == "=" && !has_space && (after.is_empty() || after.starts_with([' ', ';', '"', '\'']));
    let is_data = is_line
        && ends_line
        && (operator == ":" && has_space || matches!(operator, "=" | ":=" | "?=" | "=>"));
    let is_name = text[name.clone()].bytes().all(|byte| !byte.is_ascii_lowercase());
    let writing = if is_block || is_field || is_shell && (is_line && ends_line || is_name) || is_data {
        Writing::Plain
    } else {
        Writing::Doubtful
    };
    Some(Value { text: text[range.clone()].to_owned(), range, writing, is_assigned: true })
}

/// Whether a name begins a field of a connection string or an address: `;Password=`, `&password=`, `user=a password=`.
fn begins_field(text: &str, name: usize) -> bool {
    let start = crate::line_start(text, name);
    let head = &text[floor(text, start.max(name.saturating_sub(200)))..name];
    let is_pair = |word: &str| word.contains('=') && !word.ends_with([',', '=', ';']);
    head.ends_with([';', '&', '?'])
        || head.strip_suffix(' ').and_then(|head| head.rsplit(' ').next()).is_some_and(is_pair)
        || head.ends_with("; ")
}

/// A value after a space: `ENV TOKEN x`, `login a password x`, `requirepass x`.
fn spaced(text: &str, name: &Range<usize>, at: usize) -> Option<Value> {
    let (range, after) = word(text, at)?;
    let line_start = crate::line_start(text, name.start);
    let head = text[line_start..name.start].trim();
    let starts =
        ["ENV", "ARG", "setx", "set", "login", "machine", "user", "setenv", "passwd", "option", "--"];
    let is_known = head.is_empty() || starts.iter().any(|start| head.split(' ').any(|word| word == *start));
    let writing = if is_known && after.trim().is_empty() { Writing::Plain } else { Writing::Doubtful };
    let value = text[range.clone()].to_owned();
    // A word of a sentence is no value, and neither is a type or an operator.
    let is_no_word = value.bytes().any(|byte| byte.is_ascii_digit()) || crate::values::is_random(&value);
    is_no_word.then_some(Value { range, text: value, writing, is_assigned: false })
}

/// The value without quotes at this place in a sentence.
fn doubtful(text: &str, at: usize) -> Option<Value> {
    let (range, _) = word(text, at)?;
    let value = text[range.clone()].trim_end_matches(['.', '!', '?']);
    Some(Value {
        range: range.start..range.start + value.len(),
        text: value.to_owned(),
        writing: Writing::Doubtful,
        is_assigned: false,
    })
}
