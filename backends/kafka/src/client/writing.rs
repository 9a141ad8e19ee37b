//! Appending a few records by a client that is thrown away then.

use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::cluster::Cluster;
use super::connection::{FirstFailure, cause_of, connect, listen, make_with, number, send};
use crate::error_kind::on_topic;
use crate::limits;
use seismic_queue::{Error, Partition, Result};

/// Appends records, in order, and returns when they are durable. One without a value is the end of
/// what a compacted topic has under its key.
///
/// # Errors
/// Why they are not; some of them may be.
pub(crate) fn append_all(
    (cluster, doing): (&Cluster, &'static str),
    topic: &str,
    records: &[(Partition, String, Option<&[u8]>)],
) -> Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    let failed = cluster.failed_on(doing, vec![on_topic("Write", topic)]);
    cluster.topic(topic).map_err(|error| match error {
        // It was just made, and the broker that was asked has not heard of it yet.
        Error::TopicMissing { .. } => Error::Busy { at: cluster.at.clone(), doing },
        error => error,
    })?;
    let mut config = cluster.settings.appending(1 << 20);
    config.set("message.timeout.ms", limits::WAIT.as_millis().to_string());
    let producer: BaseProducer<FirstFailure> = make_with(&config, FirstFailure::default())?;
    connect(producer.client(), topic);
    for (partition, key, value) in records {
        let mut record: BaseRecord<'_, [u8], [u8]> =
            BaseRecord::to(topic).partition(number(*partition)).key(key.as_bytes());
        if let Some(value) = value {
            record = record.payload(value);
        }
        send(&producer, record).map_err(|error| failed(cause_of(&producer, error)))?;
    }
    // A message is given up before this is.
    let until = Instant::now() + limits::WAIT + Duration::from_secs(1);
    while producer.in_flight_count() > 0 {
        if Instant::now() > until {
            return Err(failed(KafkaError::Flush(Code::OperationTimedOut)));
        }
        listen(&producer);
    }
    let failure = producer.context().failure();
    failure.map_or(Ok(()), |(error, _)| Err(failed(cause_of(&producer, error))))
}
