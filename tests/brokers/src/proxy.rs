//! A wire between clients and a broker that can be cut, frozen in one direction or both, be slow, or
//! lose one reply.
//!
//! It forwards whole frames of Kafka's protocol (a length, then, in a request, the number of the
//! call and of the request), so that it can tell calls apart. What is on its way arrives, however late,
//! also when the client has given up and closed its end: as in a network.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The call that commits or aborts a transaction.
const END_TXN: i16 = 26;

/// What the wire does.
const OPEN: u8 = 0;
const CUT: u8 = 1;
const FROZEN: u8 = 2;
/// Only what clients send stands still.
const MUTE: u8 = 3;
/// Only what the broker answers stands still.
const DEAF: u8 = 4;

/// A request that was on its way for so long is late: every client has given it up.
const LATE: Duration = Duration::from_secs(7);

/// Frames on their way in one direction of a connection.
const ON_THE_WAY: usize = 4_096;

/// A wire to one broker.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    wire: Arc<Wire>,
}

#[derive(Debug, Default)]
struct Wire {
    state: AtomicU8,
    /// How long a frame is on its way.
    latency_ms: AtomicU64,
    /// Requests that came late.
    late: AtomicU32,
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

    /// Lets nothing that clients send through, and everything that is answered.
    pub fn freeze_requests(&self) {
        self.wire.state.store(MUTE, Ordering::SeqCst);
    }

    /// Lets nothing that is answered through, and everything that clients send.
    pub fn freeze_answers(&self) {
        self.wire.state.store(DEAF, Ordering::SeqCst);
    }

    /// From now on every frame is on its way for so long, in both directions.
    pub fn slow_down(&self, latency: Duration) {
        self.wire.latency_ms.store(latency.as_millis() as u64, Ordering::SeqCst);
    }

    /// Goes on, and is fast for what comes now. What is on its way takes its time.
    pub fn heal(&self) {
        self.wire.latency_ms.store(0, Ordering::SeqCst);
        self.wire.state.store(OPEN, Ordering::SeqCst);
    }

    /// How many requests have reached the broker after their client had given them up.
    #[must_use]
    pub fn late(&self) -> u32 {
        self.wire.late.load(Ordering::SeqCst)
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

    /// Waits until a frame may go on, and whether it may: its time has come, and what it goes by
    /// is not frozen in this direction.
    fn passes(&self, due: Instant, frozen: u8) -> bool {
        loop {
            let state = self.state.load(Ordering::SeqCst);
            if state == CUT {
                return false;
            }
            if state != FROZEN && state != frozen && Instant::now() >= due {
                return true;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// A frame on its way.
struct Frame {
    bytes: Vec<u8>,
    sent: Instant,
    due: Instant,
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
    let (ours, asked) = (Arc::clone(wire), Arc::clone(&doomed));
    forward(&client, &broker, wire, MUTE, move |frame| {
        let is_end = frame.bytes.get(..2).is_some_and(|call| call == END_TXN.to_be_bytes());
        if is_end && ours.loses_reply.swap(false, Ordering::SeqCst) {
            let number = frame.bytes.get(4..8).map(<[u8]>::to_vec);
            *asked.lock().unwrap_or_else(PoisonError::into_inner) = number;
        }
        if frame.sent.elapsed() > LATE {
            ours.late.fetch_add(1, Ordering::SeqCst);
        }
        true
    })?;
    let ours = Arc::clone(wire);
    forward(&broker, &client, wire, DEAF, move |frame| {
        let doomed = doomed.lock().unwrap_or_else(PoisonError::into_inner);
        let is_doomed = doomed.is_some() && doomed.as_deref() == frame.bytes.get(..4);
        if is_doomed {
            ours.lost.fetch_add(1, Ordering::SeqCst);
        }
        !is_doomed
    })
}

/// Forwards frames, which stand still while the wire is `frozen`, until an end is closed or `passes`
/// says that this one is lost.
fn forward(
    from: &TcpStream,
    to: &TcpStream,
    wire: &Arc<Wire>,
    frozen: u8,
    passes: impl FnMut(&Frame) -> bool + Send + 'static,
) -> io::Result<()> {
    let (frames, on_the_way) = sync_channel(ON_THE_WAY);
    let (source, ours) = (from.try_clone()?, Arc::clone(wire));
    // An error is the end of the connection.
    thread::spawn(move || drop(take(source, &ours, &frames)));
    let (from, to, ours) = (from.try_clone()?, to.try_clone()?, Arc::clone(wire));
    thread::spawn(move || give(&on_the_way, &from, to, &ours, frozen, passes));
    Ok(())
}

/// Takes frames from one end until it is closed.
fn take(mut from: TcpStream, wire: &Wire, frames: &SyncSender<Frame>) -> io::Result<()> {
    loop {
        let mut bytes = vec![0; 4];
        from.read_exact(&mut bytes)?;
        let length = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        bytes = vec![0; length as usize];
        from.read_exact(&mut bytes)?;
        let sent = Instant::now();
        let due = sent + Duration::from_millis(wire.latency_ms.load(Ordering::SeqCst));
        if frames.send(Frame { bytes, sent, due }).is_err() {
            return Ok(());
        }
    }
}

/// Gives frames to the other end, each when it is due. One that nobody takes any more is no reason not
/// to take what comes from there; then the connection ends with the other direction.
fn give(
    frames: &Receiver<Frame>,
    from: &TcpStream,
    mut to: TcpStream,
    wire: &Wire,
    frozen: u8,
    mut passes: impl FnMut(&Frame) -> bool,
) {
    for frame in frames {
        if !wire.passes(frame.due, frozen) || !passes(&frame) {
            break;
        }
        let length = (frame.bytes.len() as u32).to_be_bytes();
        if to.write_all(&length).and_then(|()| to.write_all(&frame.bytes)).is_err()
            && frozen == MUTE
        {
            break;
        }
    }
    // They may be closed already.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
