//! What goes wrong between the sink, the driver manager, the driver and the database, and what that
//! means.

#![allow(unsafe_code)] // It reads what drivers say of errors.

use seismic_queue::Kind;

use super::manager::{Handle, Manager};
use crate::Error;

/// What went wrong.
#[derive(Debug)]
pub(super) enum Trouble {
    /// What a driver or the driver manager says.
    Driver { state: String, native: i32, message: String },
    /// This machine has no driver manager.
    NoManager,
    /// What a person must set otherwise.
    Refused(String),
}

pub(super) type Outcome<T> = Result<T, Trouble>;

/// Letters of a message that are read: more is not read by people.
const MESSAGE_LETTERS: i16 = 1_024;

/// Records of an error that are read: the first says it, others say where.
const RECORDS: i16 = 3;

/// What is said of a handle whose function answered `code`.
pub(super) fn diagnosed(manager: &Manager, kind: i16, handle: Handle, code: i16) -> Trouble {
    let (mut first, mut words) = (None, Vec::new());
    for record in 1..=RECORDS {
        let (mut state, mut message) = ([0u16; 6], [0u16; MESSAGE_LETTERS as usize]);
        let (mut native, mut length) = (0, 0);
        // SAFETY: the places are ours, five letters and their end for the state, and the message is
        // told how long its place is.
        let found = unsafe {
            (manager.get_diag_rec)(
                kind,
                handle,
                record,
                state.as_mut_ptr(),
                &raw mut native,
                message.as_mut_ptr(),
                MESSAGE_LETTERS,
                &raw mut length,
            )
        };
        if !matches!(found, 0 | 1) {
            break;
        }
        let length = usize::try_from(length).unwrap_or(0).min(message.len());
        let message = String::from_utf16_lossy(&message[..length]);
        let message =
            message.trim_end_matches('\0').split_whitespace().collect::<Vec<_>>().join(" ");
        first.get_or_insert_with(|| (String::from_utf16_lossy(&state[..5]), native));
        if !words.contains(&message) {
            words.push(message);
        }
    }
    let (state, native) = first.unwrap_or_else(|| ("HY000".to_owned(), i32::from(code)));
    if words.is_empty() {
        words.push(format!("the driver answers {code}, and does not say why"));
    }
    Trouble::Driver { state, native, message: words.join("; ") }
}

/// What failed, where, and what the sink must do about it.
pub(super) fn failure(place: &str, doing: &'static str, trouble: Trouble) -> Error {
    let (kind, what) = match trouble {
        Trouble::Driver { state, native, message } => {
            let kind = kind_of(&state, native, &message);
            (kind, format!("{message} (SQLSTATE {state}, error {native})"))
        }
        Trouble::NoManager => (
            Kind::Config,
            "this machine has no ODBC: install unixODBC (libodbc2 and unixodbc of Debian) and the \
             driver of the database"
                .to_owned(),
        ),
        Trouble::Refused(what) => (Kind::Config, what),
    };
    Error::Database { place: place.to_owned(), doing, what, kind }
}

/// Whether an error says that there is no such table.
pub(super) fn is_no_table(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::Driver { state, message, .. } => {
            ["42S02", "42P01", "S0002", "42704", "3F000"].contains(&state.as_str())
                || message.contains("no such table")
                || message.contains("ORA-00942")
        }
        _ => false,
    }
}

/// What drivers say when a connection is gone, or nobody answers; some give no better state.
const GONE: [&str; 23] = [
    "has been lost",
    "gone away",
    "lost connection",
    "server closed",
    "connection not open",
    "connection to the server",
    "connection dead",
    "connection is not open",
    "not connected",
    "could not connect",
    "couldn't connect",
    "can't connect",
    "connection refused",
    "communication link",
    "terminating connection",
    "shutting down",
    "starting up",
    "recovery mode",
    "broken pipe",
    "connection reset",
    "could not send",
    "could not receive",
    "no response from the backend",
];

