//! A synthetic network, published from this process while the consumer is killed half-way.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use seismic_generator::{Options, Summary};
use seismic_pipeline::verify::{Report, verify};
use seismic_pipeline::{RejectReason, Rules};

use super::child::{self, Position};
use super::{Crash, DemoFiles, QUIET_PATIENCE, crash_half_way};
use crate::backends::Url;
use crate::cli::format::count;
use crate::cli::stdio::tell;
use crate::job::sinks;

/// The network.
pub struct Network {
    /// How long it publishes, s.
    pub seconds: u32,
    /// Its sensors.
    pub sensors: u32,
    /// Samples per second of each.
    pub sample_rate_hz: u32,
}

/// Runs the demo; whether everything was as it should be.
pub fn run(network: Network, files: &DemoFiles, stop: &AtomicBool) -> anyhow::Result<bool> {
    let Network { seconds, sensors, sample_rate_hz } = network;
    let DemoFiles { url, csv, .. } = files;
    let queue = url.open()?;
    let store = url.default_store("seismic").open_store()?;
    let options = Options {
        records: Some(u64::from(seconds * sensors * sample_rate_hz)),
        sensors,
        rate: f64::from(sensors * sample_rate_hz),
        ..Options::default()
    };
    // Made here, so that the consumer does not wait for it.
    queue.create(&options.topic, options.partitions)?;
    tell(format_args!(
        "{} sensors publish {} records/s for {} s; the consumer runs as another process",
        sensors,
        count(options.rate as u64),
        seconds
    ));

    let began = Instant::now();
    let published = AtomicU64::new(0);
    let (summary, crash) = thread::scope(|scope| {
        let network = scope.spawn(|| {
            seismic_generator::generate(&*queue, &options, stop, &mut |records| {
                published.store(records, Ordering::Relaxed);
            })
        });
        let half = options.total() / 2;
        let crash = crash_half_way(files, (&*store, &*queue), half, &published, stop);
        if crash.is_err() {
            stop.store(true, Ordering::Relaxed);
        }
        let summary = network.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        crash.and_then(|crash| Ok((summary?, crash)))
    })?;
    let Crash { mut consumer, killed_at, back_after } = crash;
    tell("the network is silent; the last windows are closed when their sensors are idle");
    child::wait_until(QUIET_PATIENCE, stop, || {
        let position = Position::of(&*store, &*queue)?;
        Ok(position.lag == 0 && position.open_windows == 0)
    })
    .context("the consumer did not catch up")?;
    let time = began.elapsed();
    consumer.stop()?;

    let mut report = verify(&*queue, &*store, &Rules::default(), true, &mut |_| {})?;
    let in_csv = sinks::compare(&sinks::csv(csv)?, url, &*store, &mut report)?;
    let shown = Shown { summary, report, killed_at, back_after, time, in_csv };
    tell(shown.in_words(url, csv));
    Ok(shown.is_fine())
}

/// What the summary is made of.
struct Shown {
    summary: Summary,
    report: Report,
    killed_at: u64,
    back_after: Duration,
    time: Duration,
    in_csv: u64,
}

impl Shown {
    fn is_fine(&self) -> bool {
        self.report.is_fine() && self.report.counters().read == self.summary.published
    }

    fn in_words(&self, url: &Url, csv: &Path) -> String {
        let counters = self.report.counters();
        let line = |name: &str, what: String| format!("  {name:<12} {what}\n");
        let mut text = format!("\nseismic demo, {:.1} s\n", self.time.as_secs_f64());
        text += &line(
            "published",
            format!(
                "{} records, {} records/s, seed {}",
                count(self.summary.published),
                count(self.summary.records_per_second as u64),
                self.summary.seed
            ),
        );
        let windows = count(counters.windows);
        text += &line("counted", format!("{} in {windows} windows", count(counters.closed)));
        text += &line("rejected", format!("{}, each a dead letter:", count(counters.rejected())));
        let reasons = RejectReason::ALL.into_iter().filter(|&reason| reason != RejectReason::Late);
        for reason in reasons.filter(|&reason| counters.dead(reason) > 0) {
            text += &line("", format!("{:<24} {}", reason.name(), count(counters.dead(reason))));
        }
        text += &line("late", format!("{}, dead letters too", count(counters.late())));
        let millis = self.back_after.as_millis();
        text += &line(
            "crash",
            format!("killed at offset {}, back after {millis} ms", count(self.killed_at)),
        );
        text += &line("result", self.verdict());
        text += &line("CSV", format!("{} rows in {}", count(self.in_csv), csv.display()));
        text + &format!(
            "\nTry next:\n  \
             seismic status --queue {url}\n  \
             seismic read seismic-agg-topic --queue {url} --max 5\n  \
             seismic verify --queue {url} --sink csv:{}\n",
            csv.display()
        )
    }

    fn verdict(&self) -> String {
        use seismic_pipeline::verify::DifferenceKind as Kind;
        let of = |kinds: &[Kind]| {
            self.report.differences.iter().filter(|found| kinds.contains(&found.kind)).count()
        };
        let lost = of(&[Kind::RowMissing, Kind::DeadLetterMissing]);
        let doubled = of(&[Kind::RowDoubled, Kind::DeadLetterDoubled]);
        if self.is_fine() {
            return format!("{lost} lost, {doubled} doubled, verified");
        }
        let mut text = format!(
            "{lost} lost, {doubled} doubled, {} differences, {} of {} published records read",
            self.report.total,
            self.report.counters().read,
            self.summary.published
        );
        for difference in &self.report.differences {
            text += &format!("\n    {difference}");
        }
        text
    }
}
