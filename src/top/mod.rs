//! `seismic top`: jobs in a terminal, refreshed every second.
//!
//! ```text
//!  source: API of a server │ store of one job ──► rows: rates between two looks ──► screen or text
//! ```

mod client;
mod rows;
mod screen;
mod source;

pub use self::rows::{Rows, text};
pub use self::screen::watch;
pub use self::source::Source;
