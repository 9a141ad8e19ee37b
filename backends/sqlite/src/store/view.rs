//! Outputs and sinks in the view of a store.

use rusqlite::Connection;

use crate::cuts;
use crate::error::Sql;
use crate::topics::{self, Places};
use seismic_queue::{Error, Job, Offset, OutputSpec, OutputView, Partition, SinkPosition};

/// One partition of each output that follows the input.
pub(super) fn by_input(
    db: &Connection,
    job: &Job,
    outputs: &[Places],
    partition: Partition,
) -> Sql<Vec<OutputView>> {
    let view = |(output, places): (&OutputSpec, &Places)| match output.is_keyed() {
        true => Ok(OutputView::default()),
        false => output_view(db, places[partition.0 as usize]),
    };
    job.outputs.iter().zip(outputs).map(view).collect()
}

/// All partitions of each output that is keyed.
pub(super) fn keyed(db: &Connection, job: &Job, outputs: &[Places]) -> Sql<Vec<Vec<OutputView>>> {
    let views = |(output, places): (&OutputSpec, &Places)| match output.is_keyed() {
        true => places.iter().map(|&place| output_view(db, place)).collect(),
        false => Ok(Vec::new()),
    };
    job.outputs.iter().zip(outputs).map(views).collect()
}

fn output_view(db: &Connection, place: i64) -> Sql<OutputView> {
    Ok(OutputView { span: topics::span(db, place)?, cuts: cuts::cuts(db, place)?, last: None })
}

/// Positions of the sinks: each holds the output that it reads.
pub(super) fn sinks(db: &Connection, outputs: &[Places]) -> Sql<Vec<SinkPosition>> {
    let mut sinks = Vec::new();
    for (output, places) in outputs.iter().enumerate() {
        let mut of_output = Vec::new();
        for (partition, &place) in (0..).map(Partition).zip(places) {
            of_output.extend(topics::holds(db, place, partition)?);
        }
        sinks.extend(SinkPosition::of_holds(output, &of_output));
    }
    Ok(sinks)
}

/// Has `holder` hold the output at that place from these offsets on.
pub(super) fn hold_output(
    db: &Connection,
    (job, outputs): (&Job, &[Places]),
    output: usize,
    holder: &str,
    at: &[(Partition, Offset)],
) -> Sql<()> {
    let places = outputs.get(output).map_or(&[][..], Vec::as_slice);
    for &(partition, next) in at {
        let Some(&place) = places.get(partition.0 as usize) else {
            let topic = job.outputs.get(output).map(|output| output.topic.clone());
            let (topic, partitions) = (topic.unwrap_or_default(), places.len() as u32);
            return Err(Error::PartitionMissing { topic, partition, partitions }.into());
        };
        topics::hold(db, place, holder, next)?;
    }
    Ok(())
}
