//! The sinks of a job: opened before it starts, reported when they end, compared by `verify`.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use seismic_pipeline::verify::{Difference, DifferenceKind, Report};
use seismic_queue::{JobStore, Url, patiently_by};
use seismic_sinks::{
    Comparison, Context, RowDifference, RowDifferenceKind, SinkEnd, SinkOutcome, SinkRunner,
    SinkSpec, open_unless_stopped,
};

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
    let context = Context { queue: Some(queue.clone()), ..Context::of(store)? };
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
