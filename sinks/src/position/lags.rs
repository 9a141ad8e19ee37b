//! The rows of a result topic that sinks still need: those that they have not made durable yet.

use seismic_queue::View;

use crate::rows::source;

/// How far a sink is behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkLag {
    /// Name of the sink.
    pub sink: String,
    /// Whose rows it shows, as its option says.
    pub source: String,
    /// Offsets of the topic that it shows from its position to the end, over all partitions.
    pub rows: u64,
    /// Offsets before its position that are kept all the same, should its server lose what it wrote
    /// last.
    pub kept: u64,
}

/// Every sink that keeps a position, with its lag, in the order in which the store has them.
#[must_use]
pub fn lags(view: &View) -> Vec<SinkLag> {
    let mut lags: Vec<SinkLag> = Vec::new();
    for position in &view.sinks {
        let ends = view.output(position.output);
        let end = ends.get(position.partition.0 as usize).map_or(0, |of| of.span.end.0);
        let behind = end.saturating_sub(position.next.0);
        let kept = position.next.0.saturating_sub(position.kept_from.0);
        match lags.iter_mut().find(|lag| lag.sink == position.sink) {
            Some(lag) => (lag.rows, lag.kept) = (lag.rows + behind, lag.kept + kept),
            None => {
                let source = source::words(&view.job, position.output);
                lags.push(SinkLag { sink: position.sink.clone(), source, rows: behind, kept });
            }
        }
    }
    lags
}
