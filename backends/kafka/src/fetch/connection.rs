//! A connection to the leader of partitions: one request in flight at a time, whose response is
//! read into a buffer that is used again.
//!
//! Nothing here blocks: the owner polls all its connections at once. After an error the connection
//! is discarded, and the owner opens a new one.

use std::io::{self, Read as _, Write as _};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use super::eligibility::FetchSettings;
use super::request::FetchPosition;
use crate::limits;
use crate::security::{OpenError, Opened, Security, Stream};

/// Where a broker is.
pub(super) type BrokerAddress = (String, u16);

/// A connection.
pub(super) struct BrokerConnection {
    stream: Stream,
    /// What is still to be sent.
    out: Vec<u8>,
    sent: usize,
    frame: Incoming,
    /// When something was sent or came last.
    heard: Instant,
    /// The broker has said that it speaks our version.
    pub(super) is_version_known: bool,
    pub(super) in_flight: Option<RequestInFlight>,
    /// When its login should be renewed.
    pub(super) renew_at: Option<Instant>,
    /// The connection that takes its place.
    pub(super) renewal: Option<Receiver<Result<Opened, OpenError>>>,
    next_number: i32,
}

/// A question under way.
pub(super) struct RequestInFlight {
    pub(super) number: i32,
    pub(super) at: Vec<FetchPosition>,
}

/// A frame that comes in.
#[derive(Default)]
struct Incoming {
    length: [u8; 4],
    /// Of the length and the frame together.
    filled: usize,
    /// Memory; what lies beyond what is filled means nothing.
    bytes: Vec<u8>,
}

/// Connects in a thread of its own, which ends with that: names and hosts that do not answer must
/// not hold up who reads, and neither must handshakes.
pub(super) fn open(
    (host, port): BrokerAddress,
    settings: &FetchSettings,
    security: &Security,
) -> Receiver<Result<Opened, OpenError>> {
    let (to, opened) = mpsc::channel();
    let (security, patience, client) =
        (security.clone(), settings.patience, settings.client.clone());
    let connect = move || {
        // Who asked may have gone.
        let _ = to.send(security.open((&host, port), patience, &client));
    };
    // Without a thread the channel ends, which is a failure too.
    drop(thread::Builder::new().name("kafka connect".to_owned()).spawn(connect));
    opened
}

impl BrokerConnection {
    pub(super) fn new(opened: Opened) -> BrokerConnection {
        BrokerConnection {
            stream: opened.stream,
            out: Vec::new(),
            sent: 0,
            frame: Incoming::default(),
            heard: Instant::now(),
            is_version_known: false,
            in_flight: None,
            renew_at: opened.renew_at,
            renewal: None,
            next_number: 0,
        }
    }

    /// The number of the next question.
    pub(super) fn number(&mut self) -> i32 {
        self.next_number = self.next_number.wrapping_add(1);
        self.next_number
    }

    /// Sends a frame, now or whenever the socket takes it.
    pub(super) fn send(&mut self, frame: &[u8]) {
        self.out.extend_from_slice(frame);
        self.heard = Instant::now();
    }

    /// Sends and reads what there is to be sent and read.
    ///
    /// # Errors
    /// Of the socket, a frame that is too long, and silence for longer than `silence`.
    pub(super) fn work(&mut self, silence: Duration) -> io::Result<()> {
        self.write()?;
        if !self.is_waiting() || self.frame.is_whole() {
            return Ok(());
        }
        if self.frame.read(&mut self.stream)? {
            self.heard = Instant::now();
        } else if self.heard.elapsed() > silence {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "it does not answer"));
        }
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        while self.sent < self.out.len() {
            match self.stream.write(&self.out[self.sent..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(sent) => self.sent += sent,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.out.clear();
        self.sent = 0;
        match self.stream.flush() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            done => done,
        }
    }

    /// Prepares it for another reader; false when a new one would cost less.
    pub(super) fn rest(&mut self) -> bool {
        self.renewal = None;
        if self.is_version_known && self.frame.is_whole() {
            // An answer that no one reads any more.
            (self.in_flight, self.frame) = (None, Incoming::default());
        }
        if self.frame.filled >= self.frame.length.len() && self.frame.wanted() > limits::SPARE_BYTES
        {
            return false;
        }
        if self.frame.filled == 0 {
            // Each is small, and they are many.
            self.frame.bytes = Vec::new();
        }
        self.is_version_known
    }

    /// Whether what was asked last is answered, so that something else can be asked.
    ///
    /// # Errors
    /// When the connection is of no more use.
    pub(super) fn settle(&mut self) -> io::Result<bool> {
        if self.in_flight.is_some() {
            self.work(limits::IDLE_CONNECTION_AGE)?;
            if !self.frame.is_whole() {
                return Ok(false);
            }
            self.in_flight = None;
            self.frame = Incoming::default();
        }
        match self.frame.read(&mut self.stream)? {
            false => Ok(true),
            true => Err(io::Error::new(io::ErrorKind::InvalidData, "an answer to no question")),
        }
    }

    /// Whether something was asked whose answer was not taken.
    fn is_waiting(&self) -> bool {
        !self.is_version_known || self.in_flight.is_some()
    }

    /// The frame that has come, if it is whole.
    pub(super) fn frame(&self) -> Option<&[u8]> {
        self.frame.is_whole().then(|| &self.frame.bytes[..self.frame.wanted()])
    }

    /// Takes the memory of the frame that has come, and gives other for the next one.
    pub(super) fn take_frame(&mut self, spare: Vec<u8>) -> Vec<u8> {
        self.frame.filled = 0;
        std::mem::replace(&mut self.frame.bytes, spare)
    }

    /// Passes the frame over.
    pub(super) fn discard_frame(&mut self) {
        self.frame.filled = 0;
    }

    /// What to wait for.
    pub(super) fn poll(&self) -> Option<PollFd<'_>> {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, self.is_waiting() && !self.frame.is_whole());
        flags.set(PollFlags::OUT, !self.out.is_empty() || self.stream.is_holding());
        (!flags.is_empty()).then(|| self.stream.poll(flags))
    }
}

