//! One connection of the sink: how it is opened and configured, and which sink owns the table.
//!
//! A lock of the session, which the server releases with the connection, shows who writes to the
//! table; the table of positions has the writer's name. They detect a second sink early; correctness
//! depends only on the position (`position.rs`).

use std::thread;
use std::time::{Duration, Instant};

use super::address::{Address, PASSWORD_VARIABLE};
use super::cell::Param;
use super::connection::Client;
use super::failure::failure;
use super::login::Login;
use super::position;
use super::target::Target;
use crate::position::mark::SinkMark;
use crate::sql::application::of_lane;
use crate::sql::patience::{PATIENCE, PATIENCE_TO_LOOK, Patience};
use crate::sql::read_table::PATIENCE_TO_READ;
use crate::sql::table_target::Protection;
use crate::{Error, Result, SinkSpec, limits};

/// What every session of a sink is set to, whatever the server's defaults are: values that do not
/// fit are refused, a backslash in a text is a backslash that is doubled, a lock or a dead client
/// holds no one for long, and no statement ends in between. MariaDB alone reads what is in `/*M!`.
const SETTINGS: &str = "SET SESSION \
    sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', \
    autocommit = 1, innodb_lock_wait_timeout = 10, lock_wait_timeout = 10, \
    wait_timeout = 600, net_read_timeout = 60, net_write_timeout = 60, time_zone = '+00:00' \
    /*M!100300 , idle_transaction_timeout = 60 */ /*M!100101 , max_statement_time = 0 */";

/// A session that nothing was asked for that long may have been ended by the server, or by what is
/// between.
const STALE: Duration = Duration::from_secs(60);

/// The name of the sink's lock: no name of a lock may be longer than 64 letters.
const LOCK: &str = "concat('seismic ', sha1(?))";

/// A session that takes rows.
pub(super) struct Session {
    pub(super) client: Client,
    /// Longest statement that the server takes, in bytes.
    pub(super) statement_bytes: usize,
}

impl Session {
    /// Whether it still stands.
    pub(super) fn is_alive(&mut self) -> bool {
        self.client.idle() < STALE || self.client.ping().is_ok()
    }
}

/// Connects, and waits for the sink's turn.
pub(super) fn open(target: &Target, application: &str, lane: usize) -> Result<Session> {
    let mut client = connect(target)?;
    take_turn(&mut client, target, (application, lane))?;
    let failed = |e| failure(&target.name, "asking for its settings", e);
    let rows = client.query("SELECT @@max_allowed_packet", &[]).map_err(failed)?;
    let bytes = rows.first().and_then(|row| row.first()?.int());
    let statement_bytes = bytes.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(1 << 20);
    Ok(Session { client, statement_bytes })
}

/// Connects, without a turn.
pub(super) fn connect(target: &Target) -> Result<Client> {
    connect_within(target, PATIENCE)
}

/// The same for those who read a table, and give up sooner.
pub(super) fn connect_to_read(target: &Target) -> Result<Client> {
    connect_within(target, PATIENCE_TO_READ)
}

/// What the table of positions says, for those who only look. A server that does not answer says
/// nothing.
pub(super) fn mark(spec: &SinkSpec) -> Result<Option<SinkMark>> {
    let target = Target::of(spec)?;
    let looked = connect_within(&target, PATIENCE_TO_LOOK)
        .and_then(|mut client| position::read(&mut client, &target));
    Ok(looked.ok().flatten().map(SinkMark::from))
}

fn connect_within(target: &Target, patience: Patience) -> Result<Client> {
    let Address { user, host, port, database } = &target.address;
    let password = target.password(PASSWORD_VARIABLE)?.unwrap_or_default();
    let has_tls = target.protection != Protection::Disable;
    let login = Login {
        user,
        password: &password,
        database,
        host,
        tls: if has_tls { Some(target.tls()?) } else { None },
        needs_tls: matches!(target.protection, Protection::Require | Protection::VerifyFull),
    };
    let connected = Client::connect(login, *port, patience);
    let mut client = connected.map_err(|e| failure(&target.name, "connecting", e))?;
    client.run(SETTINGS).map_err(|e| failure(&target.name, "setting up the session", e))?;
    Ok(client)
}

/// Waits for the turn of a connection of the sink, each of which has a lock. A session of this sink that the server has not given up yet is ended:
/// its connection is lost. One of a process that was killed is gone within moments.
fn take_turn(
    client: &mut Client,
    target: &Target,
    (application, lane): (&str, usize),
) -> Result<()> {
    let failed = |e| failure(&target.name, "taking the sink's lock", e);
    let place = of_lane(&format!("{}.{}", target.schema, target.table), lane);
    let (take, holder) =
        (format!("SELECT get_lock({LOCK}, 0)"), format!("SELECT is_used_lock({LOCK})"));
    let begun = Instant::now();
    loop {
        let mut number = |sql: &str| -> Result<Option<i64>> {
            let rows = client.query(sql, &[Param::Text(&place)]).map_err(failed)?;
            Ok(rows.first().and_then(|row| row.first()?.int()))
        };
        if number(&take)? == Some(1) {
            return Ok(());
        }
        if let Some(session) = number(&holder)? {
            let writer = position::writer(client, target);
            if writer.as_deref() == Some(application) {
                // It may have ended by itself.
                let _ = client.run(&format!("KILL {session}"));
            } else if begun.elapsed() > limits::TURN_PATIENCE {
                let who = writer.unwrap_or_else(|| "another session".to_owned());
                let by = format!("{who} (connection {session} of the server)");
                return Err(Error::InUse { place: target.name.clone(), by });
            }
        }
        thread::sleep(limits::TURN_EVERY);
    }
}
