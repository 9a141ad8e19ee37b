//! One connection of the sink: how it is opened and configured, and which sink owns the table.
//!
//! A session lock, which PostgreSQL releases with the connection, shows who writes to the table. It
//! detects a second sink early; correctness depends only on the position (`position.rs`), not on
//! the lock.

use std::thread;
use std::time::Instant;

use super::connection::Client;
use super::failure::failure;
use super::target::Target;
use super::tls;
use crate::sql::application::application;
use crate::sql::patience::{PATIENCE, PATIENCE_TO_LOOK, Patience};
use crate::sql::read_table::PATIENCE_TO_READ;
use crate::{Error, Result, limits};

/// What every session of a sink is set to, whatever the server's defaults are: no statement ends in
/// between, a lock or a dead client holds no one for long, what is committed is on the disk, and
/// the fence reads what was committed last.
const SETTINGS: &str = "\
    SET statement_timeout = 0; \
    SET lock_timeout = '10s'; \
    SET idle_in_transaction_session_timeout = '60s'; \
    SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; \
    SET default_transaction_isolation = 'read committed'; \
    SELECT set_config('synchronous_commit', 'on', false) \
        WHERE current_setting('synchronous_commit') = 'off'";

/// The process that has the lock of a sink.
const HOLDER: &str = "\
    SELECT coalesce(a.application_name, ''), coalesce(host(a.client_addr), 'this host'), a.pid \
    FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid \
    WHERE l.locktype = 'advisory' AND l.granted \
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
      AND l.classid::bigint = ((hashtextextended($1, 0) >> 32) & 4294967295) \
      AND l.objid::bigint = (hashtextextended($1, 0) & 4294967295)";

/// Connects, without a turn.
pub(super) fn connect(target: &Target, application: &str) -> Result<Client> {
    connect_within(target, application, PATIENCE)
}

/// The same for those who only look, and give up sooner.
pub(super) fn connect_to_look(target: &Target) -> Result<Client> {
    connect_within(target, &application(), PATIENCE_TO_LOOK)
}

/// The same for those who read a table.
pub(super) fn connect_to_read(target: &Target) -> Result<Client> {
    connect_within(target, &application(), PATIENCE_TO_READ)
}

fn connect_within(target: &Target, application: &str, patience: Patience) -> Result<Client> {
    let config = target.with_secrets(application)?;
    let connected = Client::connect(&config, tls::connector(target)?, patience);
    let mut client = connected.map_err(|e| failure(&target.name, "connecting", e))?;
    client
        .batch_execute(SETTINGS)
        .map_err(|e| failure(&target.name, "setting up the session", e))?;
    Ok(client)
}

/// Waits for the turn of a connection, whose lock has that name. A session of this sink that the server has not given up yet is ended:
/// its connection is lost. One of a process that was killed is gone within moments.
pub(super) fn take_turn(
    client: &mut Client,
    (target, name): (&Target, &str),
    application: &str,
) -> Result<()> {
    let doing = "taking the sink's lock";
    let failed = |e| failure(&target.name, doing, e);
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE application_name = $1 AND usename = current_user AND pid <> pg_backend_pid()";
    client.query(end, &[&application]).map_err(failed)?;
    let begun = Instant::now();
    loop {
        let lock = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))";
        let is_ours: bool = client.query_one(lock, &[&name]).map_err(failed)?.get(0);
        if is_ours {
            return Ok(());
        }
        if begun.elapsed() > limits::TURN_PATIENCE {
            let holder = client.query_opt(HOLDER, &[&name]).map_err(failed)?;
            let by = holder.map_or_else(
                || "another session".to_owned(),
                |row| {
                    let (who, host): (String, String) = (row.get(0), row.get(1));
                    format!("{who} on {host} (server process {})", row.get::<_, i32>(2))
                },
            );
            return Err(Error::InUse { place: target.name.clone(), by });
        }
        thread::sleep(limits::TURN_EVERY);
    }
}
