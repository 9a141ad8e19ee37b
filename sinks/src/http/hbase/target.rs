//! The gateway, tables and credentials, from the target and options of a sink.

use std::path::PathBuf;
use std::time::Duration;

use seismic_proto::Schema;

use super::names::{COUNTED, POSITIONS};
use super::operation::Operation;
use super::options;
use crate::http::address;
use crate::http::answer::Server;
use crate::rows::columns::Choice;
use crate::rows::template::{Key, Template};
use crate::{Result, SinkSpec};

/// Where the password is taken from when no file is named.
pub(super) const PASSWORD_VARIABLE: &str = "SEISMIC_SINK_HBASE_PASSWORD";

/// How an address looks.
pub(super) const FORM: &str = "hbase:http[s]://[USER@]HOST:PORT";

/// A gateway, and how the sink writes there.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// The same place has the same name, whoever connects.
    pub(super) name: String,
    /// Where the gateway is, without a slash at its end.
    base: String,
    user: Option<String>,
    password_file: Option<PathBuf>,
    authority: Option<PathBuf>,
    /// Empty: the default one.
    pub(super) namespace: String,
    /// The table of rows, with its namespace.
    pub(super) table: String,
    /// The table of positions, with its namespace.
    pub(super) positions: String,
    pub(super) family: String,
    pub(super) operation: Operation,
    pub(super) key: Template,
    /// Whether it was chosen.
    pub(super) has_own_key: bool,
    pub(super) choice: Choice,
    /// Fields that are added up, and the names that they get; empty: rows are counted.
    pub(super) value: Vec<(String, String)>,
    /// Whether it makes tables that are missing.
    pub(super) creates: bool,
    /// Longest request, in bytes.
    pub(super) batch_bytes: usize,
}

impl Target {
    /// Reads a spec; every fault at once. Secrets are not read yet.
    pub(super) fn read(spec: &SinkSpec) -> std::result::Result<Target, Vec<String>> {
        let mut faults = Vec::new();
        let address = address::read(spec.target(), FORM, PASSWORD_VARIABLE);
        let address = address.map_err(|fault| faults.push(fault)).ok();
        let [namespace, table, family] = ["namespace", "table", "family"].map(|it| spec.text(it));
        for (option, name) in [("namespace", namespace), ("table", table), ("family", family)] {
            let is_fine = is_name(name) || option == "namespace" && name.is_empty();
            if !is_fine {
                faults.push(format!(
                    "{option} is {name:?}; it must be 1 to {NAME_BYTES} letters, digits, dots, dashes and \
                     underscores, and begin with a letter or digit"
                ));
            }
        }
        if table == POSITIONS {
            faults
                .push(format!("table is {POSITIONS}, where positions are kept: name another one"));
        }
        let operation = Operation::of(spec.text("operation"));
        let has_own_key = spec.text("key") != options::KEY;
        if operation == Operation::Incr && !has_own_key {
            faults.push(
                "operation=incr needs the key of its counters, as in key=sensor_id".to_owned(),
            );
        }
        let key = Template::read(spec.text("key"), spec.text("connector"));
        let key = key.map_err(|fault| faults.push(fault)).ok();
        let choice = Choice::read(spec.text("columns"));
        let choice = choice.map_err(|fault| faults.push(fault)).ok();
        let value = value(spec.text("value")).map_err(|fault| faults.push(fault)).ok();
        for (of, option) in [(Operation::Put, "value"), (Operation::Incr, "columns")] {
            if of == operation && !spec.text(option).is_empty() {
                let name = spec.text("operation");
                faults.push(format!("operation={name} takes no {option}: leave it out"));
            }
        }
        let [password_file, authority] =
            ["password_file", "ssl_ca"].map(|name| address::some_path(spec.text(name)));
        let has_user = address.as_ref().is_some_and(|(_, user)| user.is_some());
        if address.is_some() && password_file.is_some() && !has_user {
            faults.push(format!("password_file needs a user in the address; write {FORM}"));
        }
        let is_https = address.as_ref().is_none_or(|(base, _)| base.starts_with("https://"));
        if authority.is_some() && !is_https {
            faults.push("ssl_ca checks nothing without https".to_owned());
        }
        let (Some((base, user)), Some(key), Some(choice), Some(value), true) =
            (address, key, choice, value, faults.is_empty())
        else {
            return Err(faults);
        };
        let of_namespace = |table: &str| match namespace {
            "" => table.to_owned(),
            namespace => format!("{namespace}:{table}"),
        };
        Ok(Target {
            name: match namespace {
                "" => format!("hbase:{base},table={table},family={family}"),
                _ => format!("hbase:{base},namespace={namespace},table={table},family={family}"),
            },
            base,
            user,
            password_file,
            authority,
            namespace: namespace.to_owned(),
            table: of_namespace(table),
            positions: of_namespace(POSITIONS),
            family: family.to_owned(),
            operation,
            key,
            has_own_key,
            choice,
            value,
            creates: spec.text("create") == "true",
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

    /// Row keys of rows of this schema. Where none is chosen, those that are no windows have their place in
    /// the result topic.
    pub(super) fn key(&self, schema: &Schema) -> std::result::Result<Key, String> {
        if self.has_own_key || schema == Schema::windows() {
            return self.key.placed(schema);
        }
        Template::read(options::PLACE_KEY, "")?.placed(schema)
    }

    /// The gateway, as whoever asks it with that patience has it.
    pub(super) fn server(&self, patience: Duration) -> Result<Server> {
        let authorization = self.authorization()?;
        Server::new(&self.name, &self.base, authorization, (patience, self.authority.as_deref()))
    }

    /// Whether the password goes over the network as it is.
    pub(super) fn is_open(&self) -> bool {
        self.base.starts_with("http://") && self.user.is_some()
    }

    /// The header of whoever logs in.
    fn authorization(&self) -> Result<Option<String>> {
        let Some(user) = &self.user else { return Ok(None) };
        let password = address::secret(self.password_file.as_deref(), PASSWORD_VARIABLE)?;
        Ok(Some(address::basic(user, password)))
    }
}

/// Longest name of a namespace, table or family that the sink takes.
const NAME_BYTES: usize = 100;

/// What HBase takes, without what would have another meaning in paths.
fn is_name(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    begins && name.len() <= NAME_BYTES && name.chars().all(is_letter)
}

/// Fields and names of the option `value`.
fn value(text: &str) -> std::result::Result<Vec<(String, String)>, String> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let mut value: Vec<(String, String)> = Vec::new();
    for part in parts {
        let (field, name) = part.split_once(':').unwrap_or((part, part));
        if name.is_empty() || name == COUNTED || value.iter().any(|(_, other)| other == name) {
            return Err(format!(
                "value has {part:?}; each field needs a name of its own, and {COUNTED} is the sink's"
            ));
        }
        value.push((field.to_owned(), name.to_owned()));
    }
    Ok(value)
}
