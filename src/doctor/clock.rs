//! Whether this machine's clock and that of the queue agree, as far as messages show it.

use std::time::Duration;

use seismic_queue::{Event, Finding, Offset, Partition, Queue, Span, Topic};

use crate::time::now_ms;

/// A message appended further ahead of this machine's clock than this shows that a clock is wrong,
/// ms.
const CLOCK_MS: i64 = 1_000;

/// Compares our clock with the times of the newest messages.
pub(super) fn examine(queue: &dyn Queue, topic: &Topic) -> seismic_queue::Result<Finding> {
    let mut newest = None;
    for (partition, span) in topic.all().zip(queue.spans(topic)?) {
        if span.first < span.end {
            newest = newest.max(append_ms(queue, topic, partition, span)?);
        }
    }
    Ok(clock(newest, now_ms()))
}

fn clock(newest_ms: Option<i64>, now_ms: i64) -> Finding {
    match newest_ms.map_or(0, |newest_ms| newest_ms.saturating_sub(now_ms)) {
        ahead_ms if ahead_ms > CLOCK_MS => Finding::problem(
            format!("the newest message was appended {ahead_ms} ms ahead of this machine's clock"),
            "set both clocks, for example by NTP: sensors' times are judged by them",
        ),
        _ => Finding::fine("no message was appended ahead of this machine's clock"),
    }
}

/// When the last message of a partition was appended.
fn append_ms(
    queue: &dyn Queue,
    topic: &Topic,
    partition: Partition,
    span: Span,
) -> seismic_queue::Result<Option<i64>> {
    let last = Offset(span.end.0 - 1);
    let mut reader = queue.reader(topic, &[(partition, last)])?;
    match reader.read(Duration::from_secs(5), &mut Vec::new())? {
        Event::Batch(batch) => Ok(batch.messages().map(|message| message.append_ms).max()),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use seismic_queue::Level;

    use super::*;

    #[test]
    fn a_message_from_the_future_shows_that_a_clock_is_wrong() {
        assert_eq!(clock(Some(5_000), 3_000).level, Level::Problem);
        assert_eq!(clock(Some(4_000), 3_000).level, Level::Fine);
        assert_eq!(clock(None, 0).level, Level::Fine);
    }
}
