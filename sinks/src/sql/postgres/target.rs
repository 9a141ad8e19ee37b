//! The database, table and credentials, from the target and options of a sink.

use std::ops::Deref;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::names::quoted;
use crate::sql::names::{DEAD_LETTERS, POSITIONS};
use crate::sql::table_target::{Protection, TableTarget, has_password};
use crate::{Result, SinkSpec, limits};

/// Where the password is taken from when no file is named.
pub(super) const PASSWORD_VARIABLE: &str = "SEISMIC_SINK_POSTGRES_PASSWORD";

/// A table of a database, and how the sink writes there.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) config: Config,
    at: TableTarget,
}

impl Deref for Target {
    type Target = TableTarget;

    fn deref(&self) -> &TableTarget {
        &self.at
    }
}

impl Target {
    /// Reads a spec; every fault at once. Secrets are not read yet.
    pub(super) fn read(spec: &SinkSpec) -> std::result::Result<Target, Vec<String>> {
        let mut faults = Vec::new();
        let config = config(spec.target()).unwrap_or_else(|fault| {
            faults.push(fault);
            Config::new()
        });
        let mut at = TableTarget::read(spec, "public", &mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        at.name = name(&config, &at.schema, &at.table);
        Ok(Target { config, at })
    }

    /// As [`Target::read`], for a spec that was checked when it was made.
    pub(super) fn of(spec: &SinkSpec) -> Result<Target> {
        Target::read(spec).map_err(|faults| spec.refusal(&faults))
    }

    /// The same under another name in messages.
    pub(super) fn named(mut self, name: &str) -> Target {
        name.clone_into(&mut self.at.name);
        self
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

    /// Everything to connect with, the password too.
    pub(super) fn with_secrets(&self, application: &str) -> Result<Config> {
        let mut config = self.config.clone();
        if let Some(password) = self.password(PASSWORD_VARIABLE)? {
            config.password(password);
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

/// Host, port, database and user of a URL, or what is wrong with it.
fn config(target: &str) -> std::result::Result<Config, String> {
    let form = "postgres://USER@HOST:PORT/DATABASE";
    let rest = ["postgresql://", "postgres://", "//"].iter().find_map(|p| target.strip_prefix(p));
    let Some(rest) = rest else {
        return Err(format!("its target is no address; write {form}"));
    };
    let user = rest.rsplit_once('@').map(|(user, _)| user);
    if user.is_some_and(|user| user.contains(':')) || rest.contains("password=") {
        return Err(has_password(PASSWORD_VARIABLE));
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
