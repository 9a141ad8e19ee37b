//! Rows of keyed outputs, compared as a set by their identities.

use seismic_queue::{JobStore, Partition, View};

use super::expected::{Expected, digest};
use super::output_reader::read;
use super::report::KindReport;
use crate::Result;
use crate::engine::operator::{OperatorKind, RowIdentity};

/// Compares the keyed outputs of all partitions.
pub(super) fn compare(
    store: &dyn JobStore,
    kind: &dyn OperatorKind,
    view: &View,
    mut expected: Expected,
    report: &mut KindReport,
) -> Result<()> {
    let is_cut = |place: usize| view.keyed[place].iter().any(|it| it.span.first.0 > 0);
    for (place, output) in view.job.outputs.iter().enumerate() {
        for (partition, of_it) in (0..).map(Partition).zip(&view.keyed[place]) {
            let at = format!("{}/{partition}", output.topic);
            read(store, &output.topic, partition, of_it, |value| {
                let Some(identity) = kind.identity(place, value) else {
                    report.differences.push(format!("a row of {at} names nothing"));
                    return;
                };
                let what = match (proves(view, report, &identity), &mut expected.keyed) {
                    (false, _) => return,
                    (true, keyed) => match keyed.remove(&(place, identity)) {
                        Some((to, row)) if to == partition && row == digest(value) => return,
                        Some(_) => "is another row",
                        None => "is there twice or wrong",
                    },
                };
                report.differences.push(format!("{identity} in {at} {what}"));
            })?;
        }
    }
    for ((place, identity), (partition, _)) in expected.keyed {
        // Retention may have deleted the oldest rows.
        if !is_cut(place) {
            let topic = &view.job.outputs[place].topic;
            report.differences.push(format!("{identity} is missing in {topic}/{partition}"));
        }
    }
    Ok(())
}

/// Whether a row must be one of those that were made again: it is of no message before them, unless
/// nothing came before them, and of none that is newer than the view.
fn proves(view: &View, report: &KindReport, identity: &RowIdentity) -> bool {
    let Some(proved) = report.partitions.iter().find(|it| it.partition == identity.partition)
    else {
        // Of a partition without progress it may be newer; nothing makes one of a partition that
        // there is not.
        return identity.partition.0 >= view.job.partitions();
    };
    match (proved.from.get(identity.input), proved.to.get(identity.input)) {
        (Some(from), Some(to)) => {
            identity.offset < *to && (proved.is_complete || identity.offset >= *from)
        }
        // Of an input that the job does not have.
        _ => true,
    }
}
