//! One transaction of messages and the position behind them.

use std::time::Instant;

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use super::written::HEADER;
use super::{Outlet, POSITIONS, THE_ONE, WRITING};
use crate::client::connection::{FirstFailure, cause_of, listen, number, send};
use crate::error_kind::{self, of_librdkafka};
use crate::limits;
use seismic_queue::{Error, Offset, Partition, Result};

/// A message to be written.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// Partition that it goes to.
    pub to: Partition,
    /// Its key.
    pub key: &'a [u8],
    /// Its bytes.
    pub value: &'a [u8],
    /// The row that it is, in the topic that it comes from: a header says so.
    pub row: (Partition, Offset),
}

impl Outlet {
    /// Begins a transaction.
    ///
    /// # Errors
    /// When the client was fenced, or failed before.
    pub fn begin(&self) -> Result<()> {
        self.client()?.begin_transaction().map_err(self.failed())
    }

    /// Sends a message in it.
    ///
    /// # Errors
    /// When the client takes it not.
    pub fn send(&self, message: &Outgoing<'_>) -> Result<()> {
        let (partition, offset) = message.row;
        let row = format!("{partition}/{offset}");
        let header = Header { key: HEADER, value: Some(row.as_bytes()) };
        let record = BaseRecord::to(&self.topic)
            .partition(number(message.to))
            .key(message.key)
            .payload(message.value)
            .headers(OwnedHeaders::new_with_capacity(1).insert(header));
        let client = self.client()?;
        send(client, record).map_err(|error| self.failed()(cause_of(client, error)))
    }

    /// Sends the position behind its messages.
    ///
    /// # Errors
    /// As [`Outlet::send`].
    pub fn send_position(&self, position: &[u8]) -> Result<()> {
        let record = BaseRecord::to(POSITIONS)
            .partition(number(THE_ONE))
            .key(self.topic.as_bytes())
            .payload(position);
        let client = self.client()?;
        send(client, record).map_err(|error| self.failed()(cause_of(client, error)))
    }

    /// Waits until everything that was sent has arrived. It does not count yet.
    ///
    /// # Errors
    /// When it has not.
    pub fn flush(&self) -> Result<()> {
        let (client, begun) = (self.client()?, Instant::now());
        // The client's own `flush` looks only every 100 ms whether it is done.
        while client.in_flight_count() > 0 {
            if begun.elapsed() > limits::TRANSACTION_WAIT {
                return Err(self.failed()(KafkaError::Flush(Code::OperationTimedOut)));
            }
            listen(client);
        }
        match client.context().failure() {
            Some((error, _)) => Err(self.failed()(cause_of(client, error))),
            None => Ok(()),
        }
    }

    /// Has the transaction count.
    ///
    /// # Errors
    /// Whether it counts is then unknown.
    pub fn commit(&self) -> Result<()> {
        self.client()?.commit_transaction(limits::TRANSACTION_WAIT).map_err(self.failed())
    }

    fn client(&self) -> Result<&BaseProducer<FirstFailure>> {
        let at = || self.cluster.at.clone();
        self.client.as_ref().ok_or_else(|| Error::Busy { at: at(), doing: WRITING })
    }

    fn failed(&self) -> impl Fn(KafkaError) -> Error {
        self.cluster.failed_on(WRITING, self.needs())
    }
}

/// Whether an error says that someone else has taken over, or that brokers ended a transaction that took
/// too long, which looks the same.
#[must_use]
pub fn is_fenced(error: &Error) -> bool {
    let code = of_librdkafka(error).and_then(error_kind::code);
    matches!(code, Some(Code::ProducerFenced | Code::Fenced | Code::InvalidProducerEpoch))
}
