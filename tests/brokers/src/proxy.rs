//! A proxy between clients and a server that can cut the connection, freeze one or both directions,
//! delay, or lose one response.
//!
//! It forwards whole frames, each with its length before it, so that it can tell calls apart: those
//! of Kafka by the numbers a frame begins with, those of RocketMQ by their JSON header. PostgreSQL
//! has a letter before the length, but for the first frame, and answers in order. MySQL has three
//! bytes of length and a number behind them, and answers in order. Redis and HTTP say no length of the
//! whole: what comes at once is a frame. What is on its way arrives, however late,
//! also when the client has given up and closed its end: as in a network.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Kafka's call that commits or aborts a transaction.
const END_TXN: u16 = 26;

/// What the wire does.
const OPEN: u8 = 0;
const CUT: u8 = 1;
const FROZEN: u8 = 2;
/// Only what clients send is frozen.
const MUTE: u8 = 3;
/// Only what the server answers is frozen.
const DEAF: u8 = 4;

/// A request that was on its way for that long is late: every client has given it up.
const LATE: Duration = Duration::from_secs(7);

/// Frames on their way in one direction of a connection.
const ON_THE_WAY: usize = 4_096;

/// What is taken at once of a connection without frames.
const PIECE: usize = 64 << 10;

/// How calls are distinguished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Kafka,
    MySql,
    RocketMq,
    Postgres,
    Redis,
    Http,
}

/// A wire to one server.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    wire: Arc<Wire>,
}

struct Wire {
    protocol: Protocol,
    state: AtomicU8,
    /// How long a frame is on its way.
    latency_ms: AtomicU64,
    /// Requests that came late.
    late: AtomicU32,
    /// The answer to the next request of which this is true is lost, with its connection.
    is_doomed: Mutex<Option<Doom>>,
    lost: AtomicU32,
    /// Frames that still pass before connections break, in each direction.
    requests_left: AtomicI64,
    answers_left: AtomicI64,
    is_over: AtomicBool,
    /// How many clients have connected.
    connections: AtomicU32,
    ends: Mutex<Vec<TcpStream>>,
    /// Text that answers have in place of other text of the same length.
    rewrites: Mutex<Vec<(String, String)>>,
}

type Doom = Box<dyn Fn(&[u8]) -> bool + Send>;

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Protocol {
    /// Whether what is sent says how long it is.
    fn has_frames(self) -> bool {
        !matches!(self, Protocol::Redis | Protocol::Http)
    }

    /// What a frame says, behind its length.
    fn body(self, frame: &mut [u8]) -> &mut [u8] {
        let begin = if self.has_frames() { 4 } else { 0 };
        &mut frame[begin..]
    }

    /// The number of a request, which its answer has too.
    fn number(self, is_request: bool, frame: &[u8]) -> Option<Vec<u8>> {
        match (self, is_request) {
            (Protocol::Kafka, true) => frame.get(4..8).map(<[u8]>::to_vec),
            (Protocol::Kafka, false) => frame.get(..4).map(<[u8]>::to_vec),
            // The next answer is that of the request.
            (Protocol::MySql | Protocol::Postgres | Protocol::Redis | Protocol::Http, _) => {
                Some(Vec::new())
            }
            (Protocol::RocketMq, _) => {
                let name = b"\"opaque\":";
                let at = find(frame, name)? + name.len();
                let is_digit = |byte: &&u8| byte.is_ascii_digit();
                Some(frame[at..].iter().take_while(is_digit).copied().collect())
            }
        }
    }
}

