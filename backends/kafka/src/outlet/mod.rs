//! A topic that someone outside of jobs writes to in transactions, with a position in each.
//!
//! ```text
//! take_over     the transactional id: what the one before left open ends, and it writes nothing more
//! newest        the last position that was committed
//! begin, send…, flush, send_position, commit      messages and position, or nothing
//! ```
//!
//! The position is a record of a compacted topic with one partition, whose key is the name of the topic
//! of messages. Brokers keep positions and messages of a transaction back until it is committed, so who
//! reads committed messages sees both or neither.
//!
//! After any error of a transaction its client is of no use: [`Outlet::close`] it, and take over again.
//! Only [`Outlet::newest`] says then what became of the last one.

mod examine;
mod newest;
mod transaction;
mod written;

use std::time::Duration;

use rdkafka::producer::{BaseProducer, Producer as _};

use crate::ClusterAddress;
use crate::address::with_port;
use crate::client::admin::{Admin, KEPT, OUTPUT};
use crate::client::cluster::Cluster;
use crate::client::connection::{FirstFailure, connect, make_with};
use crate::error_kind::{Resource, Right, on_topic};
use crate::limits;
use crate::settings::Settings;
use seismic_queue::backend::reach::any_takes_connections;
use seismic_queue::backend::validate;
use seismic_queue::{Error, Offset, Partition, Result, Topic};

pub use transaction::{Outgoing, is_fenced};
pub use written::{Written, WrittenMessages};

/// Where positions are; all outlets of a cluster share it.
pub const POSITIONS: &str = "seismic_position";

/// Settings of the topic of positions: compacted soon and often, since whoever takes over reads what
/// is not yet.
pub const POSITION_SETTINGS: [(&str, &str); 4] = [
    ("cleanup.policy", "compact"),
    ("segment.bytes", "4194304"),
    ("segment.ms", "3600000"),
    ("min.cleanable.dirty.ratio", "0.1"),
];

/// What a transaction does, as errors say it.
const WRITING: &str = "writing rows";

/// A topic of a cluster, written to in transactions.
pub struct Outlet {
    cluster: Cluster,
    /// Name of the topic of messages.
    topic: String,
    /// Longest message that it takes, with its key; known once it was taken over.
    message_bytes: usize,
    /// `None` until it is taken over, and after an error.
    client: Option<BaseProducer<FirstFailure>>,
}

impl Outlet {
    /// Connects to a cluster, with the settings of librdkafka that are given and none of the
    /// environment: that may be another cluster's.
    ///
    /// # Errors
    /// [`Error::Setting`] for a setting that cannot be used, [`Error::Unreachable`] when no broker
    /// answers.
    pub fn open(brokers: &str, settings: &[(String, String)], topic: &str) -> Result<Outlet> {
        Topic::check_name(topic)?;
        let address = ClusterAddress::parse(&format!("kafka://{brokers}"))?;
        let settings = Settings::of_other(&address.brokers, settings)?;
        let cluster = Cluster::of(settings, address.to_string())?;
        let message_bytes = limits::COMMITTED_BYTES;
        Ok(Outlet { cluster, topic: topic.to_owned(), message_bytes, client: None })
    }

    /// The topic of messages, if it is there.
    ///
    /// # Errors
    /// When the cluster does not say.
    pub fn topic(&self) -> Result<Option<Topic>> {
        found(self.cluster.topic(&self.topic))
    }

    /// The topic of positions, if it is there.
    ///
    /// # Errors
    /// As [`Outlet::topic`], and [`Error::PartitionsDiffer`] when it has several partitions.
    pub fn positions(&self) -> Result<Option<Topic>> {
        let topic = found(self.cluster.topic(POSITIONS))?;
        topic.map(|topic| validate::same_topic(topic, 1)).transpose()
    }

