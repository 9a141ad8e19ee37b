//! `seismic top`: jobs in a terminal, refreshed every second.
//!
//! ```text
//!  source: API of a server │ store of one job ──► rows: rates between two looks ──► screen or text
//! ```

mod client;
#[cfg(not(feature = "top"))]
mod plain;
mod rows;
#[cfg(feature = "top")]
mod screen;
mod source;

use std::time::Duration;

#[cfg(not(feature = "top"))]
pub use self::plain::watch;
pub use self::rows::{Rows, text};
#[cfg(feature = "top")]
pub use self::screen::watch;
pub use self::source::Source;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);
