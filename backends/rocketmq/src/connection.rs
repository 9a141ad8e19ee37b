//! One socket to a nameserver or broker, encrypted or not: requests are sent one after the other
//! without waiting, and responses are matched to their callers by number (`opaque`).
//!
//! A thread reads. When the connection ends for any reason, all waiting callers get an error at
//! once and nothing more is sent on it; the owner opens a new one. Requests from the broker are
//! ignored, since nothing here needs them.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::limits;
use crate::protocol::frame::{Frame, Request};
use crate::protocol::sign::Credentials;
use crate::tls::{Session, Tls};

/// What became of a request.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Its number, as [`Connection::send`] gave it.
    pub(crate) opaque: i32,
    pub(crate) outcome: Result<Frame>,
}

/// Who we are to servers, and how we speak to them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    /// With which requests are signed.
    pub(crate) credentials: Option<Credentials>,
    /// `None`: not encrypted.
    pub(crate) tls: Option<Tls>,
}

/// A live or dead connection.
#[derive(Debug)]
pub(crate) struct Connection {
    shared: Arc<Shared>,
    credentials: Option<Credentials>,
}

#[derive(Debug)]
struct Shared {
    at: String,
    stream: TcpStream,
    session: Option<Session>,
    /// Held while a frame is written, so that frames never mix.
    writing: Mutex<()>,
    state: Mutex<Requests>,
}

#[derive(Debug, Default)]
struct Requests {
    waiting: HashMap<i32, Sender<Answer>>,
    /// Why it ended.
    lost: Option<String>,
}

/// Numbers of requests: one count for all connections, so that an answer of an old connection is
/// never taken for one of a new.
static OPAQUE: AtomicI32 = AtomicI32::new(1);

impl Connection {
    /// Connects to `host:port`.
    ///
    /// # Errors
    /// [`Error::Unreachable`], [`Error::Untrusted`].
    pub(crate) fn open(at: &str, identity: &Identity) -> Result<Connection> {
        let unreachable = |source| Error::Unreachable { at: at.to_owned(), source };
        let stream = connect(at).map_err(unreachable)?;
        let session = identity.tls.as_ref().map(|tls| tls.shake_hands(at, &stream)).transpose()?;
        let shared = Arc::new(Shared {
            at: at.to_owned(),
            stream,
            session,
            writing: Mutex::default(),
            state: Mutex::default(),
        });
        let reader = Arc::clone(&shared);
        let read = move || {
            let why = read_frames(&reader);
            reader.lose(&why);
        };
        let named = thread::Builder::new().name(format!("rocketmq {at}"));
        named.spawn(read).map_err(unreachable)?;
        Ok(Connection { shared, credentials: identity.credentials.clone() })
    }

    /// Whether it has ended.
    pub(crate) fn is_lost(&self) -> bool {
        self.shared.state().lost.is_some()
    }

    /// Ends it: all who wait get `why`.
    pub(crate) fn lose(&self, why: &str) {
        self.shared.lose(why);
    }

    /// Sends a request; its answer, or the end of the connection, goes to `to`.
    ///
    /// # Errors
    /// [`Error::Frame`] when it is too long, [`Error::Lost`] when the connection has ended: then
    /// nothing was sent and `to` hears nothing.
    pub(crate) fn send(&self, mut request: Request, to: &Sender<Answer>) -> Result<i32> {
        if let Some(credentials) = &self.credentials {
            credentials.sign(&mut request);
        }
        let opaque = OPAQUE.fetch_add(1, Ordering::Relaxed);
        let head = request.head(opaque)?;
        {
            let mut state = self.shared.state();
            if let Some(why) = &state.lost {
                return Err(Error::Lost { at: self.shared.at.clone(), why: why.clone() });
            }
            state.waiting.insert(opaque, to.clone());
        }
        if let Err(error) = self.shared.write(&[&head, &request.body]) {
            // Part of it may have gone out: the waiting call fails: the connection is lost.
            self.shared.lose(&format!("sending failed: {error}"));
        }
        Ok(opaque)
    }

