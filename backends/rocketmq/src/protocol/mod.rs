//! The classic remoting protocol of RocketMQ as bytes: no socket, no clock, and no errors except
//! for invalid bytes.
//!
//! Everything that comes from a broker is read through `Bytes`, which never panics and never
//! reserves memory for a claimed length. Names are those of RocketMQ's sources (release 5.3):
//! `org.apache.rocketmq.remoting.protocol.{RemotingCommand, RequestCode, ResponseCode}` and
//! `org.apache.rocketmq.common.message.{MessageDecoder, MessageConst}`.

pub(crate) mod batch;
pub(crate) mod code;
pub(crate) mod compression;
pub(crate) mod frame;
pub(crate) mod message;
pub(crate) mod properties;
pub(crate) mod sign;
pub(crate) mod unique_id;

/// Bodies of the fuzz targets: what must hold of any bytes at all.
#[doc(hidden)]
pub mod fuzz;
#[cfg(test)]
mod hostile;
