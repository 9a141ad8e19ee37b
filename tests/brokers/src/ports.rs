//! Free loopback ports.

use std::collections::HashSet;
use std::net::TcpListener;
use std::sync::{Mutex, PoisonError};

/// `count` ports that nobody listens on now and that this process was not given before. They are free
/// again when this returns, so another process may take one first: a broker that cannot bind says so
/// in its log and does not start.
pub(crate) fn free(count: usize) -> Vec<u16> {
    static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let given = given.get_or_insert_default();
    // Held until there are enough, so that none comes twice.
    let (mut held, mut ports) = (Vec::new(), Vec::new());
    while ports.len() < count {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        if given.insert(port) {
            ports.push(port);
        }
        held.push(listener);
    }
    ports
}
