//! A queue with records in it, a store, and a job between them.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use seismic_generator::{Options, generate};
use seismic_pipeline::verify::{Report, verify};
use seismic_pipeline::{Finish, JobContext, Metrics, Result, Rules, Settings, run};
use seismic_proto::{Message, SeismicAggRecord};
use seismic_queue::memory::{Memory, MemoryStore};
use seismic_queue::{Event, Job, JobStore, Lease, Offset, Queue};

pub const RECORDS: u64 = 4_000;

/// Everything that a job needs.
pub struct Stage {
    pub queue: Memory,
    pub store: Box<dyn JobStore>,
    pub job: Job,
    pub rules: Rules,
    pub settings: Settings,
    pub slots: usize,
}

impl Stage {
    /// 4,000 records of 40 sensors in 4 partitions, a tenth of them faulty; the job drains them.
    pub fn new() -> Self {
        Self::with_store(Box::new(MemoryStore::new()))
    }

    pub fn with_store(store: Box<dyn JobStore>) -> Self {
        let stage = Self::empty();
        publish(&stage.queue, RECORDS);
        Stage { store, ..stage }
    }

    /// The same with nothing published yet.
    pub fn empty() -> Self {
        let queue = Memory::new();
        queue.create("seismic-data-topic", 4).unwrap();
        let input = queue.topic("seismic-data-topic").unwrap();
        let job = Job::plain("test", input, ["rows", "dead", "rows-2s", "rows-10s"]);
        let settings = Settings {
            // Only the log decides: the same rows every time.
            idle_timeout: Duration::ZERO,
            finish: Finish::Drain,
            commit_every: Duration::ZERO,
            ..Settings::default()
        };
        Stage {
            queue,
            store: Box::new(MemoryStore::new()),
            job,
            rules: rules(),
            settings,
            slots: 2,
        }
    }

    /// Runs the job until it ends on its own.
    pub fn run(&self) -> Result<Metrics> {
        self.run_until(&Arc::new(AtomicBool::new(false)))
    }

    pub fn run_until(&self, stop: &Arc<AtomicBool>) -> Result<Metrics> {
        self.run_on(&self.queue, stop)
    }

    /// The same with another way to the queue.
    pub fn run_on(&self, queue: &dyn Queue, stop: &Arc<AtomicBool>) -> Result<Metrics> {
        let lease = self.store.acquire(&self.job)?;
        let progress = Metrics::default();
        run(JobContext { queue, ..self.run_job(&*lease) }, stop, &progress).map(|()| progress)
    }

    /// What acts on the job as its owner.
    pub fn run_job<'a>(&'a self, lease: &'a dyn Lease) -> JobContext<'a> {
        JobContext {
            queue: &self.queue,
            store: &*self.store,
            lease,
            job: &self.job,
            slots: self.slots,
            kind: &self.rules,
            settings: &self.settings,
        }
    }

    pub fn verify(&self) -> Report {
        verify(&self.queue, &*self.store, &Rules::default(), true, &mut |_| {}).unwrap()
    }

    /// All rows, partition by partition, in order.
    pub fn rows(&self) -> Vec<SeismicAggRecord> {
        let topics = self.store.topics();
        let topic = topics.topic(self.job.main_topic()).unwrap();
        let mut rows = Vec::new();
        for (partition, span) in topic.all().zip(topics.spans(&topic).unwrap()) {
            let mut reader = topics.reader(&topic, &[(partition, span.first)]).unwrap();
            let mut next = span.first;
            while next < span.end {
                let batch = match reader.read(Duration::from_secs(5), &mut Vec::new()).unwrap() {
                    Event::Batch(batch) => batch,
                    // The last rows were taken back.
                    Event::CaughtUp(_, at) if at == span.end => break,
                    other => panic!("rows up to {} are there: {other:?}", span.end),
                };
                let decode = |m: seismic_queue::Message| SeismicAggRecord::decode(m.value).unwrap();
                rows.extend(batch.messages().map(decode));
                next = batch.next();
            }
        }
        rows
    }

    /// Messages committed, all partitions together.
    pub fn committed(&self) -> u64 {
        let view = self.store.view().unwrap();
        let next = |part: &seismic_queue::PartitionView| part.progress.as_ref().map(|p| p.next);
        view.partitions.iter().filter_map(next).map(|Offset(next)| next).sum()
    }
}

/// The defaults, with the roll-ups of the stage's job.
pub fn rules() -> Rules {
    Rules { rollups_ms: vec![2_000, 10_000], ..Rules::default() }
}

/// Publishes the same records whenever it is asked for the same number.
pub fn publish(queue: &Memory, records: u64) {
    publish_load(queue, records, 0);
}

/// As [`publish`], as many again, an hour of event time later for each load.
pub fn publish_load(queue: &Memory, records: u64, load: u64) {
    let options = Options {
        partitions: queue.topic("seismic-data-topic").unwrap().partitions,
        records: Some(records),
        sensors: 40,
        anomaly_percent: 10.0,
        seed: Some(7 + load),
        start_ms: Some(1_600_000_000_000 + load as i64 * 3_600_000),
        ..Options::default()
    };
    generate(queue, &options, &AtomicBool::new(false), &mut |_| {}).unwrap();
}
