//! The bytes to and from the server, plain or encrypted, on which every wait is bounded.
//!
//! The kernel of a frozen server keeps a connection open forever. So a reader that has waited for a
//! while checks on another connection whether the server responds at all: if it does, it is only
//! slow, and the wait continues; otherwise the connection counts as lost.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Instant;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::sql::patience::Patience;

/// Bytes both ways.
pub(super) enum Stream {
    Plain(Wire),
    Tls(Box<StreamOwned<ClientConnection, Wire>>),
}

/// A connection of TCP.
pub(super) struct Wire {
    tcp: TcpStream,
    at: SocketAddr,
    patience: Patience,
    /// When the answer that is waited for was asked for.
    begun: Instant,
    /// Whether the server has let us in: until then it has the time of a connection.
    is_in: bool,
}

impl Stream {
    /// Connects to the first address of a host that takes connections.
    pub(super) fn connect((host, port): (&str, u16), patience: Patience) -> io::Result<Stream> {
        let mut found = Err(io::Error::from(io::ErrorKind::AddrNotAvailable));
        for at in (host, port).to_socket_addrs()? {
            found = TcpStream::connect_timeout(&at, patience.connect).map(|tcp| (tcp, at));
            if found.is_ok() {
                break;
            }
        }
        let (tcp, at) = found?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(patience.connect))?;
        tcp.set_write_timeout(Some(patience.silent.max(patience.connect)))?;
        Ok(Stream::Plain(Wire { tcp, at, patience, begun: Instant::now(), is_in: false }))
    }

    /// The same, encrypted from now on.
    pub(super) fn encrypted(self, config: ClientConfig, host: &str) -> io::Result<Stream> {
        let Stream::Plain(mut wire) = self else { return Ok(self) };
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let mut tls = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut wire)?;
        }
        Ok(Stream::Tls(Box::new(StreamOwned::new(tls, wire))))
    }

    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self, Stream::Tls(_))
    }

    /// The server has let us in: from now on answers may take as long as sinks wait for them.
    pub(super) fn is_in(&mut self) -> io::Result<()> {
        let wire = self.wire();
        wire.is_in = true;
        wire.tcp.set_read_timeout(Some(wire.patience.silent))
    }

    /// Something is asked now.
    pub(super) fn asks(&mut self) {
        self.wire().begun = Instant::now();
    }

    fn wire(&mut self) -> &mut Wire {
        match self {
            Stream::Plain(wire) => wire,
            Stream::Tls(tls) => &mut tls.sock,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(wire) => wire.read(into),
            Stream::Tls(tls) => tls.read(into),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(wire) => wire.write(bytes),
            Stream::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Plain(wire) => wire.flush(),
            Stream::Tls(tls) => tls.flush(),
        }
    }
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.tcp.read(into);
            match &read {
                Err(error) if is_timeout(error) => {}
                _ => return read,
            }
            let waited = self.begun.elapsed();
            if !self.is_in || waited > self.patience.statement || !self.answers() {
                let words = format!("the server answers nothing within {} s", waited.as_secs());
                return Err(io::Error::new(io::ErrorKind::TimedOut, words));
            }
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tcp.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

impl Wire {
    /// Whether the server says anything to a new connection, if only that it takes none.
    fn answers(&self) -> bool {
        let patience = self.patience.connect;
        TcpStream::connect_timeout(&self.at, patience)
            .and_then(|mut other| {
                other.set_read_timeout(Some(patience))?;
                other.read(&mut [0])
            })
            .is_ok_and(|bytes| bytes > 0)
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
