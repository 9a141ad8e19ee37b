//! Which jobs there are in a cluster: topic `seismic-job-topic`, one partition, compacted, keyed by
//! group.
//!
//! Workers that start together agree by the order of its log: each appends what it thinks, and the
//! first record of a group and kind is what counts. Compaction would keep the last one, so who sees
//! that a later one says something else appends the first again.
//!
//! A group that is over stays written down, so that its name and its topics are nobody else's:
//! under the same name the records of the old one would be taken for the new one's.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use crate::client::admin::{Admin, OUTPUT};
use crate::client::cluster::Cluster;
use crate::client::connection::{connect, listen, log, make_with};
use crate::limits;
use crate::queue::fetcher::Fetcher;
use seismic_queue::message::new_id;
use seismic_queue::{
    Error, Event, Job, Message, Offset, OutputSpec, Partition, PartitionBy, Reader, Result, Topic,
};

/// Name of the topic.
pub(crate) const TOPIC: &str = "seismic-job-topic";

/// What a record says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Job,
    Start,
    /// The group is over.
    Over,
    /// Of one of its checkpoints' names: see `checkpoint_names.rs`.
    Name,
    /// What one of its sinks keeps besides its position; the last one of a sink and key counts.
    SinkState,
    /// How many partitions the input has that the job has taken. Part of the commit that restarts
    /// it; the last one counts.
    Wide,
}

impl Kind {
    const ALL: [Kind; 6] =
        [Kind::Job, Kind::Start, Kind::Over, Kind::Name, Kind::SinkState, Kind::Wide];

