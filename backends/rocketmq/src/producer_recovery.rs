//! Finds what a producer id sent before, by reading the tail of a partition.
//!
//! The first message of every send carries its producer's id and the sequence number it stands for,
//! as property `seismic_from`; the others carry unique ids that follow the first one's. So the
//! stored part of an incomplete send can be determined.

use crate::protocol::properties;
use crate::protocol::unique_id::UniqueId;
use crate::reader::TopicReader;
use crate::repeats::send_marks::{FROM, parse_from};
use crate::topic::TopicQueues;
use seismic_queue::{KnownProducers, Offset, Partition, Result};

/// Follows what one producer id sent.
#[derive(Debug)]
pub(crate) struct Trace<'a> {
    producer: &'a str,
    /// Sequence number after the last message of this producer.
    next: u64,
    /// Id of the next message, if it belongs to the same send, and its sequence number.
    expected: Option<(UniqueId, u64)>,
}

impl<'a> Trace<'a> {
    pub(crate) fn new(producer: &'a str) -> Self {
        Trace { producer, next: 0, expected: None }
    }

    /// Sees the next message of the partition.
    pub(crate) fn see(&mut self, text: &[u8]) {
        let mut id = None;
        let mut from = None;
        for (name, value) in properties::each(text) {
            if name == properties::UNIQUE_ID.as_bytes() {
                id = UniqueId::parse(value);
            } else if name == FROM.as_bytes() {
                from = parse_from(value);
            }
        }
        let sequence = match (from, self.expected) {
            (Some((producer, sequence)), _) if producer == self.producer => sequence,
            (None, Some((expected, sequence))) if id == Some(expected) => sequence,
            _ => return,
        };
        // A send that is repeated in other pieces, or lands late, never goes back.
        self.next = self.next.max(sequence + 1);
        self.expected = id.map(|id| (id.plus(1), sequence + 1));
    }

    /// Sequence number that is due.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.next
    }
}

/// Sequence number that a partition expects next from `producer`, as far as its last
/// [`TAIL_MESSAGES`](crate::limits::TAIL_MESSAGES) messages tell, and the end up to which they were
/// read.
pub(crate) fn next_sequence(
    log: &mut TopicQueues,
    partition: Partition,
    producer: &str,
) -> Result<(u64, Offset)> {
    let span = log.span(partition)?;
    let from = span.end.0.saturating_sub(crate::limits::TAIL_MESSAGES).max(span.first.0);
    let mut trace = Trace::new(producer);
    TopicReader::read_properties(log, partition, Offset(from)..span.end, &mut |_, _, text| {
        trace.see(text);
    })?;
    Ok((trace.next_sequence(), span.end))
}

/// Everyone whose sends are among the last [`TAIL_MESSAGES`](crate::limits::TAIL_MESSAGES) messages
/// of a partition.
pub(crate) fn known(log: &mut TopicQueues) -> Result<KnownProducers> {
    let mut known = KnownProducers { are_all: true, ..KnownProducers::default() };
    for (partition, span) in log.topic.all().zip(log.spans()?) {
        let from = Offset(span.end.0.saturating_sub(crate::limits::TAIL_MESSAGES)).max(span.first);
        known.are_all &= from == Offset(0);
        TopicReader::read_properties(log, partition, from..span.end, &mut |_, _, text| {
            let mark = properties::get(text, FROM).and_then(parse_from);
            if let Some((producer, _)) = mark.filter(|(producer, _)| !known.ids.contains(*producer))
            {
                known.ids.insert(producer.to_owned());
            }
        })?;
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::unique_id::UniqueIds;
    use crate::repeats::send_marks::from;

    fn first(producer: &str, sequence: u64, id: UniqueId) -> Vec<u8> {
        let mut text = further(id);
        properties::put(&mut text, FROM, from(producer, sequence).as_bytes());
        text
    }

    fn further(id: UniqueId) -> Vec<u8> {
        let mut text = Vec::new();
        properties::put(&mut text, properties::UNIQUE_ID, &id.text());
        text
    }

    #[test]
    fn a_beginning_of_a_send_counts_as_far_as_it_goes() {
        let id = UniqueIds::new().next(10, 0);
        let mut trace = Trace::new("p");
        for (text, next) in [
            (first("p", 5, id), 6),
            (further(id.plus(1)), 7),
            (b"KEYS\x01foreign\x02".to_vec(), 7),
            (further(id.plus(2)), 8),
            (further(id.plus(4)), 8),
            (first("q", 99, id.plus(5)), 8),
            (further(id.plus(6)), 8),
            (first("p", 8, id.plus(7)), 9),
            (first("p", 3, id.plus(8)), 9),
            (further(id.plus(9)), 9),
        ] {
            trace.see(&text);
            assert_eq!(trace.next_sequence(), next);
        }
    }
}
