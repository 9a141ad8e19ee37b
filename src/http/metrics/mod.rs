//! `/metrics`: counts and measurements of all jobs, in the text format of Prometheus.
//!
//! Each metric is one line of a list, so that the dashboard, the alert rules and the
//! documents can be checked against it. Labels are bounded: jobs, sinks, outcomes, reasons, states
//! and workers; never sensors. The text is produced at most once a second, for all clients.

mod metric;
mod of_job;
mod scaling;

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use self::metric::Values;
use super::cached::Cached;
use super::model::{JobEntry, Worker};
use super::security::Refusals;
use super::{ApiError, Jobs, Reply, Right, Route, limits};
use crate::time::now_ms;

/// Where they are.
const PATH: &str = "/metrics";

/// Media type of the text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The route.
pub fn route(jobs: &Arc<dyn Jobs>) -> Route {
    let jobs = Arc::clone(jobs);
    let shared = Cached::new(limits::METRICS_SHARED);
    Route::get(PATH, "What all jobs have counted and measured, for Prometheus")
        .needs(Right::Read)
        .handled(move |_| {
            let text = shared.get(|| render(&*jobs));
            let failed = |_| ApiError::new("failed", "the metrics could not be written");
            Ok(Reply::Text(TEXT, text.map_err(failed)?))
        })
}

/// These routes, with the requests that the server refused among the metrics.
pub fn with_refusals(routes: Vec<Route>, refusals: &Arc<Refusals>) -> Vec<Route> {
    let add = |route: Route| match route.path {
        PATH => {
            let (inner, refusals) = (Arc::clone(&route.handler), Arc::clone(refusals));
            route.handled(move |call| match inner(call)? {
                Reply::Text(media_type, text) => {
                    Ok(Reply::Text(media_type, text + &refusals.metric()))
                }
                other => Ok(other),
            })
        }
        _ => route,
    };
    routes.into_iter().map(add).collect()
}

/// The text for all jobs.
///
/// # Errors
/// None for names and values of ours.
pub fn render(jobs: &dyn Jobs) -> Result<String, fmt::Error> {
    let with_counters = |job: JobEntry| {
        let counters = JobEntry { numbers: job.counted(), past: None, ..job.clone() };
        (job, counters)
    };
    let all = jobs.jobs().into_iter().map(with_counters).collect();
    let taken = JobsSample { jobs: all, workers: jobs.workers(), now_ms: now_ms() };
    let mut registry = Registry::default();
    registry.register_collector(Box::new(taken));
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry)?;
    Ok(text)
}

/// The numbers of all jobs at one moment.
#[derive(Debug)]
struct JobsSample {
    /// Each as it is now, and with what it has counted.
    jobs: Vec<(JobEntry, JobEntry)>,
    workers: Vec<Worker>,
    now_ms: i64,
}

impl Collector for JobsSample {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for metric in of_job::METRICS.iter().chain(scaling::METRICS) {
            let kind = match metric.values {
                Values::Counter(_) => MetricType::Counter,
                Values::Gauge(_) => MetricType::Gauge,
                Values::Histogram(_) => MetricType::Histogram,
            };
            let mut family = encoder.encode_descriptor(metric.name, metric.help, None, kind)?;
            for (now, counters) in &self.jobs {
                let job = if matches!(metric.values, Values::Gauge(_)) { now } else { counters };
                metric.encode(job, &mut family)?;
            }
        }
        self.encode_workers(&mut encoder)
    }
}

impl JobsSample {
    fn encode_workers(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "Whether a worker answers";
        let mut up =
            encoder.encode_descriptor("seismic_worker_up", help, None, MetricType::Gauge)?;
        for worker in &self.workers {
            let labels = vec![("job_name", worker.job.clone()), ("worker", worker.name.clone())];
            up.encode_family(&labels)?.encode_gauge(&i64::from(worker.is_alive))?;
        }
        let help = "Now, by this machine's clock, s since 1970 UTC";
        let name = "seismic_time_seconds";
        let mut now = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        now.encode_gauge(&(self.now_ms as f64 / 1e3))
    }
}
