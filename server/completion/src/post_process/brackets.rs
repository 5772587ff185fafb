//! Brackets and quotes: those that the editor closed by itself are replaced and not doubled, those without an opening one are
//! cut. Invariant: the range that is replaced starts at the cursor, and is a function of the text: code that cuts the text
//! balances it again.

use crate::brackets::{Mark, Scanner, closer_of, is_quote};
use crate::lines::is_blank;
use crate::post_process::space::same_depth;
use crate::post_process::{Draft, Effect};
use crate::surroundings::Surroundings;

/// Matches closing brackets against the text right of the cursor.
pub(super) fn balance(draft: &mut Draft, surroundings: &Surroundings) -> Effect {
    let mut walk = Walk::new(surroundings);
    // In a comment a bracket that nothing opened is text.
    let cut = walk.over(&draft.text).filter(|_| !surroundings.in_comment);
    let left_open = walk.left_open().filter(|_| cut.is_none());
    draft.n_replaced = walk.closed.n_used;
    let mut effects = Vec::new();
    if let Some(at) = cut {
        effects.push(format!("cut {} bytes from a bracket that nothing opened", draft.text.len() - at));
        draft.cut_end(at);
    }
    if let Some(at) = left_open {
        effects.push(format!("cut {} bytes from a bracket that is left open", draft.text.len() - at));
        match draft.text[..at].matches('\n').count() {
            0 => draft.cut_end(at),
            n_lines => draft.keep_lines(n_lines),
        }
    }
    if draft.n_replaced > 0 {
        effects.push(format!("replaces {} bytes right of the cursor", draft.n_replaced));
    }
    let stays = surroundings.replaced[draft.n_replaced..].trim_start();
    if draft.text.contains('\n') && stays.starts_with([')', ']', '}']) && !is_blank(&draft.text) {
        let len = draft.text.trim_end().len();
        draft.cut_end(len);
        draft.text.push('\n');
        draft.text.push_str(&same_depth(surroundings));
        effects.push("put the bracket right of the cursor on its own line".to_owned());
    }
    Ok(if effects.is_empty() { "unchanged".to_owned() } else { effects.join("; ") })
}

/// Cuts off a string that a whole line opens and does not close, if no string of the language continues over a line break.
pub(super) fn open_string(draft: &mut Draft, surroundings: &Surroundings) -> Effect {
    let unchanged = || Ok("unchanged".to_owned());
    let Some(language) = surroundings.language.filter(|_| !draft.truncated && !surroundings.in_comment)
    else {
        return unchanged();
    };
    let mut walk = Walk::new(surroundings);
    walk.over(&draft.text);
    let (Some(at), None, true) = (walk.string_start, &walk.typed_string, walk.scanner.in_string()) else {
        return unchanged();
    };
    let (before, string) = draft.text.split_at(at);
    let Some(quote) = string.chars().next().filter(|quote| language.line_quotes().contains(*quote)) else {
        return unchanged();
    };
    let line = before
        .rsplit_once('\n')
        .map_or_else(|| format!("{}{before}", surroundings.typed), |(_, line)| line.to_owned());
    let is_comment = language.line_comment().is_some_and(|comment| line.contains(comment));
    // An empty string and a quote is the beginning of a text of several lines, and a sign before it may be one.
    let may_go_on = line.ends_with([quote, '@', '$']);
    let is_closed = surroundings.right.contains(quote) || walk.closed.rest().contains(quote);
    if is_comment || may_go_on || is_closed || string.ends_with('\\') {
        return unchanged();
    }
    let effect = format!("cut {} bytes from a string that is left open", string.len());
    draft.cut_end(at);
    Ok(effect)
}

/// The brackets that the editor closed by itself, consumed from the start.
struct AutoClosed<'a> {
    text: &'a str,
    n_used: usize,
}

impl AutoClosed<'_> {
    /// The rest, without white space in front.
    fn rest(&self) -> &str {
        self.text[self.n_used..].trim_start()
    }

    /// Uses up what comes next, if it begins with this.
    fn take(&mut self, wanted: &str) -> bool {
        let found = self.rest().starts_with(wanted);
        if found {
            self.n_used = self.text.len() - self.rest().len() + wanted.len();
        }
        found
    }

    fn take_char(&mut self, wanted: char) -> bool {
        self.take(wanted.encode_utf8(&mut [0; 4]))
    }
}

