//! A trial of a job in a process of its own: what a job computes of a pack takes as much time and memory as
//! the pack is made for, and the server needs both for its jobs.
//!
//! ```text
//!  server ──order.json──► trial ──said.json──► server
//! ```

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use rustix::process::nice;
use seismic_ingest::files::openeew::Component;
use seismic_ingest::files::records::ReadOptions;
use seismic_queue::failpoints;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::limit::limit_memory;
use super::order::Description;
use crate::cli::exit::Outcome;
use crate::error::Usage;
use crate::job::service::Resources;
use crate::job::{JobSpec, StopToken};
use crate::remedy::in_one_line;
use crate::serve::limits;
use crate::time::now_ms;
use crate::trial::statement::{StatementPlan, StatementReport, expected, read_files};
use crate::trial::{self, Disturbances, Expected, FileInput, Input, JsonReport, Plan};

/// What is to be tried, in its folder.
pub const ORDER: &str = "order.json";

/// The folder in it with its packs, by their names.
pub const PACKS: &str = "packs";

/// What came of it.
pub const SAID: &str = "said.json";

/// A test has begun.
const TRIED: &str = "trial";

/// Partitions of the topic that packs are read into, as `seismic test` has them.
const PARTITIONS: u32 = 4;

/// Nothing stops it.
const STOPPED: &str = "it was stopped before its end";

/// Steps of niceness: jobs come first.
const NICE: i32 = 10;

/// What is to be tried.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TrialOrder {
    /// The job.
    pub job: Description,
    /// Files with records, whose names say how they are written.
    pub inputs: Vec<PathBuf>,
    /// Rows that are expected.
    pub expected: Option<PathBuf>,
    /// How far decimals may be from expected ones.
    pub tolerance: f64,
    /// What is done to the records.
    pub disturbances: Disturbances,
}

/// What came of it.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Said<'a> {
    /// The test was run.
    Report(Told<'a>),
    /// Somebody can correct it.
    Wrong(String),
    /// It has failed.
    Failed(String),
}

/// The report of a test: of a job that makes windows, or of one with a statement.
#[derive(Serialize)]
#[serde(untagged)]
enum Told<'a> {
    Windows(JsonReport<'a>),
    Statement(Value),
}

/// A test that was run.
enum Tried {
    Windows(Box<trial::Report>),
    Statement(StatementReport),
}

impl Tried {
    fn told(&self) -> Told<'_> {
        match self {
            Tried::Windows(report) => Told::Windows(report.json(limits::TRIAL_ROWS)),
            Tried::Statement(report) => Told::Statement(report.json(limits::TRIAL_ROWS)),
        }
    }
}

/// Does what the order in `folder` says, and writes down what came of it.
///
/// # Errors
/// When that cannot be written.
pub fn run(folder: &Path) -> anyhow::Result<Outcome> {
    nice(NICE).context("standing back for jobs")?;
    limit_memory(&Resources { memory_bytes: Some(limits::TRIAL_MEMORY), ..Resources::default() })
        .context("limiting its memory")?;
    let order = fs::read(folder.join(ORDER)).context("reading the order")?;
    let order: TrialOrder = serde_json::from_slice(&order).context("understanding the order")?;
    match tried(&order) {
        Ok(report) => say(folder, &Said::Report(report.told())),
        Err(error) => {
            // Where its files are is nothing to whoever gave them names.
            let place = format!("{}/", folder.join(PACKS).display());
            let why = in_one_line(&error).replace(&place, "resource:");
            let is_theirs =
                error.chain().any(|it| it.is::<Usage>() || it.is::<seismic_ingest::Error>());
            say(folder, &if is_theirs { Said::Wrong(why) } else { Said::Failed(why) })
        }
    }?;
    Ok(Outcome::Fine)
}

fn tried(order: &TrialOrder) -> anyhow::Result<Tried> {
    failpoints::pass("the test", TRIED)?;
    let (spec, _) = order.job.resolve()?;
    match spec.statement {
        Some(_) => tried_statement(order, &spec).map(Tried::Statement),
        None => tried_windows(order, &spec).map(|it| Tried::Windows(Box::new(it))),
    }
}

fn tried_windows(order: &TrialOrder, spec: &JobSpec) -> anyhow::Result<trial::Report> {
    let mut plan = Plan {
        disturbances: order.disturbances.clone(),
        expected: None,
        tolerance: order.tolerance,
    };
    plan.check()?;
    plan.expected = order.expected.as_deref().map(Expected::read).transpose()?;
    let read = ReadOptions::default();
    let files = FileInput {
        files: order.inputs.clone(),
        format: None,
        read,
        has_delimiter: false,
        sensors: None,
        locations: None,
        component: Component::default(),
        pack: 1,
        strict: false,
        partitions: PARTITIONS,
    };
    let never = AtomicBool::new(false);
    let loaded = trial::load(&Input::Files(files), &never, now_ms())?;
    let report = plan.run(spec, loaded, StopToken::new(), &never)?;
    report.context(STOPPED)
}

fn tried_statement(order: &TrialOrder, spec: &JobSpec) -> anyhow::Result<StatementReport> {
    let mut plan = StatementPlan { expected: None, tolerance: order.tolerance };
    plan.check()?;
    plan.expected = order.expected.as_deref().map(expected).transpose()?;
    let messages = read_files(spec, &order.inputs)?;
    let never = AtomicBool::new(false);
    let report = plan.run(spec, &messages, 1, StopToken::new(), &never)?;
    report.context(STOPPED)
}

/// Whole or not at all: who waits for the end of this process may find a part of it otherwise.
fn say(folder: &Path, said: &Said<'_>) -> anyhow::Result<()> {
    let (new, path) = (folder.join("said.new"), folder.join(SAID));
    let mut out = BufWriter::new(File::create(&new).context("writing what came of it")?);
    serde_json::to_writer(&mut out, said).context("writing what came of it")?;
    out.flush().context("writing what came of it")?;
    fs::rename(&new, &path).context("putting what came of it to its place")
}
