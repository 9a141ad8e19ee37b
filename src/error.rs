//! Errors of this package, and what kind an error of any crate is.

use seismic_queue::Kind;

/// Wrong usage that only this package can see: options that contradict each other, a job file that
/// says what no job understands.
#[derive(Debug)]
pub struct Usage(pub String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// A thread or command ended with a panic, which was reported where it happened.
#[derive(Debug)]
pub struct Panicked;

impl std::fmt::Display for Panicked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "this is a bug in the program, reported above; what was committed is safe, and the \
             next run continues from there",
        )
    }
}

impl std::error::Error for Panicked {}

/// What to do about an error, as the crate it comes from says; `None` for any other error.
#[must_use]
pub fn kind(error: &anyhow::Error) -> Option<Kind> {
    error.chain().find_map(|cause| {
        let usage = cause.downcast_ref::<Usage>().map(|_| Kind::Config);
        let queue = cause.downcast_ref::<seismic_queue::Error>().map(seismic_queue::Error::kind);
        let sink = cause.downcast_ref::<seismic_sinks::Error>().map(seismic_sinks::Error::kind);
        let job =
            cause.downcast_ref::<seismic_pipeline::Error>().map(seismic_pipeline::Error::kind);
        let load = cause.downcast_ref::<seismic_ingest::Error>();
        usage.or(queue).or(sink).or(job).or(load.map(seismic_ingest::Error::kind))
    })
}
