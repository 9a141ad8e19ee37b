//! Lags of sinks in rows, which only the store knows.

use crate::job::location::Location;
use crate::status::numbers::JobNumbers;

/// Sinks, and the rows that each has not written.
pub type SinkLags = Vec<(String, u64)>;

/// Asks the store: in Kafka, that is a topic to read.
///
/// # Errors
/// When the store cannot be read.
pub fn ask(location: &Location) -> seismic_queue::Result<SinkLags> {
    let view = location.open_store()?.view()?;
    Ok(seismic_sinks::lags(&view).into_iter().map(|lag| (lag.sink, lag.rows)).collect())
}

/// Puts what was heard last into numbers that were taken now.
pub fn put_into(numbers: &mut JobNumbers, lags: &SinkLags) {
    for (name, rows) in lags {
        if let Some(sink) = numbers.sinks.iter_mut().find(|sink| sink.sink == *name) {
            sink.lag_rows = Some(*rows);
        }
    }
}
