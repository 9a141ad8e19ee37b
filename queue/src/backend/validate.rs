//! Validation of arguments, the same in every backend.

use crate::{
    Commit, Error, Job, KeyedBlock, OutputSpec, Partition, PartitionBy, PartitionCommit, Remedy,
    Result, Rewind, Topic, limits,
};

/// Whether `partition` is one of the topic's.
pub fn partition(topic: &Topic, partition: Partition) -> Result<()> {
    if partition.0 < topic.partitions {
        return Ok(());
    }
    let (topic, partitions) = (topic.name.clone(), topic.partitions);
    Err(Error::PartitionMissing { topic, partition, partitions })
}

/// Whether a topic may be made with that name and number of partitions.
pub fn new_topic(name: &str, partitions: u32) -> Result<()> {
    Topic::check_name(name)?;
    if (1..=limits::PARTITIONS).contains(&partitions) {
        return Ok(());
    }
    Err(Error::PartitionCount { want: partitions, limit: limits::PARTITIONS })
}

/// Whether a topic that is there is the one that was asked for.
pub fn same_topic(have: Topic, partitions: u32) -> Result<Topic> {
    if have.partitions == partitions {
        return Ok(have);
    }
    let (topic, have) = (have.name, have.partitions);
    Err(Error::PartitionsDiffer { topic, have, want: partitions })
}

/// Whether a checkpoint may be named so: as a topic, but not like a checkpoint's number.
pub fn checkpoint_name(name: &str) -> Result<()> {
    Topic::check_name(name)?;
    if name.bytes().any(|byte| !byte.is_ascii_digit()) {
        return Ok(());
    }
    let why = "it would be taken for the number of a checkpoint";
    Err(Error::Name { name: name.to_owned(), why })
}

/// Whether a store that has `others` has room for one more name: names that scaling takes before its
/// changes, as `elastic-1764458303-w4-p8`, leave those of people as much room as they would have alone.
///
/// # Errors
/// [`Error::TooManyNames`].
pub fn room_for_name<'a>(
    at: &str,
    name: &str,
    others: impl Iterator<Item = &'a str>,
) -> Result<()> {
    let is_of_scaling = |name: &str| {
        let rest = name.strip_prefix("elastic-");
        rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
    };
    let limit = match is_of_scaling(name) {
        true => limits::CHECKPOINT_NAMES_OF_SCALING,
        false => limits::CHECKPOINT_NAMES,
    };
    let alike = others.filter(|other| is_of_scaling(other) == is_of_scaling(name)).count();
    match alike >= limit {
        true => Err(Error::TooManyNames { at: at.to_owned(), limit }),
        false => Ok(()),
    }
}

/// What a sink may store under a key.
///
/// # Errors
/// [`Error::SinkStateTooLarge`] beyond [`limits::SINK_STATE_BYTES`].
pub fn sink_state(at: &str, sink: &str, key: &str, state: &[u8]) -> Result<()> {
    let (bytes, limit) = (state.len(), limits::SINK_STATE_BYTES);
    if bytes <= limit {
        return Ok(());
    }
    let (at, sink, key) = (at.to_owned(), sink.to_owned(), key.to_owned());
    Err(Error::SinkStateTooLarge { at, sink, key, bytes, limit })
}

/// What may be stored of a table, as a version or as its note.
///
/// # Errors
/// [`Error::TableTooLarge`] beyond [`limits::TABLE_BYTES`].
pub fn table(at: &str, table: &str, content: &[u8]) -> Result<()> {
    let (bytes, limit) = (content.len(), limits::TABLE_BYTES);
    if bytes <= limit {
        return Ok(());
    }
    Err(Error::TableTooLarge { at: at.to_owned(), table: table.to_owned(), bytes, limit })
}

/// Whether a store can be made for `job`.
pub fn new_job(job: &Job) -> Result<()> {
    Topic::check_name(&job.group)?;
    let nothing = |name: &str, why| Err(Error::Name { name: name.to_owned(), why });
    let Some(first) = job.inputs.first() else {
        return nothing(&job.group, "the job has no input");
    };
    if job.outputs.is_empty() {
        return nothing(&job.group, "the job has no output");
    }
    for (place, input) in job.inputs.iter().enumerate() {
        same_topic(input.clone(), first.partitions)?;
        if job.inputs[..place].iter().any(|earlier| earlier.name == input.name) {
            return nothing(&input.name, "another input of the job is the same topic");
        }
    }
    for (place, output) in job.outputs.iter().enumerate() {
        let name = &output.topic;
        if job.topics().take(place).any(|earlier| earlier == name) {
            return nothing(name, "another topic of the job has it already");
        }
        Topic::check_name(&output.role)?;
        new_topic(name, job.partitions_of(output))?;
    }
    Ok(())
}

/// Whether what a commit holds is of the job: a position for each input, and rows only for outputs
/// and partitions that there are.
pub fn shape(at: &str, job: &Job, new: &PartitionCommit) -> Result<()> {
    partition(job.input(), new.partition)?;
    let (further, expected) = (new.further.len(), job.inputs.len() - 1);
    if further != expected {
        return Err(misshapen(at, new.partition, "number of further inputs", expected, further));
    }
    outputs(at, job, new.partition, new.outputs.iter().map(|block| u64::from(block.count())))?;
    for (place, keyed) in new.keyed.iter().enumerate() {
        keyed_output(at, job, new.partition, (keyed.output, keyed.partition))?;
        let to = |other: &KeyedBlock| (other.output, other.partition);
        if new.keyed[..place].iter().any(|other| to(other) == to(keyed)) {
            let (what, output) = ("blocks for one partition of a keyed output", keyed.output);
            return Err(misshapen(at, new.partition, what, output, output));
        }
    }
    Ok(())
}

