//! A topic as a table: its partitions one after the other, each in the order of its offsets.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use seismic_pipeline::StartFrom;
use seismic_queue::{Error, Event, Offset, Partition, Queue, Reader, Topic};
use seismic_sql::{Batch, Column, Scan, ScanError, Table};

use super::job::{Job, Opened};
use super::message_columns::{columns, push};
use super::read_failure::of_scan;
use crate::cli::found_topic::{FoundTopic, Where, begin};
use crate::cli::json::Content;
use crate::job::location::Location;

/// What a topic is taken for before it is read: more rows than any list.
const ROWS: u64 = 10_000_000;

/// How often one statement may read a topic from its beginning: a self-join reads it twice.
const SCANS_MAX: u64 = 16;

/// Which messages of a topic are read.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    /// Only this partition.
    pub partition: Option<u32>,
    /// From there on.
    pub from: StartFrom,
    /// Up to there.
    pub to: StartFrom,
}

/// How a topic is read.
#[derive(Clone)]
pub(super) struct Reading {
    pub part: Part,
    pub stop: Arc<AtomicBool>,
    pub unreadable: Unreadable,
}

/// How many messages of each table could not be decoded.
#[derive(Clone, Default)]
pub(crate) struct Unreadable(Arc<Mutex<BTreeMap<&'static str, u64>>>);

impl Unreadable {
    /// One scan has seen so many; another one of the same table sees the same ones.
    fn seen(&self, table: &'static str, count: u64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let most = counts.entry(table).or_default();
        *most = count.max(*most);
    }

    /// Those of each table that has some.
    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A topic as a table.
pub(super) struct TopicTable {
    name: &'static str,
    content: Content,
    columns: Vec<Column>,
    place: TableTopic,
    reading: Reading,
    spans: Mutex<Option<Arc<Spans>>>,
}

#[derive(Clone)]
enum TableTopic {
    Found(Arc<FoundTopic>, String),
    /// Topic of a job: that of the role, or else its results.
    Job(Arc<Job>, Option<&'static str>),
}

/// What is read of the topic: the same for every scan.
struct Spans {
    queue: OpenQueue,
    topic: Topic,
    parts: Vec<(Partition, Offset, Offset)>,
}

enum OpenQueue {
    Found(Arc<FoundTopic>),
    Job(Arc<Opened>),
}

impl OpenQueue {
    fn queue(&self) -> &dyn Queue {
        match self {
            OpenQueue::Found(found) => found.queue(),
            OpenQueue::Job(opened) => opened.store.topics(),
        }
    }
}

impl TopicTable {
    /// The topic that is `input`.
    ///
    /// # Errors
    /// When it is not there.
    pub(super) fn found(
        location: &Location,
        topic: &str,
        place: Option<Where>,
        reading: Reading,
    ) -> anyhow::Result<TopicTable> {
        let found = FoundTopic::of(&location.clone().of_topic(topic), topic, place)?;
        found.queue().topic(topic)?;
        let content = found.content;
        Ok(TopicTable {
            name: "input",
            content,
            columns: columns(content),
            place: TableTopic::Found(Arc::new(found), topic.to_owned()),
            reading,
            spans: Mutex::default(),
        })
    }

    /// A topic of the job, opened when it is read.
    pub(super) fn of_job(
        name: &'static str,
        job: Arc<Job>,
        role: Option<&'static str>,
        content: Content,
        reading: Reading,
    ) -> TopicTable {
        let place = TableTopic::Job(job, role);
        let spans = Mutex::default();
        TopicTable { name, content, columns: columns(content), place, reading, spans }
    }

    fn spans(&self) -> anyhow::Result<Arc<Spans>> {
        let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(spans) = &*spans {
            return Ok(Arc::clone(spans));
        }
        let (queue, topic) = match &self.place {
            TableTopic::Found(found, topic) => (OpenQueue::Found(Arc::clone(found)), topic.clone()),
            TableTopic::Job(job, role) => {
                let opened = job.open()?;
                let of = &opened.view.job;
                let topic = role.and_then(|role| of.topic_of(role)).unwrap_or(of.main_topic());
                let topic = topic.to_owned();
                (OpenQueue::Job(opened), topic)
            }
        };
        let topic = queue.queue().topic(&topic)?;
        let parts = parts(queue.queue(), &topic, self.reading.part)?;
        Ok(Arc::clone(spans.insert(Arc::new(Spans { queue, topic, parts }))))
    }
}

/// From where to where each partition is read.
fn parts(
    queue: &dyn Queue,
    topic: &Topic,
    part: Part,
) -> seismic_queue::Result<Vec<(Partition, Offset, Offset)>> {
    if let Some(n) = part.partition.filter(|n| *n >= topic.partitions) {
        let partitions = topic.partitions;
        let (topic, partition) = (topic.name.clone(), Partition(n));
        return Err(Error::PartitionMissing { topic, partition, partitions });
    }
    let spans = queue.spans(topic)?;
    let wanted = topic.all().zip(spans);
    let wanted = wanted.filter(|(partition, _)| part.partition.is_none_or(|n| partition.0 == n));
    let mut parts = Vec::new();
    for (partition, span) in wanted {
        let from = begin(queue, topic, partition, span, part.from)?;
        let to = match part.to {
            // The beginning is no end that anybody wants, and the option refuses it.
            StartFrom::Earliest | StartFrom::Latest => span.end,
            StartFrom::Offset(_) | StartFrom::Time(_) => {
                begin(queue, topic, partition, span, part.to)?.min(span.end)
            }
        };
        parts.push((partition, from, to));
    }
    Ok(parts)
}

impl Table for TopicTable {
    fn name(&self) -> &str {
        self.name
    }

    fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn rows(&self) -> u64 {
        ROWS
    }

    fn scans_max(&self) -> u64 {
        SCANS_MAX
    }

    fn scan(&self) -> Result<Box<dyn Scan>, ScanError> {
        let spans = self.spans().map_err(of_scan)?;
        Ok(Box::new(TopicScan {
            table: self.name,
            spans,
            content: self.content,
            reading: self.reading.clone(),
            place: 0,
            current: None,
            spare: Vec::new(),
            unreadable: 0,
        }))
    }
}

/// One reading of a topic.
struct TopicScan {
    table: &'static str,
    spans: Arc<Spans>,
    content: Content,
    reading: Reading,
    /// Of the next partition.
    place: usize,
    current: Option<Current>,
    spare: Vec<seismic_queue::Batch>,
    unreadable: u64,
}

/// The partition that is read.
struct Current {
    reader: Box<dyn Reader>,
    next: Offset,
    end: Offset,
}

impl TopicScan {
    /// Begins to read the next partition that has something; `false` when there is none.
    fn begin_partition(&mut self) -> Result<bool, Error> {
        let Spans { queue, topic, parts } = &*self.spans;
        while let Some(&(partition, next, end)) = parts.get(self.place) {
            self.place += 1;
            if next < end {
                let reader = queue.queue().reader(topic, &[(partition, next)])?;
                self.current = Some(Current { reader, next, end });
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes what a read brought.
    fn read_into(&mut self, into: &mut Batch) -> Result<(), Error> {
        let Some(current) = &mut self.current else { return Ok(()) };
        match current.reader.read(Duration::from_millis(100), &mut self.spare)? {
            Event::Batch(batch) => {
                let (partition, end) = (batch.partition(), current.end);
                for message in batch.messages().take_while(|message| message.offset < end) {
                    if !push(self.content, partition, message, into) {
                        self.unreadable += 1;
                        self.reading.unreadable.seen(self.table, self.unreadable);
                    }
                }
                current.next = batch.next();
                self.spare.push(batch);
            }
            // Short of the end while a transaction is open there.
            Event::CaughtUp(_, at) => current.next = current.next.max(at),
            _ => {}
        }
        if current.next >= current.end {
            self.current = None;
        }
        Ok(())
    }
}

impl Scan for TopicScan {
    fn next(&mut self, into: &mut Batch) -> Result<(), ScanError> {
        while into.rows() == 0 {
            if self.reading.stop.load(Ordering::Relaxed) {
                return Err("it was stopped".into());
            }
            if self.current.is_none() && !self.begin_partition()? {
                break;
            }
            self.read_into(into)?;
        }
        Ok(())
    }
}
