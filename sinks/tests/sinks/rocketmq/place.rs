//! A topic of RocketMQ, with the store that has the sink's position, as a target of the conformance
//! suite. A newer sink takes over; the topic cannot be copied.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use seismic_brokers::RocketMq as Broker;
use seismic_proto::{Message as _, SeismicAggRecord};
use seismic_queue::backend::Registry;
use seismic_queue::memory::{Memory, MemoryStore};
use seismic_queue::{Job, JobStore, Lease, Offset, Partition, Queue, SinkState as _, Span, Url};
use seismic_rocketmq::{Nameservers, RocketQueue, TopicWriter};
use seismic_sinks::conformance::{Owners, PARTITIONS, Promises, Shows, SinkTarget};
use seismic_sinks::rocketmq::{RocketMq, VisibleRow, each_row};
use seismic_sinks::{Context, Result, Sink};

/// The address as the program parses it.
pub fn url(text: &str) -> Url {
    const BACKENDS: Registry =
        Registry(&[&seismic_rocketmq::BACKEND, &seismic_queue::memory::BACKEND]);
    BACKENDS.parse(text).unwrap()
}

/// A topic of its own on the shared broker, and the store of the job whose rows it takes.
pub struct TopicPlace {
    broker: Arc<Broker>,
    pub topic: String,
    pub store: String,
    /// Held so that the stores are there.
    leases: RefCell<Vec<Box<dyn Lease>>>,
}

impl TopicPlace {
    /// `None` where no broker can be started, after saying so.
    pub fn new() -> Option<TopicPlace> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let broker = Broker::shared()?;
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let (topic, store) = (format!("rows-{number}"), format!("store-{number}"));
        let leases = RefCell::new(vec![acquire(&store)]);
        Some(TopicPlace { broker, topic, store, leases })
    }

    /// The store of that name: its own for `home`, and one that belongs to another job otherwise.
    fn store_of(&self, name: &str) -> String {
        if name == "home" {
            return self.store.clone();
        }
        let other = format!("{}-{name}", self.store);
        let mut leases = self.leases.borrow_mut();
        if leases.len() == 1 {
            leases.push(acquire(&other));
        }
        other
    }

    pub fn context(&self, store: &str) -> Context {
        let id = MemoryStore::named(store).view().unwrap().id;
        let context = Context::new(&id, "result");
        let queue = url(&self.broker.url());
        context.at(queue, Arc::new(MemoryStore::named(store)))
    }

    pub fn sink(&self) -> RocketMq {
        RocketMq::open(&self.topic, &self.context(&self.store)).unwrap()
    }

    pub fn cluster(&self) -> RocketQueue {
        RocketQueue::open(&Nameservers::one(&self.broker.address())).unwrap()
    }

    pub fn outlet(&self) -> TopicWriter {
        let cluster = self.cluster();
        cluster.outlet(&cluster.topic(&self.topic).unwrap()).unwrap()
    }

    /// What the store knows of the sink's position, as a runner notes it.
    pub fn note_of(&self, position: &[(Partition, Offset)]) {
        let sink = format!("rocketmq:{}", self.topic);
        MemoryStore::named(&self.store).put_sink_position(&sink, 0, position).unwrap();
    }

    /// What the sink keeps in the store of its first queue.
    pub fn put_state(&self, key: &str, state: &str) {
        let sink = format!("rocketmq:{}", self.topic);
        MemoryStore::named(&self.store).put_sink_state(&sink, key, state.as_bytes()).unwrap();
    }

    pub fn span(&self) -> Span {
        let cluster = self.cluster();
        cluster.spans(&cluster.topic(&self.topic).unwrap()).unwrap()[0]
    }
}

impl SinkTarget for TopicPlace {
    fn promises(&self) -> Promises {
        Promises { shows: Shows::EveryRow, owners: Owners::Newest }
    }

    fn open(&self, store: &str) -> Result<Box<dyn Sink>> {
        let store = self.store_of(store);
        Ok(Box::new(RocketMq::open(&self.topic, &self.context(&store))?))
    }

    fn store_id(&self, store: &str) -> String {
        self.context(&self.store_of(store)).store_id
    }

    fn note(&self, next: &[Offset]) {
        let position: Vec<_> = (0..).map(Partition).zip(next.iter().copied()).collect();
        self.note_of(&position);
    }

    fn image(&self) -> Option<Box<dyn SinkTarget>> {
        None
    }

    /// The rows that every reader that follows the rule sees.
    fn rows(&self) -> Vec<SeismicAggRecord> {
        let cluster = self.cluster();
        let topic = cluster.topic(&self.topic).unwrap();
        let job = MemoryStore::named(&self.store).view().unwrap().id;
        let mut rows = Vec::new();
        for partition in topic.all() {
            let mut show = |visible: VisibleRow<'_>| -> Result<()> {
                rows.push(SeismicAggRecord::decode(visible.value).unwrap());
                Ok(())
            };
            each_row(&cluster, &topic, partition, &job, &mut show).unwrap();
        }
        rows
    }
}

fn acquire(store: &str) -> Box<dyn Lease> {
    let input = Memory::named(store).create("in", PARTITIONS).unwrap();
    let job = Job::plain("g", input, ["result", "dead"]);
    MemoryStore::named(store).acquire(&job).unwrap()
}
