//! Decompresses foreign data up to a limit, so that a few bytes cannot expand to any amount of
//! memory.

use std::io::Read;

/// Fills the emptied `into` with everything that `from` gives; `false` when that is damaged, or
/// more than `most` bytes.
pub fn bounded(from: impl Read, most: usize, into: &mut Vec<u8>) -> bool {
    into.clear();
    let read = from.take((most as u64).saturating_add(1)).read_to_end(into);
    read.is_ok_and(|read| read <= most)
}
