//! Sinks that write to queues.

#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(feature = "rocketmq")]
pub mod rocketmq;
