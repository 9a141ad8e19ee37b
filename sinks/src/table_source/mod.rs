//! Reading a table of a database as a whole, for jobs that look things up in it. The server, the
//! account and TLS are said as for a sink of that database.

#[cfg(any(feature = "hbase", feature = "redis"))]
pub(crate) mod keyed;
#[cfg(any(
    feature = "hbase",
    feature = "mysql",
    feature = "odbc",
    feature = "postgres",
    feature = "redis"
))]
pub(crate) mod reader;

use seismic_queue::Kind;

use crate::Error;

/// What is read.
#[derive(Clone, Copy, Debug)]
pub struct TableQuestion<'a> {
    /// What the place is called in messages.
    pub place: &'a str,
    /// The table, as it is written beside the address.
    pub table: &'a str,
    /// A SELECT, whose answer is read instead of a table.
    pub query: Option<&'a str>,
    /// The columns that are wanted, in this order.
    pub columns: &'a [&'a str],
    /// Those by which rows are found.
    pub key: &'a [&'a str],
    /// At most so many rows.
    pub rows: usize,
    /// At most so many bytes of all values.
    pub bytes: usize,
}

/// A value, as the server has it: nothing is cast.
#[derive(Clone, Debug, PartialEq)]
pub enum TableValue {
    /// There is none.
    Null,
    /// A whole number, or whether something is so (1) or not (0).
    Int(i64),
    /// A floating-point number; one of 32 bits is widened.
    Real(f64),
    /// Text.
    Text(String),
    /// A decimal number, with all its digits.
    Decimal(String),
    /// A text in which a value of whatever type is written, as in a file of text.
    Written(String),
}

/// Rows, with a value for each column that was asked for.
pub type TableRows = Vec<Vec<TableValue>>;

/// What to do when a table cannot be read; empty where the error says it.
#[must_use]
pub fn remedy_of_reading(error: &Error) -> String {
    let has = |words: &[&str]| {
        let Error::Database { what, .. } = error else { return false };
        words.iter().any(|word| what.contains(word))
    };
    let remedy = match error {
        // PostgreSQL's SQLSTATEs, and the errors of MySQL and MariaDB.
        _ if has(&["28P01", "28000", "password", "NOAUTH", "WRONGPASS", "says 401"]) => {
            "put the password into a file, and name it with password_file = \"FILE\""
        }
        _ if has(&["42501", "error 1142", "error 1143", "error 1044"]) => {
            "GRANT SELECT ON TABLE TO USER; columns that are not declared are not read"
        }
        _ if has(&["NOPERM"]) => {
            "allow the user SCAN, TYPE, HSCAN, HMGET and MGET on these keys (`ACL SETUSER`)"
        }
        _ if has(&["says 403"]) => "allow the user to read there",
        _ if has(&["3D000", "error 1049"]) => {
            "create the database, or correct its name in the address"
        }
        _ if has(&["42P01", "error 1146"]) => {
            "correct the table: upper and lower case count, and SCHEMA.TABLE names the schema"
        }
        _ if has(&["certificate"]) => {
            "name the authority that signed the server's certificate with ssl_ca, and the host as \
             the certificate does"
        }
        Error::TableMissing { .. } => "correct the table, or make it",
        Error::Database { kind: Kind::Retry, .. } => {
            "start the server, or correct host and port; a job that runs goes on with the version \
             that it has, and one that begins waits"
        }
        _ => "",
    };
    remedy.to_owned()
}
