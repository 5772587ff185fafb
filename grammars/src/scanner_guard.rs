//! The external scanners of the grammars, with checks of their state and of their progress in the text. After each of its tokens
//! a scanner writes its state into a buffer of the parser, and reads it back before the next. Some scanners write past the end of
//! that buffer, or write what they then fail to read and end the process (`assert`). That of SQL loses its state whenever it
//! reads. Some look for a character that is not there, and never return: the parser does not ask meanwhile whether to stop.
//!
//! Invariant: the parser's buffer never gets a state that is longer than the buffer, nor one that its scanner cannot read; what
//! is refused is replaced by the empty state, which every scanner reads; a scanner holds nothing that is lost when it reads a
//! state; a scanner that is behind the end of the text, or runs after the deadline, soon returns and has found nothing. An
//! unusable parse is reported by [`take_refusal`].

use std::cell::Cell;
use std::ffi::{c_char, c_uint, c_void};
use std::mem::MaybeUninit;
use std::sync::OnceLock;
use std::time::Instant;

use tree_sitter::ffi::TSLanguage;
use tree_sitter_language::LanguageFn;

use crate::blocks::kept;

/// Size of the parser's buffer: `TREE_SITTER_SERIALIZATION_BUFFER_SIZE` of tree-sitter's parser.h.
const MAX_STATE_BYTES: usize = 1024;

/// Room for what a scanner writes. Each one compares its length with [`MAX_STATE_BYTES`] after each entry or before it, and
/// its longest entry (a name of 255 bytes and what belongs to it) is far shorter than the second half.
const ROOM: usize = 2 * MAX_STATE_BYTES;

/// A grammar whose scanner is checked. One type each, because C calls the functions below without saying for whom.
pub(crate) trait Guarded: 'static {
    /// The scanner's own functions.
    fn scanner() -> &'static OnceLock<Scanner>;

    /// Whether the scanner can read a state that it wrote.
    fn is_readable(state: &[u8]) -> bool;

    /// Whether the scanner has to write its state before it reads another one.
    fn frees_by_writing() -> bool;
}

/// `TSLanguage.external_scanner` of tree-sitter's parser.h.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Scanner {
    states: *const bool,
    symbol_map: *const u16,
    create: Option<unsafe extern "C" fn() -> *mut c_void>,
    destroy: Option<unsafe extern "C" fn(*mut c_void)>,
    scan: Option<unsafe extern "C" fn(*mut c_void, *mut c_void, *const bool) -> bool>,
    serialize: Option<unsafe extern "C" fn(*mut c_void, *mut c_char) -> c_uint>,
    deserialize: Option<unsafe extern "C" fn(*mut c_void, *const c_char, c_uint)>,
}

// SAFETY: the pointers are to constants and functions that are compiled in.
unsafe impl Send for Scanner {}
// SAFETY: as above.
unsafe impl Sync for Scanner {}

/// `TSLanguage` of version 14. Only the scanner and the first number are looked at.
#[repr(C)]
#[derive(Clone, Copy)]
struct Language14 {
    version: u32,
    counts: [u32; 8],
    max_alias_sequence_length: u16,
    tables: [*const c_void; 13],
    lexers: [*const c_void; 2],
    keyword_capture_token: u16,
    scanner: Scanner,
    primary_state_ids: *const c_void,
}

/// `TSLanguage` of version 15: new fields are at the end.
#[repr(C)]
#[derive(Clone, Copy)]
struct Language15 {
    head: Language14,
    name: *const c_void,
    reserved_words: *const c_void,
    max_reserved_word_set_size: u16,
    supertype_count: u32,
    supertypes: [*const c_void; 3],
    metadata: [u8; 3],
}

/// `TSLexer` of tree-sitter's parser.h: what a scanner reads the text with.
#[repr(C)]
struct Lexer {
    lookahead: i32,
    result_symbol: u16,
    advance: Option<unsafe extern "C" fn(*mut Lexer, bool)>,
    mark_end: *const c_void,
    get_column: *const c_void,
    is_at_included_range_start: *const c_void,
    eof: Option<unsafe extern "C" fn(*const Lexer) -> bool>,
    log: *const c_void,
}

/// Why the parse of a text is worth nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScannerRefusal {
    /// A state of the scanner was too long, or could not be read.
    State,
    /// The scanner ran when the time was over: see [`limit_scanners`].
    OutOfTime,
}

/// The lexer's own functions, and how far one scan has come.
#[derive(Clone, Copy)]
struct Scan {
    advance: Option<unsafe extern "C" fn(*mut Lexer, bool)>,
    eof: Option<unsafe extern "C" fn(*const Lexer) -> bool>,
    n_steps: u32,
    n_past_end: u32,
    is_over: bool,
}

