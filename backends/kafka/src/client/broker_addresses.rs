//! Where the brokers of a cluster are: the addresses that the caller gave, and those that brokers
//! have named since.
//!
//! A client of librdkafka begins with the addresses that it is given, and learns the others by
//! itself. One that is made later begins with what the clients before it have learned, since brokers
//! that come back at other addresses, one after the other, leave none of the given ones.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::address::with_port;

/// Brokers by their numbers: host and port.
pub(crate) type Named = BTreeMap<i32, (String, u16)>;

/// Shared by all clients of a cluster.
#[derive(Debug)]
pub(crate) struct BrokerAddresses {
    /// With commas between them.
    given: Box<str>,
    named: Mutex<(Named, Option<Instant>)>,
}

/// A broker that has another address than before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) broker: i32,
    pub(crate) from: String,
    pub(crate) to: String,
}

impl BrokerAddresses {
    pub(crate) fn new(given: &str) -> BrokerAddresses {
        BrokerAddresses { given: given.into(), named: Mutex::default() }
    }

    /// The addresses that the caller gave, with commas between them.
    pub(crate) fn given(&self) -> &str {
        &self.given
    }

    /// All addresses, the given ones first, with commas between them.
    pub(crate) fn all(&self) -> String {
        let given: Vec<String> = self.given.split(',').map(with_port).collect();
        let mut all = self.given.to_string();
        for at in self.lock().0.values().map(address) {
            if !given.contains(&at) {
                all.push(',');
                all.push_str(&at);
            }
        }
        all
    }

    /// Takes over where brokers are; which of them were elsewhere before. An answer that names none
    /// says nothing.
    pub(crate) fn learn(&self, named: Named) -> Vec<Moved> {
        if named.is_empty() {
            return Vec::new();
        }
        let mut known = self.lock();
        let moved = |(&broker, to): (&i32, &(String, u16))| {
            let from = known.0.get(&broker).filter(|from| *from != to)?;
            Some(Moved { broker, from: address(from), to: address(to) })
        };
        let moved = named.iter().filter_map(moved).collect();
        *known = (named, Some(Instant::now()));
        moved
    }

    /// Whether a broker has named them within that time.
    pub(crate) fn is_newer_than(&self, age: Duration) -> bool {
        self.lock().1.is_some_and(|named| named.elapsed() < age)
    }

    fn lock(&self) -> MutexGuard<'_, (Named, Option<Instant>)> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `host:port`, as librdkafka takes it.
fn address((host, port): &(String, u16)) -> String {
    match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(all: &[(i32, &str, u16)]) -> Named {
        all.iter().map(|&(id, host, port)| (id, (host.to_owned(), port))).collect()
    }

    #[test]
    fn clients_begin_with_the_given_addresses_and_with_those_that_brokers_named_last() {
        let addresses = BrokerAddresses::new("a,b:1");
        assert_eq!(addresses.all(), "a,b:1");
        addresses.learn(named(&[(1, "a", 9_092), (2, "b", 2), (3, "::1", 3)]));
        assert_eq!(addresses.all(), "a,b:1,b:2,[::1]:3");
        addresses.learn(named(&[(2, "c", 2)]));
        assert_eq!(addresses.all(), "a,b:1,c:2");
    }

    #[test]
    fn a_broker_with_another_address_than_before_has_moved() {
        let addresses = BrokerAddresses::new("a");
        assert!(!addresses.is_newer_than(Duration::MAX));
        assert_eq!(addresses.learn(named(&[(1, "a", 1), (2, "b", 2)])), []);
        let moved = Moved { broker: 2, from: "b:2".to_owned(), to: "b:3".to_owned() };
        assert_eq!(addresses.learn(named(&[(2, "b", 3), (4, "d", 4)])), [moved]);
        assert_eq!(addresses.learn(Named::new()), [], "who names none says nothing");
        assert_eq!(addresses.all(), "a,b:3,d:4");
        assert!(addresses.is_newer_than(Duration::MAX));
    }
}
