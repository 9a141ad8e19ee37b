//! `/metrics`: counts and measurements of all jobs, in the text format of Prometheus.
//!
//! Each metric is one line of a list below, so that the dashboard, the alert rules and the
//! documents can be checked against it. Labels are bounded: jobs, sinks, outcomes, reasons, states
//! and workers; never sensors. The text is produced at most once a second, for all clients.

mod scaling;

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::cached::Cached;
use super::model::{JobEntry, STATES, Worker};
use super::security::Refusals;
use super::{ApiError, Jobs, Reply, Right, Route, limits};
use crate::dimension::note::TableNote;
use crate::status::numbers::{HistogramNumbers, JobNumbers, SinkNumbers};
use crate::time::now_ms;

/// Where they are.
const PATH: &str = "/metrics";

/// Media type of the text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Names and values of labels.
type Labels = Vec<(&'static str, String)>;

/// A metric of jobs.
struct Metric {
    /// Its name, without `_total` where it is a counter.
    name: &'static str,
    help: &'static str,
    values: Values,
}

/// Where its values come from.
enum Values {
    Counter(fn(&JobEntry, &mut Samples)),
    Gauge(fn(&JobEntry, &mut Samples)),
    Histogram(fn(&JobNumbers) -> &HistogramNumbers),
}

/// Values of one job, each with the labels that it has beside the job's name.
#[derive(Default)]
struct Samples(Vec<(Labels, f64)>);

impl Samples {
    fn one(&mut self, value: f64) {
        self.0.push((Vec::new(), value));
    }

    fn of(&mut self, label: &'static str, value_of_label: &str, value: f64) {
        self.0.push((vec![(label, value_of_label.to_owned())], value));
    }
}

/// Every metric of a job.
const METRICS: &[Metric] = &[
    Metric {
        name: "seismic_records",
        help: "Records that are committed, by what became of them: counted in a closed window, too \
               late for theirs, or rejected",
        values: Values::Counter(|job, samples| {
            let counts = &job.numbers.counts;
            samples.of("outcome", "closed", counts.closed as f64);
            samples.of("outcome", "late", counts.late as f64);
            samples.of("outcome", "rejected", counts.rejected as f64);
        }),
    },
    Metric {
        name: "seismic_records_read",
        help: "Records read and committed, those in open windows included",
        values: Values::Counter(|job, samples| samples.one(job.numbers.counts.read as f64)),
    },
    Metric {
        name: "seismic_open_records",
        help: "Records in windows that are still open",
        values: Values::Gauge(|job, samples| samples.one(job.numbers.counts.open as f64)),
    },
    Metric {
        name: "seismic_dead_letters",
        help: "Records that count in no window, by reason",
        values: Values::Counter(|job, samples| {
            for (reason, count) in job.numbers.counts.by_reason.iter() {
                samples.of("reason", reason, count as f64);
            }
        }),
    },
    Metric {
        name: "seismic_windows",
        help: "Windows closed",
        values: Values::Counter(|job, samples| samples.one(job.numbers.counts.windows as f64)),
    },
    Metric {
        name: "seismic_lost_messages",
        help: "Messages that were deleted before they were read; a person accepted the loss",
        values: Values::Counter(|job, samples| {
            samples.one(job.numbers.counts.lost_messages as f64);
        }),
    },
    Metric {
        name: "seismic_open_windows",
        help: "Windows that are open",
        values: Values::Gauge(|job, samples| samples.one(job.numbers.open_windows as f64)),
    },
    Metric {
        name: "seismic_sensors",
        help: "Sensors known",
        values: Values::Gauge(|job, samples| samples.one(job.numbers.sensors as f64)),
    },
    Metric {
        name: "seismic_lag_records",
        help: "Messages of the input that are not committed yet",
        values: Values::Gauge(|job, samples| samples.one(job.numbers.lag as f64)),
    },
    Metric {
        name: "seismic_lag_seconds",
        help: "How long the oldest message of the input has waited that is not committed yet; 0 \
               when \
               there is none, and no value when that is not known",
        values: Values::Gauge(|job, samples| {
            if let Some(ms) = job.numbers.wait_ms {
                samples.one(ms as f64 / 1e3);
            }
        }),
    },
    Metric {
        name: "seismic_event_latency_seconds",
        help: "From the newest event of a row to its commit, of one row for each partition and \
               commit",
        values: Values::Histogram(|numbers| &numbers.event_latencies),
    },
    Metric {
        name: "seismic_commit_duration_seconds",
        help: "From handing a commit over to knowing its outcome",
        values: Values::Histogram(|numbers| &numbers.commit_times),
    },
    Metric {
        name: "seismic_commit_bytes",
        help: "Bytes that commits carried",
        values: Values::Counter(|job, samples| samples.one(job.numbers.commit_bytes as f64)),
    },
    Metric {
        name: "seismic_commit_rebuilds",
        help: "How often partitions were loaded again after a commit of unknown outcome",
        values: Values::Counter(|job, samples| samples.one(job.numbers.rebuilds as f64)),
    },
    Metric {
        name: "seismic_checkpoints",
        help: "Checkpoints taken",
        values: Values::Counter(|job, samples| samples.one(job.numbers.checkpoints as f64)),
    },
    Metric {
        name: "seismic_checkpoint_age_seconds",
        help: "Age of the oldest among the newest checkpoints of partitions that have committed \
               more \
               since; 0 when there is no such partition",
        values: Values::Gauge(|job, samples| {
            samples.one(job.numbers.checkpoint_age_ms as f64 / 1e3);
        }),
    },
    Metric {
        name: "seismic_replayed_messages",
        help: "Messages that were read again at a start",
        values: Values::Counter(|job, samples| samples.one(job.numbers.messages_replayed as f64)),
    },
    Metric {
        name: "seismic_restarts",
        help: "Automatic restarts of the job",
        values: Values::Counter(|job, samples| samples.one(job.restarts as f64)),
    },
    Metric {
        name: "seismic_alarms",
        help: "Alarms of the job that are raised",
        values: Values::Gauge(|job, samples| samples.one(job.alarms.raised as f64)),
    },
    Metric {
        name: "seismic_alarms_not_delivered",
        help: "Messages of alarms that have not arrived: they wait to be sent again, or were given up",
        values: Values::Gauge(|job, samples| {
            samples.of("state", "waiting", job.alarms.waiting as f64);
            samples.of("state", "undelivered", job.alarms.undelivered as f64);
        }),
    },
    Metric {
        name: "seismic_job_state",
        help: "1 for the state that the job is in, 0 for the others",
        values: Values::Gauge(|job, samples| {
            for state in STATES {
                samples.of("state", state, f64::from(u8::from(job.state == state)));
            }
        }),
    },
    Metric {
        name: "seismic_job_state_since_seconds",
        help: "Since when the job is in this state, s since 1970 UTC",
        values: Values::Gauge(|job, samples| samples.one(job.since_ms as f64 / 1e3)),
    },
    Metric {
        name: "seismic_sink_rows",
        help: "Rows that a sink has written",
        values: Values::Counter(|job, samples| of_sinks(job, samples, |sink| Some(sink.rows))),
    },
    Metric {
        name: "seismic_sink_errors",
        help: "Failures of a sink; several in a row are one",
        values: Values::Counter(|job, samples| of_sinks(job, samples, |sink| Some(sink.errors))),
    },
    Metric {
        name: "seismic_sink_retries",
        help: "Calls of a sink that failed and were tried again",
        values: Values::Counter(|job, samples| of_sinks(job, samples, |sink| Some(sink.retries))),
    },
    Metric {
        name: "seismic_sink_lag_rows",
        help: "Rows that a sink has not written yet, where it keeps a position",
        values: Values::Gauge(|job, samples| of_sinks(job, samples, |sink| sink.lag_rows)),
    },
    Metric {
        name: "seismic_table_rows",
        help: "Rows of the newest version of a table that a job with a statement looks things up in",
        values: Values::Gauge(|job, samples| of_tables(job, samples, |it, _| it.rows as f64)),
    },
    Metric {
        name: "seismic_table_age_seconds",
        help: "How long ago the source of a table was read last",
        values: Values::Gauge(|job, samples| {
            of_tables(job, samples, |it, now_ms| (now_ms - it.checked_ms) as f64 / 1e3);
        }),
    },
    Metric {
        name: "seismic_table_stale",
        help: "1 while the source of a table cannot be read and the version before is in force",
        values: Values::Gauge(|job, samples| {
            of_tables(job, samples, |it, _| f64::from(u8::from(it.stale_since_ms.is_some())));
        }),
    },
    Metric {
        name: "seismic_table_failures",
        help: "Readings of a table's source that failed",
        values: Values::Counter(|job, samples| of_tables(job, samples, |it, _| it.failures as f64)),
    },
    Metric {
        name: "seismic_memory_bytes",
        help: "Resident memory of the job's processes",
        values: Values::Gauge(|job, samples| samples.one(job.numbers.memory_bytes as f64)),
    },
    Metric {
        name: "seismic_cpu_seconds",
        help: "Processor time of the job's processes",
        values: Values::Counter(|job, samples| samples.one(job.numbers.cpu_ms as f64 / 1e3)),
    },
];

fn of_tables(job: &JobEntry, samples: &mut Samples, value: fn(&TableNote, i64) -> f64) {
    for table in &job.numbers.tables {
        samples.of("table", &table.table, value(table, job.numbers.at_ms));
    }
}

fn of_sinks(job: &JobEntry, samples: &mut Samples, value: fn(&SinkNumbers) -> Option<u64>) {
    for sink in &job.numbers.sinks {
        if let Some(value) = value(sink) {
            samples.of("sink", &sink.sink, value as f64);
        }
    }
}

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
        for metric in METRICS.iter().chain(scaling::METRICS) {
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

/// The value as a whole number, if it is one and is written exactly as one.
fn whole(value: f64) -> Option<u64> {
    const EXACT: f64 = (1_u64 << 53) as f64;
    ((0.0..=EXACT).contains(&value) && value.fract() == 0.0).then_some(value as u64)
}

impl Metric {
    /// Whether it is known without a report of a worker.
    fn is_of_server(&self) -> bool {
        self.name.starts_with("seismic_scaling_")
            || matches!(
                self.name,
                "seismic_restarts"
                    | "seismic_alarms"
                    | "seismic_alarms_not_delivered"
                    | "seismic_job_state"
                    | "seismic_job_state_since_seconds"
            )
    }

    fn encode(&self, job: &JobEntry, family: &mut MetricEncoder<'_>) -> Result<(), fmt::Error> {
        let labelled = |labels: Labels| {
            labels.into_iter().chain([("job_name", job.name.clone())]).collect::<Labels>()
        };
        let samples = |fill: fn(&JobEntry, &mut Samples)| {
            let mut samples = Samples::default();
            fill(job, &mut samples);
            samples.0.into_iter()
        };
        // A worker that has not said anything yet has no numbers: counters at 0 would be taken for
        // a restart, and their next value for all its records at once.
        let is_gauge = matches!(self.values, Values::Gauge(_));
        let is_known = job.numbers.at_ms != 0 && (job.state != "starting" || !is_gauge);
        if !is_known && !self.is_of_server() {
            return Ok(());
        }
        match self.values {
            Values::Counter(fill) => {
                for (labels, value) in samples(fill) {
                    let labels = labelled(labels);
                    let mut one = family.encode_family(&labels)?;
                    match whole(value) {
                        Some(value) => one.encode_counter::<NoLabelSet, u64, f64>(&value, None)?,
                        None => one.encode_counter::<NoLabelSet, f64, f64>(&value, None)?,
                    }
                }
            }
            Values::Gauge(fill) => {
                for (labels, value) in samples(fill) {
                    let labels = labelled(labels);
                    let mut one = family.encode_family(&labels)?;
                    match whole(value) {
                        Some(value) => one.encode_gauge(&(value as i64))?,
                        None => one.encode_gauge(&value)?,
                    }
                }
            }
            Values::Histogram(of) => {
                let HistogramNumbers { bounds_s, counts, sum_s } = of(&job.numbers);
                let bounds = bounds_s.iter().copied().chain([f64::INFINITY]);
                let buckets: Vec<(f64, u64)> = bounds.zip(counts.iter().copied()).collect();
                let count = counts.iter().sum();
                let labels = labelled(Vec::new());
                let mut one = family.encode_family(&labels)?;
                one.encode_histogram::<NoLabelSet>(*sum_s, count, &buckets, None)?;
            }
        }
        Ok(())
    }
}
