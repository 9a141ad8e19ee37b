//! Messages that have an append time but are not visible yet.
//!
//! A message gets its append time inside a transaction and becomes visible when that is committed.
//! A slow disk or a stopped process may delay the commit for any time. There is one transaction at
//! a time, so such messages belong to the one that is open now; and once another commit is visible,
//! the earlier transaction has ended.

use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

use crate::error::{Fault, Sql};

/// What is known of the transactions of others.
#[derive(Default)]
pub(crate) struct InFlight {
    /// What got its time before this moment shows. `None`: nothing is known yet.
    settled: Option<Instant>,
    /// When a transaction was found open, and how many commits there were before.
    open: Option<(Instant, i64)>,
}

impl InFlight {
    /// How long ago the oldest message that does not show may have its time.
    pub(crate) fn age(&mut self, db: &Connection) -> Sql<Duration> {
        let now = Instant::now();
        let commits = commits(db)?;
        if !is_written(db)? {
            (self.settled, self.open) = (Some(now), None);
        } else if let Some((found, before)) = self.open {
            if before != commits {
                (self.settled, self.open) = (Some(found), Some((now, commits)));
            }
        } else {
            self.open = Some((now, commits));
        }
        Ok(self.settled.map_or(Duration::MAX, |settled| now - settled))
    }
}

/// A number that changes with each commit of another connection.
pub(crate) fn commits(db: &Connection) -> Sql<i64> {
    let mut version = db.prepare_cached("PRAGMA data_version")?;
    Ok(version.query_row([], |row| row.get(0))?)
}

/// Whether someone has a transaction open that may write.
fn is_written(db: &Connection) -> Sql<bool> {
    let mut waiting = db.prepare_cached("PRAGMA busy_timeout")?;
    let wait_ms = waiting.query_row([], |row| row.get(0))?;
    db.busy_timeout(Duration::ZERO)?;
    let begun = db.execute_batch("BEGIN IMMEDIATE");
    db.busy_timeout(Duration::from_millis(wait_ms))?;
    match begun {
        Ok(()) => {
            db.execute_batch("ROLLBACK")?;
            Ok(false)
        }
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(true),
        Err(error) => Err(Fault::Sql(error)),
    }
}
