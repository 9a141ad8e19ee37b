//! The records of topic `seismic-job-topic`: facts about jobs, as keys and lines of text.

use seismic_queue::{Error, Job, Message, OutputSpec, PartitionBy, Result, Topic};

/// Name of the topic.
pub(crate) const TOPIC: &str = "seismic-job-topic";

/// What a record says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
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

/// What was written down, in order.
#[derive(Default)]
pub(super) struct Book(pub(super) Vec<Line>);

/// One record.
pub(super) struct Line {
    pub(super) kind: Kind,
    pub(super) group: String,
    pub(super) lines: Vec<String>,
}

impl Line {
    /// `None` where a newer version has written down something else.
    pub(super) fn of(message: Message<'_>) -> Option<Line> {
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
    pub(super) fn of(&self, kind: Kind, group: &str) -> impl Iterator<Item = &[String]> {
        let of_it = move |line: &&Line| line.kind == kind && line.group == group;
        self.0.iter().filter(of_it).map(|line| &line.lines[..])
    }

    pub(super) fn first(&self, kind: Kind, group: &str) -> Option<&[String]> {
        self.of(kind, group).next()
    }

    pub(super) fn is_over(&self, group: &str) -> bool {
        self.first(Kind::Over, group).is_some()
    }

    /// Id of the store and job, with the partitions that it has taken since it began.
    pub(super) fn job(&self, at: &str, group: &str) -> Result<Option<(String, Job)>> {
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
    pub(super) fn check_taken(&self, job: &Job) -> Result<()> {
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
pub(super) fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = hex.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect()
}

/// Key and value of a record.
pub(super) fn record(kind: Kind, group: &str, further: &str, lines: &[String]) -> (String, String) {
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
pub(super) fn lines_of(job: &Job) -> Vec<String> {
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

pub(super) fn corrupt(at: &str, group: &str) -> Error {
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