    /// First line of the value.
    fn layout(self) -> &'static str {
        match self {
            Kind::Job => "job1",
            Kind::Start => "start1",
            Kind::Over => "over1",
            Kind::Name => "name1",
            Kind::SinkState => "sinkstate1",
            Kind::Wide => "wide1",
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
    /// is stopped, and is refused when it starts again.
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

    /// As [`JobTopic::end_of_log`]; `None` where nothing was ever written down.
    pub(crate) fn end_of_log_if_any(&self) -> Result<Option<Offset>> {
        match self.cluster.topic(TOPIC) {
            Ok(_) => self.end_of_log().map(Some),
            Err(Error::TopicMissing { .. }) => Ok(None),
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

    fn read(&self) -> Result<Book> {
        let topic = match self.cluster.topic(TOPIC) {
            Ok(topic) => topic,
            Err(Error::TopicMissing { .. }) => return Ok(Book::default()),
            Err(error) => return Err(error),
        };
        let span = self.cluster.spans(&topic)?[0];
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
        let failed = self.cluster.failed("writing down a job");
        let topic: Topic = self.cluster.topic(TOPIC).map_err(|error| match error {
            // It was just made, and the broker that was asked has not heard of it yet.
            Error::TopicMissing { .. } => {
                Error::Busy { at: self.cluster.at.clone(), doing: "writing down a job" }
            }
            error => error,
        })?;
        let mut config = self.cluster.settings.appending(1 << 20);
        config.set("message.timeout.ms", limits::WAIT.as_millis().to_string());
        let producer: BaseProducer<Delivery> = make_with(&config, Delivery::default())?;
        let (key, value) = record(kind, group, further, lines);
        let record = BaseRecord::to(&topic.name).partition(0).key(&key).payload(&value);
        connect(producer.client(), &topic.name);
        producer.send(record).map_err(|(error, _)| failed(error))?;
        // The message is given up before this is.
        let until = Instant::now() + limits::WAIT + Duration::from_secs(1);
        while producer.in_flight_count() > 0 {
            if Instant::now() > until {
                return Err(failed(KafkaError::Flush(Code::OperationTimedOut)));
            }
            listen(&producer);
        }
        producer.context().failed.get().map_or(Ok(()), |error| Err(failed(error.clone())))
    }
}

/// What was written down, in order.
#[derive(Default)]
struct Book(Vec<Line>);

/// One record.
struct Line {
    kind: Kind,
    group: String,
    lines: Vec<String>,
}

impl Line {
    /// `None` where a newer version has written down something else.
    fn of(message: Message<'_>) -> Option<Line> {
        let value = String::from_utf8_lossy(message.value);
        let mut lines = value.lines();
        let layout = lines.next()?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.layout() == layout)?;
        let key = String::from_utf8_lossy(message.key);
        let group = key.split_once('/').map_or(&*key, |(group, _)| group).to_owned();
        Some(Line { kind, group, lines: lines.map(str::to_owned).collect() })
    }
}

impl Book {
    /// The records of a kind and group.
    fn of(&self, kind: Kind, group: &str) -> impl Iterator<Item = &[String]> {
        let of_it = move |line: &&Line| line.kind == kind && line.group == group;
        self.0.iter().filter(of_it).map(|line| &line.lines[..])
    }

    fn first(&self, kind: Kind, group: &str) -> Option<&[String]> {
        self.of(kind, group).next()
    }

    fn is_over(&self, group: &str) -> bool {
        self.first(Kind::Over, group).is_some()
    }

    /// Id of the store and job, with the partitions that it has taken since it began.
    fn job(&self, at: &str, group: &str) -> Result<Option<(String, Job)>> {
        let Some(lines) = self.first(Kind::Job, group) else { return Ok(None) };
        let (id, mut job) = parse(at, group, lines)?;
        if let Some(lines) = self.of(Kind::Wide, group).last() {
            let partitions = lines.first().and_then(|line| line.parse().ok());
            let partitions = partitions.ok_or_else(|| corrupt(at, group))?;
            job = job.with_partitions(partitions);
        }
        Ok(Some((id, job)))
    }

    /// Refuses a job whose topics another group has written down before.
    fn check_taken(&self, job: &Job) -> Result<()> {
        for Line { group, lines, .. } in self.0.iter().filter(|line| line.kind == Kind::Job) {
            if *group == job.group {
                return Ok(());
            }
            let is_theirs = |name: &&String| lines.iter().skip(4).any(|it| it == *name);
            if let Some(topic) = job.topics().find(is_theirs) {
                return Err(Error::TopicTaken { topic: topic.clone(), group: group.clone() });
            }
        }
        Ok(())
    }
}

/// The bytes of a text of two hexadecimal digits each.
fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = hex.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect()
}

/// Key and value of a record.
fn record(kind: Kind, group: &str, further: &str, lines: &[String]) -> (String, String) {
    let key = format!("{group}/{}{further}", kind.layout());
    (key, format!("{}\n{}", kind.layout(), lines.join("\n")))
}

/// First words of the lines that say what is not plain in a job. They can be no names of topics, so
/// a program that does not know them takes the job for another one than it runs.
const INPUT_LINE: &str = "+input";
const OUTPUT_LINE: &str = "+output";

/// A job as lines: name, id and partitions of the first input and the topics of its outputs. A job
/// that is not plain ([`Job::is_plain`]) continues with `+input NAME ID` for each further input and
/// `+output ROLE PARTITIONS` for each output, in order, where 0 partitions are those of the input.
fn lines_of(job: &Job) -> Vec<String> {
    let Topic { name, id, partitions } = job.input();
    let mut lines = vec![name.clone(), id.clone(), partitions.to_string()];
    lines.extend(job.topics().cloned());
    if job.is_plain() {
        return lines;
    }
    for Topic { name, id, .. } in &job.inputs[1..] {
        lines.push(format!("{INPUT_LINE} {name} {id}"));
    }
    for OutputSpec { role, partition_by, .. } in &job.outputs {
        let partitions = match partition_by {
            PartitionBy::Input => 0,
            PartitionBy::Key { partitions } => *partitions,
        };
        lines.push(format!("{OUTPUT_LINE} {role} {partitions}"));
    }
    lines
}

fn parse(at: &str, group: &str, lines: &[String]) -> Result<(String, Job)> {
    let job = job_of(group, lines).ok_or_else(|| corrupt(at, group))?;
    Ok((lines[0].clone(), job))
}

fn job_of(group: &str, lines: &[String]) -> Option<Job> {
    let [_, input, id, partitions, rest @ ..] = lines else { return None };
    let partitions = partitions.parse().ok()?;
    let input = Topic { name: input.clone(), id: id.clone(), partitions };
    let topics = rest.iter().take_while(|line| !line.starts_with('+'));
    let mut job = Job::plain(group, input, topics);
    let mut outputs = job.outputs.iter_mut();
    for line in rest.iter().filter(|line| line.starts_with('+')) {
        match line.split(' ').collect::<Vec<_>>()[..] {
            [INPUT_LINE, name, id] => {
                let (name, id) = (name.to_owned(), id.to_owned());
                job.inputs.push(Topic { name, id, partitions });
            }
            [OUTPUT_LINE, role, partitions] => {
                let output = outputs.next()?;
                role.clone_into(&mut output.role);
                output.partition_by = match partitions.parse().ok()? {
                    0 => PartitionBy::Input,
                    partitions => PartitionBy::Key { partitions },
                };
            }
            _ => return None,
        }
    }
    (!job.outputs.is_empty()).then_some(job)
}

fn corrupt(at: &str, group: &str) -> Error {
    let at = format!("{TOPIC} of {at}");
    Error::Corrupt { at, what: format!("what it says of group {group} cannot be read") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    fn topic(name: &str) -> Topic {
        Topic { name: name.to_owned(), id: format!("{name}-id"), partitions: 4 }
    }

    #[test]
    fn a_plain_job_is_written_as_ever() {
        let job = Job::plain("g", topic("in"), ["rows", "dead", "rows-10s"]);
        let text = "in\nin-id\n4\nrows\ndead\nrows-10s";
        assert_eq!(lines_of(&job), lines(text));
        assert_eq!(job_of("g", &lines(&format!("id\n{text}"))), Some(job));
    }

    #[test]
    fn further_inputs_and_keyed_outputs_come_back_as_written() {
        let outputs =
            vec![OutputSpec::by_key("pairs", "p", 3), OutputSpec::by_input("counts", "c")];
        let inputs = vec![topic("left"), topic("right")];
        let job = Job { group: "g".to_owned(), inputs, outputs };
        let written = lines_of(&job);
        let expected =
            "left\nleft-id\n4\np\nc\n+input right right-id\n+output pairs 3\n+output counts 0";
        assert_eq!(written, lines(expected));
        assert_eq!(job_of("g", &[vec!["id".to_owned()], written].concat()), Some(job));
    }
}
