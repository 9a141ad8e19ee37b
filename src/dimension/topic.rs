//! A topic that is read by key: the newest message of each key is a row, and one without a value says
//! that there is none any more. So a job looks things up in what another one writes, and several jobs
//! in one topic.
//!
//! What was read stays known, so that the next reading begins where this one ended. Rows are the same as
//! those of a reading from the beginning: what the topic has let go is no row here either.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use seismic_derived::{Column, InputFormat, TableRow, limits, topic_rows};
use seismic_queue::{Error, Kind, Message, Offset, Partition, Queue, Span, SpanReader, Topic};

use super::database::Unread;
use super::limits::{END_PATIENCE, READ_WAIT};
use crate::job::location::Location;
use crate::job::repartition::InputQueue;
use crate::job::time_span::TimeSpan;
use crate::time::now_ms;

/// What is read.
#[derive(Clone, Debug)]
pub struct TopicTable {
    /// Its name.
    pub topic: String,
    /// The job whose results it is of; `None` for a topic of the queue.
    pub of: Option<String>,
    /// What its messages are.
    pub format: InputFormat,
    /// How long a message is a row, after it was appended; `None`: as long as the topic has it.
    pub keep: Option<Duration>,
    /// Where the job is that reads it.
    pub location: Option<Location>,
    /// What was read so far.
    newest: Arc<Mutex<Newest>>,
}

/// The newest message of each key.
#[derive(Debug, Default)]
struct Newest {
    /// Of this topic, which has another id once it was deleted and made again.
    topic: Option<Topic>,
    /// The offset after what was read, by partition.
    next: Vec<Offset>,
    rows: HashMap<Vec<u8>, Kept>,
    /// Bytes of all keys and values.
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    partition: Partition,
    offset: Offset,
    append_ms: i64,
    value: Vec<u8>,
}

/// Two that read the same are the same, whatever they have read.
impl PartialEq for TopicTable {
    fn eq(&self, other: &TopicTable) -> bool {
        let parts = |it: &TopicTable| (it.topic.clone(), it.of.clone(), it.format, it.keep);
        parts(self) == parts(other)
    }
}

impl Eq for TopicTable {}

impl TopicTable {
    /// A topic of the queue, or of the results of a job.
    #[must_use]
    pub fn new(
        topic: &str,
        of: Option<String>,
        format: InputFormat,
        keep: Option<Duration>,
    ) -> TopicTable {
        let (topic, newest) = (topic.to_owned(), Arc::default());
        TopicTable { topic, of, format, keep, location: None, newest }
    }

    /// The keys of a job file that make it.
    pub(super) fn keys(&self) -> BTreeMap<String, String> {
        let format = match self.format {
            InputFormat::Json => "json",
            InputFormat::Windows => "windows",
        };
        let keep = self.keep.map(|keep| TimeSpan::from_ms(keep.as_millis() as i64).to_string());
        let always = [("source", format!("topic:{}", self.topic)), ("format", format.to_owned())];
        let said = [("of", self.of.clone()), ("keep", keep)];
        let said = said.into_iter().filter_map(|(key, value)| Some((key, value?)));
        always.into_iter().chain(said).map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// Reads what is new, and gives all rows.
    ///
    /// # Errors
    /// What happened there.
    pub fn read(&self, columns: &[Column]) -> Result<Vec<TableRow>, Unread> {
        let Some(location) = &self.location else {
            return Err(Unread::for_good("no job reads it".to_owned()));
        };
        let opened = match &self.of {
            Some(of) => location.of_job(of).open_store().map(InputQueue::Store),
            None => location.open_queue_of(&self.topic).map(InputQueue::Queue),
        };
        let opened = opened.map_err(|error| unread(&error))?;
        // Only one thread reads a table; a panic of one before has changed nothing that matters.
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        newest.catch_up(opened.queue(), &self.topic)?;
        let since_ms = self.keep.map_or(i64::MIN, |keep| now_ms() - keep.as_millis() as i64);
        newest.rows_since(since_ms, self.format, columns)
    }
}

impl Newest {
    /// Reads up to the present end of every partition.
    fn catch_up(&mut self, queue: &dyn Queue, name: &str) -> Result<(), Unread> {
        let topic = queue.topic(name).map_err(|error| unread(&error))?;
        let spans = queue.spans(&topic).map_err(|error| unread(&error))?;
        let is_same = self.topic.as_ref() == Some(&topic);
        let is_behind = |(next, span): (&Offset, &Span)| *next > span.end;
        if !is_same || self.next.iter().zip(&spans).any(is_behind) {
            *self = Newest { topic: Some(topic.clone()), ..Newest::default() };
            self.next = spans.iter().map(|span| span.first).collect();
        }
        self.let_go(&spans);
        for (partition, span) in topic.all().zip(&spans) {
            let from = self.next[partition.0 as usize].max(span.first);
            let span = Span { first: from, end: span.end };
            self.read(queue, &topic, partition, span)?;
        }
        Ok(())
    }