impl Incoming {
    const HEAD: usize = 4;

    fn wanted(&self) -> usize {
        u32::from_be_bytes(self.length) as usize
    }

    fn is_whole(&self) -> bool {
        self.filled >= Self::HEAD && self.filled - Self::HEAD == self.wanted()
    }

    /// Reads what is there, up to the end of the frame; whether there was anything. Memory grows
    /// with what arrives, not with what a length claims.
    fn read(&mut self, from: &mut Stream) -> io::Result<bool> {
        let before = self.filled;
        while !self.is_whole() {
            let room = match self.filled.checked_sub(Self::HEAD) {
                None => &mut self.length[self.filled..],
                Some(filled) => {
                    let most = self.wanted().min(filled + limits::READ_AHEAD_BYTES);
                    if self.bytes.len() < most {
                        self.bytes.resize(most, 0);
                    }
                    let end = self.bytes.len().min(self.wanted());
                    &mut self.bytes[filled..end]
                }
            };
            match from.read(room) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
            if self.filled == Self::HEAD && self.wanted() > limits::FRAME_BYTES {
                let text = format!("a frame of {} bytes is longer than the limit", self.wanted());
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
        }
        Ok(self.filled > before)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use rdkafka::ClientConfig;

    use super::*;

    const SILENCE: Duration = Duration::from_secs(20);

    /// A link, and the other end of it.
    fn linked() -> (BrokerConnection, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let settings = FetchSettings::of(&ClientConfig::new(), []).unwrap();
        let opened = open((at.ip().to_string(), at.port()), &settings, &Security::default());
        let (other, _) = listener.accept().unwrap();
        (BrokerConnection::new(opened.recv().unwrap().unwrap()), other)
    }

    fn work_until(
        link: &mut BrokerConnection,
        mut is_so: impl FnMut(&BrokerConnection) -> bool,
    ) -> io::Result<()> {
        let began = Instant::now();
        while !is_so(link) {
            assert!(began.elapsed() < SILENCE);
            link.work(SILENCE)?;
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    #[test]
    fn frames_come_whole_however_they_are_cut_on_their_way() {
        let (mut link, mut other) = linked();
        for piece in [&[0, 0][..], &[0, 3, b'a'], b"bc", &[0, 0, 0, 1]] {
            assert_eq!(link.frame(), None);
            other.write_all(piece).unwrap();
            let began = Instant::now();
            while began.elapsed() < Duration::from_millis(20) && link.frame().is_none() {
                link.work(SILENCE).unwrap();
            }
            if link.frame().is_some() {
                assert_eq!(link.frame(), Some(&b"abc"[..]));
                link.take_frame(Vec::new());
            }
        }
        other.write_all(b"d").unwrap();
        work_until(&mut link, |link| link.frame().is_some()).unwrap();
        assert_eq!(link.frame(), Some(&b"d"[..]));
    }

    #[test]
    fn a_frame_longer_than_the_limit_and_the_end_of_the_connection_are_failures() {
        let (mut link, mut other) = linked();
        other.write_all(&u32::MAX.to_be_bytes()).unwrap();
        assert!(work_until(&mut link, |_| false).is_err());
        let (mut link, other) = linked();
        drop(other);
        assert!(work_until(&mut link, |_| false).is_err());
    }

    #[test]
    fn a_length_alone_takes_no_memory_for_it() {
        let (mut link, mut other) = linked();
        other.write_all(&(limits::FRAME_BYTES as u32).to_be_bytes()).unwrap();
        other.write_all(b"x").unwrap();
        work_until(&mut link, |link| link.frame.filled == 5).unwrap();
        assert!(link.frame.bytes.len() <= 2 * limits::READ_AHEAD_BYTES);
    }

    #[test]
    fn who_does_not_answer_is_given_up() {
        let (mut link, _other) = linked();
        link.send(b"a question");
        let began = Instant::now();
        let error = loop {
            assert!(began.elapsed() < SILENCE);
            if let Err(error) = link.work(Duration::from_millis(50)) {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() >= Duration::from_millis(50));
    }

    #[test]
    fn what_the_socket_does_not_take_at_once_is_sent_later() {
        let (mut link, mut other) = linked();
        let long = vec![7; 32 << 20];
        link.send(&long);
        link.work(SILENCE).unwrap();
        assert!(!link.out.is_empty(), "it is more than sockets hold");
        let reading = thread::spawn(move || {
            let mut all = vec![0; 32 << 20];
            other.read_exact(&mut all).map(|()| all)
        });
        work_until(&mut link, |link| link.out.is_empty()).unwrap();
        assert!(reading.join().unwrap().unwrap() == long);
    }
}
