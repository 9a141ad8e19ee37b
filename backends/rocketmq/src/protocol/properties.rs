//! Properties of a message: `name SOH value STX`, one after the other
//! (`MessageDecoder.messageProperties2String`).
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::unique_id::UniqueId;

/// Keys under which the broker's index finds a message (`MessageConst`).
pub(crate) const KEYS: &str = "KEYS";
/// The message's own id (`MessageConst.PROPERTY_UNIQ_CLIENT_MESSAGE_ID_KEYIDX`).
pub(crate) const UNIQUE_ID: &str = "UNIQ_KEY";
/// A key of ours that `KEYS` cannot hold, as hexadecimal text.
pub(crate) const RAW_KEY: &str = "seismic_key";

const AFTER_NAME: u8 = 1;
const AFTER_VALUE: u8 = 2;

/// The properties of a message.
#[derive(Clone, Copy, Debug)]
pub struct Properties<'a>(pub(crate) &'a [u8]);

impl<'a> Properties<'a> {
    /// The value of a property, if it is there and is text.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        get(self.0, name).and_then(|value| std::str::from_utf8(value).ok())
    }
}

/// Adds a property. Neither part may hold the separators; see [`is_clean`].
pub(crate) fn put(into: &mut Vec<u8>, name: &str, value: &[u8]) {
    debug_assert!(is_clean(name.as_bytes()) && is_clean(value), "separators in a property");
    into.extend_from_slice(name.as_bytes());
    into.push(AFTER_NAME);
    into.extend_from_slice(value);
    into.push(AFTER_VALUE);
}

/// Adds the id of a message.
pub(crate) fn put_id(into: &mut Vec<u8>, id: UniqueId) {
    let mut text = *b"UNIQ_KEY\x01................................\x02";
    text[9..41].copy_from_slice(&id.text());
    into.extend_from_slice(&text);
}

/// Whether a value can be a property: text without the separators, as Java reads it back unchanged.
pub(crate) fn is_clean(value: &[u8]) -> bool {
    !value.iter().any(|byte| *byte <= AFTER_VALUE) && std::str::from_utf8(value).is_ok()
}

/// The properties in order; what is not one is left out.
pub(crate) fn each(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    text.split(|byte| *byte == AFTER_VALUE).filter_map(|property| {
        let at = property.iter().position(|byte| *byte == AFTER_NAME)?;
        let (name, value) = property.split_at_checked(at)?;
        Some((name, value.get(1..)?))
    })
}

/// The value of a property.
pub(crate) fn get<'a>(text: &'a [u8], name: &str) -> Option<&'a [u8]> {
    each(text).find(|(found, _)| *found == name.as_bytes()).map(|(_, value)| value)
}

/// Adds the key of a message: for the broker's index if it can be text, else so that it comes back
/// as it was. An empty one is none.
pub(crate) fn put_key(into: &mut Vec<u8>, key: &[u8]) {
    if key.is_empty() {
        return;
    }
    if is_clean(key) {
        return put(into, KEYS, key);
    }
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    put(into, RAW_KEY, hex.as_bytes());
}

/// The key of a message, put into `raw` when it is not there as it was.
pub(crate) fn key<'a>(text: &'a [u8], raw: &'a mut Vec<u8>) -> &'a [u8] {
    for (name, value) in each(text) {
        if name == KEYS.as_bytes() {
            return value;
        }
        if name == RAW_KEY.as_bytes() && unhex(value, raw) {
            return raw;
        }
    }
    &[]
}

fn unhex(text: &[u8], into: &mut Vec<u8>) -> bool {
    into.clear();
    text.chunks(2).all(|pair| {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2);
        let byte = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        into.extend(byte);
        byte.is_some()
    })
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_key_comes_back(key: Vec<u8>, other in "[a-z ]{0,9}") {
            let mut text = Vec::new();
            put(&mut text, "TAGS", other.as_bytes());
            put_key(&mut text, &key);
            put(&mut text, UNIQUE_ID, b"0A");
            let mut raw = Vec::new();
            prop_assert_eq!(super::key(&text, &mut raw), &key[..]);
            prop_assert_eq!(get(&text, "TAGS"), Some(other.as_bytes()));
            prop_assert_eq!(get(&text, UNIQUE_ID), Some(&b"0A"[..]));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text: Vec<u8>) {
            let _ = (key(&text, &mut Vec::new()), get(&text, KEYS));
        }
    }

    #[test]
    fn properties_of_the_java_client_are_read() {
        let text = b"KEYS\x01S001\x02UNIQ_KEY\x017F00000100\x02WAIT\x01true\x02TAGS\x01P";
        assert_eq!(key(text, &mut Vec::new()), b"S001");
        assert_eq!(get(text, "TAGS"), Some(&b"P"[..]), "the last one may lack its end");
        assert_eq!(get(text, "KEY"), None);
    }
}