    fn read(
        &mut self,
        queue: &dyn Queue,
        topic: &Topic,
        partition: Partition,
        span: Span,
    ) -> Result<(), Unread> {
        let failed = |error: Error| unread(&error);
        let mut reader = SpanReader::new(queue, topic, partition, span).map_err(failed)?;
        let mut came = Instant::now();
        while !reader.is_at_end() {
            let moved = reader.read(READ_WAIT, |message| self.apply(partition, message));
            self.next[partition.0 as usize] = reader.next();
            if moved.map_err(Failed::told)? {
                came = Instant::now();
            } else if came.elapsed() >= END_PATIENCE {
                // What comes behind an unfinished transaction is of the next reading.
                break;
            }
        }
        Ok(())
    }

    fn apply(&mut self, partition: Partition, message: Message<'_>) -> Result<(), Failed> {
        let place = || format!("message {partition}/{}", message.offset);
        if message.key.is_empty() {
            return Err(Failed::Of(format!(
                "{} has no key, and a row is the newest message of its key: whoever writes the topic \
                 has to give keys",
                place()
            )));
        }
        if let Some(before) = self.rows.remove(message.key) {
            self.bytes -= message.key.len() + before.value.len();
        }
        if message.value.is_empty() {
            return Ok(());
        }
        self.bytes += message.key.len() + message.value.len();
        if self.rows.len() >= limits::DIMENSION_ROWS || self.bytes > limits::DIMENSION_FILE_BYTES {
            return Err(Failed::Of(format!(
                "up to {} it has more than {} rows or {} MiB",
                place(),
                limits::DIMENSION_ROWS,
                limits::DIMENSION_FILE_BYTES >> 20
            )));
        }
        let Message { offset, append_ms, value, .. } = message;
        let kept = Kept { partition, offset, append_ms, value: value.to_vec() };
        self.rows.insert(message.key.to_vec(), kept);
        Ok(())
    }

    /// Forgets rows whose message the topic has no more.
    fn let_go(&mut self, spans: &[Span]) {
        let is_there = |it: &Kept| {
            spans.get(it.partition.0 as usize).is_some_and(|span| it.offset >= span.first)
        };
        self.rows.retain(|_, kept| is_there(kept));
        self.bytes = self.rows.iter().map(|(key, kept)| key.len() + kept.value.len()).sum();
    }

    fn rows_since(
        &self,
        since_ms: i64,
        format: InputFormat,
        columns: &[Column],
    ) -> Result<Vec<TableRow>, Unread> {
        let recent = self.rows.values().filter(|kept| kept.append_ms >= since_ms);
        let placed = recent
            .map(|kept| (format!("{}/{}", kept.partition, kept.offset), kept.value.as_slice()));
        topic_rows(format, placed, columns).map_err(|why| {
            let remedy = "write a message that is right with the same key, or an empty one";
            Unread { remedy: remedy.to_owned(), ..Unread::for_good(why) }
        })
    }
}

/// Why a message ended a reading.
enum Failed {
    Of(String),
    Queue(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Failed {
        Failed::Queue(error)
    }
}

impl Failed {
    fn told(self) -> Unread {
        match self {
            Failed::Of(why) => Unread::for_good(why),
            Failed::Queue(error) => unread(&error),
        }
    }
}

fn unread(error: &Error) -> Unread {
    let passes = error.kind() == Kind::Retry || matches!(error, Error::TopicMissing { .. });
    Unread { passes, ..Unread::for_good(error.to_string()) }
}

impl fmt::Display for TopicTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "topic:{}", self.topic)?;
        if let Some(of) = &self.of {
            write!(f, " of {of}")?;
        }
        match self.keep {
            Some(keep) => {
                write!(f, ", kept for {}", TimeSpan::from_ms(keep.as_millis() as i64))
            }
            None => Ok(()),
        }
    }
}
