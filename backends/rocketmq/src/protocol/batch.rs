//! Messages of one send, in the form of `MessageDecoder.encodeMessages`: for each the size of the
//! whole, magic and CRC (both 0: the broker fills them in), flag, length and body, length and
//! properties.

use super::properties;
use super::unique_id::UniqueId;
use crate::limits;
use seismic_queue::{Error, Result};

/// The body of a send.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
}

impl Batch {
    /// An empty one with room for that many bytes.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Batch { bytes: Vec::with_capacity(bytes) }
    }

    /// The encoded messages.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Adds a message with its key, its id and further properties.
    ///
    /// # Errors
    /// [`Error::MessageTooLarge`] when no broker would take it; the batch is unchanged.
    pub(crate) fn push(
        &mut self,
        (key, value): (&[u8], &[u8]),
        id: UniqueId,
        more: &[(&str, &str)],
    ) -> Result<()> {
        check_size(key, value)?;
        let start = self.bytes.len();
        let mut head = [0; 20];
        head[16..].copy_from_slice(&(value.len() as u32).to_be_bytes());
        self.bytes.extend_from_slice(&head);
        self.bytes.extend_from_slice(value);
        let length_at = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 2]);
        properties::put_key(&mut self.bytes, key);
        properties::put_id(&mut self.bytes, id);
        for (name, value) in more {
            properties::put(&mut self.bytes, name, value.as_bytes());
        }
        let properties_len = self.bytes.len() - length_at - 2;
        assert!(properties_len <= limits::PROPERTY_BYTES, "keys and our own properties are short");
        let (length, size) = (properties_len as u16, (self.bytes.len() - start) as u32);
        self.bytes[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
        self.bytes[start..start + 4].copy_from_slice(&size.to_be_bytes());
        Ok(())
    }
}

/// Whether a broker takes a message of this key and value.
///
/// # Errors
/// [`Error::MessageTooLarge`].
pub(crate) fn check_size(key: &[u8], value: &[u8]) -> Result<()> {
    let (size, limit) = (key.len() + value.len(), limits::MESSAGE_BYTES);
    if size > limit {
        return Err(Error::MessageTooLarge { size, limit });
    }
    if key.len() > limits::KEY_BYTES {
        return Err(Error::MessageTooLarge { size: key.len(), limit: limits::KEY_BYTES });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::unique_id::UniqueIds;
    use proptest::prelude::*;
    use seismic_queue::backend::byte_reader::Bytes;

    /// Takes a batch apart as `MessageDecoder.decodeMessages` does: bodies and properties.
    fn taken_apart(bytes: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let (mut rest, mut all) = (Bytes(bytes), Vec::new());
        while !rest.0.is_empty() {
            let size = Bytes(rest.0).length().unwrap();
            let mut one = Bytes(rest.take(size).unwrap());
            one.take(16).unwrap();
            let len = one.length().unwrap();
            let body = one.take(len).unwrap().to_vec();
            let len = usize::from(one.u16().unwrap());
            all.push((body, one.take(len).unwrap().to_vec()));
            assert!(one.0.is_empty());
        }
        all
    }

    proptest! {
        #[test]
        fn what_was_pushed_is_what_a_broker_takes_apart(all: Vec<(Vec<u8>, Vec<u8>)>) {
            let (mut batch, mut ids) = (Batch::default(), UniqueIds::new());
            let first = ids.next(all.len() as u32, 0);
            for (n, (key, value)) in (0..).zip(&all) {
                batch.push((key, value), first.plus(n), &[("a", "b")]).unwrap();
            }
            let apart = taken_apart(&batch.into_bytes());
            prop_assert_eq!(apart.len(), all.len());
            for (n, ((body, text), (key, value))) in (0..).zip(apart.iter().zip(&all)) {
                prop_assert_eq!(body, value);
                let mut raw = Vec::new();
                prop_assert_eq!(properties::key(text, &mut raw), &key[..]);
                let id = properties::get(text, properties::UNIQUE_ID).and_then(UniqueId::parse);
                prop_assert_eq!(id, Some(first.plus(n)));
                prop_assert_eq!(properties::get(text, "a"), Some(&b"b"[..]));
            }
        }
    }

    #[test]
    fn what_no_broker_takes_is_refused_and_changes_nothing() {
        let (mut batch, id) = (Batch::default(), UniqueIds::new().next(1, 0));
        let long = vec![b'x'; limits::MESSAGE_BYTES + 1];
        for (key, value) in [(&[][..], &long[..]), (&long[..limits::KEY_BYTES + 1], &[][..])] {
            let error = batch.push((key, value), id, &[]).unwrap_err();
            assert!(matches!(error, Error::MessageTooLarge { .. }), "{error}");
        }
        batch.push((&vec![0xff; limits::KEY_BYTES], &[]), id, &[]).unwrap();
        assert_eq!(taken_apart(&batch.into_bytes()).len(), 1);
    }
}
