//! The health of each sensor, from the newest messages of the log.

use std::collections::BTreeMap;
use std::time::Duration;

use seismic_pipeline::health::{Health, SensorHealth};
use seismic_pipeline::{DEAD, InternalRecords, RejectReason};
use seismic_proto::{Message as _, SeismicDeadLetter, Shown};
use seismic_queue::{Batch, Event, JobStore, Offset, Partition, Queue, Topic, View};
use serde::Serialize;

use crate::cli::format::count;
use crate::job::kinds;
use crate::job::location::Location;
use crate::job::repartition::{InputQueue, repartitioned_topic};
use crate::time::show_ms;

/// A clock that is wrong by more than this, and by more than its own spread, is reported.
const WRONG_CLOCK_MS: i64 = 5_000;

/// Newest messages of each partition from which clocks are judged: some seconds of them say at what
/// pace they come.
const CLOCK_MESSAGES: u64 = 1_000;

/// Examines the newest `last` messages of each partition, and at the dead letters made of them.
pub fn examine(
    queue: &dyn Queue,
    store: &dyn Queue,
    view: &View,
    last: u64,
) -> anyhow::Result<Health> {
    let mut health = Health::default();
    let dead = store.topic(view.job.topic_of(DEAD).unwrap_or_default())?;
    for (partition, from) in see_messages(queue, view, last, &mut health)? {
        let part = &view.partitions[partition.0 as usize];
        let Some(letters) = part.output(&view.job, DEAD).map(|output| output.span) else {
            continue;
        };
        each(store, &dead, partition, letters.first, letters.end, |message| {
            let Ok(letter) = SeismicDeadLetter::decode(message.value) else { return };
            let offset = letter.internal_offset.unwrap_or(letter.input_offset);
            let is_recent = offset >= from.0 as i64;
            if let (true, Some(reason)) = (is_recent, RejectReason::named(&letter.reason)) {
                health.see_dead_letter(&String::from_utf8_lossy(message.key), reason);
            }
        })?;
    }
    Ok(health)
}

/// Has `health` see the newest `last` messages of each partition; where those begin.
fn see_messages(
    queue: &dyn Queue,
    view: &View,
    last: u64,
    health: &mut Health,
) -> anyhow::Result<Vec<(Partition, Offset)>> {
    let input = queue.topic(&view.job.input().name)?;
    let is_internal = repartitioned_topic(view).is_some();
    let mut all = Vec::new();
    for (partition, span) in input.all().zip(queue.spans(&input)?) {
        let from = Offset(span.end.0.saturating_sub(last)).max(span.first);
        each(queue, &input, partition, from, span.end, |message| {
            match InternalRecords::read(message.value).filter(|_| is_internal) {
                // As they were in the input.
                Some(records) => records.for_each(|it| {
                    let append_ms = it.running_append_ms();
                    health.see(seismic_queue::Message { value: it.record, append_ms, ..message });
                }),
                None => health.see(message),
            }
        })?;
        all.push((partition, from));
    }
    Ok(all)
}

/// How far the clocks of sensors are behind that are wrong by more than chance, ms, from few
/// messages: whoever asks does so again and again.
pub fn wrong_clocks(
    location: &Location,
    store: &dyn JobStore,
) -> anyhow::Result<BTreeMap<String, i64>> {
    let view = store.view()?;
    kinds::of(&view)?;
    let opened = InputQueue::open(location, &view)?;
    let mut health = Health::default();
    see_messages(opened.queue(), &view, CLOCK_MESSAGES, &mut health)?;
    let wrong = health.sensors().into_iter().filter(has_wrong_clock);
    Ok(wrong.filter_map(|it| Some((it.sensor, it.clock_offset_ms?))).collect())
}

/// Calls `take` with every message of `[from, end)`.
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

