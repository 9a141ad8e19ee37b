//! Scaling of served jobs: samples of their workers, decisions of `seismic-elastic`, and changes that
//! are carried out on this machine, or by others elsewhere ([`elsewhere`]).
//!
//! ```text
//!  reports of workers ─► seen ─► Sample ─► decide ─► Decision ─► change ─► wanted slots of each worker
//!  partitions ◄── hands (threads that wait for brokers) ──► savepoint before a change
//! ```
//!
//! A change is stored before anything is done for it, and so is which workers are wanted: a server
//! that dies in the middle of one is followed by one that finishes it, or takes it back
//! ([`change`], a pure state machine). Slots of a job in one process change while it works ([`live`]).
//! The loop of the server never waits for a broker.

pub mod asked;
mod by_hand;
pub mod change;
pub mod elsewhere;
pub mod entry;
pub mod files;
pub mod hands;
pub mod lease;
pub mod live;
pub mod look;
pub mod others;
pub mod places;
mod savepoints;
pub mod scaler;
pub mod seen;
pub mod shown;
mod step;
#[cfg(test)]
#[cfg(feature = "kafka")]
mod tests;
