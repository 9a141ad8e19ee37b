//! Sinks that write to queues.

pub mod rocketmq;
