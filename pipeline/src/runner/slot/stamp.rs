//! By what messages are compared that are read in step: their append times and event times.

use seismic_queue::{Batch, Message};

use crate::engine::alignment::Alignment;

/// By what messages are compared, ms since 1970 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub append_ms: i64,
    pub event_ms: i64,
}

/// How far an event time may be ahead of the one before where no two messages follow yet, ms: packs
/// of a slow feed are as far apart.
const UNCONFIRMED_MS: i64 = 60_000;

/// Puts the stamps of all messages of a batch into `stamps`; `newest` are those of the messages
/// before it. Each is first what its message says, and then what those behind it leave of that.
pub(super) fn stamp(
    batch: &Batch,
    alignment: &Alignment,
    newest: &mut Stamp,
    stamps: &mut Vec<Stamp>,
) {
    let said = |message: Message<'_>| {
        let append_ms = message.append_ms;
        let event_ms = alignment.event_time.and_then(|event_time| event_time(message.value));
        Stamp { append_ms, event_ms: event_ms.map_or(append_ms, |it| it.min(append_ms)) }
    };
    stamps.clear();
    stamps.extend(batch.messages().map(said));
    let mut rest = &mut stamps[..];
    while let [it, behind @ ..] = rest {
        let before_ms = newest.event_ms;
        newest.append_ms = newest.append_ms.max(it.append_ms);
        newest.event_ms = match behind {
            [next, next_but_one, ..] => it.event_ms.min(next.event_ms.max(next_but_one.event_ms)),
            _ if before_ms > i64::MIN => it.event_ms.min(before_ms.saturating_add(UNCONFIRMED_MS)),
            _ => it.event_ms,
        };
        *it = *newest;
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use seismic_proto::{Message as _, SeismicRecord};
    use seismic_queue::{Offset, Partition};

    use super::*;
    use crate::engine::windows::decode::first_event_time;

    const ALIGNMENT: Alignment =
        Alignment { bound_ms: 100, append_bound_ms: 60_000, event_time: Some(first_event_time) };

    const T: i64 = 1_000_000_000_000;

    /// What [`stamp`] gives, said the long way.
    fn stamps(said: &[Stamp], mut newest: Stamp) -> Vec<Stamp> {
        let mut all = Vec::new();
        for place in 0..said.len() {
            let event_ms = |place: usize| said[place].event_ms.min(said[place].append_ms);
            let before_ms = newest.event_ms;
            newest.append_ms = newest.append_ms.max(said[place].append_ms);
            newest.event_ms = if place + 2 < said.len() {
                event_ms(place).min(event_ms(place + 1).max(event_ms(place + 2)))
            } else if before_ms > i64::MIN {
                event_ms(place).min(before_ms.saturating_add(UNCONFIRMED_MS))
            } else {
                event_ms(place)
            };
            all.push(newest);
        }
        all
    }

    proptest! {
        #[test]
        fn stamps_are_those_of_the_long_way_whatever_their_memory_held_before(
            batches in vec(vec((-90_000..90_000_i64, -90_000..90_000_i64), 0..12), 1..4),
        ) {
            let mut newest = Stamp { append_ms: i64::MIN, event_ms: i64::MIN };
            let (mut memory, mut offset) = (Vec::new(), Offset(0));
            for times in batches {
                let mut batch = Batch::default();
                batch.reset(Partition(0), offset);
                let mut said = Vec::new();
                for (append_ms, event_ms) in times {
                    let (append_ms, event_ms) = (T + append_ms, T + event_ms);
                    let record =
                        SeismicRecord { collect_timestamp: event_ms, ..SeismicRecord::default() };
                    let value = record.encode_to_vec();
                    batch.push(Message { offset, append_ms, key: b"", value: &value });
                    offset = offset.next();
                    said.push(Stamp { append_ms, event_ms });
                }
                let expected = stamps(&said, newest);
                stamp(&batch, &ALIGNMENT, &mut newest, &mut memory);
                prop_assert_eq!(&memory, &expected);
                prop_assert_eq!(newest, *expected.last().unwrap_or(&newest));
            }
        }
    }
}
