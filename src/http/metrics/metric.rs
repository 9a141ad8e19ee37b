//! One metric of jobs: where its values come from, and how they are written.

use std::fmt;

use prometheus_client::encoding::{MetricEncoder, NoLabelSet};

use crate::http::model::JobEntry;
use crate::status::numbers::{HistogramNumbers, JobNumbers};

/// Names and values of labels.
type Labels = Vec<(&'static str, String)>;

/// A metric of jobs.
pub(super) struct Metric {
    /// Its name, without `_total` where it is a counter.
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) values: Values,
}

/// Where its values come from.
pub(super) enum Values {
    Counter(fn(&JobEntry, &mut Samples)),
    Gauge(fn(&JobEntry, &mut Samples)),
    Histogram(fn(&JobNumbers) -> &HistogramNumbers),
}

/// Values of one job, each with the labels that it has beside the job's name.
#[derive(Default)]
pub(super) struct Samples(pub(super) Vec<(Labels, f64)>);

impl Samples {
    pub(super) fn one(&mut self, value: f64) {
        self.0.push((Vec::new(), value));
    }

    pub(super) fn of(&mut self, label: &'static str, value_of_label: &str, value: f64) {
        self.0.push((vec![(label, value_of_label.to_owned())], value));
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

    pub(super) fn encode(
        &self,
        job: &JobEntry,
        family: &mut MetricEncoder<'_>,
    ) -> Result<(), fmt::Error> {
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