impl Proxy {
    /// Listens on `port` for what is for the `server` of that port.
    pub(crate) fn start(port: u16, server: u16, protocol: Protocol) -> Proxy {
        let wire = Arc::new(Wire {
            protocol,
            state: AtomicU8::new(OPEN),
            latency_ms: AtomicU64::new(0),
            late: AtomicU32::new(0),
            is_doomed: Mutex::new(None),
            lost: AtomicU32::new(0),
            requests_left: AtomicI64::new(i64::MAX),
            answers_left: AtomicI64::new(i64::MAX),
            is_over: AtomicBool::new(false),
            connections: AtomicU32::new(0),
            ends: Mutex::default(),
            rewrites: Mutex::default(),
        });
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
        listener.set_nonblocking(true).expect("a listener need not block");
        let ours = Arc::clone(&wire);
        thread::spawn(move || {
            while !ours.is_over.load(Ordering::Relaxed) {
                match listener.accept() {
                    // A server that is gone closes the connection; the client retries.
                    Ok((client, _)) => {
                        ours.connections.fetch_add(1, Ordering::Relaxed);
                        drop(connect(client, server, &ours));
                    }
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

    /// Answers have `to` wherever the server says `from`.
    ///
    /// # Panics
    /// When the two are not of the same length: frames say how long they are.
    pub(crate) fn rewrite(&self, from: String, to: String) {
        assert_eq!(from.len(), to.len(), "{from} and {to}");
        lock(&self.wire.rewrites).push((from, to));
    }

    /// How many connections clients have made.
    #[must_use]
    pub fn connections(&self) -> u32 {
        self.wire.connections.load(Ordering::Relaxed)
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

    /// From now on every frame is on its way for that long, in both directions.
    pub fn slow_down(&self, latency: Duration) {
        self.wire.latency_ms.store(latency.as_millis() as u64, Ordering::SeqCst);
    }

    /// Continues, and is fast for what comes now. What is on its way takes its time.
    pub fn heal(&self) {
        self.slow_down(Duration::ZERO);
        self.wire.state.store(OPEN, Ordering::SeqCst);
    }

    /// How many requests have reached the server after their client had given them up.
    #[must_use]
    pub fn late(&self) -> u32 {
        self.wire.late.load(Ordering::SeqCst)
    }

    /// Has the broker do what the next end of a transaction asks for, and loses its answer.
    pub fn lose_end_of_transaction(&self) {
        let is_end = |frame: &[u8]| frame.starts_with(&END_TXN.to_be_bytes());
        *lock(&self.wire.is_doomed) = Some(Box::new(is_end));
    }

    /// Has the broker do what the next request with this text asks for, and loses its answer.
    pub fn lose_answer_to(&self, text: &str) {
        let text = text.to_owned();
        let has_it = move |frame: &[u8]| find(frame, text.as_bytes()).is_some();
        *lock(&self.wire.is_doomed) = Some(Box::new(has_it));
    }

    /// Breaks the connection of the request after that many more, which does not arrive. Later ones
    /// pass.
    pub fn break_after_requests(&self, requests: u32) {
        self.wire.requests_left.store(requests.into(), Ordering::SeqCst);
    }

    /// Breaks the connection of the answer after that many more, which does not arrive. Later ones
    /// pass.
    pub fn break_after_answers(&self, answers: u32) {
        self.wire.answers_left.store(answers.into(), Ordering::SeqCst);
    }

    /// How many requests have passed, where none was to break a connection.
    #[must_use]
    pub fn requests(&self) -> u32 {
        (i64::MAX - self.wire.requests_left.load(Ordering::SeqCst)) as u32
    }

    /// How many answers have passed, where none was to break a connection.
    #[must_use]
    pub fn answers(&self) -> u32 {
        (i64::MAX - self.wire.answers_left.load(Ordering::SeqCst)) as u32
    }

    /// Whether the connection that was to be broken is.
    #[must_use]
    pub fn has_broken(&self) -> bool {
        let left = [&self.wire.requests_left, &self.wire.answers_left];
        left.iter().any(|left| left.load(Ordering::SeqCst) < 0)
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
        for end in lock(&self.ends).drain(..) {
            // It may be closed already.
            let _ = end.shutdown(Shutdown::Both);
        }
    }

    /// Waits until a frame may continue, and whether it may: its time has come, and what it goes by
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

    /// Whether this request is the one whose answer is to be lost; there is only one.
    fn dooms(&self, frame: &[u8]) -> bool {
        let mut doomed = lock(&self.is_doomed);
        let is_it = doomed.as_ref().is_some_and(|is_doomed| is_doomed(frame));
        if is_it {
            *doomed = None;
        }
        is_it
    }

    fn rewritten(&self, frame: &mut [u8]) {
        for (from, to) in &*lock(&self.rewrites) {
            while let Some(at) = find(frame, from.as_bytes()) {
                frame[at..at + to.len()].copy_from_slice(to.as_bytes());
            }
        }
    }
}

/// Joins a client with the server.
fn connect(client: TcpStream, server: u16, wire: &Arc<Wire>) -> io::Result<()> {
    client.set_nonblocking(false)?;
    if wire.state.load(Ordering::SeqCst) == CUT {
        return Ok(());
    }
    let server = TcpStream::connect(("127.0.0.1", server))?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    lock(&wire.ends).extend([client.try_clone()?, server.try_clone()?]);
    // Number of the request whose answer is to be lost.
    let doomed = Arc::new(Mutex::new(None));
    let (ours, asked) = (Arc::clone(wire), Arc::clone(&doomed));
    forward(&client, &server, wire, MUTE, move |frame| {
        if ours.requests_left.fetch_sub(1, Ordering::SeqCst) == 0 {
            return false;
        }
        if ours.dooms(ours.protocol.body(&mut frame.bytes)) {
            *lock(&asked) = ours.protocol.number(true, ours.protocol.body(&mut frame.bytes));
        }
        if frame.sent.elapsed() > LATE {
            ours.late.fetch_add(1, Ordering::SeqCst);
        }
        true
    })?;
    let ours = Arc::clone(wire);
    forward(&server, &client, wire, DEAF, move |frame| {
        if ours.answers_left.fetch_sub(1, Ordering::SeqCst) == 0 {
            return false;
        }
        let body = ours.protocol.body(&mut frame.bytes);
        ours.rewritten(body);
        let doomed = lock(&doomed);
        let is_doomed = doomed.is_some() && *doomed == ours.protocol.number(false, body);
        if is_doomed {
            ours.lost.fetch_add(1, Ordering::SeqCst);
        }
        !is_doomed
    })
}

/// A frame on its way, its length before it.
struct Frame {
    bytes: Vec<u8>,
    sent: Instant,
    due: Instant,
}

/// Forwards frames, which freeze while the wire is `frozen`, until an end is closed or `passes`
/// says that this one is lost.
fn forward(
    from: &TcpStream,
    to: &TcpStream,
    wire: &Arc<Wire>,
    frozen: u8,
    passes: impl FnMut(&mut Frame) -> bool + Send + 'static,
) -> io::Result<()> {
    let (frames, on_the_way) = sync_channel(ON_THE_WAY);
    let (source, ours) = (from.try_clone()?, Arc::clone(wire));
    // An error is the end of the connection.
    let is_request = frozen == MUTE;
    thread::spawn(move || drop(take(source, &ours, &frames, is_request)));
    let (from, to, ours) = (from.try_clone()?, to.try_clone()?, Arc::clone(wire));
    thread::spawn(move || give(&on_the_way, &from, to, &ours, frozen, passes));
    Ok(())
}

/// Takes frames from one end until it is closed.
fn take(
    mut from: TcpStream,
    wire: &Wire,
    frames: &SyncSender<Frame>,
    is_request: bool,
) -> io::Result<()> {
    // The first request of PostgreSQL has no letter.
    let mut has_letter = wire.protocol == Protocol::Postgres && !is_request;
    loop {
        let bytes = read_frame(&mut from, wire.protocol, has_letter)?;
        has_letter = wire.protocol == Protocol::Postgres;
        let sent = Instant::now();
        let due = sent + Duration::from_millis(wire.latency_ms.load(Ordering::SeqCst));
        if frames.send(Frame { bytes, sent, due }).is_err() {
            return Ok(());
        }
    }
}

/// Gives frames to the other end, each when it is due. One that no one takes any more is no reason
/// not to take what comes from there; then the connection ends with the other direction.
fn give(
    frames: &Receiver<Frame>,
    from: &TcpStream,
    mut to: TcpStream,
    wire: &Wire,
    frozen: u8,
    mut passes: impl FnMut(&mut Frame) -> bool,
) {
    for mut frame in frames {
        if !wire.passes(frame.due, frozen) || !passes(&mut frame) {
            break;
        }
        if to.write_all(&frame.bytes).is_err() && frozen == MUTE {
            break;
        }
    }
    // They may be closed already.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

/// The next frame, with its length, and the letter before it that is not counted in it. PostgreSQL
/// counts the length itself, too.
fn read_frame(from: &mut TcpStream, protocol: Protocol, has_letter: bool) -> io::Result<Vec<u8>> {
    if !protocol.has_frames() {
        let mut frame = vec![0; PIECE];
        let length = from.read(&mut frame)?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        frame.truncate(length);
        return Ok(frame);
    }
    let mut frame = vec![0; if has_letter { 5 } else { 4 }];
    from.read_exact(&mut frame)?;
    let (begin, mut length) = (frame.len(), [0; 4]);
    length.copy_from_slice(&frame[begin - 4..]);
    if protocol == Protocol::MySql {
        let [a, b, c, _] = length;
        length = [0, c, b, a];
    }
    let counted = if protocol == Protocol::Postgres { 4 } else { 0 };
    let length = (u32::from_be_bytes(length) as usize).saturating_sub(counted);
    frame.resize(begin + length, 0);
    from.read_exact(&mut frame[begin..])?;
    Ok(frame)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|part| part == what)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
