//! The table that a sink writes to, and how, from the options of a sink.

use std::fs;
use std::path::PathBuf;

use rustls::ClientConfig;
use seismic_proto::Schema;

use super::names::{DEAD_LETTERS, POSITIONS};
use crate::rows::columns::{self, Choice, NAME_BYTES, TableColumn};
use crate::{Error, Result, SinkSpec, tls};

/// What to do when a row's key is in the table already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnConflict {
    /// The sink stops: no one else writes there.
    Error,
    /// The row that is there stays.
    Ignore,
    /// The new row replaces it.
    Update,
}

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protection {
    /// Not at all.
    Disable,
    /// TLS where the server has it.
    Prefer,
    /// TLS; with an authority, its certificate is checked.
    Require,
    /// TLS with a certificate of the authority, for this host.
    VerifyFull,
}

/// A table, and how the sink writes there.
#[derive(Clone, Debug)]
pub(super) struct TableTarget {
    /// The same place has the same name, whoever connects.
    pub(super) name: String,
    /// What the table is in: a schema of PostgreSQL, a database of MySQL.
    pub(super) schema: String,
    pub(super) table: String,
    pub(super) choice: Choice,
    pub(super) on_conflict: OnConflict,
    /// Whether the rows of a window become one.
    pub(super) merges_panes: bool,
    /// Whether a row that the server refuses for its content is kept apart, and the sink continues.
    pub(super) keeps_refused: bool,
    /// Whether a table that is missing is made.
    pub(super) creates: bool,
    pub(super) protection: Protection,
    pub(super) authority: Option<PathBuf>,
    password_file: Option<PathBuf>,
    /// Connections at most.
    pub(super) parallelism: usize,
    /// Rows with which one of several connections begins a transaction.
    pub(super) batch_rows: usize,
    /// Encoded rows that are kept at most before they are written, in bytes.
    pub(super) batch_bytes: usize,
}

impl TableTarget {
    /// What encrypted connections are made with.
    pub(super) fn tls(&self) -> Result<ClientConfig> {
        let checks_host = self.protection == Protection::VerifyFull;
        tls::client_config(self.authority.as_deref(), checks_host)
    }

    /// Reads the options; every fault is added. `schema` is where a table is whose option names
    /// none.
    pub(super) fn read(spec: &SinkSpec, schema: &str, faults: &mut Vec<String>) -> TableTarget {
        let (schema, table) =
            spec.text("table").split_once('.').unwrap_or((schema, spec.text("table")));
        let is_name =
            |name: &str| !name.is_empty() && name.len() <= NAME_BYTES && !name.contains('\0');
        if ![schema, table].into_iter().all(is_name) {
            faults.push(format!(
                "table is {:?}; it must be TABLE or SCHEMA.TABLE, each of 1 to {NAME_BYTES} bytes",
                spec.text("table")
            ));
        }
        let choice = Choice::read(spec.text("columns")).unwrap_or_else(|fault| {
            faults.push(fault);
            Choice::default()
        });
        // Drivers of ODBC have TLS in their connection strings, and we have no say in it.
        let of_tls = |name| spec.option(name).map_or("", |_| spec.text(name));
        let protection = match of_tls("sslmode") {
            "" => Protection::Prefer,
            "disable" => Protection::Disable,
            "prefer" => Protection::Prefer,
            "require" => Protection::Require,
            _ => Protection::VerifyFull,
        };
        let authority = some_path(of_tls("ssl_ca"));
        match (protection, &authority) {
            (Protection::VerifyFull, None) => faults.push(
                "sslmode=verify-full needs the authority that signed the server's certificate: \
                 ssl_ca=FILE"
                    .to_owned(),
            ),
            (Protection::Disable | Protection::Prefer, Some(_)) => faults.push(
                "ssl_ca checks nothing without sslmode=require or sslmode=verify-full".to_owned(),
            ),
            _ => {}
        }
        let merges_panes = spec.text("merge_panes") == "true";
        if merges_panes && spec.text("on_conflict") != "error" {
            faults.push(
                "merge_panes=true adds up the rows of a window, so on_conflict says nothing: leave it out"
                    .to_owned(),
            );
        }
        TableTarget {
            name: String::new(),
            schema: schema.to_owned(),
            table: table.to_owned(),
            choice,
            on_conflict: match spec.text("on_conflict") {
                "error" => OnConflict::Error,
                "ignore" => OnConflict::Ignore,
                _ => OnConflict::Update,
            },
            merges_panes,
            keeps_refused: spec.text("on_data_error") == "dead-letter",
            creates: spec.text("create") == "true",
            protection,
            authority,
            password_file: some_path(spec.text("password_file")),
            parallelism: spec.parallelism(),
            batch_rows: spec.batch_rows(),
            batch_bytes: usize::try_from(spec.number("batch_bytes")).unwrap_or(usize::MAX),
        }
    }

    /// The table's columns for rows of this schema.
    pub(super) fn columns(&self, schema: &Schema) -> Result<Vec<TableColumn>> {
        let refuse = |what| Error::TableDiffers { place: self.name.clone(), what };
        let columns = self.choice.columns(schema, self.merges_panes).map_err(refuse)?;
        if self.merges_panes {
            columns::check_sums(schema, &columns).map_err(refuse)?;
        }
        Ok(columns)
    }

    /// Names of the tables that it needs.
    pub(super) fn tables(&self) -> impl Iterator<Item = &str> {
        let dead_letters = self.keeps_refused.then_some(DEAD_LETTERS);
        [&*self.table, POSITIONS].into_iter().chain(dead_letters)
    }

    /// The password: that of the file, or of the variable of that name.
    pub(super) fn password(&self, variable: &str) -> Result<Option<String>> {
        let password = match &self.password_file {
            Some(at) => {
                Some(fs::read_to_string(at).map_err(Error::io(at, "reading the password"))?)
            }
            None => std::env::var(variable).ok(),
        };
        // Editors end a file with a line break.
        Ok(password.map(|it| it.trim_end_matches(['\r', '\n']).to_owned()))
    }
}

fn some_path(text: &str) -> Option<PathBuf> {
    (!text.is_empty()).then(|| PathBuf::from(text))
}

/// What is wrong with an address that has a password.
pub(super) fn has_password(variable: &str) -> String {
    format!(
        "its address has a password, which lists of processes, the shell's history and backups would \
         show: write the password into a file and name that, as in password_file=FILE, or set the \
         variable {variable}"
    )
}
