//! The classic remoting protocol of RocketMQ as bytes: no socket, no clock, nothing that can fail
//! other than by what the bytes say.
//!
//! Everything that comes from a broker is read through `Bytes`, which never panics
//! and never reserves memory because a length says so. Names are those of RocketMQ's own sources
//! (release 5.3): `org.apache.rocketmq.remoting.protocol.{RemotingCommand, RequestCode,
//! ResponseCode}` and `org.apache.rocketmq.common.message.{MessageDecoder, MessageConst}`.

pub(super) mod batch;
pub(super) mod code;
pub(super) mod compression;
pub(super) mod frame;
pub(super) mod message;
pub(super) mod properties;
pub(super) mod sign;
pub(super) mod unique_id;

/// Bodies of the fuzz targets: what must hold of any bytes at all.
#[doc(hidden)]
pub mod fuzz;
#[cfg(test)]
mod hostile;
