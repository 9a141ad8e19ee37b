//! Builds the parts of a job from its spec: its names and its sinks.

use std::sync::Arc;

use seismic_pipeline::Metrics;
use seismic_queue::{Job, JobStore, Kind, Topic, patiently_by};
use seismic_sinks::{Context, OpenSink, SinkRunner, SinkSpec, SinkStart, open_unless_stopped};

use super::sinks;
use super::spec::JobSpec;
use super::stop::StopToken;

/// Names of the job, as its store keeps them.
pub(super) fn job(spec: &JobSpec, input: Topic) -> Job {
    let mut topics = vec![spec.result_topic.clone(), spec.dead_topic.clone()];
    topics.extend(spec.rollups().map(|rollup| rollup.topic(&spec.result_topic)));
    Job::plain(&spec.group, input, topics)
}

/// Opens all sinks: one that cannot work stops the run before it has begun. One whose server does
/// not answer now is opened while the job runs: nothing waits for it, and it catches up.
pub(super) fn sinks(
    store: &Arc<dyn JobStore>,
    spec: &JobSpec,
    metrics: &Arc<Metrics>,
    stop: &StopToken,
) -> anyhow::Result<Vec<SinkStart>> {
    // A broker that is restarted in this moment is waited for.
    let of_store = || Context::of(&**store);
    let context = patiently_by(seismic_sinks::Error::kind, stop.flag(), of_store)?;
    let context = context.at(spec.queue.0.clone(), Arc::clone(store));
    let mut starts = Vec::new();
    for sink in &spec.sink {
        let start = match sink.entry().is_remote {
            true => remote(sink, &context, store, metrics, stop)?,
            false => {
                let metrics = Arc::clone(metrics);
                let runner = sinks::open(sink, &context, store, stop.flag())?;
                let runner = runner.only(move |partition| metrics.has(partition));
                let name = runner.name().to_owned();
                SinkStart { spec: sink.clone(), name, runner: Some(runner), open: None }
            }
        };
        starts.push(start);
    }
    Ok(starts)
}

/// A sink with a server of its own.
fn remote(
    sink: &SinkSpec,
    context: &Context,
    store: &Arc<dyn JobStore>,
    metrics: &Arc<Metrics>,
    stop: &StopToken,
) -> seismic_sinks::Result<SinkStart> {
    let name = seismic_sinks::open(sink, context)?.name().to_owned();
    let (spec, context, store) = (sink.clone(), context.clone(), Arc::clone(store));
    let metrics = Arc::clone(metrics);
    let of_this_worker = move |runner: SinkRunner| {
        let metrics = Arc::clone(&metrics);
        runner.only(move |partition| metrics.has(partition))
    };
    let first = open_unless_stopped(&spec, &context, &store, stop.flag());
    let first = first.map(&of_this_worker);
    let open: OpenSink =
        Box::new(move || SinkRunner::open(&spec, &context, &store).map(&of_this_worker));
    let runner = match first {
        Err(error) if stop.is_stopped() => return Err(error),
        // Its thread says so, and retries.
        Err(error) if error.kind() == Kind::Retry => None,
        opened => Some(opened?),
    };
    Ok(SinkStart { spec: sink.clone(), name, runner, open: Some(open) })
}