/// A walk over the text of a suggestion, from the cursor on.
struct Walk<'a> {
    surroundings: &'a Surroundings,
    scanner: Scanner<'static>,
    closed: AutoClosed<'a>,
    /// Closing brackets that the text lacks, innermost first.
    missing: std::iter::Peekable<std::iter::Copied<std::slice::Iter<'a, char>>>,
    /// Closing brackets of those that the suggestion opened in code, and where.
    open: Vec<(char, usize)>,
    /// The start of the string that the suggestion opened.
    string_start: Option<usize>,
    /// Angle brackets that the suggestion opened.
    n_angles: usize,
    /// The string that the cursor is in, until the suggestion closes it.
    typed_string: Option<TypedString>,
    previous: char,
}

/// The string that the cursor is in.
struct TypedString {
    quote: char,
    /// The string around it, as in `"it's '$0'"`.
    outer: Option<char>,
    /// Whether it ends with three quotes only.
    is_triple: bool,
    /// Closing brackets of those that are open in it.
    open: Vec<char>,
    /// How many of them were opened before the cursor.
    n_typed: usize,
    /// The interpolation or format field (`${`, `#{`, `{`, `\(`) that the suggestion opened and has not closed: how many brackets are
    /// around it, and where it begins.
    interpolation: Option<(usize, usize)>,
}

impl<'a> Walk<'a> {
    fn new(surroundings: &'a Surroundings) -> Self {
        let mut scanner = Scanner::new(surroundings.language);
        let mut string_start = 0;
        for (at, ch) in surroundings.typed.char_indices() {
            if scanner.step(ch) == Mark::OpenQuote {
                string_start = at + ch.len_utf8();
            }
        }
        let closed = AutoClosed { text: &surroundings.replaced, n_used: 0 };
        let outer = scanner.string();
        let quote = closed_quote(closed.rest()).or(outer);
        let typed_string = quote.map(|quote| {
            scanner.enter_string(quote);
            let mut open = Vec::new();
            // A string that the scanner did not see begin is a character literal, or the like: short.
            let typed = outer.map_or("", |_| &surroundings.typed[string_start..]);
            for ch in typed.chars() {
                step_brackets(&mut open, ch);
            }
            TypedString {
                quote,
                outer: outer.filter(|outer| *outer != quote),
                is_triple: closed.text.contains(&String::from(quote).repeat(3)),
                n_typed: open.len(),
                open,
                interpolation: None,
            }
        });
        Self {
            surroundings,
            scanner,
            closed,
            missing: surroundings.missing_closers.iter().copied().peekable(),
            open: Vec::new(),
            string_start: None,
            n_angles: 0,
            typed_string,
            previous: surroundings.typed.chars().next_back().unwrap_or('\n'),
        }
    }

    /// Walks; returns where the text must be cut, if it closes what nothing opened.
    fn over(&mut self, text: &str) -> Option<usize> {
        let last = text.trim_end().len();
        let mut skipped_to = 0;
        for (at, ch) in text.char_indices() {
            if at < skipped_to {
                continue;
            }
            if let Some(string) = self.typed_string.as_ref().filter(|string| string.is_triple) {
                let three = String::from(string.quote).repeat(3);
                if text[at..].starts_with(&three) {
                    self.closed.take(&three);
                    self.typed_string = None;
                    self.scanner.step(ch);
                    skipped_to = at + three.len();
                    continue;
                }
                if ch == string.quote {
                    continue;
                }
            }
            let is_last = at + ch.len_utf8() == last;
            if !self.step(at, ch, is_last) {
                return Some(at);
            }
            self.previous = ch;
        }
        None
    }

    /// Where the suggestion opens a bracket that it leaves open, although the text right of the cursor closes an outer one:
    /// it would not be closed in between.
    fn left_open(&self) -> Option<usize> {
        let stays = if self.surroundings.replaced.is_empty() {
            self.surroundings.right.trim_start()
        } else {
            self.closed.rest()
        };
        let closes = stays.starts_with(|ch: char| matches!(ch, ')' | ']' | '}') || is_quote(ch));
        // In a comment a quote may be an apostrophe.
        let in_string =
            self.string_start.filter(|_| self.scanner.in_string() && !self.surroundings.in_comment);
        let interpolation = self.typed_string.as_ref().and_then(|string| string.interpolation);
        let first = self.open.first().map(|(_, at)| *at).or(in_string).or(interpolation.map(|(_, at)| at));
        first.filter(|_| closes)
    }

