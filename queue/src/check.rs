//! Checks of what a caller asks for, the same in every backend.

use crate::{Commit, Error, Job, Partition, Remedy, Result, Topic, limits};

/// Whether `partition` is one of the topic's.
pub(crate) fn partition(topic: &Topic, partition: Partition) -> Result<()> {
    if partition.0 < topic.partitions {
        return Ok(());
    }
    let (topic, partitions) = (topic.name.clone(), topic.partitions);
    Err(Error::PartitionMissing { topic, partition, partitions })
}

/// Whether a topic may be made with that name and number of partitions.
pub(crate) fn new_topic(name: &str, partitions: u32) -> Result<()> {
    Topic::check_name(name)?;
    if (1..=limits::PARTITIONS).contains(&partitions) {
        return Ok(());
    }
    Err(Error::PartitionCount { want: partitions, limit: limits::PARTITIONS })
}

/// Whether a topic that is there is the one that was asked for.
pub(crate) fn same_topic(have: Topic, partitions: u32) -> Result<Topic> {
    if have.partitions == partitions {
        return Ok(have);
    }
    let (topic, have) = (have.name, have.partitions);
    Err(Error::PartitionsDiffer { topic, have, want: partitions })
}

/// Whether a checkpoint may be named so: as a topic, but not like a checkpoint's number.
pub(crate) fn checkpoint_name(name: &str) -> Result<()> {
    Topic::check_name(name)?;
    if name.bytes().any(|byte| !byte.is_ascii_digit()) {
        return Ok(());
    }
    let why = "it would be taken for the number of a checkpoint";
    Err(Error::Name { name: name.to_owned(), why })
}

/// Whether a store can be made for `job`.
pub(crate) fn new_job(job: &Job) -> Result<()> {
    Topic::check_name(&job.group)?;
    for (place, name) in job.topics().enumerate() {
        if job.topics().take(place).any(|earlier| earlier == name) {
            let (name, why) = (name.clone(), "another topic of the job has it already");
            return Err(Error::Name { name, why });
        }
        new_topic(name, job.input.partitions)?;
    }
    Ok(())
}

/// Whether there is a roll-up topic for each of so many that a commit or a rewind names.
pub(crate) fn rollups(at: &str, partition: Partition, named: usize, topics: usize) -> Result<()> {
    if named <= topics {
        return Ok(());
    }
    let (at, what) = (at.to_owned(), "number of roll-ups");
    let (expected, found) = (topics as u64, named as u64);
    Err(Error::OutOfOrder { at, partition, what, expected, found })
}

/// What is wrong with a topic that a job began with, and that has `now` partitions.
#[cfg(feature = "kafka")]
pub(crate) fn widened(at: &str, topic: &Topic, now: u32) -> Error {
    let (what, remedy) = ("number of input partitions", Remedy::AcceptPartitions);
    let (stored, asked) = (topic.partitions.to_string(), now.to_string());
    Error::JobDiffers { at: at.to_owned(), what, stored, asked, remedy }
}

/// Whether the store at `at`, made for `stored`, may be owned for `asked`, whose input has got partitions.
pub(crate) fn widened_job(at: &str, stored: &Job, asked: &Job) -> Result<()> {
    let mut expected = stored.clone();
    expected.input.partitions = expected.input.partitions.max(asked.input.partitions);
    same_job(at, &expected, asked)
}

/// Whether a commit that begins a job anew with so many partitions has all of them.
pub(crate) fn all_partitions(at: &str, commit: &Commit, partitions: u32) -> Result<()> {
    let missing = (0..partitions)
        .map(Partition)
        .find(|partition| commit.partitions.iter().all(|new| new.partition != *partition));
    let Some(partition) = missing else { return Ok(()) };
    let (at, what) = (at.to_owned(), "number of partitions begun anew");
    let (expected, found) = (partitions.into(), commit.partitions.len() as u64);
    Err(Error::OutOfOrder { at, partition, what, expected, found })
}

/// Whether the store at `at`, made for `stored`, may be owned for `asked`.
pub(crate) fn same_job(at: &str, stored: &Job, asked: &Job) -> Result<()> {
    let of = |job: &Job| {
        [
            ("group", job.group.clone(), Remedy::OtherGroupOrStore),
            ("input topic", job.input.name.clone(), Remedy::OtherGroupOrStore),
            ("input topic id", job.input.id.clone(), Remedy::StartOver),
            (
                "number of input partitions",
                job.input.partitions.to_string(),
                Remedy::AcceptPartitions,
            ),
            ("result topic", job.result_topic.clone(), Remedy::OtherGroupOrStore),
            ("dead-letter topic", job.dead_topic.clone(), Remedy::OtherGroupOrStore),
            ("list of roll-up topics", job.rollup_topics.join(" "), Remedy::SameRollups),
        ]
    };
    if let Err(error @ Error::QueuesDiffer { .. }) = stored.input.is_still(&asked.input, at) {
        return Err(error);
    }
    for ((what, stored, remedy), (_, asked, _)) in of(stored).into_iter().zip(of(asked)) {
        if stored != asked {
            return Err(Error::JobDiffers { at: at.to_owned(), what, stored, asked, remedy });
        }
    }
    Ok(())
}
