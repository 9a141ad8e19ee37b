//! Reads partitions of a topic from given offsets. Readers and sources share it.
//!
//! Messages are read-committed, and copied once into our batches. They come from `fetch/`, or from
//! librdkafka where the settings ask for something that only it honours, or where there is
//! something that only it can read; then it reads all from there on. Positions move over the gaps
//! that transactions leave: [`Event::CaughtUp`] says them.
//!
//! With librdkafka every start makes a new client. One that is given other offsets or partitions
//! says the end of a log only where it did not say it before, and leads what it reads back to its
//! own queue.

mod filling;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use self::filling::{Filling, Ready};
use crate::client::cluster::Cluster;
use crate::client::connection::{Quiet, is_without_brokers, make_with, number};
use crate::client::native::Inbox;
use crate::error_kind::{is_unknown, on_topic};
use crate::fetch::Fetch;
use crate::limits;
use seismic_queue::backend::assigned_source::AssignableReader;
use seismic_queue::backend::validate;
use seismic_queue::{Batch, Error, Event, Kind, Offset, Partition, Reader, Result, Span, Topic};

/// Reads what it was started on.
pub(crate) struct Fetcher {
    cluster: Cluster,
    topic: Topic,
    config: ClientConfig,
    source: MessageSource,
    /// Where each partition that was started reads on, after everything that is in `ready`.
    next: BTreeMap<Partition, Offset>,
    ready: VecDeque<Ready>,
    /// Brokers that gave what was read by the topic's name since all that is read was started.
    brokers: BTreeSet<i32>,
    /// Since when the topic is said not to be there.
    missing: Option<Instant>,
    /// Offsets beyond the ends of their logs, and since when they are.
    beyond: BTreeMap<Partition, (Offset, Instant)>,
}

/// Who gives messages.
enum MessageSource {
    Ours(Box<Fetch>),
    /// Nothing is read without a client.
    Librdkafka(Option<Inbox<Quiet>>),
}

impl Fetcher {
    /// A reader without partitions, which reads on as the topic grows.
    pub(crate) fn new(cluster: &Cluster, topic: &Topic) -> Self {
        // librdkafka reads only for what could be a group; this one is never joined.
        Fetcher::with(cluster, topic, cluster.settings.reading("seismic-reader"))
    }

    /// A reader of one partition, from an offset up to an end that is known.
    pub(crate) fn up_to_end(
        cluster: &Cluster,
        topic: &Topic,
        from: (Partition, Offset),
    ) -> Result<Self> {
        let mut fetcher = Fetcher::with(cluster, topic, cluster.settings.reading_back());
        fetcher.start(&[from])?;
        Ok(fetcher)
    }

    /// A reader of these partitions, each from its offset on.
    pub(crate) fn at(cluster: &Cluster, topic: &Topic, at: &[(Partition, Offset)]) -> Result<Self> {
        let mut fetcher = Fetcher::new(cluster, topic);
        fetcher.start(at)?;
        Ok(fetcher)
    }

    fn with(cluster: &Cluster, topic: &Topic, config: ClientConfig) -> Self {
        let source = match Fetch::new(cluster, topic, &config) {
            Ok(fetch) => MessageSource::Ours(Box::new(fetch)),
            Err(why) => {
                match cluster.settings.is_protected() {
                    true => tracing::info!("librdkafka reads {:?}, because of {why}", topic.name),
                    false => tracing::debug!("librdkafka reads {:?}, because of {why}", topic.name),
                }
                MessageSource::Librdkafka(None)
            }
        };
        let (cluster, topic) = (cluster.clone(), topic.clone());
        let (next, ready, brokers, beyond) = Default::default();
        Fetcher { cluster, topic, config, source, next, ready, brokers, missing: None, beyond }
    }

    /// Has librdkafka read everything from where it was read up to.
    fn switch_to_librdkafka(&mut self) -> Result<()> {
        // What was there ends first.
        self.source = MessageSource::Librdkafka(None);
        if self.next.is_empty() {
            return Ok(());
        }
        self.cluster.find_brokers();
        let mut config = self.config.clone();
        self.cluster.settings.address(&mut config);
        let client: BaseConsumer<Quiet> = make_with(&config, Quiet)?;
        let inbox = Inbox::new(Arc::new(client));
        let mut all = TopicPartitionList::new();
        let failed = self.cluster.failed("beginning to read");
        for (&partition, offset) in &self.next {
            inbox.lead(&self.topic.name, number(partition));
            let offset = rdkafka::Offset::Offset(offset.0 as i64);
            all.add_partition_offset(&self.topic.name, number(partition), offset)
                .map_err(&failed)?;
        }
        inbox.consumer().assign(&all).map_err(failed)?;
        self.source = MessageSource::Librdkafka(Some(inbox));
        Ok(())
    }

