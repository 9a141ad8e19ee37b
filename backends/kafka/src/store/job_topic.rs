//! The jobs of a cluster: topic `seismic-job-topic`, one partition, compacted, keyed by group.
//!
//! Workers that start together agree through the order of its log: each appends its proposal, and
//! the first record of a group and kind wins. Compaction would keep the last one, so a worker that
//! sees a different later record appends the first again.
//!
//! A finished group stays recorded, so that its name and topics are not reused: a new group with
//! the same name would be confused with the records of the old one.

use std::time::Instant;

use super::job_records::{Book, Kind, Line, bytes_of, corrupt, lines_of, record};
use crate::client::admin::{Admin, OUTPUT};
use crate::client::cluster::Cluster;
use crate::client::writing::append_all;
use crate::limits;
use crate::queue::fetcher::Fetcher;
use seismic_queue::message::new_id;
use seismic_queue::{Error, Event, Job, Offset, Partition, Reader, Result, Span, Topic};

pub(crate) use super::job_records::TOPIC;

/// The jobs of a cluster.
pub(crate) struct JobTopic<'a> {
    cluster: &'a Cluster,
}

impl<'a> JobTopic<'a> {
    pub(crate) fn new(cluster: &'a Cluster) -> JobTopic<'a> {
        JobTopic { cluster }
    }

    /// Id and job of a group, if it was ever run and is not over.
    pub(crate) fn find(&self, group: &str) -> Result<Option<(String, Job)>> {
        let book = self.read()?;
        if book.is_over(group) { Ok(None) } else { book.job(&self.cluster.at, group) }
    }

    /// The job of every group that was ever run and is not over.
    pub(crate) fn all(&self) -> Result<Vec<Job>> {
        let book = self.read()?;
        let mut jobs: Vec<Job> = Vec::new();
        for Line { group, .. } in book.0.iter().filter(|line| line.kind == Kind::Job) {
            if !book.is_over(group) && jobs.iter().all(|job| job.group != *group) {
                jobs.extend(book.job(&self.cluster.at, group)?.map(|(_, job)| job));
            }
        }
        Ok(jobs)
    }

    /// Key and value of the record that a job has taken that many partitions, for topic [`TOPIC`].
    pub(crate) fn wide(group: &str, partitions: u32) -> (String, String) {
        record(Kind::Wide, group, "", &[partitions.to_string()])
    }

    /// As [`JobTopic::find`], making it `job` when it was never run.
    ///
    /// # Errors
    /// [`Error::TopicTaken`] when another group writes to one of its topics, [`Error::GroupOver`].
    pub(crate) fn agree(&self, job: &Job) -> Result<(String, Job)> {
        Admin::new(self.cluster)?.create(
            TOPIC,
            1,
            &[&[("cleanup.policy", "compact")], &OUTPUT[..]].concat(),
        )?;
        if self.read()?.is_over(&job.group) {
            let (group, at) = (job.group.clone(), self.cluster.at.clone());
            return Err(Error::GroupOver { group, at });
        }
        let mut value = vec![new_id()];
        value.extend(lines_of(job));
        let book = self.agree_on(Kind::Job, &job.group, &value)?;
        let found = book.job(&self.cluster.at, &job.group)?;
        let (id, found) = found.ok_or_else(|| corrupt(&self.cluster.at, &job.group))?;
        book.check_taken(&found)?;
        Ok((id, found))
    }

    /// Writes down that a group is over. A worker that starts in the same moment works on until it
    /// is stopped, and is refused when it restarts.
    pub(crate) fn end(&self, group: &str) -> Result<()> {
        self.append(Kind::Over, group, &[])
    }

    /// What was written down of the names of a group's checkpoints, in order.
    pub(crate) fn names(&self, group: &str) -> Result<Vec<Vec<String>>> {
        Ok(self.read()?.of(Kind::Name, group).map(<[String]>::to_vec).collect())
    }

    /// Writes down something of a name. Of what has the same `key`, compaction keeps the last.
    pub(crate) fn put_name(&self, group: &str, key: &str, lines: &[String]) -> Result<()> {
        self.append_as(Kind::Name, group, &format!("/{key}"), lines)
    }

    /// Stores what a sink keeps under a key. Compaction keeps the last.
    pub(crate) fn put_sink_state(
        &self,
        group: &str,
        sink: &str,
        key: &str,
        state: &[u8],
    ) -> Result<()> {
        let hex = state.iter().map(|byte| format!("{byte:02x}")).collect();
        let lines = [sink.to_owned(), key.to_owned(), hex];
        self.append_as(Kind::SinkState, group, &format!("/{key}/{sink}"), &lines)
    }

    /// What a sink stored last under a key.
    pub(crate) fn sink_state(&self, group: &str, sink: &str, key: &str) -> Result<Option<Vec<u8>>> {
        let book = self.read()?;
        let is_its =
            |lines: &&[String]| matches!(lines, [of, under, _] if of == sink && under == key);
        let Some(lines) = book.of(Kind::SinkState, group).filter(is_its).last() else {
            return Ok(None);
        };
        let state = lines.get(2).and_then(|hex| bytes_of(hex));
        state.map(Some).ok_or_else(|| corrupt(&self.cluster.at, group))
    }

    /// End of the log: nothing was written down since while it is the same.
    pub(crate) fn end_of_log(&self) -> Result<Offset> {
        self.cluster.end(TOPIC, Partition(0))
    }

    /// As [`JobTopic::end_of_log`], asked again when it was not answered in time.
    pub(crate) fn end_of_log_patiently(&self) -> Result<Offset> {
        self.cluster.end_patiently(TOPIC, Partition(0))
    }

    /// Whether anything was ever written down.
    pub(crate) fn is_any(&self) -> Result<bool> {
        match self.cluster.topic(TOPIC) {
            Ok(_) => Ok(true),
            Err(Error::TopicMissing { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Where the group begins, as the first worker that said so: words, and an offset for each
    /// partition.
    pub(crate) fn agree_on_start(
        &self,
        group: &str,
        from: &str,
        starts: &[Offset],
    ) -> Result<(String, Vec<Offset>)> {
        let starts: Vec<String> = starts.iter().map(ToString::to_string).collect();
        let book = self.agree_on(Kind::Start, group, &[from.to_owned(), starts.join(" ")])?;
        let damaged = || corrupt(&self.cluster.at, group);
        let [from, starts] = book.first(Kind::Start, group).unwrap_or_default() else {
            return Err(damaged());
        };
        let offset = |text: &str| text.parse().map(Offset).map_err(|_| damaged());
        Ok((from.clone(), starts.split(' ').map(offset).collect::<Result<_>>()?))
    }

    /// What is written down once there is a record of the kind and group: the first one counts.
    fn agree_on(&self, kind: Kind, group: &str, value: &[String]) -> Result<Book> {
        let mut book = self.read()?;
        if book.first(kind, group).is_none() {
            self.append(kind, group, value)?;
            book = self.read()?;
        }
        let first = book.first(kind, group).ok_or_else(|| corrupt(&self.cluster.at, group))?;
        if book.of(kind, group).last().is_some_and(|last| last != first) {
            self.append(kind, group, first)?;
        }
        Ok(book)
    }

    /// The topic and what it holds: nothing was written down since while both are the same. `None`
    /// where nothing ever was.
    pub(crate) fn extent(&self) -> Result<Option<(Topic, Span)>> {
        match self.cluster.topic(TOPIC) {
            Ok(topic) => {
                let span = self.cluster.spans(&topic)?[0];
                Ok(Some((topic, span)))
            }
            Err(Error::TopicMissing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read(&self) -> Result<Book> {
        let Some((topic, span)) = self.extent()? else { return Ok(Book::default()) };
        let from = (Partition(0), span.first);
        let mut fetcher = Fetcher::up_to_end(self.cluster, &topic, from)?;
        let (mut book, mut position) = (Book::default(), span.first);
        let (mut spare, begun) = (Vec::new(), Instant::now());
        while position < span.end {
            match fetcher.read(limits::WAIT, &mut spare)? {
                Event::Batch(batch) => {
                    position = batch.next();
                    batch.messages().for_each(|message| book.0.extend(Line::of(message)));
                    spare.push(batch);
                }
                Event::CaughtUp(_, at) => position = at,
                // A worker that died while its job took partitions has left a transaction open.
                _ if begun.elapsed() < limits::SETTLE_WAIT => {}
                _ => {
                    let at = self.cluster.at.clone();
                    return Err(Error::Busy { at, doing: "reading which jobs there are" });
                }
            }
        }
        Ok(book)
    }

    fn append(&self, kind: Kind, group: &str, lines: &[String]) -> Result<()> {
        self.append_as(kind, group, "", lines)
    }

    fn append_as(&self, kind: Kind, group: &str, further: &str, lines: &[String]) -> Result<()> {
        let (key, value) = record(kind, group, further, lines);
        let records = [(Partition(0), key, Some(value.as_bytes()))];
        append_all((self.cluster, "writing down a job"), TOPIC, &records)
    }
}
