//! A live network, a consumer that is killed half-way with `kill -9`, and the proof that nothing
//! was lost and nothing duplicated.
//!
//! The network publishes from this process; the consumer is a separate process (`seismic run`).
//! Results go to stdout as they are committed; everything else is on stderr.

pub(crate) mod child;
pub mod network;
pub mod quake;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use jiff::Timestamp;
use seismic_queue::{JobStore, Queue};

use self::child::{Consumer, Position};
use crate::backends::Url;
use crate::cli::format::count;
use crate::cli::stdio::tell;

/// After the network fell silent, every window must be closed within this: the idle timeout, and
/// what a busy machine needs.
const QUIET_PATIENCE: Duration = Duration::from_secs(12);

/// Where a demo leaves its files.
pub struct DemoFiles {
    url: Url,
    folder: PathBuf,
    csv: PathBuf,
}

impl DemoFiles {
    /// In folders of this run below `output`.
    pub fn below(output: &Path) -> Self {
        let run = format!("demo-{}", Timestamp::now().strftime("%Y%m%d-%H%M%S-%3f"));
        let folder = output.join(&run);
        let csv = output.join("seismic_agg_result").join(&run);
        DemoFiles { url: Url::of_file(&folder.join("queue.db")), folder, csv }
    }
}

/// A consumer that was killed and restarted.
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
    .context("the consumer did not restart")?;
    Ok(Crash { consumer, killed_at, back_after: killed.elapsed() })
}
