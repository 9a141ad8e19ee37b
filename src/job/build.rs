//! From a spec to the parts that run: the names of the job, and its sinks.

use std::sync::Arc;

use seismic_pipeline::Metrics;
use seismic_queue::{Job, JobStore, Topic};
use seismic_sinks::{SinkRunner, SinkSpec};

use super::sinks;
use super::spec::JobSpec;
use super::stop::StopToken;

/// Names of the job, as its store keeps them.
pub(super) fn job(spec: &JobSpec, input: Topic) -> Job {
    let mut topics = vec![spec.result_topic.clone(), spec.dead_topic.clone()];
    topics.extend(spec.rollups().map(|rollup| rollup.topic(&spec.result_topic)));
    Job::plain(&spec.group, input, topics)
}

/// Opens all sinks: one that cannot work stops the run before it has begun.
pub(super) fn sinks(
    store: &Arc<dyn JobStore>,
    spec: &JobSpec,
    metrics: &Arc<Metrics>,
    stop: &StopToken,
) -> anyhow::Result<Vec<(SinkSpec, SinkRunner)>> {
    let context = seismic_sinks::Context::of(&**store)?;
    let context = context.at(spec.queue.0.clone(), Arc::clone(store));
    let mut runners = Vec::new();
    for sink in &spec.sink {
        let metrics = Arc::clone(metrics);
        let runner = sinks::open(sink, &context, store, stop.flag())?;
        runners.push((sink.clone(), runner.only(move |partition| metrics.has(partition))));
    }
    Ok(runners)
}
