//! A connection to a broker, plain or inside TLS, blocking or not as its socket.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use rustix::event::{PollFd, PollFlags};
use rustls::ClientConnection;

use crate::limits;

/// A connection.
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream>),
}

/// A connection inside TLS.
pub(crate) struct TlsStream {
    socket: TcpStream,
    session: ClientConnection,
    /// Bytes from the socket, of which `at..end` were not opened yet.
    sealed: Vec<u8>,
    at: usize,
    end: usize,
}

impl Stream {
    /// A connection over a session that has shaken hands.
    pub(super) fn sealed(socket: TcpStream, session: ClientConnection) -> Stream {
        let sealed = vec![0; limits::SEALED_BYTES];
        Stream::Tls(Box::new(TlsStream { socket, session, sealed, at: 0, end: 0 }))
    }

    /// The socket below.
    pub(crate) fn socket(&self) -> &TcpStream {
        match self {
            Stream::Plain(socket) => socket,
            Stream::Tls(tls) => &tls.socket,
        }
    }

    /// Whether something that was written has not left yet; [`Write::flush`] sends it on.
    pub(crate) fn is_holding(&self) -> bool {
        matches!(self, Stream::Tls(tls) if tls.session.wants_write())
    }

    /// What to wait for.
    pub(crate) fn poll(&self, flags: PollFlags) -> PollFd<'_> {
        PollFd::new(self.socket(), flags)
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.read(into),
            Stream::Tls(tls) => tls.read(into),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.write(bytes),
            Stream::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Plain(socket) => socket.flush(),
            Stream::Tls(tls) => tls.send(),
        }
    }
}

impl TlsStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(into) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            if self.at == self.end {
                (self.at, self.end) = (0, 0);
                self.end = self.socket.read(&mut self.sealed)?;
            }
            // Nothing at all is the end, which the session must hear of too.
            let mut some = &self.sealed[self.at..self.end];
            self.at += self.session.read_tls(&mut some)?;
            let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
            self.session.process_new_packets().map_err(invalid)?;
        }
    }

    /// Takes what there is room for, and sends as much as the socket takes.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.drain()?;
        let taken = self.session.writer().write(bytes)?;
        if taken == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.drain()?;
        Ok(taken)
    }

    /// Sends as much as the socket takes.
    fn drain(&mut self) -> io::Result<()> {
        match self.send() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            done => done,
        }
    }

    /// Sends everything.
    fn send(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.socket) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => drop(done?),
            }
        }
        Ok(())
    }
}