/// Whether what a rewind takes out is of the job's outputs.
pub fn rewind_shape(at: &str, job: &Job, back: &Rewind) -> Result<()> {
    partition(job.input(), back.partition)?;
    outputs(at, job, back.partition, back.outputs.iter().copied())?;
    let mut keyed = back.keyed.iter();
    keyed.try_for_each(|cut| keyed_output(at, job, back.partition, (cut.output, cut.partition)))
}

/// Whether there is an output for each of these numbers of rows, and none where it is keyed.
fn outputs(
    at: &str,
    job: &Job,
    partition: Partition,
    rows: impl ExactSizeIterator<Item = u64>,
) -> Result<()> {
    if rows.len() > job.outputs.len() {
        let (expected, found) = (job.outputs.len(), rows.len());
        return Err(misshapen(at, partition, "number of outputs", expected, found));
    }
    for (output, rows) in job.outputs.iter().zip(rows) {
        if output.is_keyed() && rows > 0 {
            let what = "rows of a keyed output that name no partition";
            return Err(misshapen(at, partition, what, 0, rows as usize));
        }
    }
    Ok(())
}

/// Whether an output is keyed and has that partition.
fn keyed_output(
    at: &str,
    job: &Job,
    of: Partition,
    (output, to): (usize, Partition),
) -> Result<()> {
    let Some(spec) = job.outputs.get(output).filter(|spec| spec.is_keyed()) else {
        return Err(misshapen(at, of, "place of a keyed output", job.outputs.len(), output));
    };
    let partitions = job.partitions_of(spec);
    if to.0 < partitions {
        return Ok(());
    }
    Err(Error::PartitionMissing { topic: spec.topic.clone(), partition: to, partitions })
}

fn misshapen(
    at: &str,
    partition: Partition,
    what: &'static str,
    expected: usize,
    found: usize,
) -> Error {
    let (expected, found) = (expected as u64, found as u64);
    Error::OutOfOrder { at: at.to_owned(), partition, what, expected, found }
}

/// What is wrong with a topic that a job began with, and that has `now` partitions.
pub fn widened(at: &str, topic: &Topic, now: u32) -> Error {
    let (what, remedy) = ("number of input partitions", Remedy::AcceptPartitions);
    let (stored, asked) = (topic.partitions.to_string(), now.to_string());
    Error::JobDiffers { at: at.to_owned(), what, stored, asked, remedy: Box::new(remedy) }
}

/// Whether the store at `at`, made for `stored`, may be owned for `asked`, whose inputs have
/// partitions.
pub fn widened_job(at: &str, stored: &Job, asked: &Job) -> Result<()> {
    same_job(at, &stored.with_partitions(stored.partitions().max(asked.partitions())), asked)
}

/// Whether a commit that restarts a job with that many partitions has all of them.
pub fn all_partitions(at: &str, commit: &Commit, partitions: u32) -> Result<()> {
    let missing = (0..partitions)
        .map(Partition)
        .find(|partition| commit.partitions.iter().all(|new| new.partition != *partition));
    let Some(partition) = missing else { return Ok(()) };
    let (at, what) = (at.to_owned(), "number of partitions in the first commit");
    let (expected, found) = (partitions.into(), commit.partitions.len() as u64);
    Err(Error::OutOfOrder { at, partition, what, expected, found })
}

/// Whether the store at `at`, made for `stored`, may be owned for `asked`.
pub fn same_job(at: &str, stored: &Job, asked: &Job) -> Result<()> {
    let further = |job: &Job| {
        let all = job.inputs.iter().skip(1).map(|input| format!("{} ({})", input.name, input.id));
        all.collect::<Vec<_>>().join(" ")
    };
    let topics =
        |outputs: &[OutputSpec]| outputs.iter().map(described).collect::<Vec<_>>().join(" ");
    let of = |job: &Job| {
        let (main, more) = job.outputs.split_at(job.outputs.len().min(2));
        [
            ("group", job.group.clone(), Remedy::OtherGroupOrStore),
            ("input topic", job.input().name.clone(), Remedy::OtherGroupOrStore),
            ("input topic id", job.input().id.clone(), Remedy::StartOverOnNewTopic),
            ("number of input partitions", job.partitions().to_string(), Remedy::AcceptPartitions),
            ("further inputs", further(job), Remedy::OtherGroupOrStore),
            ("output topics", topics(main), Remedy::OtherGroupOrStore),
            ("list of further output topics", topics(more), Remedy::SameRollups),
        ]
    };
    if let Err(error @ Error::QueuesDiffer { .. }) = stored.input().is_still(asked.input(), at) {
        return Err(error);
    }
    for ((what, stored, remedy), (_, asked, _)) in of(stored).into_iter().zip(of(asked)) {
        if stored != asked {
            return Err(Error::JobDiffers {
                at: at.to_owned(),
                what,
                stored,
                asked,
                remedy: Box::new(remedy),
            });
        }
    }
    Ok(())
}

/// An output as text.
fn described(output: &OutputSpec) -> String {
    let OutputSpec { role, topic, partition_by } = output;
    match partition_by {
        PartitionBy::Input => format!("{role}={topic}"),
        PartitionBy::Key { partitions } => format!("{role}={topic} (by key, {partitions})"),
    }
}
