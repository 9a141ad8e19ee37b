//! Offsets of a cluster's logs: where they begin and end, up to where they are settled, and what was
//! at a time.

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::{Offset as RdOffset, TopicPartitionList};

use super::cluster::Cluster;
use super::connection::{Quiet, make_with, number};
use crate::error_kind::on_topic;
use crate::limits;
use seismic_queue::{Error, Offset, Partition, Result, Span, Topic};

/// Times that mean the beginning and the end of a log (`ListOffsets` of the protocol).
const BEGINNING: i64 = -2;
const END: i64 = -1;

impl Cluster {
    /// What the partitions hold; the end counts open transactions.
    pub(crate) fn spans(&self, topic: &Topic) -> Result<Vec<Span>> {
        let firsts = self.at_times(topic, topic.all(), BEGINNING)?;
        let ends = self.at_times(topic, topic.all(), END)?;
        let span = |(first, end): (Option<Offset>, Option<Offset>)| match (first, end) {
            (Some(first), Some(end)) => Ok(Span { first, end: end.max(first) }),
            _ => Err(self.failed("asking for offsets")(KafkaError::NoMessageReceived)),
        };
        firsts.into_iter().zip(ends).map(span).collect()
    }

    /// The end of one partition's log.
    pub(crate) fn end(&self, topic: &str, partition: Partition) -> Result<Offset> {
        let (_, end) = self
            .asking
            .fetch_watermarks(topic, number(partition), limits::END_WAIT)
            .map_err(self.failed("asking for the end of a log"))?;
        Ok(Offset(u64::try_from(end).unwrap_or(0)))
    }

    /// As [`Cluster::end`] of several partitions, in one question: slots wait for the answer, and
    /// reading waits with them.
    pub(crate) fn ends(&self, topic: &str, partitions: &[Partition]) -> Vec<Result<Offset>> {
        const DOING: &str = "asking for the ends of logs";
        let failed = self.failed(DOING);
        let mut asked = TopicPartitionList::new();
        for &partition in partitions {
            asked.add_partition(topic, number(partition));
        }
        let answer = asked
            .set_all_offsets(RdOffset::from_raw(END))
            .and_then(|()| self.asking.offsets_for_times(asked, limits::END_WAIT));
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return partitions.iter().map(|_| Err(failed(error.clone()))).collect(),
        };
        let end = |&partition: &Partition| {
            let found = answer.find_partition(topic, number(partition));
            found.as_ref().map_or(Ok(()), |found| found.error()).map_err(&failed)?;
            let end = found.and_then(|found| u64::try_from(found.offset().to_raw()?).ok());
            end.map(Offset).ok_or_else(|| Error::Busy { at: self.at.clone(), doing: DOING })
        };
        partitions.iter().map(end).collect()
    }

    /// As [`Cluster::end`], asked again when it was not answered in time: for a caller that can wait.
    pub(crate) fn end_patiently(&self, topic: &str, partition: Partition) -> Result<Offset> {
        let (_, end) = self.insist("asking for the end of a log", || {
            self.asking.fetch_watermarks(topic, number(partition), limits::WAIT)
        })?;
        Ok(Offset(u64::try_from(end).unwrap_or(0)))
    }

    /// Up to where each partition is settled: the first message of the oldest open transaction, or
    /// the end.
    pub(crate) fn settled_ends(&self, topic: &Topic) -> Result<Vec<Offset>> {
        let ends = self.at_times_by(self.settled()?, topic, topic.all(), END)?;
        let end = |end: Option<Offset>| {
            end.ok_or_else(|| self.failed("asking for offsets")(KafkaError::NoMessageReceived))
        };
        ends.into_iter().map(end).collect()
    }

    /// As [`Cluster::settled_ends`], asked once: for a caller that asks again soon.
    pub(crate) fn settled_ends_now(&self, topic: &Topic) -> Result<Vec<Offset>> {
        const DOING: &str = "asking how far a log is settled";
        let failed = self.failed(DOING);
        let mut asked = TopicPartitionList::new();
        for partition in topic.all() {
            asked.add_partition(&topic.name, number(partition));
        }
        asked.set_all_offsets(RdOffset::from_raw(END)).map_err(&failed)?;
        let client = self.settled()?;
        let answer = client.offsets_for_times(asked, limits::END_WAIT);
        let answer = answer.inspect_err(|_| self.hear(client)).map_err(&failed)?;
        let end = |partition: Partition| {
            let found = answer.find_partition(&topic.name, number(partition));
            let end = found.and_then(|found| u64::try_from(found.offset().to_raw()?).ok());
            end.map(Offset).ok_or_else(|| Error::Busy { at: self.at.clone(), doing: DOING })
        };
        topic.all().map(end).collect()
    }

    /// A read-committed client, which is given the last stable offset for the end.
    fn settled(&self) -> Result<&BaseConsumer<Quiet>> {
        Ok(match self.settled.get() {
            Some(client) => client,
            None => {
                let client = make_with(&self.settings.reading("seismic"), Quiet)?;
                self.settled.get_or_init(|| client)
            }
        })
    }

    /// First offset of each partition at or after `time_ms`; `None` where there is none.
    pub(crate) fn at_times(
        &self,
        topic: &Topic,
        partitions: impl Iterator<Item = Partition>,
        time_ms: i64,
    ) -> Result<Vec<Option<Offset>>> {
        self.at_times_by(&*self.asking, topic, partitions, time_ms)
    }

    fn at_times_by<C: ConsumerContext>(
        &self,
        client: &BaseConsumer<C>,
        topic: &Topic,
        partitions: impl Iterator<Item = Partition>,
        time_ms: i64,
    ) -> Result<Vec<Option<Offset>>> {
        let mut asked = TopicPartitionList::new();
        let failed = self.failed("asking for offsets");
        for partition in partitions {
            let time = RdOffset::from_raw(time_ms);
            asked.add_partition_offset(&topic.name, number(partition), time).map_err(&failed)?;
        }
        // A topic that was just made, or a leader that was lost, takes a moment.
        let needs = vec![on_topic("Describe", &topic.name)];
        let answer = self.insist_on("asking for offsets", needs, || {
            let answer = client.offsets_for_times(asked.clone(), limits::WAIT);
            let answer = answer.inspect_err(|_| self.hear(client))?;
            answer.elements().iter().try_for_each(|element| element.error())?;
            Ok(answer)
        })?;
        let raw = answer.elements().into_iter().map(|element| element.offset().to_raw());
        Ok(raw.map(|raw| raw.and_then(|raw| u64::try_from(raw).ok()).map(Offset)).collect())
    }
}
