//! Metrics of every job.

use super::metric::{Metric, Samples, Values};
use crate::dimension::note::TableNote;
use crate::http::model::{JobEntry, STATES};
use crate::status::numbers::SinkNumbers;

/// Every metric of a job.
pub(super) const METRICS: &[Metric] = &[
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
