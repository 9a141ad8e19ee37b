//! The sinks of a job: opened before it starts, reported when they end, compared by `verify`.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use seismic_pipeline::Metrics;
use seismic_pipeline::verify::{Difference, DifferenceKind, Report};
use seismic_queue::{JobStore, Kind, Url, patiently_by};
use seismic_sinks::{
    Comparison, Context, OpenSink, RowDifference, RowDifferenceKind, SinkEnd, SinkOutcome,
    SinkRunner, SinkSpec, SinkStart, open_unless_stopped,
};

use super::spec::JobSpec;
use super::stop::StopToken;
use crate::error::Usage;
use crate::remedy::in_one_line;

/// Opens a sink and lets it recover. An error that may pass, as of a broker that is busy, is waited
/// for.
///
/// # Errors
/// What the sink says; after a stop also what might have passed.
pub fn open(
    spec: &SinkSpec,
    context: &Context,
    store: &Arc<dyn JobStore>,
    stop: &AtomicBool,
) -> seismic_sinks::Result<SinkRunner> {
    let open = || open_unless_stopped(spec, context, store, stop);
    patiently_by(seismic_sinks::Error::kind, stop, open)
}

/// Opens all sinks, for the partitions of these metrics where a sink is of one worker: one that
/// cannot work stops the run before it has begun. One whose server does not answer now is opened
/// while the job runs: nothing waits for it, and it catches up.
///
/// # Errors
/// What a sink says; after a stop also what might have passed.
pub fn open_all(
    store: &Arc<dyn JobStore>,
    spec: &JobSpec,
    context: Context,
    shown: Option<&Arc<Metrics>>,
    stop: &StopToken,
) -> anyhow::Result<Vec<SinkStart>> {
    let mut starts = Vec::new();
    for sink in &spec.sink {
        let start = match sink.entry().is_remote {
            true => remote(sink, &context, store, shown, stop)?,
            false => {
                let runner = open(sink, &context, store, stop.flag())?;
                let runner = only_shown(runner, shown);
                let name = runner.name().to_owned();
                SinkStart { spec: sink.clone(), name, runner: Some(runner), open: None }
            }
        };
        starts.push(start);
    }
    Ok(starts)
}

/// A sink with a server of its own.
fn remote(
    sink: &SinkSpec,
    context: &Context,
    store: &Arc<dyn JobStore>,
    shown: Option<&Arc<Metrics>>,
    stop: &StopToken,
) -> seismic_sinks::Result<SinkStart> {
    let name = seismic_sinks::open(sink, context)?.name().to_owned();
    let (spec, context, store) = (sink.clone(), context.clone(), Arc::clone(store));
    let shown = shown.cloned();
    let of_this_worker = move |runner: SinkRunner| only_shown(runner, shown.as_ref());
    let first = open_unless_stopped(&spec, &context, &store, stop.flag());
    let first = first.map(&of_this_worker);
    let open: OpenSink =
        Box::new(move || SinkRunner::open(&spec, &context, &store).map(&of_this_worker));
    let runner = match first {
        Err(error) if stop.is_stopped() => return Err(error),
        // Its thread says so, and retries.
        Err(error) if error.kind() == Kind::Retry => None,
        opened => Some(opened?),
    };
    Ok(SinkStart { spec: sink.clone(), name, runner, open: Some(open) })
}

/// The runner, for the partitions that these metrics have.
fn only_shown(runner: SinkRunner, shown: Option<&Arc<Metrics>>) -> SinkRunner {
    let Some(metrics) = shown.map(Arc::clone) else { return runner };
    runner.only(move |partition| metrics.has(partition))
}

/// How the sinks ended, all together: the first error is returned, others and sinks that hang are
/// reported to `notify`. A sink that hangs is no failure: everything is committed, and a sink that
/// keeps a position recovers from it.
///
/// # Errors
/// That of the first sink that failed.
pub fn outcome(ends: Vec<SinkEnd>, notify: &dyn Fn(&dyn Display)) -> anyhow::Result<()> {
    let mut outcome = Ok(());
    for SinkEnd { spec, outcome: ended } in ends {
        let sink = spec.shown();
        match ended {
            SinkOutcome::Finished => {}
            SinkOutcome::Abandoned => {
                notify(&format_args!("sink {sink} is not responding; abandoning it"));
            }
            SinkOutcome::Failed(error) => {
                let error = anyhow::Error::new(error).context(format!("sink {sink} has stopped"));
                if outcome.is_err() {
                    notify(&format_args!("error: {}", in_one_line(&error)));
                } else {
                    outcome = Err(error);
                }
            }
        }
    }
    outcome
}

/// The CSV sink of a folder, for the demo and the bench.
///
/// # Errors
/// When the folder's path is not UTF-8.
pub fn csv(folder: &Path) -> anyhow::Result<SinkSpec> {
    let target = folder.to_str().context("the path of the CSV folder is not UTF-8")?;
    Ok(SinkSpec::new("csv", Some(target), BTreeMap::new())?)
}

/// Compares what a sink holds with the result topic of the store, and adds the differences to the
/// report; the number of rows that are the same.
///
/// # Errors
/// [`Usage`] for a sink that holds nothing; otherwise what the sink says.
pub fn compare(
    spec: &SinkSpec,
    queue: &Url,
    store: &dyn JobStore,
    report: &mut Report,
) -> anyhow::Result<u64> {
    let Some(compare) = spec.entry().compare else {
        let sink = spec.shown();
        return Err(Usage(format!("sink {sink} stores nothing that can be compared")).into());
    };
    let context = Context::of(store)?.of_source(spec, &store.view()?)?;
    let context = Context { queue: Some(queue.clone()), ..context };
    let comparison = Comparison::new(store, &context.topic, &context.schema)?;
    let mut comparison = comparison.given_to(spec.condition(), &spec.name())?;
    let same = compare(spec, &context, &mut comparison)?;
    report.total += comparison.total;
    let room = Report::SHOWN.saturating_sub(report.differences.len());
    let shown = std::mem::take(&mut comparison.differences).into_iter().take(room);
    report.differences.extend(shown.map(difference));
    Ok(same)
}

fn difference(difference: RowDifference) -> Difference {
    let RowDifference { partition, kind, row, expected, found, offset } = difference;
    let kind = match kind {
        RowDifferenceKind::Missing => DifferenceKind::RowMissing,
        RowDifferenceKind::Unexpected => DifferenceKind::RowUnexpected,
        RowDifferenceKind::Differs => DifferenceKind::RowDiffers,
    };
    Difference { partition, kind, key: row, expected, found, offset }
}
