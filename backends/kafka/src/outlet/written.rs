//! Messages that were written, read back with the row that each is.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};

use super::Outlet;
use crate::client::cluster::Cluster;
use crate::client::connection::{Quiet, is_without_brokers, make_with, number};
use crate::error_kind::on_topic;
use crate::limits;
use seismic_queue::{Offset, Partition, Result, Topic};

/// The header that says which row a message is, as `PARTITION/OFFSET`.
pub(super) const HEADER: &str = "seismic_row";

/// Messages that are taken at once from what has come.
const TAKEN: usize = 1_024;

/// A message that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Where it is.
    pub at: Offset,
    /// The row that it says it is; `None`: someone else wrote it.
    pub row: Option<(Partition, Offset)>,
    /// Its bytes.
    pub value: Vec<u8>,
}

/// The committed messages of one partition, from the first one to the end.
pub struct WrittenMessages {
    cluster: Cluster,
    topic: String,
    consumer: BaseConsumer<Quiet>,
    ready: VecDeque<Written>,
    is_over: bool,
}

impl Outlet {
    /// The messages of a partition of the topic.
    ///
    /// # Errors
    /// When the cluster does not say where they begin.
    pub fn written(&self, topic: &Topic, partition: Partition) -> Result<WrittenMessages> {
        let first = self.cluster.spans(topic)?[partition.0 as usize].first;
        self.cluster.find_brokers();
        let consumer: BaseConsumer<Quiet> =
            make_with(&self.cluster.settings.reading_back(), Quiet)?;
        let failed = self.cluster.failed("beginning to read");
        let mut at = TopicPartitionList::new();
        let offset = rdkafka::Offset::Offset(first.0 as i64);
        at.add_partition_offset(&topic.name, number(partition), offset).map_err(&failed)?;
        consumer.assign(&at).map_err(failed)?;
        let (cluster, topic) = (self.cluster.clone(), topic.name.clone());
        Ok(WrittenMessages { cluster, topic, consumer, ready: VecDeque::new(), is_over: false })
    }
}

impl WrittenMessages {
    /// The next one; `None` at the end.
    ///
    /// # Errors
    /// When the brokers do not give it.
    pub fn take(&mut self) -> Result<Option<Written>> {
        if self.ready.is_empty() && !self.is_over {
            self.fetch()?;
        }
        Ok(self.ready.pop_front())
    }

    /// Takes what comes next, at least one message unless that is the end.
    fn fetch(&mut self) -> Result<()> {
        let failed = self.cluster.failed_on("reading rows", vec![on_topic("Read", &self.topic)]);
        let mut heard = Instant::now();
        while self.ready.len() < TAKEN {
            let wait = if self.ready.is_empty() { limits::END_WAIT } else { Duration::ZERO };
            match self.consumer.poll(wait) {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    self.ready.push_back(written(&message));
                }
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    self.is_over = true;
                    return Ok(());
                }
                None if !self.ready.is_empty() => return Ok(()),
                Some(Err(error)) if is_without_brokers(&error) => {
                    self.cluster.look_elsewhere(self.consumer.client());
                }
                Some(Err(_)) | None if heard.elapsed() < limits::PATIENCE => {}
                Some(Err(error)) => return Err(failed(error)),
                None => return Err(failed(KafkaError::Global(Code::OperationTimedOut))),
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for WrittenMessages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("WrittenMessages").field(&self.topic).finish()
    }
}

fn written(message: &BorrowedMessage<'_>) -> Written {
    let header = message
        .headers()
        .and_then(|headers| headers.iter().find(|header| header.key == HEADER)?.value);
    Written {
        at: Offset(u64::try_from(message.offset()).unwrap_or(0)),
        row: header.and_then(row_of),
        value: message.payload().unwrap_or_default().to_vec(),
    }
}

/// The row that a header says.
fn row_of(header: &[u8]) -> Option<(Partition, Offset)> {
    let (partition, offset) = std::str::from_utf8(header).ok()?.split_once('/')?;
    Some((Partition(partition.parse().ok()?), Offset(offset.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_which_row_a_message_is_and_anything_else_is_someone_elses() {
        assert_eq!(row_of(b"3/41"), Some((Partition(3), Offset(41))));
        for header in [&b""[..], b"3", b"3/", b"/41", b"3/41/5", b"-1/4", b"\xff/1"] {
            assert_eq!(row_of(header), None, "{header:?}");
        }
    }
}
