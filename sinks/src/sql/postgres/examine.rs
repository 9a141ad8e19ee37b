//! Findings about the database of a sink, for `doctor`. It changes nothing there.

use seismic_proto::Schema;
use seismic_queue::{Finding, Kind};

use super::connection::Client;
use super::failure::failure;
use super::target::{PASSWORD_VARIABLE, Target};
use super::{dead_letters, position, session, table};
use crate::sql::application::application;
use crate::sql::names::POSITIONS;
use crate::sql::table_target::Protection;
use crate::{Error, Result, SinkSpec};

/// Oldest major version that the sink was written for: the server must have `hashtextextended`.
const OLDEST: i32 = 120_000;

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
        Error::Database { what, .. } if what.contains("password") || what.contains("28P01") => {
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
            "set ssl=on at the server, or use sslmode=disable on a trusted network".to_owned()
        }
        Error::Database { what, .. } if what.contains("3D000") => {
            "create the database, or correct its name in the address".to_owned()
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
    let mut client = session::connect(&target, &application())?;
    of_server(&mut client, (&target, spec), findings)?;
    of_rights(&mut client, &target, findings)?;
    let columns = target.columns(Schema::windows())?;
    match table::check(&mut client, &target, &columns) {
        Err(Error::TableMissing { table, .. }) if target.creates => {
            findings.push(Finding::fine(format!("table {table} is missing; the sink makes it")));
            return Ok(());
        }
        checked => drop(checked?),
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

/// Version, role, encryption, and settings that weaken the promise.
fn of_server(
    client: &mut Client,
    (target, spec): (&Target, &SinkSpec),
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let select = "\
        SELECT current_setting('server_version'), current_setting('server_version_num')::int, \
               pg_is_in_recovery(), \
               coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false), \
               current_setting('fsync'), current_setting('full_page_writes'), \
               (SELECT coalesce(reset_val, '') FROM pg_settings WHERE name = \
               'synchronous_commit'), \
               current_setting('synchronous_standby_names'), \
               (SELECT count(*) FROM pg_stat_replication)";
    let row = client
        .query_one(select, &[])
        .map_err(|e| failure(&target.name, "asking for its settings", e))?;
    let version: String = row.get(0);
    findings.push(match row.get::<_, i32>(1) {
        number if number < OLDEST => Finding::problem(
            format!("PostgreSQL {version} is older than 12"),
            "use a server that its makers still support",
        ),
        _ => Finding::fine(format!("PostgreSQL {version}")),
    });
    if row.get(2) {
        findings.push(Finding::problem(
            "the server is a standby, which takes no rows",
            "name the primary in the address",
        ));
    }
    findings.push(encryption(target, row.get(3)));
    for (place, setting) in [(4, "fsync"), (5, "full_page_writes")] {
        if row.get::<_, String>(place) == "off" {
            findings.push(Finding::warning(
                format!(
                    "{setting} is off: a crash of the machine may damage or lose committed rows"
                ),
                format!("set {setting} = on"),
            ));
        }
    }
    if row.get::<_, String>(6) == "off" {
        findings.push(Finding::warning(
            "synchronous_commit is off: others lose what they committed last in a crash; the sink \
             sets it on for its own sessions",
            "set synchronous_commit = on",
        ));
    }
    if row.get::<_, i64>(8) > 0 && row.get::<_, String>(7).is_empty() {
        findings.push(Finding::warning(
            "its standbys follow asynchronously: a failover takes the newest rows and their \
             position \
             back together, and the sink writes them again only while the result topic has them",
            spec.or_keep("set synchronous_standby_names"),
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
        (false, ..) if is_local(target) => Finding::fine("the connection stays on this machine"),
        (false, ..) => Finding::warning(
            "the connection is not encrypted: rows and password can be read on the network",
            "set ssl=on at the server and use sslmode=verify-full,ssl_ca=FILE",
        ),
    }
}

fn is_local(target: &Target) -> bool {
    target.config.get_hosts().iter().all(|host| match host {
        tokio_postgres::config::Host::Tcp(name) => {
            ["localhost", "127.0.0.1", "::1"].contains(&&**name)
        }
        tokio_postgres::config::Host::Unix(_) => true,
    })
}

/// What the user may do with the tables that are there, and whether missing ones can be made.
fn of_rights(client: &mut Client, target: &Target, findings: &mut Vec<Finding>) -> Result<()> {
    let failed = |e| failure(&target.name, "asking for its rights", e);
    let user: String = client.query_one("SELECT current_user::text", &[]).map_err(failed)?.get(0);
    for (table, rights) in [
        (&*target.table, &["SELECT", "INSERT", "UPDATE", "DELETE"][..]),
        (POSITIONS, &["SELECT", "INSERT", "UPDATE"][..]),
    ] {
        let select = "SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                      WHERE n.nspname = $1 AND c.relname = $2";
        let Some(row) = client.query_opt(select, &[&target.schema, &table]).map_err(failed)? else {
            continue;
        };
        let (oid, mut missing): (u32, Vec<&str>) = (row.get(0), Vec::new());
        for right in rights {
            let may: bool = client
                .query_one("SELECT has_table_privilege($1::oid, $2)", &[&oid, right])
                .map_err(failed)?
                .get(0);
            if !may {
                missing.push(right);
            }
        }
        if !missing.is_empty() {
            let missing = missing.join(", ");
            findings.push(Finding::problem(
                format!("user {user} may not {missing} on {}.{table}", target.schema),
                format!("GRANT {missing} ON {}.{table} TO {user}", target.schema),
            ));
        }
    }
    let select =
        "SELECT has_schema_privilege(n.oid, 'CREATE') FROM pg_namespace n WHERE n.nspname = $1";
    let may = client.query_opt(select, &[&target.schema]).map_err(failed)?;
    match may.map(|row| row.get::<_, bool>(0)) {
        None => findings.push(Finding::problem(
            format!("there is no schema {}", target.schema),
            format!("CREATE SCHEMA {}", target.schema),
        )),
        Some(false) if target.creates => findings.push(Finding::warning(
            format!("user {user} may not make tables in schema {}", target.schema),
            "have an administrator run the DDL of the sink (docs/sinks.md), and remove create=true",
        )),
        Some(_) => {}
    }
    Ok(())
}
