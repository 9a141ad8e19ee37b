//! Rows as messages of a RocketMQ topic, *effectively once*: each row is there once for every reader
//! that follows one rule (`rule.rs`, docs/rocketmq.md), whatever was killed or cut in between.
//!
//! RocketMQ can neither keep a zombie's late message out nor write several messages as one. So the
//! sink never believes that it knows where it is:
//!
//! 1. One output queue per result partition, one writer, one send on its way. Rows are committed
//!    before they are sent, so a row sent twice is the same bytes.
//! 2. On start, and after every send of unknown outcome, it takes a new epoch and appends a FENCE
//!    message. The offset it gets is the end of everything that can still count: what older epochs
//!    append behind it is dropped by every reader. It reads back from the last row it knows of up to
//!    exactly the fence, by the readers' own rule, and goes on after the highest row found.
//! 3. Every message says whose it is, which row, and under which epoch and fence.
//! 4. A fence below a row that is known to be there means that the broker lost what it acknowledged:
//!    that is said, and nothing is written on top of it.
//!
//! What only the store can remember (the last row's place, the epoch) is noted there, as positions of
//! sinks whose names have a `#`; they lie beyond any row, so they hold nothing.

mod queue;
mod reader;
mod reader_rule;
mod state;

use std::collections::BTreeMap;

use seismic_queue::rocketmq::RocketQueue;
use seismic_queue::{Batch, Offset, Partition, Queue, Span, Url};

use crate::spec::{Context, Entry};
use crate::{Error, Result, Sink, rows};
use queue::OutQueue;
use state::Memory;

pub use reader::{Kept, each_row, is_of_a_sink, readers_rule};
pub use reader_rule::{Mark, Rule, Said};

/// Its place in the list of sinks.
pub(crate) const ENTRY: Entry = Entry {
    scheme: "rocketmq",
    form: "rocketmq[:TOPIC]",
    target: Some("seismic-agg-topic"),
    open: |topic, context| Ok(Box::new(RocketMq::open(topic, context)?)),
};

/// Writes rows to the queues of one topic.
#[derive(Debug)]
pub struct RocketMq {
    name: String,
    cluster: RocketQueue,
    topic: String,
    context: Context,
    memory: Memory,
    queues: BTreeMap<Partition, OutQueue>,
}

impl RocketMq {
    /// The sink of `topic` on the cluster of the context's queue.
    ///
    /// # Errors
    /// [`Error::Place`] when the job's queue is no RocketMQ cluster.
    pub fn open(topic: &str, context: &Context) -> Result<Self> {
        let nameservers = context.queue.as_ref().and_then(Url::address);
        let (Some(nameservers), Some(store)) = (nameservers, &context.store) else {
            return Err(Error::Place { sink: format!("rocketmq:{topic}"), wants: "rocketmq://" });
        };
        let name = format!("rocketmq:{topic}");
        Ok(RocketMq {
            memory: Memory::of(store, &name),
            cluster: RocketQueue::open(nameservers)?,
            topic: topic.to_owned(),
            context: context.clone(),
            queues: BTreeMap::new(),
            name,
        })
    }
}

impl Sink for RocketMq {
    fn name(&self) -> &str {
        &self.name
    }

    fn recover(&mut self, rows: &[Span]) -> Result<Vec<Offset>> {
        let topic = self.cluster.create(&self.topic, rows.len() as u32)?;
        let mut next = Vec::new();
        for (partition, span) in topic.all().zip(rows) {
            let outlet = self.cluster.outlet(&topic)?;
            let place = format!("{}/{partition}", self.topic);
            let mut queue = OutQueue::new(outlet, partition, place, &self.context.store_id);
            next.push(queue.recover(&self.memory, *span)?);
            self.queues.insert(partition, queue);
        }
        Ok(next)
    }

    fn write(&mut self, rows: &Batch) -> Result<()> {
        let partition = rows.partition();
        for message in rows.messages() {
            rows::decode(&self.context.topic, partition, message)?;
        }
        let queue = self.queues.get_mut(&partition).expect("recovery opened every partition");
        queue.write(&self.memory, rows)
    }

    fn sync(&mut self) -> Result<()> {
        let last = self.queues.iter().filter_map(|(p, queue)| Some((*p, queue.last()?)));
        self.memory.note_last(&last.collect::<Vec<_>>())
    }
}
