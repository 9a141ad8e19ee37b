//! Resource limits of a worker of a job.

/// What `[resources]` says, of each worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Thousandths of a core; `None`: all.
    pub cpus_milli: Option<u32>,
    /// Bytes of memory; `None`: all.
    pub memory_bytes: Option<u64>,
}

impl Resources {
    /// Cores.
    #[must_use]
    pub fn cpus(&self) -> Option<f64> {
        self.cpus_milli.map(|milli| f64::from(milli) / 1e3)
    }

    /// Whether there is any limit.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        *self != Resources::default()
    }
}