    /// Which brokers gave what was read by the topic's name, by their numbers: what they gave is of
    /// that name, and only they know of which topic.
    pub(crate) fn brokers(&self) -> &BTreeSet<i32> {
        &self.brokers
    }

    /// The name of what it reads.
    pub(crate) fn topic(&self) -> &str {
        &self.topic.name
    }

    /// Takes what has come and sorts it by partition.
    fn fetch(&mut self, wait: Duration, spare: &mut Vec<Batch>) -> Result<()> {
        if self.next.is_empty() {
            std::thread::sleep(wait);
            return Ok(());
        }
        let Fetcher { cluster, source, next, ready, brokers, .. } = self;
        let mut filling = Filling { next, ready, brokers, spare, batch: None, broker: None };
        let unreadable = match source {
            MessageSource::Ours(fetch) => fetch.poll(wait, |item| filling.add(item)).err(),
            MessageSource::Librdkafka(Some(inbox)) => {
                // Nothing comes here but what librdkafka wants to log, and that no broker is there.
                if let Some(Err(error)) = inbox.consumer().poll(Duration::ZERO)
                    && is_without_brokers(&error)
                {
                    cluster.look_elsewhere(inbox.consumer().client());
                }
                inbox.poll(wait, |item| filling.add(item));
                None
            }
            // Making a client has failed before.
            MessageSource::Librdkafka(None) => return self.switch_to_librdkafka(),
        };
        filling.close();
        if let Some(why) = unreadable {
            tracing::info!("librdkafka reads {:?} from here on: {why}", self.topic.name);
            self.switch_to_librdkafka()?;
        }
        Ok(())
    }

    /// Fetches these or does not. librdkafka drops what it has fetched of them and not given, and
    /// fetches it again.
    fn set_paused(&mut self, partitions: &[Partition], is_paused: bool) -> Result<()> {
        let mut list = TopicPartitionList::new();
        for &partition in partitions.iter().filter(|it| self.next.contains_key(it)) {
            list.add_partition(&self.topic.name, number(partition));
        }
        let done = match &mut self.source {
            MessageSource::Ours(fetch) => {
                fetch.set_paused(partitions, is_paused);
                Ok(())
            }
            MessageSource::Librdkafka(Some(inbox)) if is_paused => inbox.consumer().pause(&list),
            MessageSource::Librdkafka(Some(inbox)) => inbox.consumer().resume(&list),
            MessageSource::Librdkafka(None) => Ok(()),
        };
        done.map_err(self.cluster.failed("pausing the reading of partitions"))
    }

    /// What an error of a partition means; what may pass is retried silently.
    fn failure(&mut self, partition: Partition, code: Code) -> Result<()> {
        let Some(&wanted) = self.next.get(&partition) else { return Ok(()) };
        let topic = self.topic.name.clone();
        match code {
            Code::AutoOffsetReset | Code::OffsetOutOfRange => self.out_of_range(partition, wanted),
            Code::BadCompression => {
                let longest = self.config.get("receive.message.max.bytes").unwrap_or_default();
                let (at, longest) = (self.cluster.at.clone(), longest.to_owned());
                Err(Error::backend(
                    Kind::Fatal,
                    NotUnpacked { at, topic, partition, wanted, longest },
                ))
            }
            code if is_unknown(code) => self.check_topic(),
            code if self.cluster.may_pass(code) => Ok(()),
            code => {
                let failed = self.cluster.failed_on("reading", vec![on_topic("Read", &topic)]);
                Err(failed(KafkaError::MessageConsumption(code)))
            }
        }
    }

