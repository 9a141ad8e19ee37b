//! The database, table and credentials, from the target and options of a sink.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use seismic_proto::Schema;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::columns::{Choice, TableColumn};
use super::merge;
use super::names::{DEAD_LETTERS, NAME_BYTES, POSITIONS, quoted};
use crate::{Error, Result, SinkSpec, limits};

/// Where the password is taken from when no file is named.
pub(super) const PASSWORD_VARIABLE: &str = "SEISMIC_SINK_POSTGRES_PASSWORD";

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

/// A table of a database, and how the sink writes there.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Host, port, database and user; no password yet.
    pub(super) config: Config,
    /// The same place has the same name, whoever connects.
    pub(super) name: String,
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
    /// Encoded rows that are kept at most before they are written, in bytes.
    pub(super) batch_bytes: usize,
}

impl Target {
    /// Reads a spec; every fault at once. Secrets are not read yet.
    pub(super) fn read(spec: &SinkSpec) -> std::result::Result<Target, Vec<String>> {
        let mut faults = Vec::new();
        let config = config(spec.target()).unwrap_or_else(|fault| {
            faults.push(fault);
            Config::new()
        });
        let (schema, table) =
            spec.text("table").split_once('.').unwrap_or(("public", spec.text("table")));
        for name in [schema, table] {
            if name.is_empty() || name.len() > NAME_BYTES || name.contains('\0') {
                faults.push(format!(
                    "table is {:?}; it must be TABLE or SCHEMA.TABLE, each of 1 to {NAME_BYTES} bytes",
                    spec.text("table")
                ));
            }
        }
        let choice = Choice::read(spec.text("columns")).unwrap_or_else(|fault| {
            faults.push(fault);
            Choice::default()
        });
        let protection = match spec.text("sslmode") {
            "disable" => Protection::Disable,
            "prefer" => Protection::Prefer,
            "require" => Protection::Require,
            _ => Protection::VerifyFull,
        };
        let authority = some_path(spec.text("ssl_ca"));
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
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Target {
            name: name(&config, schema, table),
            config,
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
            batch_bytes: usize::try_from(spec.number("batch_bytes")).unwrap_or(usize::MAX),
        })
    }

    /// As [`Target::read`], for a spec that was checked when it was made.
    pub(super) fn of(spec: &SinkSpec) -> Result<Target> {
        Target::read(spec).map_err(|faults| spec.refusal(&faults))
    }

    /// The table's columns for rows of this schema.
    pub(super) fn columns(&self, schema: &Schema) -> Result<Vec<TableColumn>> {
        let refuse = |what| Error::TableDiffers { place: self.name.clone(), what };
        let columns = self.choice.columns(schema, self.merges_panes).map_err(refuse)?;
        if self.merges_panes {
            merge::check(schema, &columns).map_err(refuse)?;
        }
        Ok(columns)
    }

    /// The table, as statements name it.
    pub(super) fn quoted_table(&self) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(&self.table))
    }

    /// The table of positions, as statements name it.
    pub(super) fn quoted_positions(&self) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(POSITIONS))
    }

    /// The table of refused rows, as statements name it.
    pub(super) fn quoted_dead_letters(&self) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(DEAD_LETTERS))
    }

    /// Names of the tables that it needs.
    pub(super) fn tables(&self) -> impl Iterator<Item = &str> {
        let dead_letters = self.keeps_refused.then_some(DEAD_LETTERS);
        [&*self.table, POSITIONS].into_iter().chain(dead_letters)
    }

    /// Everything to connect with, the password too.
    pub(super) fn with_secrets(&self, application: &str) -> Result<Config> {
        let mut config = self.config.clone();
        let file = self.password_file.as_ref();
        let password = match file {
            Some(at) => {
                Some(fs::read_to_string(at).map_err(Error::io(at, "reading the password"))?)
            }
            None => std::env::var(PASSWORD_VARIABLE).ok(),
        };
        if let Some(password) = password {
            // Editors end a file with a line break.
            config.password(password.trim_end_matches(['\r', '\n']));
        }
        config
            .application_name(application)
            .connect_timeout(limits::CONNECT_PATIENCE)
            .tcp_user_timeout(limits::SILENT_PATIENCE)
            .keepalives_idle(limits::KEEPALIVE)
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3)
            .ssl_mode(match self.protection {
                Protection::Disable => SslMode::Disable,
                Protection::Prefer => SslMode::Prefer,
                Protection::Require | Protection::VerifyFull => SslMode::Require,
            });
        Ok(config)
    }
}

fn some_path(text: &str) -> Option<PathBuf> {
    (!text.is_empty()).then(|| PathBuf::from(text))
}

/// Host, port, database and user of a URL, or what is wrong with it.
fn config(target: &str) -> std::result::Result<Config, String> {
    let form = "postgres://USER@HOST:PORT/DATABASE";
    let rest = ["postgresql://", "postgres://", "//"].iter().find_map(|p| target.strip_prefix(p));
    let Some(rest) = rest else {
        return Err(format!("its target is no address; write {form}"));
    };
    let user = rest.rsplit_once('@').map(|(user, _)| user);
    if user.is_some_and(|user| user.contains(':')) || rest.contains("password=") {
        return Err(format!(
            "its address has a password, which lists of processes, the shell's history and backups would \
             show: write the password into a file and name that, as in password_file=FILE, or set the \
             variable {PASSWORD_VARIABLE}"
        ));
    }
    if rest.contains('?') {
        return Err("settings of the connection are options of the sink, behind a comma: \
                    sslmode, ssl_ca, password_file"
            .to_owned());
    }
    let config: Config = format!("postgres://{rest}")
        .parse()
        .map_err(|error| format!("its target is no address ({error}); write {form}"))?;
    if config.get_user().is_none_or(str::is_empty) {
        return Err(format!("its address names no user; write {form}"));
    }
    if config.get_dbname().is_none_or(str::is_empty) || config.get_hosts().len() != 1 {
        return Err(format!("its address must name one host and a database; write {form}"));
    }
    Ok(config)
}

fn name(config: &Config, schema: &str, table: &str) -> String {
    let host = match config.get_hosts() {
        [Host::Tcp(host)] => host.clone(),
        [Host::Unix(path)] => path.display().to_string().replace('/', "%2F"),
        _ => String::new(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let database = config.get_dbname().unwrap_or_default();
    format!("postgres://{host}:{port}/{database},table={schema}.{table}")
}
