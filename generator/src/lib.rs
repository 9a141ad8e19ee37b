//! Makes records: a network of virtual sensors with earthquakes and faults on purpose, and
//! imports of real data.
//!
//! ```text
//!  Options ─► Plan ─► Stream (network, waveform, anomaly) ─► Lanes (packs, blocks) ─► Appender ─► queue
//!                     import::openeew (merge, vector) ──────┘
//! ```
//!
//! Up to the lanes all is pure: the same plan, or the same files, give the same messages. The
//! shell around it, [`generate`] and [`import::openeew::import`], knows the clock and the queue.
//! How a command line or a progress bar looks is the caller's business.

mod anomaly;
mod appender;
mod earthquake;
mod error;
pub mod import;
mod kind;
mod lanes;
pub mod limits;
mod network;
mod options;
mod pace;
mod plan;
mod publish;
mod random;
pub mod replay;
mod start;
mod stream;
mod summary;
mod value;
mod wave;
mod waveform;

pub use error::{Error, Result};
pub use kind::{Counts, Kind};
pub use network::{Sensor, network};
pub use options::{Options, Wrong};
pub use plan::Plan;
pub use publish::generate;
pub use stream::{Made, Stream};
pub use summary::Summary;
pub use waveform::Phase;