/// How one sensor fares.
#[derive(Clone, Debug, Serialize)]
pub struct SensorStatus {
    /// Its id.
    pub sensor: String,
    /// Records seen.
    pub records: u64,
    /// Samples per second; `None` when there are too few.
    pub rate_hz: Option<f64>,
    /// Intervals that were longer than 1.5 usual ones.
    pub gaps: u64,
    /// Records that repeat another one.
    pub repeats: u64,
    /// Records rejected, and late ones.
    pub rejected: u64,
    /// Late records.
    pub late: u64,
    /// Records far ahead of its clock that became dead letters.
    pub clock_jumps: u64,
    /// Whether its clock is wrong by more than chance.
    pub wrong_clock: bool,
    /// How far its clock is behind, ms; `None` where nothing can be said, as of an archive.
    pub clock_offset_ms: Option<i64>,
    /// The time zone, as minutes from UTC, in which the clock would be right.
    pub zone_minutes: Option<i64>,
    /// Median absolute deviation of the delays, ms.
    pub clock_spread_ms: Option<i64>,
    /// Oldest event time, ms since 1970 UTC.
    pub oldest_event_ms: i64,
    /// Newest event time, ms since 1970 UTC.
    pub newest_event_ms: i64,
    /// When its last message came, ms since 1970 UTC.
    pub last_seen_ms: i64,
    /// Where it is, degrees, north and east positive; `None` where no record says it.
    pub latitude: Option<f64>,
    /// The same.
    pub longitude: Option<f64>,
}

impl From<SensorHealth> for SensorStatus {
    fn from(health: SensorHealth) -> Self {
        SensorStatus {
            wrong_clock: has_wrong_clock(&health),
            sensor: health.sensor,
            records: health.records,
            rate_hz: health.rate_hz,
            gaps: health.gaps,
            repeats: health.repeats,
            rejected: health.rejected,
            late: health.late,
            clock_jumps: health.clock_jumps,
            clock_offset_ms: health.clock_offset_ms,
            zone_minutes: health.zone_minutes,
            clock_spread_ms: health.clock_spread_ms,
            oldest_event_ms: health.event_ms.0,
            newest_event_ms: health.event_ms.1,
            last_seen_ms: health.last_seen_ms,
            latitude: health.position.map(|(_, latitude)| latitude),
            longitude: health.position.map(|(longitude, _)| longitude),
        }
    }
}

fn has_wrong_clock(health: &SensorHealth) -> bool {
    let (offset, spread) = (health.clock_offset_ms, health.clock_spread_ms);
    offset
        .zip(spread)
        .is_some_and(|(offset, spread)| offset.abs() > WRONG_CLOCK_MS && offset.abs() > 3 * spread)
}

/// A table, and a sentence for each clock that is wrong.
pub fn text(sensors: &[SensorStatus], without_sensor: u64) -> String {
    let mut text = String::from(
        "\nsensor               records  rate/Hz    gaps  repeats  rejected     late  clock offset/s  \
         spread/s  last seen\n",
    );
    for sensor in sensors {
        let seconds =
            |ms: Option<i64>| ms.map_or("-".into(), |ms| format!("{:.3}", ms as f64 / 1e3));
        text += &format!(
            "{:<18} {:>9} {:>8} {:>7} {:>8} {:>9} {:>8} {:>15} {:>9}  {}\n",
            Shown(&sensor.sensor),
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
    if without_sensor > 0 {
        text += &format!("{} records belong to no sensor\n", count(without_sensor));
    }
    for sensor in sensors.iter().filter(|sensor| sensor.wrong_clock) {
        let offset_ms = sensor.clock_offset_ms.unwrap_or_default();
        let way = if offset_ms > 0 { "slow" } else { "fast" };
        text += &format!(
            "the clock of {} is {:.1} s {way}{}\n",
            Shown(&sensor.sensor),
            offset_ms.unsigned_abs() as f64 / 1e3,
            sensor.zone_minutes.map(zone).unwrap_or_default()
        );
    }
    for sensor in sensors.iter().filter(|sensor| sensor.clock_jumps > 0) {
        text += &format!(
            "{} records of {} were far ahead of its clock, and later ones did not follow (clock_jump)\n",
            count(sensor.clock_jumps),
            sensor.sensor.escape_default(),
        );
    }
    text
}

/// That a clock shows the time of a zone.
fn zone(minutes: i64) -> String {
    let (sign, minutes) = (if minutes < 0 { '-' } else { '+' }, minutes.abs());
    format!(
        ": that is the time zone UTC{sign}{:02}:{:02}; event times are to be UTC",
        minutes / 60,
        minutes % 60
    )
}
