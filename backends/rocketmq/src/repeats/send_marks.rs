//! Properties of the first message of a send: its producer, its number, and how far the producer
//! knew the queue.

/// Property of a send's first message: producer id, colon, sequence number.
pub(crate) const FROM: &str = "seismic_from";

/// Property of a send's first message: an offset of its queue before which the producer knows all
/// that is its own; see `repeats/`.
pub(crate) const AFTER: &str = "seismic_after";

/// The value of [`FROM`].
pub(crate) fn from(producer: &str, sequence: u64) -> String {
    format!("{producer}:{sequence}")
}

/// Producer and sequence number that a value of [`FROM`] says.
pub(crate) fn parse_from(value: &[u8]) -> Option<(&str, u64)> {
    let (producer, sequence) = std::str::from_utf8(value).ok()?.rsplit_once(':')?;
    Some((producer, sequence.parse().ok().filter(|sequence| *sequence < u64::MAX)?))
}
