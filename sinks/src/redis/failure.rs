//! The meaning of an error of the server or the connection for the sink.

use std::io;

use seismic_queue::Kind;

use crate::Error;

/// The connection failed.
pub(super) fn of_connection(place: &str, doing: &'static str, error: &io::Error) -> Error {
    let what = match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            "the server answers nothing within the time for it".to_owned()
        }
        io::ErrorKind::UnexpectedEof => "the server closed the connection".to_owned(),
        _ => error.to_string(),
    };
    let kind = match error.kind() {
        io::ErrorKind::InvalidData => Kind::Config,
        _ => Kind::Retry,
    };
    Error::Database { place: place.to_owned(), doing, what, kind }
}

/// The server refused a command.
pub(super) fn of_server(place: &str, doing: &'static str, words: &str) -> Error {
    let (place, what) = (place.to_owned(), words.to_owned());
    Error::Database { place, doing, what, kind: kind(words) }
}

/// What the caller must do, by the word that an error begins with.
pub(super) fn kind(words: &str) -> Kind {
    // Redis 5 and 6 put the line of a script before it: `@user_script: 18: -OOM …`.
    let words = words.rsplit_once(": -").map_or(words, |(_, words)| words);
    match words.split_whitespace().next().unwrap_or_default() {
        "LOADING" | "BUSY" | "TRYAGAIN" | "MASTERDOWN" | "READONLY" | "OOM" | "CLUSTERDOWN"
        | "MISCONF" | "NOREPLICAS" | "UNKILLABLE" => Kind::Retry,
        "WRONGTYPE" => Kind::Data,
        _ if words.contains("max number of clients") => Kind::Retry,
        _ if is_of_row(words) => Kind::Data,
        // Rights, passwords, a cluster, a command that is renamed away.
        _ => Kind::Config,
    }
}

/// Whether a command failed for what its key holds.
fn is_of_row(words: &str) -> bool {
    [
        "holds no row",
        "not an integer",
        "overflow",
        "not a valid float",
        "NaN or Infinity",
        "exceeds maximum",
    ]
    .iter()
    .any(|part| words.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_tried_again_and_what_a_person_must_mend_is_not() {
        for (words, expected) in [
            ("LOADING Redis is loading the dataset in memory", Kind::Retry),
            ("OOM command not allowed when used memory > 'maxmemory'.", Kind::Retry),
            ("MISCONF Errors writing to the AOF file: No space left on device", Kind::Retry),
            ("WRONGTYPE Operation against a key holding the wrong kind of value", Kind::Data),
            ("ERR value is not an integer or out of range", Kind::Data),
            ("ERR increment or decrement would overflow", Kind::Data),
            ("ERR the key holds no row: it has no number pane", Kind::Data),
            ("NOAUTH Authentication required.", Kind::Config),
            ("NOPERM this user has no permissions", Kind::Config),
            ("ERR max number of clients reached", Kind::Retry),
            (
                "@user_script: 18: -OOM command not allowed when used memory > 'maxmemory'.",
                Kind::Retry,
            ),
            (
                "@user_script: 18: The user executing the script can't run this command",
                Kind::Config,
            ),
        ] {
            assert_eq!(kind(words), expected, "{words}");
        }
    }
}
