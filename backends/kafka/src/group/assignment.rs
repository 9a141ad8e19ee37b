//! The assignment of a group member, as the group coordinator stores it: the format of Kafka's own
//! consumers (`ConsumerProtocolAssignment` of the protocol, versions 0 to 3).
//!
//! Numbers are big endian: version (i16), number of topics (i32), for each its name (length as i16,
//! bytes), number of partitions (i32) and the partitions (i32), then user data, which is ignored.

#![deny(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // It parses foreign bytes.

use crate::client::connection::partition;
use seismic_queue::Partition;

/// The partitions of `topic` in an assignment; none when it cannot be read.
pub(crate) fn partitions(assignment: &[u8], topic: &str) -> Vec<Partition> {
    parse(assignment, topic).unwrap_or_default()
}

fn parse(bytes: &[u8], wanted: &str) -> Option<Vec<Partition>> {
    let mut rest = bytes;
    let _version = read_array::<2>(&mut rest)?;
    let topics = i32::from_be_bytes(read_array(&mut rest)?);
    let mut found = Vec::new();
    for _ in 0..topics {
        let length = usize::try_from(i16::from_be_bytes(read_array(&mut rest)?)).ok()?;
        let (name, behind) = rest.split_at_checked(length)?;
        rest = behind;
        for _ in 0..i32::from_be_bytes(read_array(&mut rest)?) {
            let number = i32::from_be_bytes(read_array(&mut rest)?);
            if name == wanted.as_bytes() && number >= 0 {
                found.push(partition(number));
            }
        }
    }
    Some(found)
}

fn read_array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (field, behind) = rest.split_first_chunk::<N>()?;
    *rest = behind;
    Some(*field)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "tests may")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(topics: &[(&str, &[i32])]) -> Vec<u8> {
        let mut bytes = vec![0, 1];
        bytes.extend((topics.len() as i32).to_be_bytes());
        for (name, partitions) in topics {
            bytes.extend((name.len() as i16).to_be_bytes());
            bytes.extend(name.as_bytes());
            bytes.extend((partitions.len() as i32).to_be_bytes());
            partitions.iter().for_each(|number| bytes.extend(number.to_be_bytes()));
        }
        bytes.extend((-1_i32).to_be_bytes());
        bytes
    }

    #[test]
    fn partitions_of_the_topic_are_found_among_others() {
        let bytes = encoded(&[("other", &[0, 1]), ("data", &[2, 5]), ("data2", &[7])]);
        assert_eq!(partitions(&bytes, "data"), [Partition(2), Partition(5)]);
        assert_eq!(partitions(&bytes, "missing"), []);
        assert_eq!(partitions(&[], "data"), [], "a member that was given nothing yet");
    }

    #[test]
    fn what_is_cut_gives_nothing() {
        let bytes = encoded(&[("data", &[2, 5])]);
        // The last four bytes say that there is nothing more.
        for length in 0..bytes.len() - 4 {
            assert_eq!(partitions(&bytes[..length], "data"), []);
        }
    }

    proptest! {
        #[test]
        fn random_bytes_are_read_without_harm(bytes: Vec<u8>) {
            partitions(&bytes, "data");
        }
    }
}
