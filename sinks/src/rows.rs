//! A row of the result topic, as sinks see it.

use seismic_proto::{Message as _, SeismicAggRecord};
use seismic_queue::{Message, Partition};

use crate::{Error, Result};

/// Decodes a message of a result topic.
///
/// # Errors
/// [`Error::Row`], also for an empty message or one without a sensor: no window has none.
pub(crate) fn decode(
    topic: &str,
    partition: Partition,
    message: Message<'_>,
) -> Result<SeismicAggRecord> {
    let refuse = |what, source| {
        let (topic, offset) = (topic.to_owned(), message.offset);
        Error::Row { topic, partition, offset, what, source }
    };
    let row = SeismicAggRecord::decode(message.value)
        .map_err(|e| refuse("it is no SeismicAggRecord", Some(e)))?;
    if row.sensor_id.is_empty() {
        return Err(refuse("it names no sensor", None));
    }
    Ok(row)
}
