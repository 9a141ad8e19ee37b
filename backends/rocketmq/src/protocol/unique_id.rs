//! Ids of messages (`MessageClientIDSetter`): 16 bytes as 32 hexadecimal digits.
//!
//! Layout: four bytes of address (random here: several processes of one machine must differ), two
//! of process id, four more random ones, four of time in ms since the first of the month, two of a
//! counter. Java's tools read the time from it, so it must be roughly right. The ids of one batch
//! are consecutive, so the messages of a batch can be identified from its first one.

use seismic_queue::message::new_id;

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// One id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UniqueId(u128);

impl UniqueId {
    /// The id of the message `n` places after this one in its batch.
    pub(crate) fn plus(self, n: u32) -> UniqueId {
        UniqueId(self.0.wrapping_add(u128::from(n)))
    }

    /// As the property's value.
    pub(crate) fn text(self) -> [u8; 32] {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        let bytes = self.0.to_be_bytes();
        std::array::from_fn(|i| DIGITS[usize::from(bytes[i / 2] >> (4 - i % 2 * 4)) & 15])
    }

    /// From the property's value.
    pub(crate) fn parse(text: &[u8]) -> Option<UniqueId> {
        let text = std::str::from_utf8(text).ok().filter(|text| text.len() == 32)?;
        u128::from_str_radix(text, 16).ok().map(UniqueId)
    }
}

/// An id as the property's value has it: readers compare ids, and never need their number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct IdText([u8; 32]);

impl IdText {
    /// The value of a property, if it can be one.
    pub(crate) fn of(text: &[u8]) -> Option<IdText> {
        text.try_into().ok().map(IdText)
    }

    /// That of the next message of its batch.
    pub(crate) fn next(mut self) -> IdText {
        for digit in self.0.iter_mut().rev() {
            *digit = match *digit {
                b'0'..=b'8' | b'A'..=b'E' => *digit + 1,
                b'9' => b'A',
                _ => b'0',
            };
            if *digit != b'0' {
                break;
            }
        }
        self
    }
}

/// Gives ids, each once.
#[derive(Debug)]
pub(crate) struct UniqueIds {
    /// The first ten bytes.
    prefix: u128,
    time_ms: u32,
    counter: u32,
}

impl UniqueIds {
    pub(crate) fn new() -> Self {
        let random = u128::from_str_radix(&new_id(), 16).expect("an id is 32 digits");
        let (address, more) = (random >> 96, random as u32);
        let process = u128::from(std::process::id() & 0xffff);
        let prefix = address << 48 | process << 32 | u128::from(more);
        UniqueIds { prefix, time_ms: 0, counter: 0 }
    }

    /// The first of `count` ids that follow each other, made at `now_ms`.
    ///
    /// # Panics
    /// When more are asked for than a counter has.
    pub(crate) fn next(&mut self, count: u32, now_ms: i64) -> UniqueId {
        assert!(count <= 1 << 16, "a batch has fewer messages than a counter has values");
        let time_ms = since_month_ms(now_ms);
        // A clock set back must not give an id twice; a new month may start over.
        if time_ms > self.time_ms || self.time_ms - time_ms > (DAY_MS as u32) {
            (self.time_ms, self.counter) = (time_ms, 0);
        }
        if self.counter + count > 1 << 16 {
            (self.time_ms, self.counter) = (self.time_ms + 1, 0);
        }
        let first = self.counter;
        self.counter += count;
        let tail = u128::from(self.time_ms) << 16 | u128::from(first);
        UniqueId(self.prefix << 48 | tail)
    }
}

/// Time since the first of its month, UTC.
fn since_month_ms(now_ms: i64) -> u32 {
    let days = now_ms.div_euclid(DAY_MS);
    let of_day = now_ms.rem_euclid(DAY_MS);
    ((day_of_month(days) - 1) * DAY_MS + of_day) as u32
}

/// Day of the month, from 1, of a day counted from 1970-01-01: Howard Hinnant's `civil_from_days`.
fn day_of_month(days: i64) -> i64 {
    let of_era = (days + 719_468).rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    of_year - (153 * month + 2) / 5 + 1
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_id_is_given_twice_also_when_the_clock_goes_back() {
        let (mut ids, mut seen) = (UniqueIds::new(), BTreeSet::new());
        for (count, now_ms) in
            [(3, 1_000), (40_000, 1_000), (40_000, 1_000), (2, 900), (1, 1_001), (5, 1_002)]
        {
            let first = ids.next(count, now_ms);
            for n in 0..count {
                assert!(seen.insert(first.plus(n).text()), "{n} of {count} at {now_ms}");
            }
        }
    }

    #[test]
    fn an_id_reads_back_and_counts_on() {
        let id = UniqueIds::new().next(300, 1_700_000_000_000);
        let mut text = IdText::of(&id.text()).unwrap();
        for n in 1..300 {
            text = text.next();
            assert_eq!(Some(text), IdText::of(&id.plus(n).text()));
        }
        assert_eq!(UniqueId::parse(&id.plus(9).text()), Some(id.plus(9)));
        assert_eq!(UniqueId::parse(b"7F0000010000"), None);
    }

    #[test]
    fn the_time_is_that_since_the_first_of_the_month() {
        // 2024-02-29T00:00:01Z and 1970-01-01.
        assert_eq!(since_month_ms(1_709_164_801_000), 28 * DAY_MS as u32 + 1_000);
        assert_eq!(since_month_ms(0), 0);
        assert_eq!(since_month_ms(-1_000), 31 * DAY_MS as u32 - 1_000);
    }
}
