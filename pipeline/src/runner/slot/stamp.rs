//! By what messages are compared that are read in step: their append times and event times.

use seismic_queue::Batch;

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

/// The stamps of all messages of a batch; `newest` are those of the messages before it.
pub(super) fn stamps(batch: &Batch, alignment: &Alignment, newest: &mut Stamp) -> Vec<Stamp> {
    let event_of = |value: &[u8], append_ms: i64| {
        let said = alignment.event_time.and_then(|event_time| event_time(value));
        said.map_or(append_ms, |event_ms| event_ms.min(append_ms))
    };
    let events: Vec<_> =
        batch.messages().map(|message| event_of(message.value, message.append_ms)).collect();
    let mut all = Vec::with_capacity(batch.len());
    for (place, message) in batch.messages().enumerate() {
        let before_ms = newest.event_ms;
        let event_ms = match events[place..] {
            [it, next, next_but_one, ..] => it.min(next.max(next_but_one)),
            [it, ..] if before_ms > i64::MIN => it.min(before_ms.saturating_add(UNCONFIRMED_MS)),
            [it, ..] => it,
            [] => message.append_ms,
        };
        newest.append_ms = newest.append_ms.max(message.append_ms);
        newest.event_ms = event_ms;
        all.push(*newest);
    }
    all
}