    /// Takes one character. Returns whether it may stay.
    fn step(&mut self, at: usize, ch: char, is_last: bool) -> bool {
        let mark = self.scanner.step(ch);
        if ch == '\n' {
            self.typed_string = None;
        }
        match mark {
            Mark::Open(ch) => self.open.push((closer_of(ch), at)),
            Mark::Close(ch) if self.open.last().is_some_and(|(closer, _)| *closer == ch) => {
                self.open.pop();
            }
            Mark::Close(ch) => {
                return self.open.is_empty()
                    && (self.closed.take_char(ch) || self.missing.next_if_eq(&ch).is_some());
            }
            Mark::CloseQuote(quote) => {
                if let Some(string) = self.typed_string.take() {
                    return self.close_typed_string(quote, string);
                }
            }
            Mark::Plain if self.scanner.in_string() => return self.step_in_string(at, ch),
            Mark::Plain if self.open.is_empty() => self.step_in_code(ch, is_last),
            Mark::OpenQuote => self.string_start = Some(at),
            Mark::Plain => {}
        }
        true
    }

    /// The suggestion ends the string that the cursor is in.
    fn close_typed_string(&mut self, quote: char, string: TypedString) -> bool {
        let is_taken = self.closed.take_char(quote);
        if let Some(outer) = string.outer {
            self.scanner.enter_string(outer);
            self.typed_string = Some(TypedString { quote: outer, outer: None, is_triple: false, ..string });
        }
        // Text behind the cursor that ends a string ends this one.
        is_taken || self.surroundings.right.matches(quote).count().is_multiple_of(2)
    }

    /// A bracket within the string that the cursor is in may be closed right of the cursor, as well.
    fn step_in_string(&mut self, at: usize, ch: char) -> bool {
        let Some(string) = &mut self.typed_string else { return true };
        let was_open = string.open.len();
        let has_sign = matches!((self.previous, ch), ('$' | '#', '{') | ('\\', '('));
        if (ch == '{' || has_sign) && string.interpolation.is_none() {
            string.interpolation = Some((was_open, at.saturating_sub(usize::from(has_sign))));
        }
        string.interpolation.take_if(|(around, _)| matches!(ch, '}' | ')') && *around + 1 == was_open);
        if step_brackets(&mut string.open, ch) && was_open == string.n_typed {
            string.n_typed -= 1;
            return self.closed.take_char(ch) || !self.surroundings.right.trim_start().starts_with(ch);
        }
        true
    }

    /// Separators and angle brackets outside of all brackets that the suggestion opened.
    fn step_in_code(&mut self, ch: char, is_last: bool) {
        let may_be_there = match ch {
            // A statement ends once.
            ';' => true,
            // A comma that the editor has is the last thing of a suggestion, or another one.
            ',' => is_last,
            '<' if self.previous.is_alphanumeric() || matches!(self.previous, '_' | ':' | '<') => {
                self.n_angles += 1;
                false
            }
            '>' if self.n_angles > 0 && !matches!(self.previous, '-' | '=') => {
                self.n_angles -= 1;
                false
            }
            '>' => !matches!(self.previous, '-' | '='),
            _ => false,
        };
        if may_be_there {
            self.closed.take_char(ch);
        }
    }
}

/// The quote that the editor closed at the cursor. An even number of quotes is an empty string behind the cursor.
fn closed_quote(rest: &str) -> Option<char> {
    let quote = rest.chars().next().filter(|ch| is_quote(*ch))?;
    let n_quotes = rest.chars().take_while(|ch| *ch == quote).count();
    (n_quotes % 2 == 1).then_some(quote)
}

/// Keeps `open` up to date; returns whether the character closed the innermost bracket.
fn step_brackets(open: &mut Vec<char>, ch: char) -> bool {
    match ch {
        '(' | '[' | '{' => open.push(closer_of(ch)),
        _ if open.last() == Some(&ch) => {
            open.pop();
            return true;
        }
        _ => {}
    }
    false
}
