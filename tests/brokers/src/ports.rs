//! Free loopback ports.

use std::net::TcpListener;

/// `count` ports that nobody listens on now. They are free again when this returns, so another
/// process may take one first: a broker that cannot bind says so in its log and does not start.
pub(crate) fn free(count: usize) -> Vec<u16> {
    let bind = |_| TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    let held: Vec<TcpListener> = (0..count).map(bind).collect();
    let port = |held: &TcpListener| held.local_addr().expect("it is bound").port();
    held.iter().map(port).collect()
}
