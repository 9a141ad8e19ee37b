//! Whether a RocketMQ topic holds the result topic by the readers' rule, up to the sink's position.

use anyhow::Context as _;
use seismic_pipeline::verify::{DifferenceKind, Report};
use seismic_proto::{Message as _, SeismicAggRecord};
use seismic_queue::rocketmq::{Nameservers, RocketQueue};
use seismic_queue::{JobStore, Offset, Queue};
use seismic_sinks::rocketmq::{Kept, each_row};

use super::sink::{Side, is_same, tell};
use crate::cli::exit::Usage;

/// Compares the topic with the store's result topic; the number of rows that are the same.
///
/// Rows that the broker's retention took from the head of a queue are not missed; every row from the
/// first one that is still there up to the sink's position must be there once, in order, bit-equal.
///
/// # Errors
/// When the topic cannot be read, or holds messages of someone else.
pub fn compare(
    nameservers: &Nameservers,
    topic: &str,
    store: &dyn JobStore,
    report: &mut Report,
) -> anyhow::Result<u64> {
    let cluster = RocketQueue::open(nameservers)?;
    let out = cluster.topic(topic)?;
    let view = store.view()?;
    let rows = store.topics().topic(view.job.main_topic())?;
    if out.partitions != rows.partitions {
        return Err(Usage(format!("{topic} is not the topic of this job's sink")).into());
    }
    let sink = format!("rocketmq:{topic}");
    let mut same = 0;
    for partition in rows.all() {
        let its = view.sinks.iter().find(|at| at.sink == sink && at.partition == partition);
        let Some(position) = its.map(|at| at.next) else {
            return Err(Usage(format!("this job never had a sink {sink}")).into());
        };
        let held = view.partitions[partition.0 as usize].outputs[0].span;
        let mut side: Option<Side> = None;
        let mut show = |kept: Kept<'_>| -> anyhow::Result<()> {
            let found = SeismicAggRecord::decode(kept.value).context("a row cannot be read")?;
            if side.is_none() {
                let first = if held.first == Offset(0) && out_is_whole(&cluster, topic, partition)?
                {
                    held.first
                } else {
                    kept.row.max(held.first)
                };
                side = Some(Side::open(store, &rows, partition, first, held.end)?);
            }
            let side = side.as_mut().expect("just opened");
            if kept.row < held.first {
                return Ok(());
            }
            match side.next()? {
                Some((at, expected)) if at == kept.row && is_same(&expected, &found) => same += 1,
                Some((at, expected)) => {
                    let kind = DifferenceKind::RowDiffers;
                    tell(report, partition, kind, Some(&expected), Some(&found), Some(at));
                }
                None => {
                    let kind = DifferenceKind::RowUnexpected;
                    tell(report, partition, kind, None, Some(&found), Some(kept.row));
                }
            }
            Ok(())
        };
        let foreign = each_row(&cluster, &out, partition, &view.id, &mut show)?;
        if foreign > 0 {
            let text = format!("{topic}/{partition} holds {foreign} messages of someone else");
            return Err(Usage(text).into());
        }
        let mut side = match side {
            Some(side) => side,
            // None is there: all that the sink says it wrote is missing.
            None => Side::open(store, &rows, partition, held.first, position)?,
        };
        side.until = position;
        while let Some((offset, expected)) = side.next()? {
            let kind = DifferenceKind::RowMissing;
            tell(report, partition, kind, Some(&expected), None, Some(offset));
        }
    }
    Ok(same)
}

/// Whether the broker let go of nothing of a queue yet.
fn out_is_whole(
    cluster: &RocketQueue,
    topic: &str,
    partition: seismic_queue::Partition,
) -> seismic_queue::Result<bool> {
    let spans = cluster.spans(&cluster.topic(topic)?)?;
    Ok(spans[partition.0 as usize].first == Offset(0))
}
