//! What goes wrong between the client and its server, and what that means for the sink.

use std::io;

use seismic_queue::Kind;

use super::packets::Bytes;
use crate::Error;

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

/// What failed, where, and what the sink must do about it.
pub(super) fn failure(place: &str, doing: &'static str, trouble: Trouble) -> Error {
    let (kind, what) = match trouble {
        Trouble::Server { code, state, message } => {
            (kind_of(code, &state), format!("{message} (error {code}, SQLSTATE {state})"))
        }
        Trouble::Io(error) => (kind_of_io(&error), words(&error)),
        Trouble::Refused(what) => (Kind::Config, what),
        Trouble::Broken => {
            // A connection that a proxy has mixed up; the next one may not be.
            (Kind::Retry, "the server says what is no answer to what was asked".to_owned())
        }
    };
    Error::Database { place: place.to_owned(), doing, what, kind }
}

fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the server closed the connection".to_owned(),
        _ => error.to_string(),
    }
}

/// What ends a connection passes, unless it is that its certificate was not believed.
fn kind_of_io(error: &io::Error) -> Kind {
    let inner = error.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static));
    let of_tls = inner.and_then(|inner| {
        let deeper = inner.source().and_then(|it| it.downcast_ref::<rustls::Error>());
        inner.downcast_ref::<rustls::Error>().or(deeper)
    });
    match of_tls {
        Some(rustls::Error::InvalidCertificate(_)) => Kind::Config,
        _ if inner.is_some_and(|inner| inner.is::<rustls::pki_types::InvalidDnsNameError>()) => {
            Kind::Config
        }
        _ => Kind::Retry,
    }
}

/// What an error means; see "Server Error Message Reference" in the manual of MySQL, and "MariaDB
/// Error Codes".
fn kind_of(code: u16, state: &str) -> Kind {
    match code {
        // Connections, resources (disk, memory, locks), shutdown, read-only while another server
        // takes over, a cluster that is not whole, statements and sessions that were ended.
        1020
        | 1021
        | 1030
        | 1037
        | 1038
        | 1040
        | 1041
        | 1047
        | 1053
        | 1077..=1080
        | 1114
        | 1129
        | 1158..=1161
        | 1180
        | 1203
        | 1205
        | 1206
        | 1213
        | 1290
        | 1317
        | 1637
        | 1792
        | 1836
        | 1927
        | 1969
        | 3024
        | 3100
        | 3101
        | 4031 => Kind::Retry,
        // Damage inside the server.
        1033..=1035 | 1194 | 1195 | 1712 | 1877 => Kind::Fatal,
        // Values, constraints, partitions of a table that has none for a row, triggers.
        1048
        | 1062
        | 1169
        | 1216
        | 1217
        | 1264..=1266
        | 1292
        | 1364
        | 1365
        | 1366
        | 1367
        | 1406
        | 1411
        | 1451
        | 1452
        | 1526
        | 1557
        | 1586
        | 1644
        | 1690
        | 1748
        | 3819
        | 4025 => Kind::Data,
        _ => match state.get(..2) {
            Some("08" | "40") => Kind::Retry,
            Some("21" | "22" | "23" | "44" | "45") => Kind::Data,
            // Names, types, rights, passwords.
            _ => Kind::Config,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_tried_again_and_what_a_person_must_mend_is_not() {
        for (code, state, kind) in [
            (1040, "08004", Kind::Retry),
            (1205, "HY000", Kind::Retry),
            (1213, "40001", Kind::Retry),
            (1021, "HY000", Kind::Retry),
            (1290, "HY000", Kind::Retry),
            (1062, "23000", Kind::Data),
            (1264, "22003", Kind::Data),
            (4025, "23000", Kind::Data),
            (1644, "45000", Kind::Data),
            (1045, "28000", Kind::Config),
            (1049, "42000", Kind::Config),
            (1142, "42000", Kind::Config),
            (1146, "42S02", Kind::Config),
            (1194, "HY000", Kind::Fatal),
        ] {
            assert_eq!(kind_of(code, state), kind, "{code} {state}");
        }
    }
}
