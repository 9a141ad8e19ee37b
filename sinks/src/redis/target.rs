//! The server, commands and credentials, from the target and options of a sink.

use std::fs;
use std::path::PathBuf;

use rustls::ClientConfig;
use seismic_proto::Schema;

use super::names::POSITIONS;
use super::operation::{Operation, Plan};
use super::{merge, options};
use crate::rows::template::Template;
use crate::{Error, Result, SinkSpec, tls};

/// Where the password is taken from when no file is named.
pub(super) const PASSWORD_VARIABLE: &str = "SEISMIC_SINK_REDIS_PASSWORD";

/// How an address looks.
pub(super) const FORM: &str = "redis://[USER@]HOST[:PORT][/DATABASE]";

/// A server's database, and how the sink writes there.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) database: u32,
    user: Option<String>,
    password_file: Option<PathBuf>,
    /// The authorities whose certificates are believed; `None`: the connection is not encrypted.
    authority: Option<PathBuf>,
    /// The same place has the same name, whoever connects.
    pub(super) name: String,
    /// What its position is kept under.
    pub(super) position_key: String,
    /// The option `name`.
    pub(super) of: String,
    pub(super) operation: Operation,
    pub(super) key: Template,
    /// Fields and the names that they get; empty: all.
    pub(super) value: Vec<(String, String)>,
    pub(super) score: String,
    /// Whether the rows of a window are added up.
    pub(super) merges_panes: bool,
    /// How long keys live; 0: for ever.
    pub(super) expire_ms: u64,
    /// Encoded commands that are kept at most before they are written, in bytes.
    pub(super) batch_bytes: usize,
}

impl Target {
    /// Reads a spec; every fault at once. Secrets are not read yet.
    pub(super) fn read(spec: &SinkSpec) -> std::result::Result<Target, Vec<String>> {
        let mut faults = Vec::new();
        let (user, host, port, database) = address(spec.target()).unwrap_or_else(|fault| {
            faults.push(fault);
            (None, String::new(), 0, 0)
        });
        let of = spec.text("name").to_owned();
        let is_letter = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if of.is_empty() || of.len() > 64 || !of.chars().all(is_letter) {
            faults.push(format!(
                "name is {of:?}; it must be 1 to 64 letters, digits, dots, dashes and underscores"
            ));
        }
        let merges_panes = spec.text("merge_panes") == "true";
        let operation = Operation::of(spec.text("operation"));
        if merges_panes && operation != Operation::HSet {
            faults.push(
                "merge_panes=true adds up fields of hashes: it needs operation=hset, which alone keeps \
                 each number whole"
                    .to_owned(),
            );
        }
        let key = match spec.text("key") {
            options::KEY if merges_panes => merge::KEY,
            key => key,
        };
        let key = Template::read(key, spec.text("connector"));
        let key = key.map_err(|fault| faults.push(fault)).ok();
        let value: Vec<(String, String)> = spec
            .text("value")
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(|part| part.split_once(':').unwrap_or((part, part)))
            .map(|(field, name)| (field.to_owned(), name.to_owned()))
            .collect();
        let score = spec.text("score").to_owned();
        if (operation == Operation::ZAdd) == score.is_empty() {
            faults.push(
                "score names the field of a score: zadd needs it, and nothing else".to_owned(),
            );
        }
        if operation == Operation::IncrByFloat && value.is_empty() {
            faults.push("incrByFloat needs the field that it adds: value=FIELD".to_owned());
        }
        let (Some(key), true) = (key, faults.is_empty()) else { return Err(faults) };
        let file = |option: &str| {
            Some(spec.text(option)).filter(|file| !file.is_empty()).map(PathBuf::from)
        };
        Ok(Target {
            name: format!("redis://{host}:{port}/{database},name={of}"),
            position_key: format!("{POSITIONS}{of}"),
            host,
            port,
            database,
            user,
            password_file: file("password_file"),
            authority: file("ssl_ca"),
            of,
            operation,
            key,
            value,
            score,
            merges_panes,
            expire_ms: spec.number("expire_ms"),
            batch_bytes: usize::try_from(spec.number("batch_bytes")).unwrap_or(usize::MAX),
        })
    }

    /// As [`Target::read`], for a spec that was checked when it was made.
    pub(super) fn of(spec: &SinkSpec) -> Result<Target> {
        Target::read(spec).map_err(|faults| spec.refusal(&faults))
    }

    /// The same under another name, for who does not write.
    pub(super) fn named(self, name: &str) -> Target {
        Target { name: name.to_owned(), ..self }
    }

    /// What is done with rows of this schema.
    pub(super) fn plan(&self, schema: &Schema) -> Result<Plan> {
        let refuse = |what| Error::TableDiffers { place: self.name.clone(), what };
        let plan = self
            .key
            .of(schema)
            .and_then(|key| Plan::of(self.operation, key, (&self.value, &self.score), schema));
        let mut plan = plan.map_err(refuse)?;
        if self.merges_panes {
            merge::check(schema, &self.key, &plan.value).map_err(refuse)?;
            plan.merges_panes = true;
        }
        Ok(plan)
    }

    /// What an encrypted connection is made with; `None`: it is not.
    pub(super) fn tls(&self) -> Result<Option<ClientConfig>> {
        self.authority.as_deref().map(|at| tls::client_config(Some(at), true)).transpose()
    }

    /// Who logs in, and with which password.
    pub(super) fn login(&self) -> Result<(Option<&str>, Option<String>)> {
        let password = match &self.password_file {
            Some(at) => {
                Some(fs::read_to_string(at).map_err(Error::io(at, "reading the password"))?)
            }
            None => std::env::var(PASSWORD_VARIABLE).ok(),
        };
        // Editors end a file with a line break.
        let password = password.map(|it| it.trim_end_matches(['\r', '\n']).to_owned());
        Ok((self.user.as_deref(), password))
    }
}

type Address = (Option<String>, String, u16, u32);

/// User, host, port and database of a URL, or what is wrong with it.
fn address(target: &str) -> std::result::Result<Address, String> {
    let rest = ["redis://", "//"].iter().find_map(|p| target.strip_prefix(p));
    let rest = rest.ok_or_else(|| format!("its target is no address; write {FORM}"))?;
    let (user, place) = match rest.rsplit_once('@') {
        Some((user, place)) => (Some(user), place),
        None => (None, rest),
    };
    if user.is_some_and(|user| user.contains(':')) || rest.contains("password=") {
        return Err(format!(
            "its address has a password, which lists of processes, the shell's history and backups would \
             show: write the password into a file and name that, as in password_file=FILE, or set the \
             variable {PASSWORD_VARIABLE}"
        ));
    }
    let (place, database) = place.split_once('/').unwrap_or((place, "0"));
    let database = if database.is_empty() { "0" } else { database };
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !host.ends_with(':') && !port.contains(']') => (host, port),
        _ => (place, "6379"),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let (Ok(port), Ok(database)) = (port.parse(), database.parse()) else {
        return Err(format!("its port or database is no number; write {FORM}"));
    };
    if host.is_empty() {
        return Err(format!("its address names no host; write {FORM}"));
    }
    let user = user.filter(|user| !user.is_empty()).map(str::to_owned);
    Ok((user, host.to_owned(), port, database))
}
