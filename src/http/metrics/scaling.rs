//! Metrics of the scaling of jobs. A job that is not scaled has none of them.

use super::metric::{Metric, Samples, Values};
use crate::http::model::{JobEntry, ScalingNumbers, Wanted};

/// Every metric of scaling.
pub(super) const METRICS: &[Metric] = &[
    Metric {
        name: "seismic_scaling_workers",
        help: "Workers of a job that is scaled: those that report (running), and those that are wanted",
        values: Values::Gauge(|job, samples| {
            of(job, samples, |it, samples| pair(samples, it.workers));
        }),
    },
    Metric {
        name: "seismic_scaling_parallelism",
        help: "Active slots of these workers",
        values: Values::Gauge(|job, samples| {
            of(job, samples, |it, samples| pair(samples, it.parallelism));
        }),
    },
    Metric {
        name: "seismic_scaling_acts",
        help: "1 while this server carries decisions out; 0 where it does not",
        values: Values::Gauge(|job, samples| {
            of(job, samples, |it, samples| samples.one(f64::from(u8::from(it.acts))));
        }),
    },
    Metric {
        name: "seismic_scaling_lease",
        help: "1 while this server holds the scaling lease of the job; 0 while another one has it, or nobody",
        values: Values::Gauge(|job, samples| {
            of(job, samples, |it, samples| {
                if let Some(is_held) = it.holds_lease {
                    samples.one(f64::from(u8::from(is_held)));
                }
            });
        }),
    },
    Metric {
        name: "seismic_scaling_held_by",
        help: "1, with the server that holds the scaling lease of the job, as far as this one knows",
        values: Values::Gauge(|job, samples| {
            of(job, samples, |it, samples| {
                if let Some(holder) = &it.lease_holder {
                    samples.of("holder", holder, 1.0);
                }
            });
        }),
    },
    Metric {
        name: "seismic_scaling_workers_elsewhere",
        help: "Workers that a command or Kubernetes runs: those that answer (running), and those that \
               were asked for (wanted)",
        values: Values::Gauge(|job, samples| {
            of(job, samples, |it, samples| {
                if !it.elsewhere.is_empty() {
                    let running = it.elsewhere.iter().filter(|it| it.state.is_some()).count();
                    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
                    let wanted = number(it.elsewhere.len());
                    pair(samples, Wanted { running: number(running), wanted });
                }
            });
        }),
    },
    Metric {
        name: "seismic_scaling_decisions",
        help: "Decisions about the number of workers, by what followed: nothing (unchanged), a change \
               (begun), or a change that was not begun (not_begun)",
        values: Values::Counter(|job, samples| {
            of(job, samples, |it, samples| {
                let (unchanged, begun, not_begun) = it.decisions;
                samples.of("outcome", "unchanged", unchanged as f64);
                samples.of("outcome", "begun", begun as f64);
                samples.of("outcome", "not_begun", not_begun as f64);
            });
        }),
    },
    Metric {
        name: "seismic_scaling_changes",
        help: "Changes of the workers that have ended: seen to run (done), or taken back (taken_back)",
        values: Values::Counter(|job, samples| {
            of(job, samples, |it, samples| {
                samples.of("outcome", "done", it.changes.0 as f64);
                samples.of("outcome", "taken_back", it.changes.1 as f64);
            });
        }),
    },
    Metric {
        name: "seismic_scaling_failures",
        help: "Commands and requests to Kubernetes that were to start or stop workers, and failed",
        values: Values::Counter(|job, samples| {
            of(job, samples, |it, samples| samples.one(it.failures as f64));
        }),
    },
    Metric {
        name: "seismic_scaling_cool_down_seconds",
        help: "Rest of the time in which no further change is decided",
        values: Values::Gauge(|job, samples| {
            of(job, samples, |it, samples| samples.one(it.cool_down_ms as f64 / 1e3));
        }),
    },
    Metric {
        name: "seismic_scaling_change_cost_seconds",
        help: "How long a change took from its savepoint on: the largest of the last five",
        values: Values::Gauge(|job, samples| {
            of(job, samples, |it, samples| {
                if let Some(cost_ms) = it.cost_ms {
                    samples.one(cost_ms as f64 / 1e3);
                }
            });
        }),
    },
];

fn of(job: &JobEntry, samples: &mut Samples, fill: fn(&ScalingNumbers, &mut Samples)) {
    if let Some(scaling) = &job.scaling {
        fill(scaling, samples);
    }
}

fn pair(samples: &mut Samples, Wanted { running, wanted }: Wanted) {
    samples.of("kind", "running", running.into());
    samples.of("kind", "wanted", wanted.into());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::model::WorkerElsewhere;

    #[test]
    fn a_job_that_is_not_scaled_has_none_and_a_cost_is_shown_once_it_is_measured() {
        let count = |job: &JobEntry| {
            let mut samples = Samples::default();
            for metric in METRICS {
                match metric.values {
                    Values::Counter(fill) | Values::Gauge(fill) => fill(job, &mut samples),
                    Values::Histogram(_) => panic!("{} is a histogram", metric.name),
                }
            }
            samples.0.len()
        };
        let mut job = JobEntry::default();
        assert_eq!(count(&job), 0);
        job.scaling = Some(ScalingNumbers::default());
        assert_eq!(count(&job), 12);
        job.scaling = Some(ScalingNumbers { cost_ms: Some(5), ..ScalingNumbers::default() });
        assert_eq!(count(&job), 13);
        job.scaling =
            Some(ScalingNumbers { holds_lease: Some(false), ..ScalingNumbers::default() });
        assert_eq!(count(&job), 13);
        let elsewhere = vec![WorkerElsewhere::default(); 2];
        let lease_holder = Some("process 4711 on quake1".to_owned());
        job.scaling = Some(ScalingNumbers { lease_holder, elsewhere, ..ScalingNumbers::default() });
        assert_eq!(count(&job), 15);
    }
}
