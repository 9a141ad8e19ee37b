//! Whether this machine's clock and that of the queue agree, as far as messages show it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use seismic_queue::{Event, Finding, Offset, Partition, Queue, Topic};

use crate::time::now_ms;

/// A message appended further ahead of this machine's clock than this shows that a clock is wrong,
/// ms.
const CLOCK_MS: i64 = 1_000;

/// How long the newest messages are waited for: the doctor has other questions, and 10 s.
const READ_WAIT: Duration = Duration::from_secs(3);

/// Compares our clock with the times of the newest messages.
pub(super) fn examine(queue: &dyn Queue, topic: &Topic) -> seismic_queue::Result<Finding> {
    let all = topic.all().zip(queue.spans(topic)?).filter(|(_, span)| span.first < span.end);
    let last = all.map(|(partition, span)| (partition, Offset(span.end.0 - 1)));
    let newest = newest_ms(queue, topic, &last.collect::<Vec<_>>())?;
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

/// When the newest of the messages from there on was appended. All partitions are read at once, and
/// those that give nothing soon are passed over.
fn newest_ms(
    queue: &dyn Queue,
    topic: &Topic,
    last: &[(Partition, Offset)],
) -> seismic_queue::Result<Option<i64>> {
    let mut left: BTreeSet<Partition> = last.iter().map(|(partition, _)| *partition).collect();
    let (begun, mut spare, mut newest) = (Instant::now(), Vec::new(), None);
    if left.is_empty() {
        return Ok(newest);
    }
    let mut reader = queue.reader(topic, last)?;
    while !left.is_empty() && begun.elapsed() < READ_WAIT {
        match reader.read(Duration::from_millis(100), &mut spare)? {
            Event::Batch(batch) => {
                newest = newest.max(batch.messages().map(|message| message.append_ms).max());
                left.remove(&batch.partition());
                spare.push(batch);
            }
            Event::CaughtUp(partition, _) => {
                left.remove(&partition);
            }
            _ => {}
        }
    }
    Ok(newest)
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
