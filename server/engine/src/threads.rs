//! How many threads compute. Invariant: never zero, never more than what computing gains from.

use std::num::NonZero;
use std::thread::available_parallelism;

/// Decoding waits for memory: more threads than this make it no faster and take the machine from its user.
const MOST_THREADS: usize = 8;

/// Physical cores that this process may use, at most [`MOST_THREADS`]. Two threads of one core share its arithmetic
/// units, so that the second one only gets in the way.
pub(crate) fn default_threads() -> usize {
    let logical = available_parallelism().map_or(1, NonZero::get);
    let threads_per_core = threads_per_core().unwrap_or(if logical > 4 { 2 } else { 1 });
    (logical / threads_per_core).clamp(1, MOST_THREADS)
}

/// Hardware threads of the first core, where the system says it.
#[cfg(target_os = "linux")]
fn threads_per_core() -> Option<usize> {
    let list = std::fs::read_to_string("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list").ok()?;
    count_list(list.trim())
}

#[cfg(not(target_os = "linux"))]
fn threads_per_core() -> Option<usize> {
    None
}

/// Number of entries of a list such as "0,8" or "0-1".
#[cfg(any(target_os = "linux", test))]
fn count_list(list: &str) -> Option<usize> {
    let mut count = 0;
    for part in list.split(',') {
        count += match part.split_once('-') {
            Some((first, last)) => {
                last.parse::<usize>().ok()?.checked_sub(first.parse().ok()?)?.checked_add(1)?
            }
            None => part.parse::<usize>().map(|_| 1).ok()?,
        };
    }
    (count > 0).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::{MOST_THREADS, count_list, default_threads};

    #[test]
    fn sibling_lists_are_counted() {
        for (list, expected) in [
            ("0", Some(1)),
            ("0,8", Some(2)),
            ("0-1", Some(2)),
            ("0-1,8-9", Some(4)),
            ("", None),
            ("x", None),
            ("3-1", None),
        ] {
            assert_eq!(count_list(list), expected, "{list:?}");
        }
    }

    #[test]
    fn the_default_is_within_bounds() {
        assert!((1..=MOST_THREADS).contains(&default_threads()));
    }
}
