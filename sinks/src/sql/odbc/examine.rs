//! Findings about the database of a sink, for `doctor`. It changes nothing there.

use seismic_proto::Schema;
use seismic_queue::{Finding, Kind};

use super::address::PASSWORD_VARIABLE;
use super::dialect::Dialect;
use super::link::Question;
use super::session::Session;
use super::statement::Want;
use super::target::Target;
use super::{dead_letters, position, session, table};
use crate::rows::columns;
use crate::sql::names::POSITIONS;
use crate::{Error, Result, SinkSpec};

/// Everything at once.
pub(super) fn examine(spec: &SinkSpec) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Err(error) = try_examine(spec, &mut findings) {
        findings.push(Finding::problem(error.to_string(), remedy(&error)));
    }
    findings
}

/// What to do about an error of the connection or the table.
fn remedy(error: &Error) -> String {
    let says = |words: &[&str]| {
        let Error::Database { what, .. } = error else { return false };
        words.iter().any(|word| what.contains(word))
    };
    match error {
        _ if says(&["IM002", "IM003", "IM012", "01000", "Can't open lib"]) => {
            "see what drivers and data sources there are with odbcinst -q -d and odbcinst -q -s, and \
             name one of them; odbcinst.ini says where a driver is"
                .to_owned()
        }
        _ if says(&["no ODBC"]) => {
            "apt-get install unixodbc, and the package of the driver: odbc-postgresql, odbc-mariadb, \
             or that of the database's maker"
                .to_owned()
        }
        _ if says(&["password", "28000", "28P01", "1045", "Access denied"]) => format!(
            "put the password into a file and name it with password_file=FILE, or set \
             {PASSWORD_VARIABLE}"
        ),
        Error::Database { kind: Kind::Retry, .. } => {
            "start the server, or correct the connection string; the sink waits for it, and the job \
             does not wait for the sink"
                .to_owned()
        }
        Error::TableMissing { .. } => {
            "make it with the DDL of the sink (docs/sinks.md); with create=true the sink makes it \
             itself"
                .to_owned()
        }
        Error::TableDiffers { .. } => {
            "alter the table, choose columns with columns=…, or use another one with table=TABLE"
                .to_owned()
        }
        _ => String::new(),
    }
}

fn try_examine(spec: &SinkSpec, findings: &mut Vec<Finding>) -> Result<()> {
    let target = Target::of(spec)?;
    let mut session = session::open_to_read(&target)?;
    findings.push(versions(&session));
    if session.link.ask(Question::IsReadOnly) == "Y" {
        findings.push(Finding::problem(
            "the data source is read-only, as a replica is",
            "name the primary, or take what makes it read-only from the data source",
        ));
    }
    of_settings(&mut session, spec, findings);
    let columns = target.columns(Schema::windows())?;
    match table::check(&mut session, &target, &columns) {
        Err(Error::TableMissing { table, .. }) if target.creates => {
            findings.push(Finding::fine(format!("table {table} is missing; the sink makes it")));
            return Ok(());
        }
        checked => drop(checked?),
    }
    if !of_rights(&mut session, &target, findings) {
        return Ok(());
    }
    let table = session.names.table(&target.table);
    findings.push(Finding::fine(format!("table {table} takes rows")));
    if let Some(stored) = position::read(&mut session, &target)? {
        findings.push(stored.finding());
    }
    let refused = dead_letters::places(&mut session, &target)?.len();
    if refused > 0 {
        findings.push(Finding::warning(
            format!("the table did not take {refused} rows, which are in seismic_dead_letter"),
            "see their reasons there, alter the table, and write them again from there",
        ));
    }
    Ok(())
}

/// Database and driver, and whether this sink was ever tried with them.
fn versions(session: &Session) -> Finding {
    let ask = |what| session.link.ask(what);
    let (database, driver) = (ask(Question::DatabaseName), ask(Question::DriverName));
    let dialect = session.names.dialect;
    let what = format!(
        "{database} {}, driver {driver} {}, dialect {}",
        ask(Question::DatabaseVersion),
        ask(Question::DriverVersion),
        dialect.word()
    );
    match dialect {
        Dialect::Postgres | Dialect::MySql | Dialect::Sqlite => Finding::fine(what),
        _ => Finding::warning(
            format!("{what}: this sink was never tried on such a database"),
            "try it on a copy: kill the job while it writes, and have seismic verify --sink compare",
        ),
    }
}

/// Settings that weaken the promise, where the database says them.
fn of_settings(session: &mut Session, spec: &SinkSpec, findings: &mut Vec<Finding>) {
    let mut ask = |sql: &str| {
        let rows = session.link.query(sql, Vec::new(), &[Want::Text]).ok()?;
        rows.first()?.first()?.text()
    };
    let (setting, value, remedy) = match session.names.dialect {
        Dialect::Postgres => (
            "synchronous_commit",
            ask("SHOW synchronous_commit").filter(|it| it == "off"),
            "set synchronous_commit = on for this user",
        ),
        Dialect::MySql => (
            "innodb_flush_log_at_trx_commit",
            ask("SELECT @@innodb_flush_log_at_trx_commit").filter(|it| it != "1"),
            "set innodb_flush_log_at_trx_commit = 1",
        ),
        Dialect::Sqlite => (
            "synchronous",
            ask("PRAGMA synchronous").filter(|it| it == "0"),
            "write SyncPragma=NORMAL into the connection string",
        ),
        _ => return,
    };
    if let Some(value) = value {
        findings.push(Finding::warning(
            format!(
                "{setting} is {value}: a crash of the machine takes the newest rows and their \
                 position back together, and the sink writes them again only while the result topic \
                 has them"
            ),
            spec.or_keep(remedy),
        ));
    }
}

/// What the user may not do with the tables: each is tried with no row at all, and taken back.
fn of_rights(session: &mut Session, target: &Target, findings: &mut Vec<Finding>) -> bool {
    let mut is_fine = true;
    for (table, column) in [(&*target.table, columns::OFFSET), (POSITIONS, "next")] {
        let (table, column) = (session.names.table(table), session.names.quoted(column));
        for (right, statement) in [
            ("SELECT", format!("SELECT {column} FROM {table} WHERE 1 = 0")),
            ("UPDATE", format!("UPDATE {table} SET {column} = {column} WHERE 1 = 0")),
            ("DELETE", format!("DELETE FROM {table} WHERE 1 = 0")),
            (
                "INSERT",
                format!("INSERT INTO {table} ({column}) SELECT {column} FROM {table} WHERE 1 = 0"),
            ),
        ] {
            let tried = session.link.begin().and_then(|()| session.link.run(&statement));
            let taken_back = session.link.rollback();
            if let Err(trouble) = tried.and(taken_back.map(|()| 0)) {
                is_fine = false;
                let error = super::trouble::failure(&target.name, "trying its rights", trouble);
                findings.push(Finding::problem(
                    format!("the user may not {right} on {table}: {error}"),
                    format!("GRANT {right} ON {table} to the user of the connection"),
                ));
            }
        }
    }
    is_fine
}
