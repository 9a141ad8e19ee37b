//! Outputs and sinks in the view of a store.

use rusqlite::Connection;

use crate::cuts;
use crate::error::Sql;
use crate::topics::{self, Places};
use seismic_queue::{Hold, Job, OutputSpec, OutputView, Partition, SinkPosition};

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

/// Positions of the sinks: they hold the first output.
pub(super) fn sinks(db: &Connection, main: &Places) -> Sql<Vec<SinkPosition>> {
    let mut sinks = Vec::new();
    for (partition, &place) in (0..).map(Partition).zip(main) {
        for Hold { holder, offset, .. } in topics::holds(db, place, partition)? {
            let position = SinkPosition { sink: holder, partition, next: offset };
            sinks.extend((!position.is_old_state()).then_some(position));
        }
    }
    Ok(sinks)
}
