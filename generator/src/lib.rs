//! Synthetic data: a network of virtual sensors, earthquakes, and deliberately faulty records.
//!
//! ```text
//!  Options ─► Plan ─► Stream (network, waveform, anomaly)
//!                      └─► Batcher ─► Appender ─► queue               of seismic-ingest
//! ```
//!
//! Up to the stream everything is pure: the same plan gives the same records. The shell around it,
//! [`generate`], knows the clock and the queue. Command lines and progress bars are up to the
//! caller.

mod anomaly;
mod earthquake;
pub mod limits;
mod network;
mod options;
mod pace;
mod plan;
mod portable_math;
mod publish;
mod random;
mod record_kind;
mod resume;
mod stream;
mod summary;
mod waveform;

pub use network::{Sensor, network};
pub use options::Options;
pub use plan::Plan;
pub use publish::generate;
pub use record_kind::{Counts, RecordKind};
pub use seismic_ingest::{Error, InvalidOption, Result};
pub use stream::{GeneratedRecord, Stream};
pub use summary::Summary;
pub use waveform::Phase;
