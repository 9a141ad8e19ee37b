//! One cluster: its topics, leaders and groups; `offsets.rs` asks for the offsets of its logs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::client::{Client, ClientContext};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::groups::GroupMemberInfo;
use rdkafka::metadata::{Metadata, MetadataBroker, MetadataPartition, MetadataTopic};

use super::broker_addresses::{BrokerAddresses, Moved, Named};
use super::connection::{Quiet, is_without_brokers, make_with, partition, refused};
use super::native;
use super::opening::{Listening, wait_for_answer};
use super::refused_logins::{RefusedLogins, is_refused_login};
use crate::ClusterAddress;
use crate::error_kind::{self, NotAllowed, Resource, Right, may_pass, on_topic};
use crate::examine::Replicas;
use crate::fetch::idle::IdleConnections;
use crate::group::assignment;
use crate::limits;
use crate::settings::Settings;
use seismic_queue::{CallFailed, Error, GroupMember, Kind, Partition, Result, Topic};

/// A cluster. Clones share one client for questions.
#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) at: String,
    pub(crate) settings: Settings,
    pub(super) asking: Arc<BaseConsumer<Listening>>,
    /// Asks where open transactions begin; made when that is asked first.
    pub(super) settled: Arc<OnceLock<BaseConsumer<Quiet>>>,
    /// Logins that were refused since it let us in.
    refused_logins: Arc<RefusedLogins>,
    /// Connections between two of our own readers.
    pub(crate) idle: Arc<IdleConnections>,
    /// Who led all of a topic when someone looked last.
    led: Arc<Mutex<BTreeMap<String, (Instant, Leaders)>>>,
}

impl Cluster {
    /// Connects, so that what is wrong is seen at once.
    ///
    /// # Errors
    /// [`Error::Setting`]; why no broker answers, or which does not let us in.
    pub(crate) fn open(address: &ClusterAddress) -> Result<Cluster> {
        Cluster::of(Settings::new(address)?, address.to_string())
    }

    /// As [`Cluster::open`], with these settings; `at` names the cluster in messages.
    pub(crate) fn of(settings: Settings, at: String) -> Result<Cluster> {
        for config in [settings.reading("seismic"), settings.appending(1 << 20)] {
            config.create_native_config().map(drop).map_err(refused)?;
        }
        let mut config = settings.asking();
        // That a connection was closed at once is how some brokers refuse.
        config.set_log_level(RDKafkaLogLevel::Info);
        let asking = Arc::new(make_with(&config, Listening::default())?);
        let (settled, refused_logins) = (Arc::default(), Arc::default());
        let (idle, led) = (Arc::default(), Arc::default());
        let cluster = Cluster { at, settings, asking, settled, refused_logins, idle, led };
        let found = wait_for_answer(&cluster.asking, &cluster.settings, &cluster.at, NO_TOPIC)?;
        cluster.learn(&found);
        Ok(cluster)
    }

    /// Names the place of an error.
    pub(crate) fn failed(&self, doing: &'static str) -> impl Fn(KafkaError) -> Error {
        self.failed_on(doing, Vec::new())
    }

    /// As [`Cluster::failed`], for a call that needs these rights.
    pub(crate) fn failed_on(
        &self,
        doing: &'static str,
        needs: Vec<Right>,
    ) -> impl Fn(KafkaError) -> Error {
        let (at, addresses, asking) =
            (self.at.clone(), Arc::clone(self.settings.addresses()), Arc::clone(&self.asking));
        let refused_logins = Arc::clone(&self.refused_logins);
        move |source| {
            hear(&asking, &addresses);
            let is_refused = error_kind::code(&source).is_some_and(is_refused_login);
            if is_refused && refused_logins.may_pass(Instant::now()) {
                let at = at.clone();
                return Error::backend(Kind::Retry, CallFailed { at, doing, source });
            }
            error_kind::call_failed_on(at.clone(), doing, source, &needs)
        }
    }

