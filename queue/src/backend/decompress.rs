//! What others compressed, unpacked up to a bound: what a few bytes claim to hold takes no more
//! memory than that.

use std::io::Read;

/// Fills the emptied `into` with everything that `from` gives; `false` when that is damaged, or
/// more than `most` bytes.
pub fn bounded(from: impl Read, most: usize, into: &mut Vec<u8>) -> bool {
    into.clear();
    let read = from.take((most as u64).saturating_add(1)).read_to_end(into);
    read.is_ok_and(|read| read <= most)
}
