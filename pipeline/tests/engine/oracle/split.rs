//! Splits a message into records.

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use seismic_proto::{BATCH_FIRST_BYTE, Message as _, SeismicRecord, SeismicRecordBatch};

const RECORDS_PER_MESSAGE: usize = 65_536;

/// The records of a message, each with its own bytes.
pub fn split(message: &[u8]) -> Result<Vec<(SeismicRecord, &[u8])>, &'static str> {
    if message.first() != Some(&BATCH_FIRST_BYTE) {
        let record = SeismicRecord::decode(message).map_err(|_| "unparseable")?;
        return Ok(vec![(record, message)]);
    }
    let batch = SeismicRecordBatch::decode(message).map_err(|_| "unparseable")?;
    if batch.records.len() > RECORDS_PER_MESSAGE {
        return Err("too_many_records");
    }
    let mut parts = Vec::new();
    let mut rest = message;
    while !rest.is_empty() {
        match decode_key(&mut rest).unwrap() {
            (15, WireType::LengthDelimited) => {
                let len = decode_varint(&mut rest).unwrap() as usize;
                let (part, behind) = rest.split_at(len);
                parts.push(part);
                rest = behind;
            }
            (tag, wire) => skip_field(wire, tag, &mut rest, DecodeContext::default()).unwrap(),
        }
    }
    assert_eq!(parts.len(), batch.records.len());
    Ok(batch.records.into_iter().zip(parts).collect())
}
