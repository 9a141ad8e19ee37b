//! A statement over windows of event time.
//!
//! ```text
//!  record ─► clock of its key ─► its window, open ─► closed by the clock ─► statement ─► output
//! ```
//!
//! A window of a key is closed when the clock of that key has passed its end. Then the statement runs
//! once over its rows, in the order in which they stood in the log. So what it gives is a function of
//! the log, however messages are cut into batches. A key that is silent is closed by an entry of the
//! journal.

mod closing;
mod open;
pub mod operator;
