//! A parse that ends at a bound of memory and time wherever the parser is. Tree-sitter asks its caller in its main loop only:
//! at a syntax error, and at the end of a text with errors, it can take gigabytes before it asks again. There the parse is left
//! from inside of the allocator, and where it does not allocate either, by a signal (`interrupt.rs`).
//!
//! Invariant: what a parse that was left had allocated is free again; its parser is never used again. The buffers that its
//! parser had before, and the nodes of the old tree that it held, stay allocated: that is less than a tree, once for each text
//! that turns into one whose parse is left.

use std::ffi::{c_char, c_int, c_void};
use std::time::Instant;

use tree_sitter::{Parser, Tree, ffi};

use crate::blocks::{Allocations, Overrun, replace_current, replace_kept};
#[cfg(unix)]
use crate::interrupt::Watching;
use crate::memory::{self, MemoryMeter};

/// How far a parse may go before it is left. The limits of `progress` should be lower: a parser that was left is lost.
#[derive(Clone, Copy, Debug)]
pub struct ParseBounds<'a> {
    /// Counts from before the parse.
    pub meter: &'a MemoryMeter,
    /// Highest count of the meter, in bytes.
    pub max_bytes: usize,
    /// The latest time; none is unlimited.
    pub deadline: Option<Instant>,
}

/// The end of a parse.
pub enum BoundedParse {
    /// The parser returned: with a tree, or with none because `progress` stopped it or the parser has no language.
    Returned(Parser, Option<Tree>),
    /// It took more than [`ParseBounds::max_bytes`].
    OutOfMemory,
    /// It ran past [`ParseBounds::deadline`].
    OutOfTime,
}

/// Parses what `read` returns from a byte offset on, an empty chunk meaning the end. The parser's main loop asks `progress`
/// whether to stop. Neither may panic.
pub fn parse_bounded<'a>(
    parser: Parser,
    old: Option<&Tree>,
    bounds: ParseBounds<'_>,
    mut read: &dyn Fn(usize) -> &'a [u8],
    mut progress: &mut dyn FnMut() -> bool,
) -> BoundedParse {
    memory::install();
    let old = old.cloned().map_or(std::ptr::null_mut(), Tree::into_raw);
    let most_more = bounds.max_bytes.saturating_sub(bounds.meter.bytes());
    let mut allocations =
        Allocations::new(memory::live().saturating_add_unsigned(most_more), bounds.deadline);
    let mut call = Call {
        allocations: &raw mut allocations,
        parser: parser.into_raw(),
        old,
        read: (&raw mut read).cast(),
        progress: (&raw mut progress).cast(),
        tree: std::ptr::null_mut(),
    };
    #[cfg(unix)]
    let watching = bounds.deadline.and_then(|deadline| Watching::start(deadline, &allocations.is_due));
    // This parse may run in a callback of another one.
    let n_kept = replace_kept(0);
    // SAFETY: `call` and what it refers to outlive the call, and none of the frames that may be left has a destructor.
    let was_left = unsafe { fimble_run(parse, (&raw mut call).cast(), &raw mut allocations.place) != 0 };
    replace_kept(n_kept);
    #[cfg(unix)]
    drop(watching);
    if !old.is_null() {
        // SAFETY: it is the copy from above.
        drop(unsafe { Tree::from_raw(old) });
    }
    if was_left {
        for address in allocations.blocks() {
            // SAFETY: the parse allocated it and did not free it, and nothing uses the parser or its tree again.
            unsafe { memory::free(address as *mut c_void) };
        }
        return match allocations.overrun {
            Some(Overrun::Time) => BoundedParse::OutOfTime,
            Some(Overrun::Memory) | None => BoundedParse::OutOfMemory,
        };
    }
    // SAFETY: the parser is that of the caller, and the tree is new.
    unsafe {
        let tree = if call.tree.is_null() { None } else { Some(Tree::from_raw(call.tree)) };
        BoundedParse::Returned(Parser::from_raw(call.parser), tree)
    }
}

// leave.c
unsafe extern "C" {
    fn fimble_run(
        run: unsafe extern "C" fn(*mut c_void),
        context: *mut c_void,
        place: *mut *mut c_void,
    ) -> c_int;
}

/// One call of the parser. Raw pointers throughout: its frames may be left.
struct Call {
    allocations: *mut Allocations,
    parser: *mut ffi::TSParser,
    old: *mut ffi::TSTree,
    /// The `read` and `progress` of [`parse_bounded`].
    read: *mut c_void,
    progress: *mut c_void,
    tree: *mut ffi::TSTree,
}

unsafe extern "C" fn parse(context: *mut c_void) {
    let call: *mut Call = context.cast();
    // SAFETY: it is called with the `Call` of `parse_bounded`.
    unsafe {
        let input = ffi::TSInput {
            payload: context,
            read: Some(read_chunk),
            encoding: ffi::TSInputEncodingUTF8,
            decode: None,
        };
        let options = ffi::TSParseOptions { payload: context, progress_callback: Some(ask_progress) };
        let outer = replace_current((*call).allocations);
        (*call).tree = ffi::ts_parser_parse_with_options((*call).parser, (*call).old, input, options);
        replace_current(outer);
    }
}

unsafe extern "C" fn read_chunk(
    payload: *mut c_void,
    offset: u32,
    _: ffi::TSPoint,
    n_bytes: *mut u32,
) -> *const c_char {
    let current = replace_current(std::ptr::null_mut());
    // SAFETY: the payload is the `Call`, whose `read` is this one; the chunk lives as long as what `read` borrows from.
    let start = unsafe {
        let read: &mut &dyn Fn(usize) -> &'static [u8] = &mut *(*payload.cast::<Call>()).read.cast();
        let chunk = read(offset as usize);
        *n_bytes = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
        chunk.as_ptr().cast()
    };
    replace_current(current);
    start
}

unsafe extern "C" fn ask_progress(state: *mut ffi::TSParseState) -> bool {
    let current = replace_current(std::ptr::null_mut());
    // SAFETY: as above.
    let stops = unsafe {
        let progress: &mut &mut dyn FnMut() -> bool =
            &mut *(*(*state).payload.cast::<Call>()).progress.cast();
        progress()
    };
    replace_current(current);
    stops
}