    /// A leader has no such offset. One that has just become the leader, or is still to be given the end
    /// of a transaction, has it a moment later.
    fn out_of_range(&mut self, partition: Partition, wanted: Offset) -> Result<()> {
        let topic = self.topic.name.clone();
        let Span { first, end } = self.cluster.spans(&self.topic)?[partition.0 as usize];
        if wanted < first {
            return Err(Error::OffsetGone { topic, partition, wanted, first });
        }
        if wanted > end {
            let (at, since) = self.beyond.entry(partition).or_insert((wanted, Instant::now()));
            if *at != wanted {
                (*at, *since) = (wanted, Instant::now());
            } else if since.elapsed() >= limits::END_WAIT {
                return Err(Error::OffsetBeyond { topic, partition, wanted, end });
            }
        }
        match self.source {
            MessageSource::Ours(_) => Ok(()),
            // It has given the partition up.
            MessageSource::Librdkafka(_) => self.switch_to_librdkafka(),
        }
    }

    /// Someone does not know the topic: it is another one now, or gone, or that someone has just
    /// come back and does not know yet.
    fn check_topic(&mut self) -> Result<()> {
        match self.cluster.check(&self.topic) {
            Err(missing @ Error::TopicMissing { .. }) => {
                let since = *self.missing.get_or_insert_with(Instant::now);
                if since.elapsed() < limits::WAIT { Ok(()) } else { Err(missing) }
            }
            found => {
                self.missing = None;
                found
            }
        }
    }
}

/// A batch that librdkafka cannot unpack.
#[derive(Debug, thiserror::Error)]
#[error(
    "{at}: the batch with offset {wanted} of partition {partition} of topic {topic:?} cannot be \
     unpacked: it is damaged, or longer than receive.message.max.bytes, which is {longest}"
)]
struct NotUnpacked {
    at: String,
    topic: String,
    partition: Partition,
    wanted: Offset,
    longest: String,
}

impl Reader for Fetcher {
    fn read(&mut self, wait: Duration, spare: &mut Vec<Batch>) -> Result<Event> {
        let deadline = Instant::now() + wait;
        loop {
            if self.ready.is_empty() {
                self.fetch(deadline.saturating_duration_since(Instant::now()), spare)?;
            }
            match self.ready.pop_front() {
                Some(Ready::Batch(batch)) => return Ok(Event::Batch(batch)),
                Some(Ready::End(partition, at)) => return Ok(Event::CaughtUp(partition, at)),
                Some(Ready::Failed(partition, code)) => self.failure(partition, code)?,
                None => {}
            }
            if self.ready.is_empty() && Instant::now() >= deadline {
                return Ok(Event::Nothing);
            }
        }
    }
}

impl AssignableReader for Fetcher {
    /// Partitions that cannot be read now are retried while they are read.
    fn check_reachable(&mut self, _: &[Partition]) -> Result<()> {
        Ok(())
    }

    fn start(&mut self, at: &[(Partition, Offset)]) -> Result<()> {
        for &(partition, offset) in at {
            validate::partition(&self.topic, partition)?;
            self.ready.retain(|ready| ready.partition() != partition);
            self.beyond.remove(&partition);
            self.next.insert(partition, offset);
        }
        if self.next.len() == at.len() {
            // Nothing that was read before is of any use to who has all of it read again.
            self.brokers.clear();
        }
        match &mut self.source {
            MessageSource::Ours(fetch) => {
                fetch.start(at);
                Ok(())
            }
            MessageSource::Librdkafka(_) => self.switch_to_librdkafka(),
        }
    }

    fn stop(&mut self, partitions: &[Partition]) {
        self.next.retain(|partition, _| !partitions.contains(partition));
        self.ready.retain(|ready| !partitions.contains(&ready.partition()));
        match &mut self.source {
            MessageSource::Ours(fetch) => fetch.stop(partitions),
            MessageSource::Librdkafka(inbox) if self.next.is_empty() => *inbox = None,
            MessageSource::Librdkafka(_) => {}
        }
    }

    fn pause(&mut self, partitions: &[Partition]) -> Result<()> {
        self.set_paused(partitions, true)
    }

    fn resume(&mut self, at: &[(Partition, Offset)]) -> Result<()> {
        let partitions: Vec<_> = at.iter().map(|(partition, _)| *partition).collect();
        self.set_paused(&partitions, false)
    }

    fn ends(&mut self, partitions: &[Partition]) -> Vec<Result<Offset>> {
        match &mut self.source {
            MessageSource::Ours(fetch) => fetch.ends(partitions),
            // It asks only for what can be read.
            MessageSource::Librdkafka(_) => self.cluster.ends(&self.topic.name, partitions),
        }
    }

    /// A broker shows a message at the moment of its time.
    fn in_flight(&mut self) -> Result<Duration> {
        Ok(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests;