    /// Whether a broker that comes back, or a moment, helps: also where it refuses a login that it
    /// has let in before.
    pub(crate) fn may_pass(&self, code: RDKafkaErrorCode) -> bool {
        may_pass(code) || is_refused_login(code) && self.refused_logins.may_pass(Instant::now())
    }

    /// Hears what a client has to say, so that it looks for brokers elsewhere when all are gone that
    /// it has learned of.
    pub(crate) fn hear<C: ConsumerContext>(&self, client: &BaseConsumer<C>) {
        hear(client, self.settings.addresses());
    }

    /// Has a client that has lost all brokers try the addresses that the caller gave too, and those
    /// that other clients have learned: brokers may come back there. librdkafka tries them as it tries
    /// the others, at most once a second each, until one answers, and then knows only those that this
    /// one names.
    pub(crate) fn look_elsewhere<C: ClientContext>(&self, client: &Client<C>) {
        native::add_brokers(client, &self.settings.addresses().all());
    }

    /// Looks where brokers are, unless that was just seen: for a client that is about to be made.
    pub(crate) fn find_brokers(&self) {
        if !self.settings.addresses().is_newer_than(limits::ADDRESSES_AGE) {
            // Where no one answers, what is known is all there is.
            let _ = self.metadata(Some(NO_TOPIC), limits::END_WAIT);
        }
    }

    /// What some broker says of topics and brokers.
    fn metadata(
        &self,
        topic: Option<&str>,
        wait: Duration,
    ) -> std::result::Result<Metadata, KafkaError> {
        let found = self.asking.fetch_metadata(topic, wait)?;
        self.learn(&found);
        Ok(found)
    }

    /// Takes over where brokers are.
    fn learn(&self, found: &Metadata) {
        for Moved { broker, from, to } in self.settings.addresses().learn(addresses(found)) {
            tracing::info!("broker {broker} of {} is at {to} now; it was at {from}", self.at);
        }
    }

    /// Asks until there is an answer: a coordinator that has just moved, or is made by the first
    /// question for it, is there a moment later.
    pub(crate) fn insist<T>(
        &self,
        doing: &'static str,
        ask: impl FnMut() -> std::result::Result<T, KafkaError>,
    ) -> Result<T> {
        self.insist_on(doing, Vec::new(), ask)
    }

    /// As [`Cluster::insist`], for a question that needs these rights.
    pub(crate) fn insist_on<T>(
        &self,
        doing: &'static str,
        needs: Vec<Right>,
        mut ask: impl FnMut() -> std::result::Result<T, KafkaError>,
    ) -> Result<T> {
        let (begun, mut is_told, mut has_looked) = (Instant::now(), false, false);
        loop {
            match ask() {
                Err(error)
                    if error_kind::code(&error).is_some_and(|code| self.may_pass(code))
                        && begun.elapsed() < limits::PATIENCE =>
                {
                    // librdkafka waits for coordinators that it may not ask for, and says nothing.
                    if !std::mem::replace(&mut has_looked, true) && !needs.is_empty() {
                        self.may(doing, &needs)?;
                    }
                    self.hear(&self.asking);
                    if !is_told && begun.elapsed() > limits::SILENCE {
                        let why = match self.asking.context().last() {
                            Some(failure) => format!("{error}; {}: {}", failure.at, failure.why),
                            None => error.to_string(),
                        };
                        tracing::warn!("{doing} at {}: {why}; it is asked again", self.at);
                        is_told = true;
                    }
                    thread::sleep(seismic_queue::limits::NAP);
                }
                outcome => return outcome.map_err(self.failed_on(doing, needs)),
            }
        }
    }

    /// Whether we have these rights, as far as brokers say.
    pub(crate) fn may(&self, doing: &'static str, needs: &[Right]) -> Result<()> {
        let missing = self.missing_rights(needs).unwrap_or_default().into_iter().next();
        missing.map_or(Ok(()), |(right, resource)| {
            let at = self.at.clone();
            Err(Error::backend(Kind::Config, NotAllowed { at, doing, right, resource }))
        })
    }

