//! Deduplication of appends: which messages are new, and the pieces in which they are stored.

use crate::message::next_message;
use crate::{Append, Block, Error, Result, Topic, limits};

/// Number of messages at the head of `append` that are there already, from an earlier try.
/// `expected` is the sequence that comes next from the producer.
pub fn recognised(
    topic: &Topic,
    producer: &str,
    append: &Append<'_>,
    expected: u64,
) -> Result<u32> {
    let count = append.block.count();
    let Some(again) = expected.checked_sub(append.first_sequence) else {
        return Err(Error::SequenceGap {
            producer: producer.to_owned(),
            topic: topic.name.clone(),
            partition: append.partition,
            expected,
            found: append.first_sequence,
        });
    };
    Ok(u32::try_from(again).map_or(count, |again| again.min(count)))
}

/// The messages of `block` after the first `skip`, in pieces of at most
/// [`limits::BLOCK_BYTES`] (a larger message is a piece of its own): count and bytes of each.
pub fn pieces(block: &Block, skip: u32) -> impl Iterator<Item = (u32, &[u8])> {
    let mut rest = tail(block.bytes(), skip);
    let mut left = block.count() - skip;
    std::iter::from_fn(move || {
        if left == 0 {
            return None;
        }
        let (count, size) =
            if rest.len() <= limits::BLOCK_BYTES { (left, rest.len()) } else { head(rest) };
        let (piece, after) = rest.split_at(size);
        (rest, left) = (after, left - count);
        Some((count, piece))
    })
}

/// Count and size of the longest run of whole messages that fits, at least one.
fn head(bytes: &[u8]) -> (u32, usize) {
    let (mut count, mut size, mut at) = (0, 0, 0);
    while at < bytes.len() && next_message(bytes, &mut at).is_some() {
        if count > 0 && at > limits::BLOCK_BYTES {
            break;
        }
        (count, size) = (count + 1, at);
    }
    (count, size)
}

fn tail(bytes: &[u8], skip: u32) -> &[u8] {
    let mut at = 0;
    for _ in 0..skip {
        next_message(bytes, &mut at).expect("a block holds as many messages as it counts");
    }
    &bytes[at..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_keep_every_message_in_order_and_stay_below_the_limit() {
        let mut block = Block::default();
        let sizes = [1, limits::BLOCK_BYTES - 10, 5, 700_000, 400_000, 3 * limits::BLOCK_BYTES, 1];
        for (i, &size) in sizes.iter().enumerate() {
            block.push(&[i as u8], &vec![i as u8; size]).unwrap();
        }
        for skip in 0..=sizes.len() {
            let mut firsts = Vec::new();
            for (count, bytes) in pieces(&block, skip as u32) {
                assert!(bytes.len() <= limits::BLOCK_BYTES || count == 1);
                let mut at = 0;
                for _ in 0..count {
                    firsts.push(bytes[next_message(bytes, &mut at).unwrap().0][0] as usize);
                }
                assert_eq!(at, bytes.len());
            }
            assert_eq!(firsts, (skip..sizes.len()).collect::<Vec<_>>());
        }
    }
}
