//! A steady load: records that follow the clock, appended on schedule by a thread of its own.
//!
//! The load is open: it never waits for readers, and a late append does not delay the next one. The
//! state can be filled before: one record of each sensor, as fast as possible.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use seismic_generator::{Plan, Stream};
use seismic_queue::{Append, Block, Offset, Partition, Producer, patiently};

use super::schedule::Schedule;
use super::workspace::TestTopic;

/// An append is due this often, as in `generate --rate`.
const TICK: Duration = Duration::from_millis(10);

/// Bytes appended at once while the state is filled.
const FILL_BYTES: usize = 4 << 20;

/// What is fed.
#[derive(Clone, Copy)]
pub struct OpenLoad {
    pub sensors: u32,
    /// Records per second, all sensors together.
    pub rate: f64,
    /// Records that come first, as fast as possible, as if the load had begun earlier.
    pub first: u64,
}

/// A feed at work. It stops when this is dropped.
pub struct RunningLoad<'scope> {
    done: &'scope AtomicBool,
    thread: Option<ScopedJoinHandle<'scope, seismic_queue::Result<LoadReport>>>,
}

/// What was fed.
pub struct LoadReport {
    pub schedule: Schedule,
    /// When the clock began to be followed.
    pub began: Instant,
    /// Records that followed it.
    pub records: u64,
    pub time: Duration,
}

impl OpenLoad {
    /// Starts to feed a topic that is empty.
    pub fn start<'scope>(
        self,
        scope: &'scope Scope<'scope, '_>,
        test: &TestTopic,
        done: &'scope AtomicBool,
        stop: &'scope AtomicBool,
    ) -> anyhow::Result<RunningLoad<'scope>> {
        let producer = test.producer()?;
        let maker = Maker::new(self, &test.topic.name, test.topic.partitions);
        let thread = scope.spawn(move || maker.feed(producer, done, stop));
        Ok(RunningLoad { done, thread: Some(thread) })
    }

    fn plan(&self, producer: &str, partitions: u32) -> Plan {
        let ahead_ms = (self.first as f64 * 1_000.0 / self.rate) as i64;
        Plan {
            records: u64::MAX,
            sensors: self.sensors,
            partitions,
            seed: 1,
            start_ms: Timestamp::now().as_millisecond() - ahead_ms,
            records_per_second: self.rate,
            frequency_hz: (self.rate / f64::from(self.sensors)).round().max(1.0) as i32,
            anomaly_percent: 0.0,
            pack: 1,
            live: true,
            producer: producer.to_owned(),
        }
    }
}

impl RunningLoad<'_> {
    /// Ends it; what it fed.
    pub fn end(mut self) -> anyhow::Result<LoadReport> {
        self.done.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("it is taken only here, and this ends it");
        let fed = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok(fed?)
    }

    /// Whether it has failed, and only [`RunningLoad::end`] will tell why.
    pub fn has_failed(&self) -> bool {
        self.thread.as_ref().is_some_and(ScopedJoinHandle::is_finished)
    }
}

impl Drop for RunningLoad<'_> {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
    }
}

/// Makes records and gathers them.
struct Maker {
    feed: OpenLoad,
    stream: Stream,
    made: u64,
    /// What the next append holds, and the sequence of its first message, which is its offset: the
    /// topic was empty and has no other producer.
    lanes: Vec<(Block, u64)>,
}

impl Maker {
    fn new(feed: OpenLoad, producer: &str, partitions: u32) -> Self {
        let stream = Stream::new(&feed.plan(producer, partitions));
        let lanes = (0..partitions).map(|_| (Block::default(), 0)).collect();
        Maker { feed, stream, made: 0, lanes }
    }

    fn feed(
        mut self,
        mut producer: Box<dyn Producer>,
        done: &AtomicBool,
        stop: &AtomicBool,
    ) -> seismic_queue::Result<LoadReport> {
        let mut schedule = Schedule::new(self.lanes.len() as u32);
        let goes_on = || !done.load(Ordering::Relaxed) && !stop.load(Ordering::Relaxed);
        while self.made < self.feed.first && goes_on() {
            self.make_until(self.feed.first, FILL_BYTES)?;
            self.append(&mut *producer, None, stop)?;
        }
        let began = Instant::now();
        for tick in 0.. {
            let at = TICK * tick;
            let due = (self.feed.rate * at.as_secs_f64()) as u64;
            self.make_until(self.feed.first + due, usize::MAX)?;
            // Made before it is due, so that making costs no latency.
            thread::sleep((began + at).saturating_duration_since(Instant::now()));
            if !goes_on() {
                break;
            }
            self.append(&mut *producer, Some((began + at, &mut schedule)), stop)?;
        }
        let records = self.lanes.iter().map(|(_, sequence)| sequence).sum::<u64>();
        let records = records.saturating_sub(self.feed.first);
        Ok(LoadReport { schedule, began, records, time: began.elapsed() })
    }

    /// Makes records until there are as many, all in all, or that many bytes wait.
    fn make_until(&mut self, records: u64, bytes: usize) -> seismic_queue::Result<()> {
        let mut waiting = 0;
        while self.made < records && waiting < bytes {
            let made = self.stream.next_record();
            self.lanes[made.partition.0 as usize].0.push(made.key, made.value)?;
            self.made += 1;
            waiting += made.key.len() + made.value.len();
        }
        Ok(())
    }

    fn append(
        &mut self,
        producer: &mut dyn Producer,
        mut due: Option<(Instant, &mut Schedule)>,
        stop: &AtomicBool,
    ) -> seismic_queue::Result<()> {
        let lanes = (0u32..).map(Partition).zip(&self.lanes);
        let appends: Vec<_> = lanes
            .filter(|(_, (block, _))| !block.is_empty())
            .map(|(partition, &(ref block, first_sequence))| Append {
                partition,
                first_sequence,
                block,
            })
            .collect();
        if appends.is_empty() {
            return Ok(());
        }
        patiently(stop, || producer.append(&appends))?;
        if let Some((due, schedule)) = &mut due {
            schedule.appended(*due, Instant::now());
            for append in &appends {
                let from = append.first_sequence;
                let end = Offset(from + u64::from(append.block.count()));
                schedule.messages(append.partition, Offset(from), end, *due);
            }
        }
        for (block, sequence) in &mut self.lanes {
            *sequence += u64::from(block.count());
            block.clear();
        }
        Ok(())
    }
}
