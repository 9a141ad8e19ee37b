//! Messages stored together, in their stored encoding.
//!
//! Layout: for each message a LEB128 length and the key, then a LEB128 length and the value. It has
//! no offsets: the first one is stored beside the block.

use crate::limits;
use crate::{Error, Result};

/// Messages of one partition, encoded back to back. Reused after [`Block::clear`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    bytes: Vec<u8>,
    count: u32,
}

impl Block {
    /// Appends one message.
    ///
    /// # Errors
    /// [`Error::MessageTooLarge`] above [`limits::MESSAGE_BYTES`]; the block is unchanged.
    pub fn push(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.push_parts(key, value, &[])
    }

    /// Appends one message whose value comes in two parts.
    ///
    /// # Errors
    /// As [`Block::push`].
    #[inline]
    pub fn push_parts(&mut self, key: &[u8], head: &[u8], rest: &[u8]) -> Result<()> {
        let value = head.len() + rest.len();
        let size = key.len() + value;
        if size > limits::MESSAGE_BYTES {
            return Err(Error::MessageTooLarge { size, limit: limits::MESSAGE_BYTES });
        }
        put_length(&mut self.bytes, key.len());
        self.bytes.extend_from_slice(key);
        put_length(&mut self.bytes, value);
        self.bytes.extend_from_slice(head);
        self.bytes.extend_from_slice(rest);
        self.count += 1;
        Ok(())
    }

    /// Appends all messages of another block.
    pub fn append(&mut self, other: &Block) {
        self.bytes.extend_from_slice(&other.bytes);
        self.count += other.count;
    }

    /// Number of messages.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Whether there is no message.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The encoded messages.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes for which there is memory.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Empties the block and keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
    }

    /// Keys and values in order.
    ///
    /// # Panics
    /// Never: a block is only built by [`Block::push`].
    pub fn messages(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut at = 0;
        std::iter::from_fn(move || {
            (at < self.bytes.len())
                .then(|| next_message(&self.bytes, &mut at).expect("push wrote whole messages"))
        })
        .map(|(key, value)| (&self.bytes[key], &self.bytes[value]))
    }
}

type Range = std::ops::Range<usize>;

/// The ranges of key and value of the message at `*at`, which moves past it. `None`, and it stays,
/// when the bytes are not a block.
#[inline]
pub fn next_message(bytes: &[u8], at: &mut usize) -> Option<(Range, Range)> {
    let key = part(bytes, *at)?;
    let value = part(bytes, key.end)?;
    *at = value.end;
    Some((key, value))
}

#[inline]
fn part(bytes: &[u8], at: usize) -> Option<Range> {
    // Nearly all lengths have one byte.
    let (len, start) = match *bytes.get(at)? {
        short @ 0..0x80 => (usize::from(short), at + 1),
        _ => get_length(bytes, at)?,
    };
    let end = start.checked_add(len).filter(|&end| end <= bytes.len())?;
    Some(start..end)
}

fn put_length(bytes: &mut Vec<u8>, mut len: usize) {
    while len >= 0x80 {
        bytes.push((len as u8) | 0x80);
        len >>= 7;
    }
    bytes.push(len as u8);
}

/// The length at a place, and the place after it.
#[inline(never)]
fn get_length(bytes: &[u8], mut at: usize) -> Option<(usize, usize)> {
    let mut len = 0usize;
    // Five groups of seven bits hold any length up to limits::MESSAGE_BYTES.
    for shift in [0, 7, 14, 21, 28] {
        let byte = *bytes.get(at)?;
        at += 1;
        len |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some((len, at));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_pushed_comes_back(messages: Vec<(Vec<u8>, Vec<u8>)>) {
            let (mut block, mut in_parts) = (Block::default(), Block::default());
            for (key, value) in &messages {
                block.push(key, value).unwrap();
                let (head, rest) = value.split_at(value.len() / 2);
                in_parts.push_parts(key, head, rest).unwrap();
            }
            prop_assert_eq!(&block, &in_parts);
            let back: Vec<_> = block.messages().map(|(k, v)| (k.to_vec(), v.to_vec())).collect();
            prop_assert_eq!(back, messages);
        }

        #[test]
        fn random_bytes_never_panic(bytes: Vec<u8>) {
            let mut at = 0;
            while at < bytes.len() && next_message(&bytes, &mut at).is_some() {}
        }
    }

    #[test]
    fn a_message_above_the_limit_is_refused_and_changes_nothing() {
        let mut block = Block::default();
        let error = block.push(b"k", &vec![0; limits::MESSAGE_BYTES]).unwrap_err();
        assert!(matches!(error, Error::MessageTooLarge { .. }));
        assert!(block.is_empty() && block.bytes().is_empty());
    }
}
