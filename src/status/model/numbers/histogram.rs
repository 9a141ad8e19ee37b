//! Durations in buckets.

use seismic_pipeline::HistogramSnapshot;
use serde::{Deserialize, Serialize};

/// Durations in buckets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HistogramNumbers {
    /// Upper bound of each bucket but the last one, s.
    pub bounds_s: Vec<f64>,
    /// Observations in each bucket alone.
    pub counts: Vec<u64>,
    /// All observations in sum, s.
    pub sum_s: f64,
}

impl HistogramNumbers {
    pub(super) fn of(snapshot: &HistogramSnapshot) -> HistogramNumbers {
        HistogramNumbers {
            bounds_s: snapshot.bounds_us.iter().map(|us| *us as f64 / 1e6).collect(),
            counts: snapshot.counts.clone(),
            sum_s: snapshot.us as f64 / 1e6,
        }
    }

    /// How many observations there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Adds another one, where its buckets are the same: a worker of another version may have
    /// others.
    pub(super) fn add(&mut self, other: &HistogramNumbers) {
        if self.counts.is_empty() {
            self.clone_from(other);
        } else if self.bounds_s == other.bounds_s {
            let both = self.counts.iter_mut().zip(&other.counts);
            both.for_each(|(ours, theirs)| *ours += theirs);
            self.sum_s += other.sum_s;
        }
    }
}
