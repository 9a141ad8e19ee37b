//! Which jobs there are in a cluster: topic `seismic-job-topic`, one partition, compacted, keyed by
//! group.
//!
//! Workers that start together agree by the order of its log: each appends what it thinks, and the
//! first record of a group and kind is what counts. Compaction would keep the last one, so who sees
//! that a later one says something else appends the first again.
//!
//! A group that is over stays written down, so that its name and its topics are nobody else's: under
//! the same name the records of the old one would be taken for the new one's.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use super::admin::{Admin, OUTPUT};
use super::client::{Cluster, connect, listen, log, make_with};
use super::fetcher::Fetcher;
use crate::topic::new_id;
use crate::{Error, Event, Job, Offset, Partition, Result, Topic, limits};

/// Name of the topic.
const TOPIC: &str = "seismic-job-topic";

/// What a record says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Job,
    Start,
    /// The group is over.
    Over,
    /// Of one of its checkpoints' names: see `names.rs`.
    Name,
}

impl Kind {
    /// First line of the value.
    fn layout(self) -> &'static str {
        match self {
            Kind::Job => "job1",
            Kind::Start => "start1",
            Kind::Over => "over1",
            Kind::Name => "name1",
        }
    }
}

/// What became of the one record that is sent.
#[derive(Default)]
struct Delivery {
    failed: OnceLock<KafkaError>,
}

impl ClientContext for Delivery {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, text: &str) {
        log(facility, text);
    }
}

impl ProducerContext for Delivery {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.failed.get_or_init(|| error.clone());
        }
    }
}

/// The jobs of a cluster.
pub(super) struct Jobs<'a> {
    cluster: &'a Cluster,
}