    /// Makes both topics where they are missing, that of messages with so many partitions.
    ///
    /// # Errors
    /// When that is not allowed.
    pub fn create(&self, partitions: u32) -> Result<()> {
        validate::new_topic(&self.topic, partitions)?;
        let admin = Admin::new(&self.cluster)?;
        if self.topic()?.is_none() {
            admin.create(&self.topic, partitions, &[&KEPT[..], &OUTPUT].concat())?;
        }
        if self.positions()?.is_none() {
            admin.create(POSITIONS, 1, &[&POSITION_SETTINGS[..], &OUTPUT].concat())?;
        }
        Ok(())
    }

    /// Whether anything was ever appended to the topic of messages.
    ///
    /// # Errors
    /// When the cluster does not say.
    pub fn is_new(&self, topic: &Topic) -> Result<bool> {
        let spans = self.cluster.spans(topic)?;
        Ok(spans.iter().all(|span| span.end == Offset(0)))
    }

    /// The first offset that each partition still has.
    ///
    /// # Errors
    /// When the cluster does not say.
    pub fn firsts(&self, topic: &Topic) -> Result<Vec<Offset>> {
        Ok(self.cluster.spans(topic)?.into_iter().map(|span| span.first).collect())
    }

    /// Takes the transactional id of the topic: ends what was left open under it, and from then on
    /// whoever had it before commits nothing.
    ///
    /// # Errors
    /// When brokers do not let it; nothing was begun.
    pub fn take_over(&mut self) -> Result<()> {
        self.client = None;
        self.message_bytes = self.longest_message()?;
        let id = transactional_id(&self.topic);
        self.cluster.find_brokers();
        let config = self.cluster.settings.committing(&id, self.message_bytes);
        let client: BaseProducer<FirstFailure> = make_with(&config, FirstFailure::default())?;
        connect(client.client(), &self.topic);
        client.init_transactions(limits::TRANSACTION_WAIT).map_err(|error| {
            let needs = vec![("Write", Resource::TransactionalId(id))];
            self.cluster.failed_on("taking over the transactional id", needs)(error)
        })?;
        self.client = Some(client);
        Ok(())
    }

    /// Forgets the client: after an error it is of no further use.
    pub fn close(&mut self) {
        self.client = None;
    }

    /// Whether it was taken over, and not closed since.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.client.is_some()
    }

    /// Whether the topic takes a message of that length, with its key.
    #[must_use]
    pub fn takes(&self, bytes: usize) -> bool {
        // What a batch of one message adds to it is below this.
        bytes + 512 <= self.message_bytes
    }

    /// Longest message that it takes, bytes.
    #[must_use]
    pub fn message_bytes(&self) -> usize {
        self.message_bytes
    }

    /// As the topic says; where we may not ask, Kafka's own default.
    fn longest_message(&self) -> Result<usize> {
        let settings = Admin::new(&self.cluster)?.settings(&self.topic);
        let bytes = settings.ok().and_then(|it| it.get("max.message.bytes")?.parse().ok());
        Ok(bytes.unwrap_or(limits::COMMITTED_BYTES).min(limits::KEYED_BYTES))
    }

    /// The rights that it needs.
    fn needs(&self) -> Vec<Right> {
        let of = |topic: &str| ["Read", "Write"].map(|right| on_topic(right, topic));
        let id = transactional_id(&self.topic);
        let mut needs = Vec::from(of(&self.topic));
        needs.extend(of(POSITIONS));
        needs.push(("Write", Resource::TransactionalId(id)));
        needs
    }
}

impl std::fmt::Debug for Outlet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Outlet").field(&self.cluster.at).field(&self.topic).finish()
    }
}

/// The transactional id of those who write to a topic.
#[must_use]
pub fn transactional_id(topic: &str) -> String {
    format!("seismic-sink.{topic}")
}

/// Whether some broker takes connections.
#[must_use]
pub fn is_reachable(brokers: &str, wait: Duration) -> bool {
    any_takes_connections(brokers.split(',').map(with_port), wait)
}

/// The partition of the topic of positions.
const THE_ONE: Partition = Partition(0);

fn found(topic: Result<Topic>) -> Result<Option<Topic>> {
    match topic {
        Ok(topic) => Ok(Some(topic)),
        Err(Error::TopicMissing { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
