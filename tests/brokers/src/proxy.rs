//! A wire between clients and a broker that can be cut, frozen, or lose one reply.
//!
//! It forwards whole frames of Kafka's protocol (a length, then, in a request, the number of the
//! call and of the request), so that it can tell calls apart.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// The call that commits or aborts a transaction.
const END_TXN: i16 = 26;

/// What the wire does.
const OPEN: u8 = 0;
const CUT: u8 = 1;
const FROZEN: u8 = 2;

/// A wire to one broker.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    wire: Arc<Wire>,
}

#[derive(Debug, Default)]
struct Wire {
    state: AtomicU8,
    /// The next reply to [`END_TXN`] is lost, with its connection.
    loses_reply: AtomicBool,
    lost: AtomicU32,
    is_over: AtomicBool,
    ends: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Listens on `port` for what is for `broker`.
    pub(crate) fn start(port: u16, broker: u16) -> Proxy {
        let wire = Arc::new(Wire::default());
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
        listener.set_nonblocking(true).expect("a listener need not block");
        let ours = Arc::clone(&wire);
        thread::spawn(move || {
            while !ours.is_over.load(Ordering::Relaxed) {
                match listener.accept() {
                    // A broker that is gone closes the connection; the client tries again.
                    Ok((client, _)) => drop(connect(client, broker, &ours)),
                    Err(_) => thread::sleep(Duration::from_millis(5)),
                }
            }
        });
        Proxy { port, wire }
    }

    /// What clients connect to.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Closes every connection and takes no new one.
    pub fn cut(&self) {
        self.wire.state.store(CUT, Ordering::SeqCst);
        self.wire.close_all();
    }

    /// Lets every connection stand, and nothing through.
    pub fn freeze(&self) {
        self.wire.state.store(FROZEN, Ordering::SeqCst);
    }

    /// Goes on.
    pub fn heal(&self) {
        self.wire.state.store(OPEN, Ordering::SeqCst);
    }

    /// Has the broker do what the next end of a transaction asks for, and loses its answer.
    pub fn lose_end_of_transaction(&self) {
        self.wire.loses_reply.store(true, Ordering::SeqCst);
    }

    /// How many answers were lost.
    #[must_use]
    pub fn lost(&self) -> u32 {
        self.wire.lost.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.wire.is_over.store(true, Ordering::Relaxed);
        self.wire.state.store(CUT, Ordering::SeqCst);
        self.wire.close_all();
    }
}

impl Wire {
    fn close_all(&self) {
        for end in self.ends.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // It may be closed already.
            let _ = end.shutdown(Shutdown::Both);
        }
    }

    /// Waits while the wire is frozen; whether it may be used.
    fn passes(&self) -> bool {
        while self.state.load(Ordering::SeqCst) == FROZEN {
            thread::sleep(Duration::from_millis(5));
        }
        self.state.load(Ordering::SeqCst) == OPEN
    }
}

/// Joins a client with the broker.
fn connect(client: TcpStream, broker: u16, wire: &Arc<Wire>) -> io::Result<()> {
    client.set_nonblocking(false)?;
    if wire.state.load(Ordering::SeqCst) == CUT {
        return Ok(());
    }
    let broker = TcpStream::connect(("127.0.0.1", broker))?;
    client.set_nodelay(true)?;
    broker.set_nodelay(true)?;
    let mut ends = wire.ends.lock().unwrap_or_else(PoisonError::into_inner);
    ends.extend([client.try_clone()?, broker.try_clone()?]);
    drop(ends);
    // Number of the request whose answer is to be lost.
    let doomed = Arc::new(Mutex::new(None));
    let (from, to, ours, asked) =
        (client.try_clone()?, broker.try_clone()?, Arc::clone(wire), Arc::clone(&doomed));
    thread::spawn(move || {
        forward(from, to, &ours, |frame| {
            let is_end = frame.get(..2).is_some_and(|call| call == END_TXN.to_be_bytes());
            if is_end && ours.loses_reply.swap(false, Ordering::SeqCst) {
                let number = frame.get(4..8).map(<[u8]>::to_vec);
                *asked.lock().unwrap_or_else(PoisonError::into_inner) = number;
            }
            true
        });
    });
    let ours = Arc::clone(wire);
    thread::spawn(move || {
        forward(broker, client, &ours, |frame| {
            let doomed = doomed.lock().unwrap_or_else(PoisonError::into_inner);
            let is_doomed = doomed.is_some() && doomed.as_deref() == frame.get(..4);
            if is_doomed {
                ours.lost.fetch_add(1, Ordering::SeqCst);
            }
            !is_doomed
        });
    });
    Ok(())
}

/// Forwards frames until an end is closed or `passes` says that this one is lost.
fn forward(
    mut from: TcpStream,
    mut to: TcpStream,
    wire: &Wire,
    mut passes: impl FnMut(&[u8]) -> bool,
) {
    let mut one = || -> io::Result<bool> {
        let mut length = [0; 4];
        from.read_exact(&mut length)?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        from.read_exact(&mut frame)?;
        if !wire.passes() || !passes(&frame) {
            return Ok(false);
        }
        to.write_all(&length)?;
        to.write_all(&frame)?;
        Ok(true)
    };
    while one().unwrap_or(false) {}
    // They may be closed already.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
