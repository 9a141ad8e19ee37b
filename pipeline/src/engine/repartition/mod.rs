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
//! Both steps are jobs of their own: each has a group, a store, a position, a journal, a lease and a
//! proof, so nothing that makes one job exactly once had to be made again for two of them. The first
//! step commits the records that it passes on together with its position; the second reads them as
//! it would read any topic. Its store holds the internal topic.
//!
//! What makes windows whole is the order within the internal topic:
//!
//! * One slot reads all partitions, in step with each other (`runner/slot/aligned_source.rs`).
//! * Its commits keep the order in which it read (`runner/slot/reading_order.rs`).
//!
//! A record passes bit by bit, in an [`Envelope`](envelope::Envelope) that says where it was and when
//! it was appended there. So the second step judges it as if it had read the input, and its dead
//! letters name the place that a producer knows. What cannot be decoded has no sensor, and is a dead
//! letter of the first step.
//!
//! When the second step asks whether its log has ended, it must know how long ago the *input* had
//! nothing that has not come through: the age of what is still on its way is that of the newest end
//! of the input up to which the first step has committed (`runner/first_step.rs`).
//!
//! Not here: taking a step back to a checkpoint. Rows of all tasks stand in one block, so those of
//! one task cannot be taken out again.

pub(crate) mod envelope;
pub(crate) mod internal_rows;
pub(crate) mod kind;
pub(crate) mod operator;
pub(crate) mod pack;
pub(crate) mod state;
