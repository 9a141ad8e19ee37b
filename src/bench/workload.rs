//! The size of the measurements: enough for reliable figures, within a bounded time.

use std::time::Duration;

use super::report::Cell;

/// Records of a prepared backlog.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backlog {
    pub sensors: u32,
    /// Records per message.
    pub pack: u32,
    pub anomaly_percent: u32,
    pub records: u64,
}

impl Backlog {
    /// The head of a row: the backlog, how many worked on it, how fast, and that beside what one
    /// core can do.
    pub fn cells(&self, workers: usize, records_per_s: f64, limit: &Limit) -> Vec<Cell> {
        vec![
            self.sensors.into(),
            self.pack.into(),
            self.anomaly_percent.into(),
            workers.into(),
            records_per_s.into(),
            (records_per_s / limit.records_per_s).into(),
        ]
    }
}

/// What one core can do with a backlog.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Records per second.
    pub records_per_s: f64,
    /// Bytes of keys and values, with their lengths, per second.
    pub bytes_per_s: f64,
}

impl Limit {
    /// The row of a table.
    pub fn row(&self, load: &Backlog) -> Vec<Cell> {
        vec![
            load.sensors.into(),
            load.pack.into(),
            load.anomaly_percent.into(),
            self.records_per_s.into(),
            (self.bytes_per_s / 1e6).into(),
        ]
    }
}

/// What a run measures.
pub struct Workload {
    /// Backlogs that are drained. The first is the standard one, to whose limit figures relate
    /// that have no backlog of their own; the second is the same with packed messages.
    pub loads: Vec<Backlog>,
    /// Whether they are drained with every number of slots, or only with all there are.
    pub every_slots: bool,
    /// Times that a drain and a kill are repeated; the median counts.
    pub repeats: usize,
    /// Records that publishing has in memory, and how long it publishes them at most.
    pub publish_records: u64,
    pub publish_time: Duration,
    /// How long each statement is measured for each size of batch.
    pub statement_time: Duration,
    /// How long live latency is measured, and what goes before and is not counted.
    pub live_time: Duration,
    pub warm_up: Duration,
    pub rate: f64,
    /// How long a job works, or rests, before it is killed or looked at: longer than it is between
    /// snapshots, in a full run.
    pub settle: Duration,
    /// Workload of state that a killed job comes back with.
    pub recovery_sensors: Vec<u32>,
    /// Sensors whose memory is measured.
    pub memory_sensors: u32,
    /// The fewest sensors: what others are compared with.
    pub few_sensors: u32,
    /// The backlog of plots, when it does not grow, and the sensors when they do.
    pub growth: Backlog,
    pub growth_sensors: Vec<u32>,
}

/// Samples per second of each sensor in a backlog: 100 records a window.
pub const SAMPLE_RATE_HZ: f64 = 100.0;

impl Workload {
    /// About five minutes on two cores.
    pub fn full() -> Self {
        Workload {
            loads: loads(1_000, 10_000_000, 100_000, 20_000_000),
            every_slots: true,
            repeats: 3,
            publish_records: 1_000_000,
            publish_time: Duration::from_secs(4),
            statement_time: Duration::from_millis(600),
            live_time: Duration::from_secs(30),
            warm_up: Duration::from_secs(3),
            rate: 100_000.0,
            settle: Duration::from_secs(6),
            recovery_sensors: vec![1_000, 1_000_000],
            memory_sensors: 1_000_000,
            few_sensors: 1_000,
            growth: plain(1_000, 3_000_000),
            growth_sensors: vec![100, 1_000, 10_000, 100_000, 1_000_000],
        }
    }

    /// Under a minute on two cores.
    pub fn quick() -> Self {
        Workload {
            loads: loads(1_000, 2_000_000, 100_000, 10_000_000),
            repeats: 1,
            publish_records: 500_000,
            publish_time: Duration::from_millis(700),
            live_time: Duration::from_secs(5),
            warm_up: Duration::from_secs(1),
            settle: Duration::from_secs(2),
            recovery_sensors: vec![1_000, 100_000],
            memory_sensors: 100_000,
            growth_sensors: vec![100, 1_000, 10_000, 100_000],
            ..Workload::full()
        }
    }

    /// The same on a broker: under a minute when it runs on the same two cores. A job takes a
    /// second or two to begin there, and a backlog ten times as long to publish and to drain.
    pub fn quick_on_a_broker() -> Self {
        let standard = plain(1_000, 500_000);
        Workload {
            loads: vec![standard, Backlog { pack: 100, ..standard }, plain(100_000, 500_000)],
            every_slots: false,
            publish_time: Duration::from_millis(300),
            live_time: Duration::from_secs(4),
            settle: Duration::from_millis(1_500),
            recovery_sensors: vec![1_000],
            // A client's own memory differs by more than that of few sensors.
            memory_sensors: 400_000,
            ..Workload::quick()
        }
    }

    /// Seconds of an unoptimised program: for tests of the bench, not for figures.
    pub fn tiny() -> Self {
        Workload {
            loads: loads(100, 20_000, 200, 40_000),
            every_slots: true,
            repeats: 1,
            publish_records: 2_000,
            publish_time: Duration::from_millis(50),
            statement_time: Duration::from_millis(1),
            live_time: Duration::from_secs(2),
            warm_up: Duration::from_millis(500),
            rate: 2_000.0,
            settle: Duration::from_millis(300),
            recovery_sensors: vec![100],
            memory_sensors: 20_000,
            few_sensors: 100,
            growth: plain(100, 30_000),
            growth_sensors: vec![10, 1_000],
        }
    }

    /// The backlog to whose limit figures relate that have none of their own.
    pub fn standard(&self) -> Backlog {
        self.loads[0]
    }

    /// The same records in packed messages.
    pub fn packed(&self) -> Backlog {
        self.loads[1]
    }
}

fn plain(sensors: u32, records: u64) -> Backlog {
    Backlog { sensors, pack: 1, anomaly_percent: 0, records }
}

fn loads(few: u32, records: u64, many: u32, more_records: u64) -> Vec<Backlog> {
    let standard = plain(few, records);
    let large = Backlog { sensors: many, records: more_records, ..standard };
    vec![
        standard,
        Backlog { pack: 100, ..standard },
        Backlog { anomaly_percent: 5, ..standard },
        large,
        Backlog { anomaly_percent: 5, ..large },
    ]
}
