//! Logging: lines on stderr, optionally in rolling files, and the newest ones in memory for the
//! API.

mod layer;
pub mod levels;
mod line;
pub mod rolling_file;
mod settings;
mod tail;

pub use self::layer::{Lines, follow_filter, is_text, set_up};
pub use self::line::Line;
pub use self::settings::{LogFormat, LogOptions};
pub use self::tail::tail;

/// Target of lines about the life of a job, which a service shows although they are no warnings.
pub const SERVICE: &str = "seismic::service";
