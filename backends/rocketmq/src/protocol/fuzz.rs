//! Invariants for any bytes that a broker may send.
#![allow(missing_docs)]

use super::frame::Frame;
use super::message::Stored;
use super::properties;
use crate::topic_route::{ClusterInfo, Route};
use seismic_queue::backend::byte_reader::Bytes;

/// A frame is refused, or its parts lie within it.
pub fn frame(bytes: &[u8]) {
    if let Ok(frame) = Frame::decode(bytes.to_vec()) {
        assert!(frame.body().len() <= bytes.len());
        let _ = frame.field::<u64>("offset");
        messages(frame.body());
    }
}

/// Messages back to back: reading comes to an end, and what is read lies within the bytes.
pub fn messages(bytes: &[u8]) {
    let mut rest = Bytes(bytes);
    loop {
        let before = rest.0.len();
        let Some(message) = Stored::next(&mut rest) else { break };
        assert!(rest.0.len() < before, "each message takes bytes away");
        let key = properties::key(message.properties, &mut Vec::new()).len();
        assert!(key <= message.properties.len());
        if message.is_whole() && !message.is_inner_batch() {
            assert!(message.value().len() <= seismic_queue::limits::MESSAGE_BYTES.max(before));
        }
    }
}

/// A nameserver's answers.
pub fn route(bytes: &[u8]) {
    let _ = Route::parse(bytes);
    let _ = ClusterInfo::parse(bytes);
}
