//! What goes wrong between the client and its server.

use std::io;

use super::packets::Bytes;

/// What went wrong.
#[derive(Debug)]
pub(super) enum Trouble {
    /// What the server says.
    Server { code: u16, state: String, message: String },
    /// The connection: closed, refused, silent, unresolved, or its certificate not believed.
    Io(io::Error),
    /// What a person must set otherwise.
    Refused(String),
    /// The server says what is no answer to what was asked.
    Broken,
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Trouble::Io(error)
    }
}

/// The error that a packet is.
pub(super) fn of_packet(packet: &[u8]) -> Trouble {
    let mut bytes = Bytes(packet);
    let (Some(0xff), Some(code)) = (bytes.u8(), bytes.u16()) else { return Trouble::Broken };
    let mut state = String::from("HY000");
    if bytes.0.first() == Some(&b'#')
        && let Some(of_packet) = bytes.some(6)
    {
        state = String::from_utf8_lossy(of_packet.get(1..).unwrap_or_default()).into_owned();
    }
    Trouble::Server { code, state, message: String::from_utf8_lossy(bytes.rest()).into_owned() }
}
