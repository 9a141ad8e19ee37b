//! The meaning of an error of the server or the connection for the sink.

use std::error::Error as StdError;
use std::io;

use seismic_queue::Kind;

use super::connection::Trouble;
use crate::Error;

/// What failed, where, and what the sink must do about it.
pub(super) fn failure(place: &str, doing: &'static str, error: impl Into<Trouble>) -> Error {
    let (kind, what) = match error.into() {
        Trouble::Said(error) => (kind_of(&error), words(&error)),
        Trouble::Silent(waited) => {
            (Kind::Retry, format!("the server answers nothing within {} s", waited.as_secs()))
        }
        Trouble::System(error) => (Kind::Retry, error.to_string()),
    };
    Error::Database { place: place.to_owned(), doing, what, kind }
}

/// The row of a COPY that the server has just refused, from 1, where it says which: its context
/// ends with that. Everything else that it says may quote what a row has.
pub(super) fn line(error: &Trouble) -> Option<usize> {
    let Trouble::Said(error) = error else { return None };
    line_in(error.as_db_error()?.where_()?)
}

fn line_in(context: &str) -> Option<usize> {
    let (_, rest) = context.rsplit_once(", line ")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

/// The error reported by the server or met by the connection.
fn words(error: &tokio_postgres::Error) -> String {
    let Some(of_server) = error.as_db_error() else {
        let mut words = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let more = error.to_string();
            if !words.contains(&more) {
                words += &format!(": {more}");
            }
            cause = error.source();
        }
        return words;
    };
    let mut words = format!("{} (SQLSTATE {})", of_server.message(), of_server.code().code());
    for more in [of_server.detail(), of_server.where_(), of_server.hint()].into_iter().flatten() {
        words += &format!("; {more}");
    }
    words
}

/// What the caller must do.
fn kind_of(error: &tokio_postgres::Error) -> Kind {
    if let Some(code) = error.code() {
        return kind_of_state(code.code());
    }
    if is_refused_certificate(error) {
        return Kind::Config;
    }
    let words = error.to_string();
    let is_of_config =
        words.starts_with("invalid configuration") || words.contains("does not support TLS");
    let is_of_config = is_of_config
        || error.source().is_some_and(|cause| cause.to_string().contains("does not support TLS"));
    // A fault of ours: trying again changes nothing.
    if words.starts_with("error serializing") || words.starts_with("error deserializing") {
        return Kind::Fatal;
    }
    // Whatever is left is of the connection: closed, refused, timed out, unresolved.
    if is_of_config { Kind::Config } else { Kind::Retry }
}

/// What an SQLSTATE means; see "PostgreSQL Error Codes" in its manual.
fn kind_of_state(state: &str) -> Kind {
    match state {
        // Roll-backs that a repetition heals, locks, a standby, a session that waited too long.
        "40001" | "40P01" | "55P03" | "55006" | "25006" | "25P03" | "57P05" => Kind::Retry,
        // Connections, resources (disk, memory, connections), shutdown, files of the server.
        _ if ["08", "53", "57", "58"].iter().any(|class| state.starts_with(class)) => Kind::Retry,
        // A value, a constraint, a row twice in one statement.
        _ if ["21", "22", "23", "44"].iter().any(|class| state.starts_with(class)) => Kind::Data,
        // Damage inside the server.
        _ if state.starts_with("XX") => Kind::Fatal,
        // Names, types, rights, passwords.
        _ => Kind::Config,
    }
}

/// Whether the server's certificate was not believed.
fn is_refused_certificate(error: &tokio_postgres::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let of_tls = error
            .downcast_ref::<rustls::Error>()
            .or_else(|| inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()));
        if let Some(of_tls) = of_tls {
            return matches!(of_tls, rustls::Error::InvalidCertificate(_));
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_named_by_the_end_of_the_context() {
        for (context, line) in [
            ("COPY seismic_windows, line 7", Some(7)),
            ("COPY seismic_windows, line 7, column sensor_id", Some(7)),
            ("PL/pgSQL function f() line 3 at RAISE\nCOPY \"a, line 9\", line 12", Some(12)),
            ("COPY seismic_windows", None),
        ] {
            assert_eq!(line_in(context), line, "{context}");
        }
    }

    #[test]
    fn what_passes_is_tried_again_and_what_a_person_must_mend_is_not() {
        for (state, kind) in [
            ("57P01", Kind::Retry),
            ("53100", Kind::Retry),
            ("08006", Kind::Retry),
            ("40P01", Kind::Retry),
            ("25006", Kind::Retry),
            ("22003", Kind::Data),
            ("23505", Kind::Data),
            ("28P01", Kind::Config),
            ("42P01", Kind::Config),
            ("3D000", Kind::Config),
            ("XX001", Kind::Fatal),
        ] {
            assert_eq!(kind_of_state(state), kind, "{state}");
        }
    }
}
