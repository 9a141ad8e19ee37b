//! Numbers and bytes in snapshots: little-endian, bytes with their length before them.

/// Appends a length as u32.
pub fn push_length(length: usize, into: &mut Vec<u8>) {
    into.extend_from_slice(&(length as u32).to_le_bytes());
}

/// Appends bytes behind their length.
pub fn push(bytes: &[u8], into: &mut Vec<u8>) {
    push_length(bytes.len(), into);
    into.extend_from_slice(bytes);
}

/// Takes a u64; `None` when there is none.
pub fn number(rest: &mut &[u8]) -> Option<u64> {
    let (bytes, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(u64::from_le_bytes(*bytes))
}

/// Takes a u32.
pub fn length(rest: &mut &[u8]) -> Option<usize> {
    let (bytes, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(u32::from_le_bytes(*bytes) as usize)
}

/// Takes a byte that is 0 or 1.
pub fn flag(rest: &mut &[u8]) -> Option<bool> {
    let (byte, behind) = rest.split_first()?;
    *rest = behind;
    (*byte < 2).then_some(*byte == 1)
}

/// Takes bytes behind their length.
pub fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = length(rest)?;
    let (bytes, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(bytes)
}

/// Takes a text behind its length.
pub fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    str::from_utf8(take(rest)?).ok()
}
