//! Rescales a drained job to the partitions that were added to its input.
//!
//! One commit over all partitions, as at the beginning of a fork: each old partition continues at
//! its position and each new one starts at the beginning of its log, with its redistributed sensors
//! as its newest checkpoint and an entry in the journal. Before the commit nothing has changed;
//! after it the job has the new number of partitions. Recovery never goes back behind that
//! checkpoint.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use seismic_queue::{Commit, FencingToken, Partition, Recovered, Span};

use crate::engine::redistribute_error::RedistributeError;
use crate::runner::commit::commit_all;
use crate::runner::job::JobContext;
use crate::runner::partition_task::PartitionTask;
use crate::runner::settings::Settings;
use crate::runner::settings::StartFrom;
use crate::{Error, Result};

/// Starts `job` in all partitions that its input has now; its lease is
/// [`JobStore::rescale`](seismic_queue::JobStore::rescale)'s.
///
/// # Errors
/// [`Error::NotDrained`] and [`Error::Redistribute`], when nothing was changed; and whatever stops
/// a commit.
pub fn rescale(job: JobContext<'_>, stop: &Arc<AtomicBool>) -> Result<()> {
    if job.job.inputs.len() > 1 {
        let what = "partitions were added to the inputs of a job that has several; start it \
                    again from the log as another group";
        return Err(Error::Options(vec![what.to_owned()]));
    }
    let (input, before) = (job.job.input(), job.store.view()?.job.partitions());
    let partitions: Vec<Partition> = input.all().collect();
    let stored = job.lease.committer()?.load(&FencingToken::Sole, &partitions)?;
    let spans = job.queue.spans(input)?;
    // What a new partition has came after it was added, so none of it is passed over.
    let settings = Settings { from: Some(StartFrom::Earliest), ..job.settings.clone() };
    let parts = stored.iter().zip(spans).map(|(stored, span)| match stored.partition.0 < before {
        true => drained(job, stored, span),
        false => {
            let of = (&*job.job.inputs, stored.partition, &[span.first][..]);
            Ok(PartitionTask::begin(job.kind, of, &settings))
        }
    });
    let mut parts = parts.collect::<Result<Vec<_>>>()?;
    let operators = parts.iter_mut().map(|part| &mut *part.operator).collect();
    job.kind.redistribute(operators, before).map_err(|source| match source {
        RedistributeError::Open { partition, .. } => {
            Error::NotDrained { partition, what: source.to_string() }
        }
        source => Error::Redistribute { source },
    })?;
    let begun = parts.iter_mut().map(|part| part.begin_rescaled(before, input.partitions));
    commit_all(job, Commit { partitions: begun.collect::<Result<_>>()? }, stop)
}

/// A partition that the job has, which has read all there is.
fn drained(job: JobContext<'_>, stored: &Recovered, span: Span) -> Result<PartitionTask> {
    let partition = stored.partition;
    if stored.progress.is_none() {
        return Err(Error::NoBeginning { partition });
    }
    let part = PartitionTask::resume(job.kind, stored, &job.job.inputs, job.settings)?;
    let not_drained = |what: String| Err(Error::NotDrained { partition, what });
    if part.is_replaying() {
        return not_drained("its last run was killed before it had saved its state".to_owned());
    }
    let (next, end) = (part.committed(0), span.end);
    if next > end {
        return Err(Error::LogShort { partition, next, end });
    }
    if next < end {
        return not_drained(format!(
            "it was read up to offset {next} and has messages up to {end}"
        ));
    }
    Ok(part)
}