/// Steps behind the end of a text that no scanner needs.
const MOST_PAST_END: u32 = 1000;
/// Steps between two looks at the clock.
const STEPS_PER_LOOK: u32 = 1024;
/// The text that a scanner sees if it does not return at the end of a text: the character that it looks for may be in it.
const ENDS: &[u8] = b"\0\n \"'`)]}>;/*=-:,#|$@({[<a0";

thread_local! {
    static REFUSED: Cell<Option<ScannerRefusal>> = const { Cell::new(None) };
    static DEADLINE: Cell<Option<Instant>> = const { Cell::new(None) };
    static SCAN: Cell<Scan> =
        const { Cell::new(Scan { advance: None, eof: None, n_steps: 0, n_past_end: 0, is_over: false }) };
}

/// The refusal on this thread since the last call. The parse that it belongs to is not usable.
#[must_use]
pub fn take_refusal() -> Option<ScannerRefusal> {
    REFUSED.take()
}

/// Whether something was refused on this thread and the report was not taken yet.
#[must_use]
pub fn is_refused() -> bool {
    REFUSED.get().is_some()
}

/// From this time on, the scanners of this thread see the end of their text; none lets them read it all.
pub fn limit_scanners(deadline: Option<Instant>) {
    DEADLINE.set(deadline);
}

fn refuse(reason: ScannerRefusal) {
    REFUSED.set(REFUSED.get().or(Some(reason)));
}

/// The language with a checked scanner. Called once for each grammar: the copy lives as long as the process.
pub(crate) fn guard<G: Guarded>(language: LanguageFn) -> tree_sitter::Language {
    // SAFETY: it is a grammar's function, which returns a constant that is compiled in.
    let original = unsafe { language.into_raw()() }.cast::<TSLanguage>();
    // SAFETY: every version begins with its number.
    let copy = match unsafe { original.cast::<u32>().read() } {
        // SAFETY: versions 13 and 14 have this layout.
        13 | 14 => {
            let mut language = unsafe { original.cast::<Language14>().read() };
            check::<G>(&mut language.scanner);
            std::ptr::from_ref(Box::leak(Box::new(language))).cast::<TSLanguage>()
        }
        // SAFETY: version 15 has this layout.
        15 => {
            let mut language = unsafe { original.cast::<Language15>().read() };
            check::<G>(&mut language.head.scanner);
            std::ptr::from_ref(Box::leak(Box::new(language))).cast::<TSLanguage>()
        }
        // The parser knows no other, and says so.
        _ => original,
    };
    // SAFETY: it is a language, and is never freed.
    unsafe { tree_sitter::Language::from_raw(copy) }
}

fn check<G: Guarded>(scanner: &mut Scanner) {
    if scanner.serialize.is_some() && G::scanner().set(*scanner).is_ok() {
        scanner.serialize = Some(serialize::<G>);
        if scanner.scan.is_some() {
            scanner.scan = Some(scan::<G>);
        }
        if scanner.deserialize.is_some() {
            scanner.deserialize = Some(deserialize::<G>);
        }
    }
}

/// Stands in for the scanner's own function of this name.
unsafe extern "C" fn scan<G: Guarded>(
    payload: *mut c_void,
    lexer: *mut c_void,
    valid_symbols: *const bool,
) -> bool {
    let Some(scan) = G::scanner().get().and_then(|scanner| scanner.scan) else { return false };
    let own = lexer.cast::<Lexer>();
    // SAFETY: the parser gives its lexer, which has this layout and is not used elsewhere meanwhile.
    let (own_advance, own_eof) = unsafe { ((*own).advance, (*own).eof) };
    SCAN.set(Scan { advance: own_advance, eof: own_eof, n_steps: 0, n_past_end: 0, is_over: false });
    // SAFETY: as above.
    unsafe {
        (*own).advance = Some(advance);
        (*own).eof = Some(eof);
    }
    // SAFETY: the parser's own call, forwarded.
    let is_found = kept(|| unsafe { scan(payload, lexer, valid_symbols) });
    // SAFETY: as above. The parser reads with the same lexer.
    unsafe {
        (*own).advance = own_advance;
        (*own).eof = own_eof;
    }
    // What it found behind the end is not there.
    is_found && SCAN.get().n_past_end <= MOST_PAST_END
}

/// Stands in for the lexer's own function of this name while a scanner runs.
unsafe extern "C" fn advance(lexer: *mut Lexer, skip: bool) {
    let mut scan = SCAN.get();
    scan.n_steps = scan.n_steps.wrapping_add(1);
    if scan.n_steps.is_multiple_of(STEPS_PER_LOOK)
        && DEADLINE.get().is_some_and(|deadline| Instant::now() >= deadline)
    {
        scan.is_over = true;
        refuse(ScannerRefusal::OutOfTime);
    }
    // SAFETY: it is the parser's lexer, and its own function.
    let is_at_end = scan.is_over || scan.eof.is_some_and(|eof| unsafe { eof(lexer) });
    if is_at_end {
        scan.n_past_end = scan.n_past_end.saturating_add(1);
        let n_more = scan.n_past_end.saturating_sub(MOST_PAST_END) as usize;
        let seen = if n_more == 0 { 0 } else { ENDS[n_more % ENDS.len()] };
        // SAFETY: as above.
        unsafe { (*lexer).lookahead = i32::from(seen) };
    } else if let Some(advance) = scan.advance {
        // SAFETY: as above.
        unsafe { advance(lexer, skip) };
    }
    SCAN.set(scan);
}

