//! One request or answer (`RemotingCommand`).
//!
//! Layout: `i32` length of all that follows; one byte kind of header (0 = JSON) and three bytes its
//! length; the header; the body. The header names the code, the number that ties an answer to its
//! request (`opaque`), flags, a remark for people, and named fields, all of them text.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::limits;
use seismic_queue::backend::byte_reader::Bytes;

/// Bit of the flags: this is an answer.
const RESPONSE: i32 = 1;
/// Bit of the flags: no answer is wanted.
const ONEWAY: i32 = 2;
/// What we say we are: `MQVersion.V5_3_0`, so that brokers use today's forms of everything.
const VERSION: i32 = 473;

/// Named fields of a header.
pub(crate) type Fields = BTreeMap<String, String>;

/// A request on its way out.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) code: i32,
    pub(crate) fields: Fields,
    pub(crate) body: Vec<u8>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outgoing<'a> {
    code: i32,
    language: &'static str,
    version: i32,
    opaque: i32,
    flag: i32,
    ext_fields: &'a Fields,
    #[serde(rename = "serializeTypeCurrentRPC")]
    serialize_type: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Incoming {
    code: i32,
    opaque: i32,
    #[serde(default)]
    flag: i32,
    #[serde(default)]
    remark: Option<String>,
    #[serde(default)]
    ext_fields: Option<BTreeMap<String, Option<String>>>,
}

impl Request {
    pub(crate) fn new(code: i32) -> Self {
        Request { code, fields: Fields::new(), body: Vec::new() }
    }

    /// With one more named field.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.fields.insert(name.to_owned(), value.to_string());
        self
    }

    /// With a body.
    #[must_use]
    pub(crate) fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    /// The frame without its body, which follows it on the wire.
    ///
    /// # Errors
    /// [`Error::Frame`] when it would be longer than [`limits::FRAME_BYTES`].
    pub(crate) fn head(&self, opaque: i32) -> Result<Vec<u8>> {
        let header = Outgoing {
            code: self.code,
            language: "RUST",
            version: VERSION,
            opaque,
            flag: 0,
            ext_fields: &self.fields,
            serialize_type: "JSON",
        };
        let mut head = vec![0; 8];
        serde_json::to_writer(&mut head, &header).expect("text and numbers are always JSON");
        let header_len = head.len().saturating_sub(8);
        let len = head.len().saturating_sub(4).saturating_add(self.body.len());
        if header_len > limits::HEADER_BYTES || len > limits::FRAME_BYTES {
            return Err(Error::Frame { what: "a request is longer than the limit" });
        }
        let lengths = [(len as u32).to_be_bytes(), (header_len as u32).to_be_bytes()];
        for (at, byte) in head.iter_mut().zip(lengths.as_flattened()) {
            *at = *byte;
        }
        Ok(head)
    }
}

/// A frame that came in.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) code: i32,
    pub(crate) opaque: i32,
    /// Whether it answers a request of ours; else the broker asks or tells something.
    pub(crate) is_response: bool,
    /// What the broker says about it, for people; may be empty.
    pub(crate) remark: String,
    pub(crate) fields: Fields,
    bytes: Vec<u8>,
    body_at: usize,
}

impl Frame {
    /// Takes apart what followed the first length.
    ///
    /// # Errors
    /// [`Error::Frame`]: what the bytes lack.
    pub(crate) fn decode(bytes: Vec<u8>) -> Result<Frame> {
        let mut rest = Bytes(&bytes);
        let kind = rest.u8().ok_or(Error::Frame { what: "it is empty" })?;
        if kind != 0 {
            return Err(Error::Frame { what: "its header is not JSON" });
        }
        let header = header_len(&mut rest).and_then(|len| rest.take(len));
        let header = header.ok_or(Error::Frame { what: "its header is cut off" })?;
        let body_at = bytes.len().saturating_sub(rest.0.len());
        let header: Incoming = serde_json::from_slice(header)
            .map_err(|_| Error::Frame { what: "its header is not that of a command" })?;
        let fields = header.ext_fields.unwrap_or_default();
        Ok(Frame {
            code: header.code,
            opaque: header.opaque,
            is_response: header.flag & RESPONSE != 0 && header.flag & ONEWAY == 0,
            remark: header.remark.unwrap_or_default(),
            fields: fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
            bytes,
            body_at,
        })
    }

    /// What follows the header.
    pub(crate) fn body(&self) -> &[u8] {
        self.bytes.get(self.body_at..).unwrap_or_default()
    }

    /// A named field as the type that is due.
    ///
    /// # Errors
    /// [`Error::Field`] when it is missing or another type.
    pub(crate) fn field<T: FromStr>(&self, name: &'static str) -> Result<T> {
        let value = self.fields.get(name).and_then(|text| text.parse().ok());
        value.ok_or(Error::Field { code: self.code, name })
    }
}

/// Three bytes after the kind.
fn header_len(rest: &mut Bytes<'_>) -> Option<usize> {
    let (high, low) = (rest.u8()?, rest.u16()?);
    Some(usize::from(high) << 16 | usize::from(low))
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a broker would receive, without the first length.
    fn received(request: &Request, opaque: i32) -> Vec<u8> {
        let mut bytes = request.head(opaque).unwrap();
        bytes.extend(&request.body);
        let len = u32::from_be_bytes(bytes[..4].try_into().unwrap());
        assert_eq!(len as usize, bytes.len() - 4);
        bytes.split_off(4)
    }

    proptest! {
        #[test]
        fn what_is_sent_reads_back(code: i32, opaque: i32, fields: Fields, body: Vec<u8>) {
            let request = Request { code, fields, body };
            let frame = Frame::decode(received(&request, opaque)).unwrap();
            prop_assert_eq!((frame.code, frame.opaque, frame.is_response), (code, opaque, false));
            prop_assert_eq!(&frame.fields, &request.fields);
            prop_assert_eq!(frame.body(), &request.body[..]);
        }
    }

    #[test]
    fn an_answer_of_a_java_broker_reads_as_it_was_meant() {
        let header =
            br#"{"code":0,"extFields":{"offset":"7","none":null},"flag":1,"language":"JAVA",
            "opaque":12,"serializeTypeCurrentRPC":"JSON","version":463,"remark":"fine"}"#;
        let mut bytes = (header.len() as u32).to_be_bytes().to_vec();
        bytes.extend(header);
        bytes.extend(b"body");
        let frame = Frame::decode(bytes).unwrap();
        assert!(frame.is_response && frame.opaque == 12 && frame.remark == "fine");
        assert_eq!(frame.field::<u64>("offset").unwrap(), 7);
        assert!(matches!(frame.field::<u64>("none"), Err(Error::Field { name: "none", .. })));
        assert_eq!(frame.body(), b"body");
    }

    #[test]
    fn a_request_above_the_limit_is_refused_before_it_is_sent() {
        let request = Request::new(1).body(vec![0; limits::FRAME_BYTES]);
        assert!(matches!(request.head(0), Err(Error::Frame { .. })));
    }
}