    pub(crate) fn topics(&self) -> Result<Vec<Topic>> {
        let all = self.metadata(None, limits::WAIT);
        let all = all.map_err(self.failed("listing topics"))?;
        let mut found = Vec::new();
        for topic in all.topics().iter().filter(|topic| !topic.name().starts_with("__")) {
            // One with a name that we could not make ourselves is still someone's topic; one that
            // is deleted meanwhile is none.
            match self.topic(topic.name()) {
                Ok(topic) => found.push(topic),
                Err(Error::TopicMissing { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// The topic of that name, as it is now.
    pub(crate) fn topic(&self, name: &str) -> Result<Topic> {
        let missing = || Error::TopicMissing { topic: name.to_owned(), at: self.at.clone() };
        let failed = self.failed_on("looking for a topic", vec![on_topic("Describe", name)]);
        let id = native::topic_id(self.asking.client(), name, None, limits::WAIT)
            .map_err(|code| failed(KafkaError::Global(code)))?
            .ok_or_else(missing)?;
        let found = self.metadata(Some(name), limits::WAIT);
        let found = found.map_err(failed)?;
        let partitions = found.topics().first().map_or(0, |topic| topic.partitions().len());
        match u32::try_from(partitions) {
            Ok(0) | Err(_) => Err(missing()),
            Ok(partitions) => Ok(Topic { name: name.to_owned(), id, partitions }),
        }
    }

    /// The id of the topic of that name, asked once and not for long: for a caller that asks again soon.
    pub(crate) fn topic_id_now(&self, name: &str) -> Result<Option<String>> {
        let answer = native::topic_id(self.asking.client(), name, None, limits::END_WAIT);
        answer.map_err(|code| self.failed("looking for a topic")(KafkaError::Global(code)))
    }

    /// How well each partition of a topic is copied.
    pub(crate) fn replicas(&self, topic: &str) -> Result<Vec<Replicas>> {
        let found = self.metadata(Some(topic), limits::WAIT);
        let found = found.map_err(self.failed("looking at replicas"))?;
        let partitions = found.topics().iter().flat_map(|topic| topic.partitions());
        let of = |it: &MetadataPartition| Replicas {
            partition: it.id(),
            all: it.replicas().len(),
            in_sync: it.isr().len(),
        };
        Ok(partitions.map(of).collect())
    }

    /// Numbers of the brokers that are there.
    pub(crate) fn brokers(&self) -> Result<Vec<i32>> {
        let found = self.metadata(Some(NO_TOPIC), limits::WAIT);
        let found = found.map_err(self.failed("looking at brokers"))?;
        Ok(found.brokers().iter().map(MetadataBroker::id).collect())
    }

    /// Who leads the partitions of a topic, as some broker knows it.
    pub(crate) fn leaders(&self, topic: &str) -> std::result::Result<Leaders, KafkaError> {
        let found = self.metadata(Some(topic), limits::END_WAIT);
        let found = found.inspect_err(|_| self.hear(&self.asking))?;
        let error =
            found.topics().iter().find_map(MetadataTopic::error).map(RDKafkaErrorCode::from);
        let partitions = found.topics().iter().flat_map(|topic| topic.partitions());
        let led = partitions.filter(|it| it.leader() >= 0);
        let of = led.map(|it| (partition(it.id()), it.leader())).collect();
        let leaders = Leaders { error, of, at: addresses(&found) };
        if leaders.error.is_none() {
            let mut led = self.led.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            led.retain(|_, (since, _)| now.duration_since(*since) < limits::LEADERS_AGE);
            led.insert(topic.to_owned(), (now, leaders.clone()));
        }
        Ok(leaders)
    }

    /// Who led the partitions of a topic a moment ago, if someone looked then: for who reads one
    /// partition after the other, and looks again where that is not so any more.
    pub(crate) fn leaders_lately(&self, topic: &str) -> Option<Leaders> {
        let led = self.led.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, leaders) = led.get(topic)?;
        (since.elapsed() < limits::LEADERS_AGE).then(|| leaders.clone())
    }

    /// Names of all groups that have offsets or members.
    pub(crate) fn groups(&self) -> Result<Vec<String>> {
        let all =
            self.insist("listing groups", || self.asking.fetch_group_list(None, limits::WAIT))?;
        Ok(all.groups().iter().map(|group| group.name().to_owned()).collect())
    }

    /// The members of a group, and what each has of `topic`.
    pub(crate) fn members(&self, group: &str, topic: &str) -> Result<Vec<GroupMember>> {
        let needs = vec![("Describe", Resource::Group(group.to_owned()))];
        let found = self.insist_on("looking at a group", needs, || {
            self.asking.fetch_group_list(Some(group), limits::WAIT)
        })?;
        let member = |member: &GroupMemberInfo| GroupMember {
            slot: member.client_id().to_owned(),
            member: member.id().to_owned(),
            host: member.client_host().trim_start_matches('/').to_owned(),
            partitions: assignment::partitions(member.assignment().unwrap_or_default(), topic),
        };
        let mut members: Vec<_> =
            found.groups().iter().flat_map(|group| group.members()).map(member).collect();
        members.sort_by(|a, b| (&a.slot, &a.member).cmp(&(&b.slot, &b.member)));
        Ok(members)
    }

    /// Whether `topic` is still the one of its name.
    pub(crate) fn check(&self, topic: &Topic) -> Result<()> {
        match self.topic(&topic.name)? {
            now if now.id == topic.id => Ok(()),
            _ => Err(Error::TopicRemade { topic: topic.name.clone(), at: self.at.clone() }),
        }
    }

    /// Whether `topic` is still the one of its name for the broker of that number.
    ///
    /// # Errors
    /// [`Error::TopicRemade`] and [`Error::TopicMissing`]; [`Error::Backend`] when it does not
    /// answer.
    pub(crate) fn check_at(&self, topic: &Topic, broker: i32) -> Result<()> {
        let ask = || {
            native::topic_id(self.asking.client(), &topic.name, Some(broker), limits::BROKER_WAIT)
        };
        let answer = ask().or_else(|_| {
            // It may be one that joined the cluster since this client last heard of brokers.
            let _ = self.metadata(Some(&topic.name), limits::BROKER_WAIT);
            ask()
        });
        let doing = "asking a broker for the id of the topic that it gave messages of";
        let (name, at) = (topic.name.clone(), self.at.clone());
        match answer.map_err(|code| self.failed(doing)(KafkaError::Global(code)))? {
            Some(id) if id == topic.id => Ok(()),
            Some(_) => Err(Error::TopicRemade { topic: name, at }),
            None => Err(Error::TopicMissing { topic: name, at }),
        }
    }
}

/// See [`Cluster::hear`].
fn hear<C: ConsumerContext>(client: &BaseConsumer<C>, addresses: &BrokerAddresses) {
    // Each poll hears at most one line.
    for _ in 0..limits::LINES_HEARD {
        if let Some(Err(error)) = client.poll(Duration::ZERO)
            && is_without_brokers(&error)
        {
            native::add_brokers(client.client(), &addresses.all());
        }
    }
}

/// Where brokers are, as one of them says.
fn addresses(found: &Metadata) -> Named {
    let at = |it: &MetadataBroker| {
        let port = u16::try_from(it.port()).ok()?;
        Some((it.id(), (it.host().to_owned(), port)))
    };
    found.brokers().iter().filter_map(at).collect()
}

/// Who leads what, and where everyone is.
#[derive(Clone)]
pub(crate) struct Leaders {
    /// Why there is nothing to be said of the topic.
    pub(crate) error: Option<RDKafkaErrorCode>,
    /// Numbers of brokers; partitions without a leader are missing.
    pub(crate) of: BTreeMap<Partition, i32>,
    pub(crate) at: Named,
}

/// A name that no topic has: asking for it costs nothing and shows that a broker is there.
pub(crate) const NO_TOPIC: &str = "seismic-is-anybody-there";
