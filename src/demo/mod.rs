//! `seismic demo`: a live network, a consumer that is killed half-way with `kill -9`, and the proof
//! that nothing was lost and nothing doubled.
//!
//! The network publishes from this process; the consumer is a process of its own (`seismic run`).
//! Results go to stdout as they are committed; everything else is on stderr.

pub(crate) mod child;
mod quake;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use jiff::Timestamp;
use seismic_generator::{Options, Summary};
use seismic_pipeline::RejectReason;
use seismic_pipeline::verify::{Report, verify};
use seismic_queue::{JobStore, Queue};

use self::child::{Consumer, Position};
use crate::backends::Url;
use crate::cli::commands::verify::sink;
use crate::cli::exit::Outcome;
use crate::cli::format::count;
use crate::cli::signal;
use crate::cli::stdio::tell;

/// After the network fell silent, every window must be closed within this: the idle timeout, and
/// what a busy machine needs.
const QUIET_PATIENCE: Duration = Duration::from_secs(12);

/// Options of `seismic demo`.
#[derive(clap::Args)]
pub struct Args {
    /// Live through a real earthquake instead: M7.4 Oaxaca, 2020, as three OpenEEW stations sent it
    #[arg(long, conflicts_with_all = ["seconds", "sensors", "sample_rate_hz"])]
    quake: bool,
    /// With --quake: how many times its pace
    #[arg(long, value_name = "X", default_value_t = 8.0, requires = "quake")]
    speed: f64,
    /// How long the network publishes, seconds
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=600))]
    seconds: u32,
    /// Virtual sensors
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    sensors: u32,
    /// Samples per second of each sensor
    #[arg(long, value_name = "HZ", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    sample_rate_hz: u32,
    /// Folder for everything that the demo leaves behind
    #[arg(long, value_name = "DIR", default_value = "output")]
    output: PathBuf,
}

/// Runs the demo.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let stop = signal::stop_flag()?;
    let run = format!("demo-{}", Timestamp::now().strftime("%Y%m%d-%H%M%S-%3f"));
    let folder = args.output.join(&run);
    let csv = args.output.join("seismic_agg_result").join(&run);
    let files = DemoFiles { url: Url::of_file(&folder.join("queue.db")), folder, csv };
    if args.quake {
        return quake::run(args, &files, &stop);
    }
    let DemoFiles { url, csv, .. } = &files;
    let queue = url.open()?;
    let store = url.default_store("seismic").open_store()?;
    let options = Options {
        records: Some(u64::from(args.seconds * args.sensors * args.sample_rate_hz)),
        sensors: args.sensors,
        rate: f64::from(args.sensors * args.sample_rate_hz),
        ..Options::default()
    };
    // Made here, so that the consumer does not wait for it.
    queue.create(&options.topic, options.partitions)?;
    tell(format_args!(
        "{} sensors publish {} records/s for {} s; the consumer is another process",
        args.sensors,
        count(options.rate as u64),
        args.seconds
    ));

    let began = Instant::now();
    let published = AtomicU64::new(0);
    let (summary, crash) = thread::scope(|scope| {
        let network = scope.spawn(|| {
            seismic_generator::generate(&*queue, &options, &stop, &mut |records| {
                published.store(records, Ordering::Relaxed);
            })
        });
        let half = options.total() / 2;
        let crash = crash_half_way(&files, (&*store, &*queue), half, &published, &stop);
        if crash.is_err() {
            stop.store(true, Ordering::Relaxed);
        }
        let summary = network.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        crash.and_then(|crash| Ok((summary?, crash)))
    })?;
    let Crash { mut consumer, killed_at, back_after } = crash;
    tell("the network is silent; the last windows are closed when their sensors are idle");
    child::wait_until(QUIET_PATIENCE, &stop, || {
        let position = Position::of(&*store, &*queue)?;
        Ok(position.lag == 0 && position.open_windows == 0)
    })
    .context("the consumer did not catch up")?;
    let time = began.elapsed();
    consumer.stop()?;

    let mut report = verify(&*queue, &*store, true, &mut |_| {})?;
    let in_csv = sink::compare(csv, &*store, &mut report)?;
    let shown = Shown { summary, report, killed_at, back_after, time, in_csv };
    tell(shown.in_words(url, csv));
    Ok(if shown.is_fine() { Outcome::Fine } else { Outcome::Differs })
}

/// Where a demo leaves things.
struct DemoFiles {
    url: Url,
    folder: PathBuf,
    csv: PathBuf,
}

/// A consumer that was killed and started again.
struct Crash {
    consumer: Consumer,
    /// Messages it had committed, all partitions together.
    killed_at: u64,
    /// From the kill to the first new commit.
    back_after: Duration,
}

/// Options of the consumer: rows go to the console and to CSV.
fn options_of(files: &DemoFiles) -> [String; 6] {
    let csv = format!("csv:{}", files.csv.display());
    ["--queue", &files.url.to_string(), "--sink", "console", "--sink", &csv].map(str::to_owned)
}

/// Starts a consumer, kills it when `half` is published, and starts another one.
fn crash_half_way(
    files: &DemoFiles,
    (store, queue): (&dyn JobStore, &dyn Queue),
    half: u64,
    published: &AtomicU64,
    stop: &AtomicBool,
) -> anyhow::Result<Crash> {
    let patience = Duration::from_secs(u64::from(u32::MAX));
    let mut first = Consumer::start(options_of(files))?;
    child::wait_until(patience, stop, || {
        first.check()?;
        Ok(published.load(Ordering::Relaxed) >= half)
    })?;
    // It must have something to lose.
    child::wait_until(QUIET_PATIENCE, stop, || Ok(Position::of(store, queue)?.messages > 0))
        .context("the consumer committed nothing")?;
    first.kill()?;
    let killed = Instant::now();
    let killed_at = Position::of(store, queue)?.messages;
    tell(format_args!("kill -9 of the consumer at offset {}; starting it again", count(killed_at)));
    let mut consumer = Consumer::start(options_of(files))?;
    child::wait_until(QUIET_PATIENCE, stop, || {
        consumer.check()?;
        Ok(Position::of(store, queue)?.messages > killed_at)
    })
    .context("the consumer did not come back")?;
    Ok(Crash { consumer, killed_at, back_after: killed.elapsed() })
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
