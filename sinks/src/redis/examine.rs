//! Findings about the server of a sink, for `doctor`. It changes nothing there.

use seismic_proto::Schema;
use seismic_queue::{Finding, Kind};

use super::position;
use super::session::Session;
use super::target::{PASSWORD_VARIABLE, Target};
use crate::{Error, Result, SinkSpec, limits};

/// Everything at once.
pub(super) fn examine(spec: &SinkSpec) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Err(error) = try_examine(spec, &mut findings) {
        findings.push(Finding::problem(error.to_string(), remedy(&error)));
    }
    findings
}

fn remedy(error: &Error) -> String {
    match error {
        Error::Database { what, .. } if what.contains("AUTH") || what.contains("WRONGPASS") => {
            format!(
                "put the password into a file and name it with password_file=FILE, or set {PASSWORD_VARIABLE}"
            )
        }
        Error::Database { what, .. } if what.contains("NOPERM") => {
            "let the user do EVAL, EXISTS, HGET, HGETALL, HSET, HSETNX, INFO, CLIENT, the command of the \
             operation and, with expire_ms, PTTL and PEXPIRE"
                .to_owned()
        }
        Error::Database { what, .. } if what.contains("certificate") => {
            "name the authority with ssl_ca=FILE, and the host as its certificate does".to_owned()
        }
        Error::Database { kind: Kind::Retry, .. } => {
            "start the server, or correct host and port; the sink waits for it, and the job does not wait \
             for the sink"
                .to_owned()
        }
        Error::TableDiffers { .. } => "correct key, value or score".to_owned(),
        _ => String::new(),
    }
}

fn try_examine(spec: &SinkSpec, findings: &mut Vec<Finding>) -> Result<()> {
    let target = Target::of(spec)?;
    target.plan(Schema::windows())?;
    let mut session = Session::connect(&target, limits::CONNECT_PATIENCE)?;
    let info = format!("{}{}", session.info("server")?, session.info("cluster")?);
    let field = |info: &str, name: &str| -> Option<String> {
        info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::to_owned))
    };
    let version = field(&info, "redis_version").unwrap_or_else(|| "of unknown version".to_owned());
    findings.push(Finding::fine(format!("Redis {version}")));
    if field(&info, "cluster_enabled").as_deref() == Some("1") {
        findings.push(Finding::problem(
            "it is a node of a cluster, whose keys and position cannot be written together",
            "use a server of its own",
        ));
    }
    let replication = session.info("replication")?;
    if field(&replication, "role").as_deref() == Some("slave") {
        findings.push(Finding::problem("it is a replica, which takes no rows", "name the master"));
    }
    if field(&replication, "connected_slaves").is_some_and(|number| number != "0") {
        findings.push(Finding::warning(
            "its replicas follow asynchronously: a failover takes the newest rows and their position back \
             together, and the sink writes them again only while the result topic has them",
            spec.or_keep("name the server that is the master then"),
        ));
    }
    of_persistence(&mut session, spec, findings)?;
    of_keys(&target, findings);
    if let Some(stored) = position::read(&mut session, &target)? {
        findings.push(stored.position.finding());
    }
    Ok(())
}

/// Settings that weaken the promise.
fn of_persistence(
    session: &mut Session,
    spec: &SinkSpec,
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let persistence = session.info("persistence")?;
    if persistence.contains("aof_enabled:0") {
        findings.push(Finding::warning(
            "appendonly is no: a crash of the server takes rows and position back to its last snapshot, and \
             the sink writes them again only while the result topic has them",
            spec.or_keep("set appendonly yes"),
        ));
    }
    let mut setting = |name: &str| -> Result<Option<String>> {
        let found = session.may_call("asking for its settings", &["CONFIG", "GET", name])?;
        Ok(found.and_then(|found| found.parts().get(1)?.text()))
    };
    if setting("appendfsync")?.is_some_and(|when| when != "always") {
        findings.push(Finding::fine(
            "appendfsync is not always: a power loss takes up to a second of rows and position back together",
        ));
    }
    if let Some(policy) = setting("maxmemory-policy")?
        && policy != "noeviction"
        && setting("maxmemory")?.is_some_and(|limit| limit != "0")
    {
        findings.push(Finding::problem(
            format!(
                "maxmemory-policy is {policy}: the server may throw the position away, and rows"
            ),
            "set maxmemory-policy noeviction",
        ));
    }
    Ok(())
}

/// A key that later panes of a window share.
fn of_keys(target: &Target, findings: &mut Vec<Finding>) {
    use super::Operation::{HSet, Set};
    let has = |field: &str| target.key.fields().any(|of| of == field);
    // One that adds the rows of a window up has one key for all of them.
    if !target.merges_panes
        && matches!(target.operation, Set | HSet)
        && has("window_start_ts")
        && !(has("pane") && has("clock_era"))
    {
        findings.push(Finding::warning(
            "the key has no pane or clock_era: a later pane of a window replaces the earlier one",
            "add {pane} and {clock_era} to the key, or take where=pane = 0",
        ));
    }
}
