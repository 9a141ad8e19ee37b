//! The requests that the backend needs, one function each: routes and topics, sends, pulls,
//! offsets, heartbeats.
//!
//! A client has its own connections, opened on demand and reopened when lost. It never retries on
//! its own, since whether a retry is safe depends on the request.

use std::collections::{BTreeMap, HashMap};
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use crate::Nameservers;
use crate::connection::{Answer, Connection, Identity};
use crate::error::{Error, Result};
use crate::limits;
use crate::protocol::batch::Batch;
use crate::protocol::code::{pull, request, response};
use crate::protocol::frame::{Frame, Request};
use crate::protocol::sign::Credentials;
use crate::protocol::unique_id::UniqueIds;
use crate::tls::Tls;
use crate::topic_route::{BrokerQueue, ClusterInfo, Route};

/// Group of readers that belong to none (`MixAll.TOOLS_CONSUMER_GROUP`).
pub(crate) const TOOLS_GROUP: &str = "TOOLS_CONSUMER";
/// Group under which we send.
const PRODUCER_GROUP: &str = "seismic";

/// A way to a cluster.
#[derive(Debug)]
pub(crate) struct Client {
    nameservers: Vec<String>,
    identity: Identity,
    connections: HashMap<String, Connection>,
}

/// What a pull asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pull<'a> {
    pub(crate) topic: &'a str,
    pub(crate) group: &'a str,
    pub(crate) queue: u32,
    pub(crate) offset: u64,
    /// How long the broker keeps it when there is nothing; zero: it answers at once.
    pub(crate) suspend: Duration,
}

/// What a pull found.
#[derive(Debug)]
pub(crate) enum Pulled {
    /// Messages, in the answer's body.
    Found { next: u64, frame: Frame },
    /// The offset is the end.
    Nothing,
    /// There is no message of that offset; what the queue holds is `min..max`.
    Illegal { min: u64, max: u64 },
    /// It should work in a moment.
    Again { min: u64 },
}

impl Client {
    pub(crate) fn new(nameservers: &Nameservers) -> Result<Client> {
        let identity = Identity {
            credentials: Credentials::from_environment()?,
            tls: nameservers.is_encrypted.then(Tls::from_environment).transpose()?,
        };
        let nameservers = nameservers.names.clone();
        Ok(Client { nameservers, identity, connections: HashMap::new() })
    }

    /// Another client of the same cluster, with connections of its own.
    pub(crate) fn another(&self) -> Client {
        let (nameservers, identity) = (self.nameservers.clone(), self.identity.clone());
        Client { nameservers, identity, connections: HashMap::new() }
    }

    /// The connection to an address, made if it is not there or was lost.
    pub(crate) fn connection(&mut self, at: &str) -> Result<&Connection> {
        if self.connections.get(at).is_none_or(Connection::is_lost) {
            let connection = Connection::open(at, &self.identity)?;
            self.connections.insert(at.to_owned(), connection);
        }
        Ok(&self.connections[at])
    }

    /// Gives up all connections that `why` makes doubtful.
    pub(crate) fn lose(&mut self, at: &str, why: &str) {
        if let Some(connection) = self.connections.remove(at) {
            connection.lose(why);
        }
    }

    /// Asks one broker.
    fn call(&mut self, at: &str, request: Request, doing: &'static str) -> Result<Frame> {
        let frame = self.connection(at)?.call(request, doing, limits::CALL)?;
        succeeded(at, doing, frame)
    }

    /// Asks the nameservers, one after the other until one answers.
    fn ask(&mut self, request: impl Fn() -> Request, doing: &'static str) -> Result<Frame> {
        let mut last = None;
        for at in self.nameservers.clone() {
            match self.call(&at, request(), doing) {
                Err(
                    error @ (Error::Unreachable { .. } | Error::Lost { .. } | Error::Silent { .. }),
                ) => {
                    last = Some(error);
                }
                outcome => return outcome,
            }
        }
        let source = Box::new(last.expect("an address names at least one nameserver"));
        Err(Error::NoNameserver { at: self.nameservers.join(","), source })
    }

