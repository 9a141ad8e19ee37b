//! A fully resolved run: everything that the options leave open is decided here, once.

use seismic_ingest::producer_name;
use seismic_queue::{Queue, clock};

use crate::options::Options;
use crate::{Result, limits, resume};

/// Increases when the same plan gives other bytes than before. It is part of the names of runs, so
/// that an old run is not mistaken for the beginning of a new one.
const STREAM_VERSION: u32 = 1;

/// What determines a run. The same plan gives the same messages.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Records to publish; `u64::MAX` for a run without end.
    pub records: u64,
    /// Virtual sensors.
    pub sensors: u32,
    /// Partitions of the topic.
    pub partitions: u32,
    /// What everything random is drawn from.
    pub seed: u64,
    /// Event time of the first sample, ms since 1970 UTC.
    pub start_ms: i64,
    /// Records per second of event time.
    pub records_per_second: f64,
    /// Samples per second of one sensor, as its records tell.
    pub frequency_hz: i32,
    /// How many of 100 records are anomalies.
    pub anomaly_percent: f64,
    /// Records per message.
    pub pack: u32,
    /// Whether publishing keeps pace with event time.
    pub live: bool,
    /// Names the run to the queue, so that a repeated one is recognised.
    pub producer: String,
}

impl Plan {
    /// Resolves options that passed [`Options::check`]. Reads the clock and, without a start, the
    /// end of the topic; draws a seed if none is given.
    ///
    /// # Errors
    /// When the topic cannot be read.
    pub fn new(options: &Options, queue: &dyn Queue) -> Result<Plan> {
        let start_ms = match options.start_ms {
            Some(start_ms) => start_ms,
            None => default_start_ms(options, queue)?,
        };
        let producer = match (options.seed, options.start_ms) {
            (Some(_), Some(_)) if !options.live() => named(options),
            _ => producer_name::unique("generate"),
        };
        let rate = options.records_per_second();
        Ok(Plan {
            records: options.total(),
            sensors: options.sensors,
            partitions: options.partitions,
            // 32 bits are enough to differ and short enough to type.
            seed: options.seed.unwrap_or_else(|| producer_name::random() >> 32),
            start_ms,
            records_per_second: rate,
            frequency_hz: (rate / f64::from(options.sensors)).round().max(1.0) as i32,
            anomaly_percent: options.anomaly_percent,
            pack: options.pack,
            live: options.live(),
            producer,
        })
    }

    /// Event time of a slot, ms after the start. Sensors take turns, so each samples at even
    /// intervals, and no two at the same time as far as milliseconds tell.
    #[must_use]
    pub fn offset_ms(&self, slot: u64) -> i64 {
        (slot as f64 * 1_000.0 / self.records_per_second) as i64
    }
}

/// Now minus the span of the run, but after the newest valid event of the topic.
fn default_start_ms(options: &Options, queue: &dyn Queue) -> Result<i64> {
    let span_ms = if options.live() { 0 } else { options.span_ms() as i64 };
    let start_ms = (clock::now_ms() - span_ms).max(*limits::EVENT_MS.start());
    let topic = queue.topic(&options.topic)?;
    // The next whole second, since the second of the newest event may be a closed window.
    let after = |newest_ms: i64| (newest_ms.div_euclid(1_000) + 1) * 1_000;
    Ok(resume::newest_event_ms(queue, &topic)?
        .map_or(start_ms, |newest| start_ms.max(after(newest))))
}

/// A producer id that names everything a run consists of.
fn named(options: &Options) -> String {
    // Every option is in it, also those that come later: too many names only cost a repeated run
    // its being recognised, too few would lose records.
    let all = Options { records: Some(options.total()), ..options.clone() };
    producer_name::by_content("generate", format!("{STREAM_VERSION} {all:?}").as_bytes())
}
