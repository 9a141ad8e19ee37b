//! A topic of a Kafka cluster as a target of the conformance suite. A newer sink takes over; the topic
//! cannot be copied.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use seismic_brokers::Kafka as Cluster;
use seismic_kafka::outlet::{Outlet, Written};
use seismic_proto::{Row, Schema, SeismicAggRecord};
use seismic_queue::{Offset, Partition};
use seismic_sinks::conformance::{Owners, Promises, Shows, SinkTarget, three, window};
use seismic_sinks::kafka::Kafka;
use seismic_sinks::{Context, Result, Sink, SinkSpec};

use crate::json_rows::row_of;

/// The broker that tests of this process share; `None` where none can be started, after saying so.
pub fn shared() -> Option<Arc<Cluster>> {
    static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(there) = shared.upgrade() {
        return Some(there);
    }
    let started = Arc::new(Cluster::one()?);
    *shared = Arc::downgrade(&started);
    Some(started)
}

/// A topic of its own.
pub struct TopicPlace {
    pub cluster: Arc<Cluster>,
    pub topic: String,
    /// What stands behind address and topic of the sink.
    pub options: String,
}

impl TopicPlace {
    pub fn new(cluster: &Arc<Cluster>, options: &str) -> TopicPlace {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let topic = format!("rows-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        TopicPlace { cluster: Arc::clone(cluster), topic, options: options.to_owned() }
    }

    pub fn spec_at(&self, address: &str) -> SinkSpec {
        let TopicPlace { topic, options, .. } = self;
        format!("kafka://{address},topic={topic},create=true{options}").parse().unwrap()
    }

    pub fn spec(&self) -> SinkSpec {
        self.spec_at(&self.cluster.address())
    }

    pub fn sink(&self, store: &str) -> Result<Kafka> {
        Kafka::open(&self.spec(), &Context::new(store, "results"))
    }

    /// A sink that reaches the cluster over its wires.
    pub fn wired_sink(&self) -> Kafka {
        let spec = self.spec_at(&self.cluster.wired_address());
        Kafka::open(&spec, &Context::new("home", "results")).unwrap()
    }

    /// What is committed in each partition.
    pub fn messages(&self) -> Vec<(Partition, Written)> {
        let outlet = Outlet::open(&self.cluster.address(), &[], &self.topic).unwrap();
        let mut all = Vec::new();
        let Some(topic) = outlet.topic().unwrap() else { return all };
        for partition in topic.all() {
            let mut messages = outlet.written(&topic, partition).unwrap();
            while let Some(message) = messages.take().unwrap() {
                all.push((partition, message));
            }
        }
        all
    }

    fn rows_of(&self, schema: &Schema) -> Vec<(Partition, Row)> {
        let is_json = self.options.contains("format=json");
        let row = |message: &Written| match is_json {
            true => row_of(schema, &serde_json::from_slice(&message.value).unwrap()),
            false => {
                let mut row = Row::new(schema);
                row.decode(schema, &message.value).unwrap();
                row
            }
        };
        let of = |message: &Written| message.row.expect("a row of the sink").0;
        self.messages().iter().map(|(_, message)| (of(message), row(message))).collect()
    }
}

impl SinkTarget for TopicPlace {
    fn promises(&self) -> Promises {
        Promises { shows: Shows::EveryRow, owners: Owners::Newest }
    }

    fn open(&self, store: &str) -> Result<Box<dyn Sink>> {
        Ok(Box::new(self.sink(store)?))
    }

    fn store_id(&self, store: &str) -> String {
        store.to_owned()
    }

    fn note(&self, _: &[Offset]) {}

    fn image(&self) -> Option<Box<dyn SinkTarget>> {
        None
    }

    fn rows(&self) -> Vec<SeismicAggRecord> {
        self.rows_of(Schema::windows()).into_iter().map(|(_, row)| window(row)).collect()
    }
}

/// A topic with rows of three columns.
pub struct ThreeColumns(pub TopicPlace);

impl three::SinkTarget for ThreeColumns {
    fn open(&self) -> Result<Box<dyn Sink>> {
        let schema = Cow::Owned(three::schema());
        let context = Context { schema, ..Context::new("home", "three") };
        Ok(Box::new(Kafka::open(&self.0.spec(), &context)?))
    }

    fn rows(&self) -> Vec<(Partition, Row)> {
        self.0.rows_of(&three::schema())
    }
}