    /// Where a topic's queues are; `None` when no nameserver knows it.
    pub(crate) fn route(&mut self, topic: &str) -> Result<Option<Route>> {
        let request = || {
            let request = Request::new(request::GET_ROUTEINFO_BY_TOPIC);
            request.with("topic", topic).with("acceptStandardJsonOnly", true)
        };
        match self.ask(request, "asking for a route") {
            Ok(frame) => {
                let route = Route::parse(frame.body())?;
                Ok(Some(route).filter(|route| !route.queues.is_empty()))
            }
            Err(Error::Refused { code: response::TOPIC_NOT_EXIST, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The cluster's brokers.
    pub(crate) fn cluster(&mut self) -> Result<ClusterInfo> {
        let request = || Request::new(request::GET_BROKER_CLUSTER_INFO);
        ClusterInfo::parse(self.ask(request, "asking for the brokers")?.body())
    }

    /// Names of all topics.
    pub(crate) fn topics(&mut self) -> Result<Vec<String>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct TopicList {
            #[serde(default)]
            topic_list: Vec<String>,
        }
        let request = || Request::new(request::GET_ALL_TOPIC_LIST_FROM_NAMESERVER);
        let frame = self.ask(request, "asking for the topics")?;
        let list: TopicList = serde_json::from_slice(frame.body())
            .map_err(|_| Error::Frame { what: "it is not a list of topics" })?;
        Ok(list.topic_list)
    }

    /// Makes a topic of `queues` queues on one broker.
    pub(crate) fn create_topic(&mut self, at: &str, topic: &str, queues: u32) -> Result<()> {
        let request = Request::new(request::UPDATE_AND_CREATE_TOPIC)
            .with("topic", topic)
            .with("defaultTopic", "TBW102")
            .with("readQueueNums", queues)
            .with("writeQueueNums", queues)
            .with("perm", 6)
            .with("topicFilterType", "SINGLE_TAG")
            .with("topicSysFlag", 0)
            .with("order", false);
        self.call(at, request, "making a topic").map(drop)
    }

    /// Asks a broker to make a topic in a way that it cannot: what it refuses first is who may not.
    pub(crate) fn try_create(&mut self, at: &str, topic: &str) -> Result<()> {
        let request = Request::new(request::UPDATE_AND_CREATE_TOPIC)
            .with("topic", topic)
            .with("defaultTopic", "TBW102")
            .with("readQueueNums", 1)
            .with("writeQueueNums", 1)
            .with("perm", 6)
            .with("topicFilterType", "NONE")
            .with("topicSysFlag", 0)
            .with("order", false);
        self.call(at, request, "making a topic").map(drop)
    }

    /// Sends a message to a queue that no topic has: what is refused first is who may not.
    pub(crate) fn try_send(&mut self, at: &str, topic: &str) -> Result<()> {
        let none = BrokerQueue { broker: String::new(), queue: i32::MAX as u32 };
        let mut batch = Batch::default();
        let id = UniqueIds::new().next(1, 0);
        batch.push((b"", b"is this allowed?"), id, &[]).expect("it is short");
        self.call(at, send(topic, &none, 0, batch), "a send").map(drop)
    }

    /// Pulls one message of a queue in the name of a group, and shows no one.
    pub(crate) fn try_pull(&mut self, at: &str, asked: Pull<'_>) -> Result<()> {
        let (to, answers) = mpsc::channel();
        start_pull(self.connection(at)?, asked, &to)?;
        drop(to);
        match answers.recv_timeout(limits::CALL) {
            Ok(answer) => pulled(at, answer.outcome?).map(drop),
            Err(_) => {
                self.lose(at, "a pull was not answered in time");
                let (at, seconds) = (at.to_owned(), limits::CALL.as_secs());
                Err(Error::Silent { at, doing: "a pull", seconds })
            }
        }
    }

    /// First offset of a queue.
    pub(crate) fn min_offset(&mut self, at: &str, topic: &str, queue: u32) -> Result<u64> {
        self.offset(at, request::GET_MIN_OFFSET, topic, queue)
    }

    /// Next offset of a queue, as far as the broker has dispatched what it took: acknowledged
    /// messages may lie beyond it for a moment, and for longer right after its start.
    pub(crate) fn max_offset(&mut self, at: &str, topic: &str, queue: u32) -> Result<u64> {
        self.offset(at, request::GET_MAX_OFFSET, topic, queue)
    }

    fn offset(&mut self, at: &str, code: i32, topic: &str, queue: u32) -> Result<u64> {
        let request = Request::new(code).with("topic", topic).with("queueId", queue);
        self.call(at, request, "asking for an offset")?.field("offset")
    }

    /// First offset stored at or after a time, ms since 1970 UTC.
    pub(crate) fn offset_at(
        &mut self,
        at: &str,
        topic: &str,
        queue: u32,
        time_ms: i64,
    ) -> Result<u64> {
        let request = Request::new(request::SEARCH_OFFSET_BY_TIMESTAMP)
            .with("topic", topic)
            .with("queueId", queue)
            .with("timestamp", time_ms);
        self.call(at, request, "searching an offset by time")?.field("offset")
    }

    /// Statistics of a broker by name (`mqadmin brokerStatus`).
    pub(crate) fn runtime_info(&mut self, at: &str) -> Result<BTreeMap<String, String>> {
        #[derive(Deserialize)]
        struct Table {
            table: BTreeMap<String, String>,
        }
        let request = Request::new(request::GET_BROKER_RUNTIME_INFO);
        let frame = self.call(at, request, "asking how the broker is")?;
        let table: Table = serde_json::from_slice(frame.body())
            .map_err(|_| Error::Frame { what: "it is not a table" })?;
        Ok(table.table)
    }

    /// A broker's settings by name.
    pub(crate) fn broker_config(&mut self, at: &str) -> Result<BTreeMap<String, String>> {
        let request = Request::new(request::GET_BROKER_CONFIG);
        let frame = self.call(at, request, "asking for the broker's settings")?;
        let text = String::from_utf8_lossy(frame.body()).into_owned();
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        Ok(pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect())
    }
}

/// The answer if it says that what was asked for was done.
pub(crate) fn succeeded(at: &str, doing: &'static str, frame: Frame) -> Result<Frame> {
    match frame.code {
        response::SUCCESS => Ok(frame),
        code => Err(Error::Refused { at: at.to_owned(), doing, code, remark: frame.remark }),
    }
}

/// Tells the broker how far a group has come: for its own display only.
pub(crate) fn report_position(group: &str, topic: &str, queue: u32, offset: u64) -> Request {
    Request::new(request::UPDATE_CONSUMER_OFFSET)
        .with("consumerGroup", group)
        .with("topic", topic)
        .with("queueId", queue)
        .with("commitOffset", offset)
}

/// Tells the broker who we are: it keeps the connection, and its tools show the group.
pub(crate) fn heartbeat(client_id: &str, group: &str, topic: &str) -> Request {
    let body = json!({
        "clientID": client_id,
        "producerDataSet": [],
        "consumerDataSet": [{
            "groupName": group,
            "consumeType": "CONSUME_ACTIVELY",
            "messageModel": "CLUSTERING",
            "consumeFromWhere": "CONSUME_FROM_FIRST_OFFSET",
            "subscriptionDataSet": [{
                "topic": topic,
                "subString": "*",
                "tagsSet": [],
                "codeSet": [],
                "subVersion": 1,
                "expressionType": "TAG",
                "classFilterMode": false,
            }],
            "unitMode": false,
        }],
    });
    Request::new(request::HEART_BEAT).body(body.to_string().into_bytes())
}

/// A send of one or several messages to one queue.
pub(crate) fn send(topic: &str, place: &BrokerQueue, made_ms: i64, batch: Batch) -> Request {
    Request::new(request::SEND_BATCH_MESSAGE)
        .with("a", PRODUCER_GROUP)
        .with("b", topic)
        .with("c", "TBW102")
        .with("d", 4)
        .with("e", place.queue)
        .with("f", 0)
        .with("g", made_ms)
        .with("h", 0)
        .with("i", "")
        .with("j", 0)
        .with("k", false)
        .with("m", true)
        .with("n", &place.broker)
        .body(batch.into_bytes())
}

/// Offset of the first message of a send that was done.
///
/// # Errors
/// [`Error::Refused`] with what the broker says; see
/// [`Error::is_outcome_unknown`] for what it means.
pub(crate) fn sent(at: &str, frame: Frame) -> Result<u64> {
    succeeded(at, "a send", frame)?.field("queueOffset")
}

/// Sends a pull; the answer comes to `to` and is read by [`pulled`].
pub(crate) fn start_pull(
    connection: &Connection,
    asked: Pull<'_>,
    to: &Sender<Answer>,
) -> Result<i32> {
    let suspend = if asked.suspend.is_zero() { 0 } else { pull::SUSPEND };
    let request = Request::new(request::PULL_MESSAGE)
        .with("consumerGroup", asked.group)
        .with("topic", asked.topic)
        .with("queueId", asked.queue)
        .with("queueOffset", asked.offset)
        .with("maxMsgNums", limits::PULL_MESSAGES)
        .with("maxMsgBytes", limits::PULL_BYTES)
        .with("sysFlag", pull::SUBSCRIPTION | suspend)
        .with("commitOffset", 0)
        .with("suspendTimeoutMillis", asked.suspend.as_millis())
        .with("subscription", "*")
        .with("subVersion", 0)
        .with("expressionType", "TAG");
    connection.send(request, to)
}

/// What a pull found.
///
/// # Errors
/// What the broker refuses.
pub(crate) fn pulled(at: &str, frame: Frame) -> Result<Pulled> {
    match frame.code {
        response::SUCCESS => Ok(Pulled::Found { next: frame.field("nextBeginOffset")?, frame }),
        response::PULL_NOT_FOUND => Ok(Pulled::Nothing),
        response::PULL_OFFSET_MOVED => {
            Ok(Pulled::Illegal { min: frame.field("minOffset")?, max: frame.field("maxOffset")? })
        }
        response::PULL_RETRY_IMMEDIATELY => Ok(Pulled::Again { min: frame.field("minOffset")? }),
        _ => Err(succeeded(at, "a pull", frame).expect_err("the code is not success")),
    }
}
