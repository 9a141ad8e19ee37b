//! Whether all workers of a job may have more slots together than its input has partitions.
//!
//! Only the queue knows how many there are: a queue that cannot be reached now proves nothing, and the
//! job itself looks again when it starts.

use std::time::Duration;

use seismic_queue::Topic;

use super::JobSpec;

/// How long a broker may take to take a connection: a person waits for the answer.
const REACH_WAIT: Duration = Duration::from_secs(1);

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parallelism {
    /// It is at most the number of partitions, or the job does not limit it.
    Fits,
    /// It is more, with both numbers.
    TooMany(String),
    /// Why the number of partitions is not known.
    NotKnown(String),
}

/// Asks the job's queue.
#[must_use]
pub fn look(spec: &JobSpec) -> Parallelism {
    let Some(most) = spec.max_parallelism else { return Parallelism::Fits };
    let (location, topic) = (spec.location(), &spec.topic);
    let not_known = |why: String| {
        let what = format!("whether topic {topic} has as many partitions is not known");
        Parallelism::NotKnown(format!(
            "max_parallelism: {most}: {what}: {why}; the job looks again when it starts"
        ))
    };
    if !location.queue.is_reachable(REACH_WAIT) {
        return not_known(format!("{} does not answer", location.queue));
    }
    match location.open_queue_of(topic).and_then(|queue| queue.topic(topic)) {
        Ok(topic) => match too_many(most, &topic) {
            Some(why) => Parallelism::TooMany(format!("max_parallelism: {why}")),
            None => Parallelism::Fits,
        },
        Err(error) => not_known(error.to_string()),
    }
}

/// What is wrong with that many slots of all workers of a job that reads this topic, if anything is.
#[must_use]
pub fn too_many(most: usize, topic: &Topic) -> Option<String> {
    let Topic { name, partitions, .. } = topic;
    (most > *partitions as usize).then(|| {
        format!(
            "{most} is more than the {partitions} partitions of topic {name}, each of which one slot \
             reads: say at most {partitions}, or add partitions to the topic"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(partitions: u32) -> Topic {
        Topic { name: "coast".to_owned(), id: "1".to_owned(), partitions }
    }

    #[test]
    fn more_than_the_partitions_is_named_with_both_numbers() {
        assert_eq!(too_many(4, &topic(4)), None);
        let why = too_many(5, &topic(4)).unwrap();
        assert!(why.starts_with("5 is more than the 4 partitions of topic coast"), "{why}");
    }

    #[test]
    fn a_queue_that_does_not_answer_proves_nothing() {
        let spec = |max_parallelism| JobSpec {
            queue: "sqlite:/nowhere/at/all.db".parse().unwrap(),
            max_parallelism,
            ..JobSpec::default()
        };
        assert_eq!(look(&spec(None)), Parallelism::Fits);
        assert!(matches!(look(&spec(Some(3))), Parallelism::NotKnown(_)));
    }
}
