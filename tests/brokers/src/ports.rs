//! Free loopback ports.

use std::collections::HashSet;
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
    static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let given = given.get_or_insert_default();
    let begin = (process::id().wrapping_mul(STRIDE) % u32::from(COUNT)) as u16;
    let ports = (0..COUNT).map(|i| FIRST + (begin + i) % COUNT * APART);
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    // One that was given is not looked at: whoever has it may be about to bind it.
    let unknown = ports.filter(|&port| given.insert(port));
    let ports: Vec<u16> = unknown.filter(is_free).take(count).collect();
    assert_eq!(ports.len(), count, "loopback has no free ports");
    ports
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_port_that_was_given_can_be_bound_while_others_look_for_theirs() {
        let port = free(1)[0];
        thread::scope(|scope| {
            let others = scope.spawn(|| (0..200).for_each(|_| drop(free(1))));
            while !others.is_finished() {
                TcpListener::bind(("127.0.0.1", port)).expect("it was given to nobody else");
            }
        });
    }
}
