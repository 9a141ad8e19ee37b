//! Findings about the database of a sink, for `doctor`. It changes nothing there.

use seismic_proto::Schema;
use seismic_queue::{Finding, Kind};

use super::address::PASSWORD_VARIABLE;
use super::cell::Param;
use super::connection::Client;
use super::failure::{Trouble, failure};
use super::names::quoted;
use super::target::Target;
use super::{dead_letters, position, session, table};
use crate::rows::columns;
use crate::sql::table_target::Protection;
use crate::{Error, Result, SinkSpec};

/// Oldest versions that the sink was written for: they have UTC times with milliseconds, and locks
/// of which a session may have several.
const OLDEST_MARIADB: (u32, u32) = (10, 2);
/// See [`OLDEST_MARIADB`].
const OLDEST_MYSQL: (u32, u32) = (5, 7);

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
    match error {
        Error::Database { what, .. }
            if ["error 1045", "error 1698"].iter().any(|it| what.contains(it)) =>
        {
            format!(
                "put the password into a file and name it with password_file=FILE, or set \
                     {PASSWORD_VARIABLE}"
            )
        }
        Error::Database { what, .. } if what.contains("certificate") => {
            "name the authority that signed the server's certificate with ssl_ca=FILE, and the \
             host as \
             the certificate does"
                .to_owned()
        }
        Error::Database { what, .. } if what.contains("does not support TLS") => {
            "give the server a certificate (ssl_cert, ssl_key), or use sslmode=disable on a trusted network"
                .to_owned()
        }
        Error::Database { what, .. } if what.contains("error 1049") => {
            "create the database, or correct its name in the address".to_owned()
        }
        Error::Database { what, .. } if what.contains("error 1044") => {
            "let the user have the database: GRANT SELECT, INSERT, UPDATE, DELETE".to_owned()
        }
        Error::Database { kind: Kind::Retry, .. } => {
            "start the server, or correct host and port; the sink waits for it, and the job does \
             not \
             wait for the sink"
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
    let mut client = session::connect(&target)?;
    findings.push(version(client.version()));
    findings.push(encryption(&target, client.is_encrypted()));
    of_settings(&mut client, (&target, spec), findings)?;
    let columns = target.columns(Schema::windows())?;
    match table::check(&mut client, &target, &columns) {
        Err(Error::TableMissing { table, .. }) if target.creates => {
            findings.push(Finding::fine(format!("table {table} is missing; the sink makes it")));
            return Ok(());
        }
        checked => drop(checked?),
    }
    if !of_rights(&mut client, &target, findings)? {
        return Ok(());
    }
    findings.push(Finding::fine(format!("table {}.{} takes rows", target.schema, target.table)));
    if let Some(stored) = position::read(&mut client, &target)? {
        findings.push(stored.finding());
    }
    let refused = dead_letters::places(&mut client, &target)?.len();
    if refused > 0 {
        findings.push(Finding::warning(
            format!(
                "the table did not take {refused} rows, which are in {}",
                target.quoted_dead_letters()
            ),
            "see their reasons there, alter the table, and write them again from there",
        ));
    }
    Ok(())
}

/// What the server's version is, and whether it is new enough.
fn version(version: &str) -> Finding {
    let is_mariadb = version.contains("MariaDB");
    // MariaDB says an old version first, for clients that would not know what to do with 10.
    let number = version.strip_prefix("5.5.5-").filter(|_| is_mariadb).unwrap_or(version);
    let mut parts = number.split(['.', '-']).map(|part| part.parse().unwrap_or(0));
    let found: (u32, u32) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    let (name, oldest) = match is_mariadb {
        true => ("MariaDB", OLDEST_MARIADB),
        false => ("MySQL", OLDEST_MYSQL),
    };
    if found < oldest {
        return Finding::problem(
            format!("{name} {number} is older than {}.{}", oldest.0, oldest.1),
            "use a server that its makers still support",
        );
    }
    Finding::fine(format!("{name} {number}"))
}

/// Settings that weaken the promise, where the server has them.
fn of_settings(
    client: &mut Client,
    (target, spec): (&Target, &SinkSpec),
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let select = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('read_only', 'log_bin', 'sync_binlog', \
                  'innodb_flush_log_at_trx_commit', 'innodb_doublewrite', \
                  'rpl_semi_sync_master_enabled', 'rpl_semi_sync_source_enabled')";
    let rows = client.query(select, &[]);
    let rows = rows.map_err(|e| failure(&target.name, "asking for its settings", e))?;
    let setting = |name: &str| {
        rows.iter().find_map(|row| {
            let is_it = row.first()?.text()?.eq_ignore_ascii_case(name);
            is_it.then(|| row.get(1)?.text()).flatten()
        })
    };
    let is =
        |name: &str, value: &str| setting(name).is_some_and(|it| it.eq_ignore_ascii_case(value));
    if !is("read_only", "OFF") && setting("read_only").is_some() {
        findings.push(Finding::problem(
            "the server is read-only, as a replica is",
            "name the primary in the address",
        ));
    }
    if let Some(when) = setting("innodb_flush_log_at_trx_commit").filter(|when| when != "1") {
        findings.push(Finding::warning(
            format!(
                "innodb_flush_log_at_trx_commit is {when}: a crash of the machine takes up to a second of \
                 rows and position back together, and the sink writes them again only while the result \
                 topic has them"
            ),
            spec.or_keep("set innodb_flush_log_at_trx_commit = 1"),
        ));
    }
    if is("innodb_doublewrite", "OFF") {
        findings.push(Finding::warning(
            "innodb_doublewrite is off: a crash of the machine may damage committed rows",
            "set innodb_doublewrite = ON",
        ));
    }
    let replicas =
        "SELECT count(*) FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'";
    let replicas = client.query(replicas, &[]);
    let replicas = replicas.map_err(|e| failure(&target.name, "asking for its replicas", e))?;
    let has_replicas =
        replicas.first().and_then(|row| row.first()?.int()).is_some_and(|count| count > 0);
    let is_synchronous = ["rpl_semi_sync_master_enabled", "rpl_semi_sync_source_enabled"]
        .iter()
        .any(|name| is(name, "ON"));
    if has_replicas && !is_synchronous {
        findings.push(Finding::warning(
            "its replicas follow asynchronously: a failover takes the newest rows and their position back \
             together, and the sink writes them again only while the result topic has them",
            spec.or_keep("enable semi-synchronous replication"),
        ));
    }
    Ok(())
}

fn encryption(target: &Target, is_encrypted: bool) -> Finding {
    match (is_encrypted, &target.authority, target.protection) {
        (true, Some(_), Protection::VerifyFull) => {
            Finding::fine("the connection is encrypted, and the identity of the server is verified")
        }
        (true, Some(_), _) => Finding::fine("the connection is encrypted, with a known authority"),
        (true, None, _) => Finding::warning(
            "the connection is encrypted, but the identity of the server is not verified",
            "name the authority that signed the server's certificate: \
             sslmode=verify-full,ssl_ca=FILE",
        ),
        (false, ..) if ["localhost", "127.0.0.1", "::1"].contains(&&*target.address.host) => {
            Finding::fine("the connection stays on this machine")
        }
        (false, ..) => Finding::warning(
            "the connection is not encrypted: rows and password can be read on the network",
            "give the server a certificate (ssl_cert, ssl_key) and use sslmode=verify-full,ssl_ca=FILE",
        ),
    }
}

/// What the user may not do with the tables. The server is asked to prepare what the sink does,
/// which it refuses as it would refuse doing it; whether the user may do all.
fn of_rights(client: &mut Client, target: &Target, findings: &mut Vec<Finding>) -> Result<bool> {
    let mut is_fine = true;
    for (table, column) in [
        (target.quoted_table(), quoted(columns::OFFSET)),
        (target.quoted_positions(), quoted("next")),
    ] {
        let mut missing = Vec::new();
        for (right, statement) in [
            ("SELECT", format!("SELECT {column} FROM {table} LIMIT 0")),
            ("INSERT", format!("INSERT INTO {table} ({column}) VALUES (?)")),
            ("UPDATE", format!("UPDATE {table} SET {column} = ? WHERE {column} = ?")),
            ("DELETE", format!("DELETE FROM {table} WHERE {column} = ?")),
        ] {
            match client.check(&statement) {
                Ok(()) => {}
                Err(Trouble::Server { code: 1142 | 1143, .. }) => missing.push(right),
                Err(trouble) => {
                    return Err(failure(&target.name, "asking for its rights", trouble));
                }
            }
        }
        if !missing.is_empty() {
            is_fine = false;
            let missing = missing.join(", ");
            let user = user(client).unwrap_or_else(|| target.address.user.clone());
            findings.push(Finding::problem(
                format!("user {user} may not {missing} on {table}"),
                format!("GRANT {missing} ON {table} TO {user}"),
            ));
        }
    }
    Ok(is_fine)
}

/// The account as statements name it.
fn user(client: &mut Client) -> Option<String> {
    let rows = client.query("SELECT current_user()", &[] as &[Param<'_>]).ok()?;
    let account = rows.first()?.first()?.text()?;
    let (name, host) = account.rsplit_once('@')?;
    Some(format!("{}@{}", quoted(name), quoted(host)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_from_those_that_old_clients_are_told() {
        for (said, shown) in [
            ("5.5.5-10.11.6-MariaDB-0+deb12u1", "MariaDB 10.11.6-MariaDB-0+deb12u1"),
            ("11.4.2-MariaDB", "MariaDB 11.4.2-MariaDB"),
            ("8.0.36", "MySQL 8.0.36"),
            ("5.5.62", "older than 5.7"),
            ("5.5.5-10.1.48-MariaDB", "older than 10.2"),
        ] {
            let words = format!("{:?}", version(said));
            assert!(words.contains(shown), "{words}");
        }
    }
}
