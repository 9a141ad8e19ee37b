//! How a job runs: what does not change its results.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use seismic_queue::limits as queue_limits;

use crate::runner::parallelism::Parallelism;

/// Where a group without progress begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartFrom {
    /// The oldest message still there.
    #[default]
    Earliest,
    /// The end of the log.
    Latest,
    /// This offset, in every partition.
    Offset(u64),
    /// The first message appended at or after this time, ms since 1970 UTC.
    Time(i64),
}

impl fmt::Display for StartFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartFrom::Earliest => f.write_str("earliest"),
            StartFrom::Latest => f.write_str("latest"),
            StartFrom::Offset(offset) => write!(f, "{offset}"),
            StartFrom::Time(ms) => write!(f, "{ms} ms since 1970"),
        }
    }
}

/// Understands all but times, which need a calendar: the caller reads those.
impl FromStr for StartFrom {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "earliest" => Ok(StartFrom::Earliest),
            "latest" => Ok(StartFrom::Latest),
            offset => offset.parse().map(StartFrom::Offset),
        }
    }
}

/// Whether and when a run ends without being stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Finish {
    /// Never: it is a service.
    #[default]
    Never,
    /// At the end that the log had when the run began; what is open stays open in the checkpoint.
    CaughtUp,
    /// There too, and then everything is closed.
    Drain,
}

/// What becomes of a job that finds a sensor spread over several partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnSpread {
    /// It reports them and continues: each partition makes rows of its own.
    #[default]
    Warn,
    /// It ends, before it commits more.
    Refuse,
}

/// Whether a run reads nothing for a while, shared by everything that works on one job. Its slots
/// keep their partitions and commit what they have.
#[derive(Clone, Debug, Default)]
pub struct PauseToken(Arc<Pause>);

/// Why a run is paused: a request from outside, and what the job itself waits for.
#[derive(Debug, Default)]
struct Pause {
    /// Whether somebody has asked for it.
    is_asked: AtomicBool,
    /// What the job itself waits for.
    waits: AtomicUsize,
}

impl PauseToken {
    /// Has the job read nothing, or read again.
    pub fn set(&self, is_paused: bool) {
        self.0.is_asked.store(is_paused, Ordering::Relaxed);
    }

    /// Whether somebody has asked that it reads nothing.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.is_asked.load(Ordering::Relaxed)
    }

    /// The job reads nothing until it has what it waits for; each call has its own
    /// [`PauseToken::go_on`].
    pub fn begin_to_wait(&self) {
        self.0.waits.fetch_add(1, Ordering::Relaxed);
    }

    /// What it waited for is there.
    pub fn go_on(&self) {
        self.0.waits.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether it is to read nothing, whatever for.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.is_set() || self.0.waits.load(Ordering::Relaxed) > 0
    }
}

/// How a job runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long a sensor may be silent before what it has open is closed; zero: forever.
    pub idle_timeout: Duration,
    /// Where a group without progress begins; `None` is earliest, and allowed when there is
    /// progress.
    pub from: Option<StartFrom>,
    /// Whether to continue after messages that are gone and were never read; the loss is journaled.
    pub accept_loss: bool,
    /// What becomes of it when a sensor is spread over several partitions.
    pub on_spread: OnSpread,
    /// When the run ends on its own.
    pub finish: Finish,
    /// The run ends after the message in which this many records are reached; a further slot may
    /// have begun one more message by then, and ends after that.
    pub max_records: Option<u64>,
    /// Longest wait of a row for its commit.
    pub commit_every: Duration,
    /// Longest time between two snapshots while messages come.
    pub snapshot_every: Duration,
    /// How many of the newest checkpoints of each partition are kept, within
    /// [`CHECKPOINTS_KEPT`](queue_limits::CHECKPOINTS_KEPT). They hold the log.
    pub checkpoints_kept: u32,
    /// Set while nothing is to be read.
    pub pause: PauseToken,
    /// How many slots it is to have, where that may change while it works.
    pub parallelism: Parallelism,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            idle_timeout: Duration::from_millis(2_000),
            from: None,
            accept_loss: false,
            on_spread: OnSpread::Warn,
            finish: Finish::Never,
            max_records: None,
            commit_every: Duration::from_millis(20),
            snapshot_every: Duration::from_secs(5),
            checkpoints_kept: queue_limits::CHECKPOINTS_NEWEST as u32,
            pause: PauseToken::default(),
            parallelism: Parallelism::default(),
        }
    }
}
