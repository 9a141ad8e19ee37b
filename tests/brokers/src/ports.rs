//! Free loopback ports.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::process;
use std::sync::{Mutex, PoisonError};

/// Ports that no system gives to outgoing connections on its own (Linux: from 32,768 on): one of
/// those could take a port between the time it is found here and the time a broker binds it.
const FIRST: u16 = 10_000;
const COUNT: u16 = 5_500;

/// Ports between two that are given: some brokers listen on those below theirs, too.
const APART: u16 = 4;

/// How far the search of each process begins from that of the process before it.
const STRIDE: u32 = 997;

/// `count` ports that no one listens on now and that this process was not given before. They are
/// free again when this returns, so another process may take one first: a broker that cannot bind
/// says so in its log and does not start.
pub(crate) fn free(count: usize) -> Vec<u16> {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let begin = (process::id().wrapping_mul(STRIDE) % u32::from(COUNT)) as u16;
    let is_free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let ports = search(begin, &mut given, count, is_free);
    assert_eq!(ports.len(), count, "loopback has no free ports");
    ports
}

/// Up to `count` ports from the `begin`th on that are free, and not among those that were given. One
/// that was given is not looked at: whoever has it may be about to bind it.
fn search(
    begin: u16,
    given: &mut BTreeSet<u16>,
    count: usize,
    is_free: impl Fn(u16) -> bool,
) -> Vec<u16> {
    let ports = (0..COUNT).map(|i| FIRST + (begin + i) % COUNT * APART);
    let unknown = ports.filter(|&port| given.insert(port));
    unknown.filter(|&port| is_free(port)).take(count).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn a_port_that_was_looked_at_once_is_not_looked_at_again() {
        let (mut given, looked_at) = (BTreeSet::new(), RefCell::new(BTreeSet::new()));
        let is_free = |port: u16| {
            let is_new = looked_at.borrow_mut().insert(port);
            assert!(is_new, "{port} was looked at before: whoever has it could not bind it");
            !port.is_multiple_of(3)
        };
        let mut ports = BTreeSet::new();
        // The second search comes round to where the first one began.
        for (begin, count) in [(COUNT - 2, 5), (COUNT - 9, 10), (0, 3)] {
            let found = search(begin, &mut given, count, is_free);
            assert_eq!(found.len(), count);
            ports.extend(found);
        }
        assert_eq!(ports.len(), 18, "nobody has the port of another");
        assert_eq!(given, *looked_at.borrow());
    }
}
