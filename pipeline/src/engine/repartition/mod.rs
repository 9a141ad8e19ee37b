//! Repartition: a kind of job, the first of two steps that make windows of sensors that are spread
//! over partitions.
//!
//! ```text
//!  input, a sensor anywhere              internal topic, a sensor in one partition
//!   0 ──┐                                     ┌──► 0 ──┐
//!   1 ──┼─► first step: this operator, keyed ─┼──► 1 ──┼─► second step: windows, as ever
//!   2 ──┘   by sensor, in one reading order   └──► 2 ──┘
//! ```
//!
//! Both steps are jobs of their own: each has a group, a store, a position, a journal, a lease and
//! a proof, so the exactly-once guarantee of a single job covers both. The first step commits the
//! records that it passes on together with its position; the second reads them as it would read any
//! topic. Its store holds the internal topic.
//!
//! The order within the internal topic is what makes windows complete:
//!
//! * One slot reads all partitions, in step with each other (`runner/slot/aligned_source.rs`).
//! * Its commits keep the order in which it read (`runner/slot/reading_order.rs`).
//!
//! A record is passed on unchanged, in an [`Envelope`](envelope::Envelope) that gives its position
//! and append time in the input. So the second step processes it as if it had read the input, and
//! its dead letters name the position that the producer knows. A message that cannot be decoded has
//! no sensor and becomes a dead letter of the first step.
//!
//! To close idle sensors, the second step must know how long ago everything in the *input* had been
//! passed on. It takes the time of the newest end of the input up to which the first step has
//! committed (`runner/first_step.rs`).
//!
//! Not supported: rewinding a step to a checkpoint. Rows of all tasks are in one block, so those of
//! one task cannot be removed.

pub(crate) mod envelope;
pub(crate) mod internal_rows;
pub(crate) mod kind;
pub(crate) mod operator;
pub(crate) mod pack;
pub(crate) mod state;