/// Stands in for the lexer's own function of this name while a scanner runs.
unsafe extern "C" fn eof(lexer: *const Lexer) -> bool {
    let scan = SCAN.get();
    // SAFETY: it is the parser's lexer, and its own function.
    scan.is_over || scan.eof.is_some_and(|eof| unsafe { eof(lexer) })
}

/// Stands in for the scanner's own function of this name.
unsafe extern "C" fn serialize<G: Guarded>(payload: *mut c_void, buffer: *mut c_char) -> c_uint {
    let Some(write) = G::scanner().get().and_then(|scanner| scanner.serialize) else { return 0 };
    let mut room = MaybeUninit::<[u8; ROOM]>::uninit();
    // SAFETY: the payload is the scanner's own, and the room holds what it writes.
    let length = kept(|| unsafe { write(payload, room.as_mut_ptr().cast()) }) as usize;
    if length > MAX_STATE_BYTES {
        refuse(ScannerRefusal::State);
        return 0;
    }
    // SAFETY: the scanner wrote this many bytes.
    let state = unsafe { std::slice::from_raw_parts(room.as_ptr().cast::<u8>(), length) };
    if !G::is_readable(state) {
        refuse(ScannerRefusal::State);
        return 0;
    }
    // SAFETY: the parser's buffer has MAX_STATE_BYTES, and is not the room.
    unsafe { std::ptr::copy_nonoverlapping(state.as_ptr(), buffer.cast::<u8>(), length) };
    length as c_uint
}

/// Stands in for the scanner's own function of this name. Where that forgets the memory it holds, writing frees it.
unsafe extern "C" fn deserialize<G: Guarded>(payload: *mut c_void, buffer: *const c_char, length: c_uint) {
    let Some(scanner) = G::scanner().get() else { return };
    if let Some(write) = scanner.serialize.filter(|_| G::frees_by_writing()) {
        let mut room = MaybeUninit::<[u8; ROOM]>::uninit();
        // SAFETY: the payload is the scanner's own, and the room holds what it writes.
        kept(|| unsafe { write(payload, room.as_mut_ptr().cast()) });
    }
    if let Some(read) = scanner.deserialize {
        // SAFETY: the parser's own call, forwarded.
        kept(|| unsafe { read(payload, buffer, length) });
    }
}

/// Whether the scanner of a language keeps memory in its state, and forgets it when it reads another one. That of SQL keeps
/// the tag of a dollar-quoted string, and frees it when it writes.
pub(crate) fn frees_by_writing(language: &str) -> bool {
    language == "sql"
}

/// Whether the scanner of a language can read this state. Each writes its counts itself; that of Ruby writes the length of
/// a heredoc's name into one byte, whatever the length.
pub(crate) fn is_readable(language: &str, state: &[u8]) -> bool {
    language != "ruby" || state.is_empty() || is_state_of_ruby(state).is_some()
}

/// A count and the open literals (five bytes each), then a count and the open heredocs (three flags, a length and that
/// many bytes of a name that is not empty).
fn is_state_of_ruby(state: &[u8]) -> Option<()> {
    let (n_literals, rest) = state.split_first()?;
    let (n_heredocs, mut rest) = rest.get(5 * usize::from(*n_literals)..)?.split_first()?;
    for _ in 0..*n_heredocs {
        let length = usize::from(*rest.get(3)?);
        rest = rest.get(4 + length..).filter(|_| length > 0)?;
    }
    rest.is_empty().then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_of_ruby_are_read_as_the_scanner_reads_them() {
        let literal = [1; 5];
        let heredoc = |length: u8, name: &[u8]| [&[0, 1, 0, length][..], name].concat();
        let cases = [
            (vec![], true),
            (vec![0, 0], true),
            ([&[1][..], &literal, &[0]].concat(), true),
            ([&[0, 1][..], &heredoc(3, b"EOF")].concat(), true),
            ([&[0, 2][..], &heredoc(3, b"EOF"), &heredoc(1, b"A")].concat(), true),
            // A name of 256 bytes, whose length wraps around to none.
            ([&[0, 1][..], &heredoc(0, &[b'x'; 256])].concat(), false),
            // A name of 257 bytes.
            ([&[0, 1][..], &heredoc(1, &[b'x'; 257])].concat(), false),
            ([&[0, 1][..], &heredoc(0, b"")].concat(), false),
            (vec![0], false),
            (vec![9, 0], false),
        ];
        for (state, expected) in cases {
            assert_eq!(is_readable("ruby", &state), expected, "{state:?}");
        }
    }
}
