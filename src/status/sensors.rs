//! `seismic status --sensors`: how each sensor fares, from the newest messages of the log.

use std::time::Duration;

use seismic_pipeline::RejectReason;
use seismic_pipeline::health::{Health, SensorHealth};
use seismic_proto::{Message as _, SeismicDeadLetter};
use seismic_queue::{Batch, Event, Offset, Partition, Queue, Topic, View};
use serde_json::{Value, json};

use crate::cli::format::count;
use crate::cli::time::show_ms;

/// A clock this far off, and off by more than its own spread, is named in words.
const WRONG_CLOCK_MS: i64 = 5_000;

/// Looks at the newest `last` messages of each partition, and at the dead letters made of them.
pub fn look(
    queue: &dyn Queue,
    store: &dyn Queue,
    view: &View,
    last: u64,
) -> anyhow::Result<Health> {
    let mut health = Health::default();
    let input = queue.topic(&view.job.input.name)?;
    let dead = store.topic(&view.job.dead_topic)?;
    let spans = queue.spans(&input)?;
    for (partition, span) in input.all().zip(spans) {
        let from = Offset(span.end.0.saturating_sub(last)).max(span.first);
        each(queue, &input, partition, from, span.end, |message| health.see(message))?;
        let letters = view.partitions[partition.0 as usize].dead;
        each(store, &dead, partition, letters.first, letters.end, |message| {
            let Ok(letter) = SeismicDeadLetter::decode(message.value) else { return };
            let is_recent = letter.input_offset >= from.0 as i64;
            if let (true, Some(reason)) = (is_recent, RejectReason::named(&letter.reason)) {
                health.see_dead_letter(&String::from_utf8_lossy(message.key), reason);
            }
        })?;
    }
    Ok(health)
}

/// Gives every message of `[from, end)`.
fn each(
    queue: &dyn Queue,
    topic: &Topic,
    partition: Partition,
    from: Offset,
    end: Offset,
    mut take: impl FnMut(seismic_queue::Message<'_>),
) -> anyhow::Result<()> {
    if from >= end {
        return Ok(());
    }
    let mut reader = queue.reader(topic, &[(partition, from)])?;
    let mut spare: Vec<Batch> = Vec::new();
    let mut next = from;
    while next < end {
        let Event::Batch(batch) = reader.read(Duration::from_secs(5), &mut spare)? else { break };
        batch.messages().take_while(|message| message.offset < end).for_each(&mut take);
        next = batch.next();
        spare.push(batch);
    }
    Ok(())
}

/// A table, and a sentence for each clock that is wrong.
pub fn text(health: &Health) -> String {
    let sensors = health.sensors();
    let mut text = String::from(
        "\nsensor               records  rate/Hz    gaps  repeats  rejected     late  clock offset/s  \
         spread/s  last seen\n",
    );
    for sensor in &sensors {
        let seconds =
            |ms: Option<i64>| ms.map_or("-".into(), |ms| format!("{:.3}", ms as f64 / 1e3));
        text += &format!(
            "{:<18} {:>9} {:>8} {:>7} {:>8} {:>9} {:>8} {:>15} {:>9}  {}\n",
            sensor.sensor.escape_default().to_string(),
            count(sensor.records),
            sensor.rate_hz.map_or("-".into(), |rate| format!("{rate:.2}")),
            count(sensor.gaps),
            count(sensor.repeats),
            count(sensor.rejected),
            count(sensor.late),
            seconds(sensor.clock_offset_ms),
            seconds(sensor.clock_spread_ms),
            show_ms(sensor.last_seen_ms),
        );
    }
    if health.others() > 0 {
        text += &format!("{} records could not be laid to a sensor\n", count(health.others()));
    }
    for sensor in sensors.iter().filter(|sensor| has_wrong_clock(sensor)) {
        let offset_ms = sensor.clock_offset_ms.unwrap_or_default();
        let way = if offset_ms > 0 { "slow" } else { "fast" };
        text += &format!(
            "the clock of {} is {:.1} s {way}\n",
            sensor.sensor.escape_default(),
            offset_ms.unsigned_abs() as f64 / 1e3
        );
    }
    text
}

fn has_wrong_clock(sensor: &SensorHealth) -> bool {
    let (offset, spread) = (sensor.clock_offset_ms, sensor.clock_spread_ms);
    offset
        .zip(spread)
        .is_some_and(|(offset, spread)| offset.abs() > WRONG_CLOCK_MS && offset.abs() > 3 * spread)
}

/// One object for each sensor.
pub fn json(health: &Health) -> Value {
    let one = |sensor: SensorHealth| {
        json!({
            "sensor": sensor.sensor,
            "records": sensor.records,
            "rate_hz": sensor.rate_hz,
            "gaps": sensor.gaps,
            "repeats": sensor.repeats,
            "rejected": sensor.rejected,
            "late": sensor.late,
            "wrong_clock": has_wrong_clock(&sensor),
            "clock_offset_ms": sensor.clock_offset_ms,
            "clock_spread_ms": sensor.clock_spread_ms,
            "oldest_event_ms": sensor.event_ms.0,
            "newest_event_ms": sensor.event_ms.1,
            "last_seen_ms": sensor.last_seen_ms,
        })
    };
    health.sensors().into_iter().map(one).collect()
}
