//! The records of a run, one after the other: pure, without a clock, the same for the same plan.
//!
//! ```text
//!  slot i ──► sensor i % sensors, time start + i / rate ──► waveform ──► maybe one fault ──► bytes
//! ```
//!
//! An anomalous slot carries the anomaly instead of the sample. Its kind is drawn uniformly from
//! those possible there: late needs a sensor that has published a valid record, a duplicate a valid
//! record in the slot just before. Plans with and without anomalies have the same samples in slots
//! where both have one.

use seismic_proto::{Message, SeismicRecord};
use seismic_queue::{Partition, partition_of};

use crate::anomaly;
use crate::limits;
use crate::network::{Sensor, network};
use crate::plan::Plan;
use crate::random::{Purpose, Random};
use crate::record_kind::RecordKind;
use crate::waveform::Waveform;

/// Newest event time of a sensor that has published none.
const NONE_MS: i64 = i64::MIN;

/// The records of a run.
pub struct Stream {
    plan: Plan,
    sensors: Vec<Sensor>,
    waveform: Waveform,
    random: Random,
    /// Below this, of 2^32, a slot is an anomaly.
    anomalies_below: u64,
    /// Whether an exact duplicate finds its window open for sure.
    duplicates: bool,
    slot: u64,
    sensor: usize,
    /// Newest valid event time that each sensor has published.
    newest_ms: Vec<i64>,
    /// What the last slot published.
    last: Last,
    /// Reused for each record.
    record: SeismicRecord,
    value: Vec<u8>,
    key: Vec<u8>,
}

struct Last {
    kind: RecordKind,
    partition: Partition,
}

/// One record as it is published.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeneratedRecord<'a> {
    /// What it is.
    pub kind: RecordKind,
    /// Where it goes: the partition of its key.
    pub partition: Partition,
    /// Its sensor id; empty when the record has none, and the slot's sensor when it has no
    /// readable one.
    pub key: &'a [u8],
    /// Its bytes.
    pub value: &'a [u8],
}

impl Stream {
    /// The records of `plan`, from the first one on.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let sensors = network(plan.seed, plan.sensors, plan.partitions);
        Stream {
            waveform: Waveform::new(plan.seed, &sensors),
            random: Random::new(plan.seed, Purpose::Anomalies),
            anomalies_below: (plan.anomaly_percent / 100.0 * 4_294_967_296.0) as u64,
            duplicates: 1_000.0 / plan.records_per_second < limits::DUPLICATE_GAP_MS,
            slot: 0,
            sensor: 0,
            newest_ms: vec![NONE_MS; sensors.len()],
            last: Last { kind: RecordKind::EmptyMessage, partition: Partition(0) },
            record: SeismicRecord {
                frequency: plan.frequency_hz,
                network_status: 1,
                ..SeismicRecord::default()
            },
            value: Vec::new(),
            key: Vec::new(),
            plan: plan.clone(),
            sensors,
        }
    }

    /// The sensors, in the order in which they take turns.
    #[must_use]
    pub fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    /// Event time of the slot that comes next, ms since 1970 UTC.
    #[must_use]
    pub fn next_ms(&self) -> i64 {
        self.plan.start_ms + self.plan.offset_ms(self.slot)
    }

    /// Makes the next record. A plan's number of records is the caller's business: the stream
    /// itself has no end.
    pub fn next_record(&mut self) -> GeneratedRecord<'_> {
        let offset_ms = self.plan.offset_ms(self.slot);
        let (amplitude, phase) = self.waveform.sample(&self.sensors, self.sensor, offset_ms);
        let kind = self.draw_kind();
        if kind != RecordKind::Duplicate {
            let at_ms = self.plan.start_ms + offset_ms;
            self.fill_record(at_ms, amplitude, phase.name());
            if kind == RecordKind::Valid {
                self.newest_ms[self.sensor] = at_ms;
            } else {
                let newest_ms = self.newest_ms[self.sensor];
                anomaly::break_field(kind, &mut self.record, newest_ms, &mut self.random);
            }
            self.encode(kind);
        }
        self.last.kind = kind;
        self.slot += 1;
        self.sensor = (self.sensor + 1) % self.sensors.len();
        GeneratedRecord { kind, partition: self.last.partition, key: &self.key, value: &self.value }
    }

    fn draw_kind(&mut self) -> RecordKind {
        if u64::from(self.random.bits()) >= self.anomalies_below {
            return RecordKind::Valid;
        }
        let late = self.newest_ms[self.sensor] != NONE_MS;
        let duplicate = self.duplicates && self.last.kind == RecordKind::Valid;
        let possible = |kind: &RecordKind| match kind {
            RecordKind::Late => late,
            RecordKind::Duplicate => duplicate,
            _ => true,
        };
        let kinds = || RecordKind::ALL[1..].iter().copied().filter(possible);
        let drawn = self.random.below(kinds().count() as u32);
        kinds().nth(drawn as usize).expect("it was drawn below their number")
    }

    fn fill_record(&mut self, at_ms: i64, amplitude: f32, phase: &str) {
        let sensor = &self.sensors[self.sensor];
        let record = &mut self.record;
        record.sensor_id.clear();
        record.sensor_id.push_str(&sensor.id);
        record.collect_timestamp = at_ms;
        record.longitude = sensor.longitude;
        record.latitude = sensor.latitude;
        record.seismic_amplitude = amplitude;
        record.phase_type.clear();
        record.phase_type.push_str(phase);
        record.data_quality = 1;
    }

    /// Key, partition and bytes of the record.
    fn encode(&mut self, kind: RecordKind) {
        let sensor = &self.sensors[self.sensor];
        self.key.clear();
        if matches!(kind, RecordKind::EmptySensor | RecordKind::EmptyMessage) {
            self.last.partition = partition_of(&[], self.plan.partitions);
        } else {
            self.key.extend_from_slice(sensor.id.as_bytes());
            self.last.partition = sensor.partition;
        }
        self.value.clear();
        match kind {
            RecordKind::EmptyMessage => {}
            RecordKind::RandomBytes => anomaly::random_bytes(&mut self.value, &mut self.random),
            _ => self.record.encode(&mut self.value).expect("a vector grows as needed"),
        }
        if kind == RecordKind::Truncated {
            anomaly::truncate(&mut self.value, &mut self.random);
        }
    }
}
