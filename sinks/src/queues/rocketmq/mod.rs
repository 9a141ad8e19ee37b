//! Rows as messages of a RocketMQ topic, *effectively once*: every reader that follows one rule
//! sees each row once (`reader_rule.rs`, docs/rocketmq.md), whatever was killed or disconnected.
//!
//! RocketMQ can neither reject the late message of a zombie nor write several messages atomically.
//! So the sink never relies on its own idea of the position:
//!
//! 1. One output queue per result partition, one writer, one send in flight. Rows are committed
//!    before they are sent, so a row sent twice is the same bytes.
//! 2. On start, and after every send of unknown outcome, it takes a new epoch and appends a FENCE
//!    message. Its offset is the end of everything that can still count: readers drop what older
//!    epochs append after it. The sink reads back from the last row that it knows up to the fence,
//!    by the readers' rule, and continues after the highest row found.
//! 3. Every message carries its store, its row, its epoch and its fence.
//! 4. A fence below a row that is known to be there means that the broker lost what it
//!    acknowledged: the sink fails with that error, and nothing is written on top of it.
//!
//! 5. Rows in the topic that the store has not noted are compared with the rows of the store, see
//!    `unproved_rows.rs`, and the last fence must be the one that was appended. So a restored topic
//!    or store is detected, and a store that recomputes the same rows continues.
//!
//! State that no queue can keep (the offset of the last row, the epoch) is in the store: see
//! `state.rs`.

mod compare;
mod position;
mod queue;
mod reader;
mod reader_rule;
mod state;
mod unproved_rows;

use std::collections::BTreeMap;

use seismic_queue::{Access, Finding, Level, Need, Offset, Partition, Queue, Span, Url};
use seismic_rocketmq::RocketQueue;

use crate::entry::{Entry, Written};
use crate::position::mark::SinkAhead;
use crate::{Context, Error, Result, Rows, Sink, SinkSpec};
use queue::OutQueue;
use reader::WrittenRows;
use state::State;

pub use reader::{VisibleRow, each_row, is_of_a_sink, reader_rule};
pub use reader_rule::{MessageKind, ReaderRule, RowHeader};

/// Its place in the list of sinks.
pub(crate) const ENTRY: Entry = Entry {
    scheme: "rocketmq",
    form: "rocketmq[:TOPIC]",
    target: Some("seismic-agg-topic"),
    options: &[],
    place: &[],
    name: |spec| format!("rocketmq:{}", spec.target()),
    // What counts of a queue is found by the offset of its last row.
    passes_over: false,
    keeps_refused: false,
    is_remote: false,
    shows_only: false,
    file: |_| None,
    writes: |spec| Some(Written::Named(spec.target().to_owned())),
    check: |_| Vec::new(),
    ddl: None,
    open: |spec, context| Ok(Box::new(RocketMq::open(spec.target(), context)?)),
    examine: |_| vec![Finding::fine("see the queue: it is the same cluster")],
    compare: Some(|spec, context, into| compare::compare(spec.target(), context, into)),
    mark: Some(position::mark),
    needs,
    rows_in: Some(rows_in),
    sends_back_to: Some(sends_back_to),
    lookup: None,
    bare: None,
};

/// It appends rows and reads them back.
fn needs(spec: &SinkSpec) -> Vec<Need> {
    let need = |access, who| {
        let (topic, level) = (spec.target().to_owned(), Level::Problem);
        Need { topic, access, who, level }
    };
    vec![
        need(Access::Append, "the sink appends rows to it"),
        need(Access::Read(None), "the sink reads it back"),
    ]
}

/// The cluster by the readers' rule, if a sink wrote the topic.
fn rows_in(url: &Url, topic: &str) -> Result<Option<Box<dyn Queue>>> {
    let Some(nameservers) = url.address() else { return Ok(None) };
    let cluster = RocketQueue::open(nameservers)?;
    let is_a_sinks = is_of_a_sink(&cluster, &cluster.topic(topic)?)?;
    Ok(is_a_sinks.then(|| Box::new(cluster.reading_by(reader_rule)) as Box<dyn Queue>))
}

/// The cluster by the readers' rule.
fn sends_back_to(url: &Url) -> Result<Option<Box<dyn Queue>>> {
    let Some(nameservers) = url.address() else { return Ok(None) };
    Ok(Some(Box::new(RocketQueue::open(nameservers)?.reading_by(reader_rule))))
}

/// Writes rows to the queues of one topic.
#[derive(Debug)]
pub struct RocketMq {
    name: String,
    cluster: RocketQueue,
    topic: String,
    context: Context,
    state: State,
    queues: BTreeMap<Partition, OutQueue>,
}

impl RocketMq {
    /// The sink of `topic` on the cluster of the context's queue.
    ///
    /// # Errors
    /// [`Error::OtherQueue`] when the job's queue is no RocketMQ cluster.
    pub fn open(topic: &str, context: &Context) -> Result<Self> {
        let nameservers = context.queue.as_ref().and_then(Url::address);
        let (Some(nameservers), Some(store)) = (nameservers, &context.store) else {
            return Err(Error::other_queue(topic));
        };
        let name = format!("rocketmq:{topic}");
        Ok(RocketMq {
            state: State::of(store, &name, &context.topic),
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
        self.state.take_over()?;
        let topic = self.cluster.create(&self.topic, rows.len() as u32)?;
        let mut next = Vec::new();
        for (partition, span) in topic.all().zip(rows) {
            let outlet = self.cluster.outlet(&topic)?;
            let place = format!("{}/{partition}", self.topic);
            let mut queue = OutQueue::new(outlet, partition, place, &self.context.store_id);
            let found = queue.recover(&mut self.state, *span)?;
            if found.has > found.noted {
                let job = (&topic, partition, &*self.context.store_id);
                let written = WrittenRows::open(&self.cluster, job, found.written)?;
                let of = format!("{}/{partition}", self.context.topic);
                queue.prove(of, written, (found.noted, found.has));
            }
            if found.has > span.end {
                let (sink, topic) = (self.name.clone(), self.context.topic.clone());
                let (next, end) = (found.has, span.end);
                tracing::warn!(
                    "{}; it waits until the store has made these rows again, and compares them",
                    SinkAhead { sink, topic, partition, next, end }
                );
            }
            next.push(found.noted);
            self.queues.insert(partition, queue);
        }
        Ok(next)
    }

    fn write(&mut self, rows: &Rows<'_>) -> Result<()> {
        let queue = self.queues.get_mut(&rows.partition());
        queue.expect("recovery opened every partition").write(&mut self.state, rows)
    }

    fn ahead(&self) -> Option<(Partition, Offset)> {
        self.queues.iter().find_map(|(partition, queue)| Some((*partition, queue.ahead()?)))
    }

    fn sync(&mut self) -> Result<()> {
        let last = self.queues.iter().filter_map(|(p, queue)| Some((*p, queue.last()?)));
        self.state.put_last_rows(&last.collect::<Vec<_>>())
    }
}
