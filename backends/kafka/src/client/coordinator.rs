//! Finds the coordinator of a group or a transaction (`FindCoordinator`, version 1), and has a member
//! leave a group (`LeaveGroup`, version 3, KIP-345).

#![deny(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // It parses foreign bytes.

use super::cluster::{Cluster, NO_TOPIC};
use crate::limits;
use crate::security::{Security, ask};
use crate::wire::string;
use seismic_queue::backend::byte_reader::Bytes;

const FIND_COORDINATOR: (i16, i16) = (10, 1);
const LEAVE_GROUP: (i16, i16) = (13, 3);

/// Error codes of the protocol: of groups and of transactional ids.
const DENIED: [i16; 2] = [30, 53];

/// The length of a text that is not there.
const NO_TEXT: i16 = -1;

/// Of what a coordinator is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Of {
    Group = 0,
    Transactions = 1,
}

/// Who coordinates.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Coordinator {
    /// We may not know.
    Denied,
    At(String, u16),
}

impl Cluster {
    /// Who coordinates that group or transactional id; `None` where no one says.
    pub(super) fn coordinator(&self, of: Of, name: &str) -> Option<Coordinator> {
        let mut body = Vec::new();
        string(&mut body, name);
        body.push(of as u8);
        let security = self.security()?;
        let brokers = self.leaders(NO_TOPIC).ok()?.at;
        let answer = brokers.values().find_map(|(host, port)| {
            ask(&security, (host, *port), limits::BROKER_WAIT, FIND_COORDINATOR, &body).ok()
        });
        coordinator(&answer?)
    }

    /// How our own connections to this cluster are protected; `None` where only librdkafka's can
    /// be.
    pub(super) fn security(&self) -> Option<Security> {
        self.settings.own_security().ok()
    }

    /// Has a member leave its group, so that no one waits for its session. `instance` is its name, if
    /// it has one of its own; a member of that name which took its place meanwhile stays. Without an
    /// answer the session ends it.
    pub(crate) fn leave_group(&self, group: &str, member: &str, instance: Option<&str>) {
        let Some(Coordinator::At(host, port)) = self.coordinator(Of::Group, group) else { return };
        let Some(security) = self.security() else { return };
        let mut body = Vec::new();
        string(&mut body, group);
        body.extend(1_i32.to_be_bytes());
        string(&mut body, member);
        match instance {
            Some(instance) => string(&mut body, instance),
            None => body.extend(NO_TEXT.to_be_bytes()),
        }
        match ask(&security, (&host, port), limits::BROKER_WAIT, LEAVE_GROUP, &body) {
            Ok(answer) => {
                let mut rest = Bytes(&answer);
                let code = rest.i32().and_then(|_throttled_ms| rest.i16());
                tracing::debug!("{member} leaves group {group}: code {}", code.unwrap_or(-1));
            }
            Err(error) => tracing::debug!("{member} cannot leave group {group}: {error}"),
        }
    }
}

fn coordinator(answer: &[u8]) -> Option<Coordinator> {
    let mut rest = Bytes(answer);
    let (_throttled_ms, error) = (rest.i32()?, rest.i16()?);
    text(&mut rest)?;
    if DENIED.contains(&error) {
        return Some(Coordinator::Denied);
    }
    let _number = rest.i32()?;
    let host = text(&mut rest)?;
    let port = u16::try_from(rest.i32()?).ok()?;
    (error == 0).then_some(Coordinator::At(host, port))
}

/// A text; one that is not there is empty.
pub(super) fn text(rest: &mut Bytes<'_>) -> Option<String> {
    match usize::try_from(rest.i16()?) {
        Ok(length) => Some(String::from_utf8_lossy(rest.take(length)?).into_owned()),
        Err(_) => Some(String::new()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_answer_is_read_without_harm(bytes: Vec<u8>) {
            let _ = coordinator(&bytes);
        }
    }

    #[test]
    fn a_coordinator_has_an_address_unless_we_may_not_know() {
        let answer =
            [&[0; 4][..], &[0, 0, 255, 255, 0, 0, 0, 1, 0, 1, b'h', 0, 0, 35, 132]].concat();
        assert_eq!(coordinator(&answer), Some(Coordinator::At("h".to_owned(), 9_092)));
        let denied = [&[0; 4][..], &[0, 30, 255, 255]].concat();
        assert_eq!(coordinator(&denied), Some(Coordinator::Denied));
    }
}