    /// Sends a request and waits for its answer. One that does not come in time ends the
    /// connection: it may be half open.
    ///
    /// # Errors
    /// [`Error::Silent`], [`Error::Lost`].
    pub(crate) fn call(
        &self,
        request: Request,
        doing: &'static str,
        wait: Duration,
    ) -> Result<Frame> {
        let (to, answers) = mpsc::channel();
        self.send(request, &to)?;
        drop(to);
        match answers.recv_timeout(wait) {
            Ok(answer) => answer.outcome,
            Err(RecvTimeoutError::Timeout) => {
                let (at, seconds) = (self.shared.at.clone(), wait.as_secs());
                self.lose("it does not answer");
                Err(Error::Silent { at, doing, seconds })
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err(Error::Lost { at: self.shared.at.clone(), why: "no answer".to_owned() })
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.lose("it was closed here");
    }
}

impl Shared {
    /// Every change of the state is made in one step, so one that a panic left behind is whole.
    fn state(&self) -> MutexGuard<'_, Requests> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, parts: &[&[u8]]) -> io::Result<()> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stream = &self.stream;
        match &self.session {
            Some(session) => stream.write_all(&session.seal(parts)?),
            None => parts.iter().try_for_each(|part| stream.write_all(part)),
        }
    }

    fn lose(&self, why: &str) {
        let mut state = self.state();
        state.lost.get_or_insert_with(|| why.to_owned());
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        // Wakes the thread that reads. An error means that it is closed already.
        let _ = self.stream.shutdown(Shutdown::Both);
        for (opaque, to) in waiting {
            let lost = Error::Lost { at: self.at.clone(), why: why.to_owned() };
            let _ = to.send(Answer { opaque, outcome: Err(lost) });
        }
    }
}

fn connect(at: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in at.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, limits::CONNECT) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_write_timeout(Some(limits::CALL))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Hands answers on until the connection ends, and says why it did.
fn read_frames(shared: &Shared) -> String {
    let mut plain = &shared.stream;
    let mut opener = shared.session.as_ref().map(|session| session.opener(&shared.stream));
    let from: &mut dyn Read = match &mut opener {
        Some(opener) => opener,
        None => &mut plain,
    };
    loop {
        let frame = match read_frame(&mut *from) {
            Ok(Some(bytes)) => Frame::decode(bytes),
            Ok(None) => return "the other side closed it".to_owned(),
            Err(error) => return error.to_string(),
        };
        match frame {
            Ok(frame) if frame.is_response => {
                let to = shared.state().waiting.remove(&frame.opaque);
                if let Some(to) = to {
                    // Whoever asked may have given up.
                    let _ = to.send(Answer { opaque: frame.opaque, outcome: Ok(frame) });
                }
            }
            Ok(_asked_by_the_broker) => {}
            Err(error) => return error.to_string(),
        }
    }
}

/// The next frame without its length; `None` at the end. Memory grows with what arrives, not with
/// what a length claims.
fn read_frame(mut from: impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    if let Err(error) = from.read_exact(&mut length) {
        let is_end = error.kind() == io::ErrorKind::UnexpectedEof;
        return if is_end { Ok(None) } else { Err(error) };
    }
    let len = u32::from_be_bytes(length) as usize;
    if len > limits::FRAME_BYTES {
        let text = format!("a frame of {len} bytes is longer than the limit");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    let mut bytes = Vec::with_capacity(len.min(limits::READ_AHEAD_BYTES));
    from.take(len as u64).read_to_end(&mut bytes)?;
    if bytes.len() < len {
        return Ok(None);
    }
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Instant;

    use super::*;

    /// A server that does `serve` with each connection.
    fn server(serve: impl Fn(TcpStream) + Send + 'static) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap().to_string();
        thread::spawn(move || listener.incoming().for_each(|stream| serve(stream.unwrap())));
        at
    }

    fn answer(opaque: i32, remark: &str) -> Vec<u8> {
        let header = format!(r#"{{"code":0,"flag":1,"opaque":{opaque},"remark":"{remark}"}}"#);
        let len = header.len() as u32;
        [&(len + 4).to_be_bytes()[..], &len.to_be_bytes(), header.as_bytes()].concat()
    }

    fn request_of(mut stream: &TcpStream) -> Frame {
        Frame::decode(read_frame(&mut stream).unwrap().unwrap()).unwrap()
    }

    #[test]
    fn answers_out_of_order_reach_those_who_asked() {
        let at = server(|mut stream| {
            let (a, b) = (request_of(&stream), request_of(&stream));
            stream.write_all(&answer(999_999, "nobody's")).unwrap();
            for frame in [b, a] {
                stream.write_all(&answer(frame.opaque, &frame.code.to_string())).unwrap();
            }
        });
        let connection = Connection::open(&at, &Identity::default()).unwrap();
        let (to, answers) = mpsc::channel();
        let sent = [11, 22].map(|code| (connection.send(Request::new(code), &to).unwrap(), code));
        for _ in sent {
            let answer = answers.recv_timeout(Duration::from_secs(20)).unwrap();
            let code = sent.iter().find(|(opaque, _)| *opaque == answer.opaque).unwrap().1;
            assert_eq!(answer.outcome.unwrap().remark, code.to_string());
        }
    }

    #[test]
    fn all_who_wait_are_told_at_once_when_the_other_side_goes_away() {
        let at = server(|stream| drop((request_of(&stream), request_of(&stream))));
        let connection = Connection::open(&at, &Identity::default()).unwrap();
        let (to, answers) = mpsc::channel();
        let began = Instant::now();
        for code in [1, 2] {
            connection.send(Request::new(code), &to).unwrap();
        }
        for _ in 0..2 {
            let answer = answers.recv_timeout(Duration::from_secs(20)).unwrap();
            assert!(matches!(answer.outcome, Err(Error::Lost { .. })), "{answer:?}");
        }
        assert!(began.elapsed() < limits::CALL, "not by a timeout");
        assert!(connection.is_lost());
        let error = connection.send(Request::new(3), &to).unwrap_err();
        assert!(matches!(error, Error::Lost { .. }), "{error}");
    }

    #[test]
    fn a_connection_that_does_not_answer_is_given_up() {
        let at = server(|stream| {
            request_of(&stream);
            thread::sleep(Duration::from_secs(60));
        });
        let connection = Connection::open(&at, &Identity::default()).unwrap();
        let error = connection.call(Request::new(1), "testing", Duration::from_millis(50));
        assert!(matches!(error, Err(Error::Silent { doing: "testing", .. })), "{error:?}");
        assert!(connection.is_lost());
    }

    #[test]
    fn a_frame_longer_than_the_limit_or_not_a_frame_ends_the_connection() {
        for bytes in [&u32::MAX.to_be_bytes()[..], &[0, 0, 0, 4, 9, 9, 9, 9], &[0, 0, 0, 0]] {
            let bytes = bytes.to_vec();
            let at = server(move |mut stream| {
                request_of(&stream);
                stream.write_all(&bytes).unwrap();
                thread::sleep(Duration::from_secs(60));
            });
            let connection = Connection::open(&at, &Identity::default()).unwrap();
            let error = connection.call(Request::new(1), "testing", limits::CALL).unwrap_err();
            assert!(matches!(error, Error::Lost { .. }), "{error}");
        }
    }

    #[test]
    fn a_length_alone_reserves_no_memory() {
        let claims = (limits::FRAME_BYTES as u32).to_be_bytes();
        assert!(read_frame(&claims[..]).unwrap().is_none());
        let mut bytes = claims.to_vec();
        bytes.extend([0; 100]);
        assert!(read_frame(&bytes[..]).unwrap().is_none(), "cut off");
    }

    #[test]
    fn nobody_there_is_said_with_the_address() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap().to_string();
        drop(listener);
        let error = Connection::open(&at, &Identity::default()).unwrap_err();
        assert!(matches!(&error, Error::Unreachable { .. }) && error.to_string().contains(&at));
    }
}