/// What an error means: by its state (ISO 9075 and ODBC 3.8), else by the number of the database, else
/// by its words.
fn kind_of(state: &str, native: i32, message: &str) -> Kind {
    let words = message.to_lowercase();
    if let Some(kind) = kind_of_words(&words) {
        return kind;
    }
    let has = |some: &[&str]| some.iter().any(|some| words.contains(some));
    match (state, state.get(..2).unwrap_or_default()) {
        // Times that ran out, deadlocks, resources, a lock that somebody else has, a server that ends.
        ("HYT00" | "HYT01" | "HY008" | "S1T00" | "HY001" | "HY117", _)
        | (_, "08" | "40" | "53" | "55" | "57" | "58") => return Kind::Retry,
        ("22018", _) if native == 0 && words.contains("locale") => return Kind::Config,
        (_, "21" | "22" | "23" | "44") => return Kind::Data,
        // Damage.
        ("XX001" | "XX002", _) => return Kind::Fatal,
        _ => {}
    }
    match native {
        // MariaDB and MySQL: connections, disk, memory, locks.
        1020 | 1021 | 1030 | 1037 | 1040 | 1041 | 1047 | 1053 | 1114 | 1180 | 1203 | 1205
        | 1206 | 1213 | 1290 | 1317 | 1927 | 1969 | 2002 | 2003 | 2006 | 2013 | 2055 | 3024 => {
            Kind::Retry
        }
        // Their constraints, where the state does not say it.
        1048 | 1062 | 1264 | 1366 | 1406 | 1690 | 3819 | 4025 if state == "HY000" => Kind::Data,
        // Oracle: locks, deadlocks, sessions that were ended, starts and ends, listeners, space.
        54
        | 60
        | 1012
        | 1013
        | 1033..=1035
        | 1089
        | 1092
        | 3113
        | 3114
        | 3135
        | 8177
        | 12_514
        | 12_516
        | 12_519
        | 12_537
        | 12_541
        | 12_543
        | 1652..=1655
            if words.contains("ora-") =>
        {
            Kind::Retry
        }
        // Values that are too large or too long for an Oracle column.
        1438 | 1426 | 12_899 | 1400 | 2290 if words.contains("ora-") => Kind::Data,
        // SQL Server: locks, disk, log, a database that comes up.
        1222 | 1105 | 9002 | 3960 | 233 | 18_401 | 40_197 | 40_501 | 40_613
            if words.contains("sql server") =>
        {
            Kind::Retry
        }
        // SQLite, whose driver gives its codes: busy, locked, disk; constraints and types; damage.
        5 | 6 | 10 | 13 if words.contains("[sqlite]") => Kind::Retry,
        19 | 20 if words.contains("[sqlite]") => Kind::Data,
        11 | 26 if words.contains("[sqlite]") => Kind::Fatal,
        // What a server refuses has a state or a number of its own; where a driver has only a general
        // error with a small number of its own, its connection is broken in some way.
        0..1_000 if state == "HY000" && !has(&["[sqlite]", "ora-"]) => Kind::Retry,
        // Names, types, rights, passwords, drivers.
        _ => Kind::Config,
    }
}

fn kind_of_words(words: &str) -> Option<Kind> {
    let has = |some: &[&str]| some.iter().any(|some| words.contains(some));
    if has(&["password", "access denied", "authentication"]) {
        return Some(Kind::Config);
    }
    if has(&GONE) || has(&["database is locked", "disk is full", "disk full", "deadlock"]) {
        return Some(Kind::Retry);
    }
    let is_of_sqlite = words.contains("[sqlite]");
    (is_of_sqlite && words.contains("constraint failed")).then_some(Kind::Data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_tried_again_and_what_a_person_must_mend_is_not() {
        for (state, native, message, kind) in [
            ("08S01", 0, "", Kind::Retry),
            ("40001", 1213, "", Kind::Retry),
            ("57P01", 1, "terminating connection due to administrator command", Kind::Retry),
            ("55P03", 1, "canceling statement due to lock timeout", Kind::Retry),
            ("57011", -964, "the transaction log is full", Kind::Retry),
            ("HY000", 8, "internal SAVEPOINT failed", Kind::Retry),
            ("HY000", 1, "[SQLite]near \"x\": syntax error (1)", Kind::Config),
            ("HY000", 26, "server closed the connection unexpectedly", Kind::Retry),
            ("HY000", 2013, "Lost connection to server during query", Kind::Retry),
            ("HY000", 5, "[SQLite]database is locked (5)", Kind::Retry),
            ("HY000", 1205, "Lock wait timeout exceeded", Kind::Retry),
            ("HY000", 3113, "ORA-03113: end-of-file on communication channel", Kind::Retry),
            ("23505", 1, "duplicate key", Kind::Data),
            ("23000", 1, "ORA-00001: unique constraint violated", Kind::Data),
            ("HY000", 12_899, "ORA-12899: value too large for column", Kind::Data),
            ("22001", 2628, "String or binary data would be truncated", Kind::Data),
            ("HY000", 19, "[SQLite]UNIQUE constraint failed: t.a (19)", Kind::Data),
            ("28P01", 0, "FATAL: password authentication failed", Kind::Config),
            ("HY000", 1045, "Access denied for user", Kind::Config),
            ("42S02", 1146, "no such table", Kind::Config),
            ("42501", 1, "permission denied for table", Kind::Config),
            ("IM002", 0, "Data source name not found", Kind::Config),
            ("HY000", 11, "[SQLite]database disk image is malformed (11)", Kind::Fatal),
        ] {
            assert_eq!(kind_of(state, native, message), kind, "{state} {native} {message}");
        }
    }
}
