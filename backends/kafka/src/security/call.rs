//! A request and its response over a blocking connection, before it is ready for fetching.

use std::io::{Read, Write};

use super::open_error::OpenError;
use crate::limits;
use crate::wire::{framed, head};

/// Sends a question of this call and version.
pub(super) fn send(
    stream: &mut impl Write,
    (call, version): (i16, i16),
    number: i32,
    client: &str,
    body: &[u8],
) -> Result<(), OpenError> {
    let frame = framed(|to| {
        head(to, call, version, number, client);
        to.extend(body);
    });
    stream.write_all(&frame).and_then(|()| stream.flush()).map_err(OpenError::Io)
}

/// Waits for the answer to question `number`, and gives what follows its number.
pub(super) fn call(stream: &mut impl Read, number: i32) -> Result<Vec<u8>, OpenError> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).map_err(OpenError::Io)?;
    let length = u32::from_be_bytes(length) as usize;
    if !(4..=limits::LOGIN_FRAME_BYTES).contains(&length) {
        return Err(OpenError::garbled());
    }
    let mut frame = vec![0; length];
    stream.read_exact(&mut frame).map_err(OpenError::Io)?;
    let (theirs, rest) = frame.split_at(4);
    if theirs != number.to_be_bytes() {
        return Err(OpenError::garbled());
    }
    Ok(rest.to_vec())
}
