//! Two inputs that are joined by a key, within a bound of event time.
//!
//! ```text
//!  left  ─► decode ─► clock of (key, left)  ─► rows that wait ─┐
//!                                                              ├─► pairs ─► statement ─► output
//!  right ─► decode ─► clock of (key, right) ─► rows that wait ─┘
//! ```
//!
//! Each key has a clock on each side, which only its own side moves: the newest event time less the
//! lateness. A row behind the clock of its side is late, and a row waits until the clock of the
//! other side has passed all that it could be joined with. So which rows are joined, and which are
//! late, is a function of the two logs; in which order they come is one of the logs and of the order
//! in which these were read, which the journal has. A key that is silent on one side is closed there
//! by an entry of the journal.

mod buffers;
pub mod check;
pub mod entry;
pub mod limits;
pub mod operator;
mod pairs;
mod side;
mod stored;
