//! From a spec to the parts that run: the names of the job, and its sinks.

use std::sync::Arc;

use seismic_pipeline::Metrics;
use seismic_queue::{Job, JobStore, Topic};
use seismic_sinks::{Relay, Spec};

use super::own_partitions::OwnPartitions;
use super::sinks::begin;
use super::spec::JobSpec;
use super::stop::StopToken;

/// Names of the job, as its store keeps them.
pub(super) fn job(spec: &JobSpec, input: Topic) -> Job {
    let topics = spec.rules().topics(&spec.result_topic, &spec.dead_topic);
    Job::plain(&spec.group, input, topics)
}

/// Opens all sinks: one that cannot work stops the run before it has begun.
pub(super) fn relays<'a>(
    store: &'a Arc<dyn JobStore>,
    spec: &JobSpec,
    metrics: &Arc<Metrics>,
    stop: &StopToken,
) -> anyhow::Result<Vec<(Spec, Relay<'a>)>> {
    let context = seismic_sinks::Context::of(&**store)?;
    let context = context.at(spec.queue.0.clone(), Arc::clone(store));
    let mut relays = Vec::new();
    for sink_spec in &spec.sink {
        let open = || {
            let sink = seismic_sinks::open(sink_spec, &context)?;
            Ok(match sink.keeps_position() {
                true => sink,
                false => Box::new(OwnPartitions::new(sink, metrics)),
            })
        };
        relays.push((sink_spec.clone(), begin(&**store, stop.flag(), open)?));
    }
    Ok(relays)
}
