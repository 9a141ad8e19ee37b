//! Builds the parts of a job from its spec: its names.

use seismic_queue::{Job, Topic};

use super::spec::JobSpec;

/// Names of the job, as its store keeps them.
pub(super) fn job(spec: &JobSpec, input: Topic) -> Job {
    let mut topics = vec![spec.result_topic.clone(), spec.dead_topic.clone()];
    topics.extend(spec.rollups().map(|rollup| rollup.topic(&spec.result_topic)));
    Job::plain(&spec.group, input, topics)
}