impl<'a> Jobs<'a> {
    pub(super) fn new(cluster: &'a Cluster) -> Jobs<'a> {
        Jobs { cluster }
    }

    /// Id and job of a group, if it was ever run and is not over.
    pub(super) fn find(&self, group: &str) -> Result<Option<(String, Job)>> {
        if self.is_over(group)? {
            return Ok(None);
        }
        let lines = self.first(Kind::Job, group)?;
        lines.map(|lines| parse(&self.cluster.at, group, &lines)).transpose()
    }

    /// The job of every group that was ever run and is not over.
    pub(super) fn all(&self) -> Result<Vec<Job>> {
        let mut jobs: Vec<Job> = Vec::new();
        let over = self.read(Kind::Over)?;
        for (group, lines) in self.read(Kind::Job)? {
            let is_over = over.iter().any(|(of, _)| *of == group);
            if !is_over && jobs.iter().all(|job| job.group != group) {
                jobs.push(parse(&self.cluster.at, &group, &lines)?.1);
            }
        }
        Ok(jobs)
    }

    /// As [`Jobs::find`], making it `job` when it was never run.
    ///
    /// # Errors
    /// [`Error::TopicTaken`] when another group writes to one of its topics, [`Error::GroupOver`].
    pub(super) fn agree(&self, job: &Job) -> Result<(String, Job)> {
        Admin::new(self.cluster)?.create(
            TOPIC,
            1,
            &[&[("cleanup.policy", "compact")], &OUTPUT[..]].concat(),
        )?;
        if self.is_over(&job.group)? {
            let (group, at) = (job.group.clone(), self.cluster.at.clone());
            return Err(Error::GroupOver { group, at });
        }
        let mut value = vec![
            new_id(),
            job.input.name.clone(),
            job.input.id.clone(),
            job.input.partitions.to_string(),
            job.result_topic.clone(),
            job.dead_topic.clone(),
        ];
        value.extend(job.rollup_topics.iter().cloned());
        let lines = self.agree_on(Kind::Job, &job.group, &value)?;
        let (id, found) = parse(&self.cluster.at, &job.group, &lines)?;
        self.check_taken(&found)?;
        Ok((id, found))
    }

    /// Writes down that a group is over. A worker that starts in the same moment works on until it is
    /// stopped, and is refused when it starts again.
    pub(super) fn end(&self, group: &str) -> Result<()> {
        self.append(Kind::Over, group, &[])
    }

    /// What was written down of the names of a group's checkpoints, in order.
    pub(super) fn names(&self, group: &str) -> Result<Vec<Vec<String>>> {
        let all = self.read(Kind::Name)?.into_iter();
        Ok(all.filter(|(of, _)| of == group).map(|(_, lines)| lines).collect())
    }

    /// Writes down something of a name. Of what has the same `key`, compaction keeps the last.
    pub(super) fn put_name(&self, group: &str, key: &str, lines: &[String]) -> Result<()> {
        self.append_as(Kind::Name, group, &format!("/{key}"), lines)
    }

    /// End of the log: nothing was written down since while it is the same.
    pub(super) fn end_of_log(&self) -> Result<Offset> {
        self.cluster.end(TOPIC, Partition(0))
    }

    /// As [`Jobs::end_of_log`]; `None` where nothing was ever written down.
    pub(super) fn end_of_log_if_any(&self) -> Result<Option<Offset>> {
        match self.cluster.topic(TOPIC) {
            Ok(_) => self.end_of_log().map(Some),
            Err(Error::TopicMissing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn is_over(&self, group: &str) -> Result<bool> {
        Ok(self.first(Kind::Over, group)?.is_some())
    }

    /// Where the group begins, as the first worker that said so: words, and an offset for each
    /// partition.
    pub(super) fn agree_on_start(
        &self,
        group: &str,
        from: &str,
        starts: &[Offset],
    ) -> Result<(String, Vec<Offset>)> {
        let starts: Vec<String> = starts.iter().map(ToString::to_string).collect();
        let lines = self.agree_on(Kind::Start, group, &[from.to_owned(), starts.join(" ")])?;
        let damaged = || corrupt(&self.cluster.at, group);
        let [from, starts] = &lines[..] else { return Err(damaged()) };
        let offset = |text: &str| text.parse().map(Offset).map_err(|_| damaged());
        Ok((from.clone(), starts.split(' ').map(offset).collect::<Result<_>>()?))
    }

    /// Refuses a job whose topics another group has written down before.
    fn check_taken(&self, job: &Job) -> Result<()> {
        for (group, lines) in self.read(Kind::Job)? {
            if group == job.group {
                return Ok(());
            }
            if let Some(topic) =
                job.topics().find(|name| lines.iter().skip(4).any(|it| it == *name))
            {
                return Err(Error::TopicTaken { topic: topic.clone(), group });
            }
        }
        Ok(())
    }

    fn agree_on(&self, kind: Kind, group: &str, value: &[String]) -> Result<Vec<String>> {
        if self.first(kind, group)?.is_none() {
            self.append(kind, group, value)?;
        }
        let all = self.read(kind)?;
        let mut of_it = all.into_iter().filter(|(of, _)| of == group).map(|(_, lines)| lines);
        let first = of_it.next().ok_or_else(|| corrupt(&self.cluster.at, group))?;
        if of_it.next_back().is_some_and(|last| last != first) {
            self.append(kind, group, &first)?;
        }
        Ok(first)
    }

    fn first(&self, kind: Kind, group: &str) -> Result<Option<Vec<String>>> {
        let all = self.read(kind)?;
        Ok(all.into_iter().find(|(of, _)| of == group).map(|(_, lines)| lines))
    }

    /// Group and lines of every record of a kind, in order.
    fn read(&self, kind: Kind) -> Result<Vec<(String, Vec<String>)>> {
        let topic = match self.cluster.topic(TOPIC) {
            Ok(topic) => topic,
            Err(Error::TopicMissing { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let span = self.cluster.spans(&topic)?[0];
        let mut fetcher = Fetcher::back(self.cluster, &topic);
        fetcher.start(&[(Partition(0), span.first)])?;
        let (mut found, mut position) = (Vec::new(), span.first);
        let mut spare = Vec::new();
        while position < span.end {
            match fetcher.read(limits::KAFKA_WAIT, &mut spare)? {
                Event::Batch(batch) => {
                    position = batch.next();
                    for message in batch.messages() {
                        let value = String::from_utf8_lossy(message.value);
                        let Some(rest) = value.strip_prefix(kind.layout()) else { continue };
                        let key = String::from_utf8_lossy(message.key);
                        let group = key.split_once('/').map_or(&*key, |(group, _)| group);
                        let lines = rest.lines().skip(1).map(str::to_owned).collect();
                        found.push((group.to_owned(), lines));
                    }
                    spare.push(batch);
                }
                Event::CaughtUp(_, at) => position = at,
                _ => {
                    let at = self.cluster.at.clone();
                    return Err(Error::Busy { at, doing: "reading which jobs there are" });
                }
            }
        }
        Ok(found)
    }

    fn append(&self, kind: Kind, group: &str, lines: &[String]) -> Result<()> {
        self.append_as(kind, group, "", lines)
    }

    fn append_as(&self, kind: Kind, group: &str, further: &str, lines: &[String]) -> Result<()> {
        let failed = self.cluster.failed("writing down a job");
        let topic: Topic = self.cluster.topic(TOPIC).map_err(|error| match error {
            // It was just made, and the broker that was asked has not heard of it yet.
            Error::TopicMissing { .. } => {
                Error::Busy { at: self.cluster.at.clone(), doing: "writing down a job" }
            }
            error => error,
        })?;
        let mut config = self.cluster.settings.appending(1 << 20);
        config.set("message.timeout.ms", limits::KAFKA_WAIT.as_millis().to_string());
        let producer: BaseProducer<Delivery> = make_with(&config, Delivery::default())?;
        let key = format!("{group}/{}{further}", kind.layout());
        let value = format!("{}\n{}", kind.layout(), lines.join("\n"));
        let record = BaseRecord::to(&topic.name).partition(0).key(&key).payload(&value);
        connect(producer.client(), &topic.name);
        producer.send(record).map_err(|(error, _)| failed(error))?;
        // The message is given up before this is.
        let until = Instant::now() + limits::KAFKA_WAIT + Duration::from_secs(1);
        while producer.in_flight_count() > 0 {
            if Instant::now() > until {
                return Err(failed(KafkaError::Flush(Code::OperationTimedOut)));
            }
            listen(&producer);
        }
        producer.context().failed.get().map_or(Ok(()), |error| Err(failed(error.clone())))
    }
}

fn parse(at: &str, group: &str, lines: &[String]) -> Result<(String, Job)> {
    let [id, input, input_id, partitions, result, dead, rollups @ ..] = lines else {
        return Err(corrupt(at, group));
    };
    let partitions = partitions.parse().map_err(|_| corrupt(at, group))?;
    let input = Topic { name: input.clone(), id: input_id.clone(), partitions };
    let job = Job {
        group: group.to_owned(),
        input,
        result_topic: result.clone(),
        dead_topic: dead.clone(),
        rollup_topics: rollups.to_vec(),
    };
    Ok((id.clone(), job))
}

fn corrupt(at: &str, group: &str) -> Error {
    let at = format!("{TOPIC} of {at}");
    Error::Corrupt { at, what: format!("what it says of group {group} cannot be read") }
}
