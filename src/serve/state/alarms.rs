//! Alarms of jobs, and the status of their delivery.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;

use super::StateFile;
use crate::http::model::AlarmCounts;
use crate::serve::alarms::follower::Places;
use crate::serve::alarms::keeper::Change;
use crate::serve::alarms::kind::{KINDS, Kind};
use crate::serve::limits;

/// An alarm as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoredAlarm {
    /// Name of the job.
    pub job: String,
    /// What it is about.
    pub kind: String,
    /// What of the job, as a sensor; empty: the job itself.
    pub subject: String,
    /// What is, or was, wrong.
    pub text: String,
    /// Since when, ms since 1970 UTC.
    pub raised_ms: i64,
    /// When it was over.
    pub recovered_ms: Option<i64>,
}

/// Something that a target is to get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// Its number.
    pub id: i64,
    /// Whom, and how.
    #[serde(skip)]
    pub target: Target,
    /// What.
    #[serde(skip)]
    pub body: String,
    /// How often it was tried.
    pub tries: u32,
    /// The newest error.
    pub error: Option<String>,
    /// `waiting` or `undelivered`.
    pub state: String,
    /// The target as text.
    #[serde(rename = "target")]
    pub to: String,
    /// The jobs that it is about.
    pub jobs: Vec<String>,
}

/// Something that a target is to get from now on.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    /// Whom, and how.
    pub target: Target,
    /// What.
    pub body: String,
    /// The jobs that it is about.
    pub jobs: Vec<String>,
}

/// Who gets an alarm.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// An address, with the file of the secret that signs.
    Webhook(String, Option<std::path::PathBuf>),
    /// An address of Slack.
    Slack(String),
    /// A command of the server, by name.
    Command(String),
    /// A topic in the queue of a job: the job and the topic.
    Topic(String, String),
}

impl Target {
    /// In words, without what may be secret in an address.
    #[must_use]
    pub fn in_words(&self) -> String {
        let host = |url: &str| {
            let behind = url.split_once("://").map_or(url, |(_, rest)| rest);
            let host = behind.split(['/', '?']).next().unwrap_or_default();
            host.rsplit_once('@').map_or(host, |(_, host)| host).to_owned()
        };
        match self {
            Target::Webhook(url, _) => format!("webhook at {}", host(url)),
            Target::Slack(url) => format!("slack at {}", host(url)),
            Target::Command(name) => format!("command {name}"),
            Target::Topic(job, topic) => format!("topic {topic} of job {job}"),
        }
    }
}

impl StateFile {
    /// Stores changes of alarms, and what is to be delivered of them.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn store_alarms(
        &mut self,
        now_ms: i64,
        changes: &[(String, Change)],
        deliveries: &[NewDelivery],
        places: &[(String, Places)],
    ) -> anyhow::Result<()> {
        let act = self.db.transaction()?;
        for (job, change) in changes {
            let kind = change.kind.name();
            if change.is_raised {
                // What is told again is one alarm still: only what is over is ever deleted.
                let known = act.execute(
                    "UPDATE alarms SET text = ?4
                     WHERE job = ?1 AND kind = ?2 AND subject = ?3 AND recovered_ms IS NULL",
                    params![job, kind, change.subject, change.text],
                )?;
                if known == 0 {
                    act.execute(
                        "INSERT INTO alarms (job, kind, subject, text, raised_ms)
                         VALUES (?1, ?2, ?3, ?4, ?5)",
                        params![job, kind, change.subject, change.text, change.since_ms],
                    )?;
                }
            } else {
                act.execute(
                    "UPDATE alarms SET recovered_ms = ?3
                     WHERE job = ?1 AND kind = ?2 AND subject = ?4 AND recovered_ms IS NULL",
                    params![job, kind, now_ms, change.subject],
                )?;
            }
        }
        for NewDelivery { target, body, jobs } in deliveries {
            act.execute(
                "INSERT INTO deliveries (alarms, target, body, next_ms) VALUES (?1, ?2, ?3, ?4)",
                params![serde_json::to_string(jobs)?, serde_json::to_string(target)?, body, now_ms],
            )?;
        }
        for (job, places) in places {
            act.execute(
                "INSERT OR REPLACE INTO followed (job, places) VALUES (?1, ?2)",
                params![job, serde_json::to_string(places)?],
            )?;
        }
        act.execute(
            "DELETE FROM alarms WHERE recovered_ms IS NOT NULL AND id <= (
                 SELECT id FROM alarms ORDER BY id DESC LIMIT 1 OFFSET ?1)",
            [limits::ALARMS],
        )?;
        Ok(act.commit()?)
    }

    /// The newest alarms, the newest first; of one job, or of all.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn alarms(&self, job: Option<&str>, most: u64) -> anyhow::Result<Vec<StoredAlarm>> {
        let mut all = self.db.prepare(
            "SELECT job, kind, subject, text, raised_ms, recovered_ms FROM alarms
             WHERE ?1 IS NULL OR job = ?1 ORDER BY recovered_ms IS NULL DESC, id DESC LIMIT ?2",
        )?;
        let one = |row: &rusqlite::Row<'_>| {
            Ok(StoredAlarm {
                job: row.get(0)?,
                kind: row.get(1)?,
                subject: row.get(2)?,
                text: row.get(3)?,
                raised_ms: row.get(4)?,
                recovered_ms: row.get(5)?,
            })
        };
        Ok(all.query_map(params![job, most.cast_signed()], one)?.collect::<Result<_, _>>()?)
    }

    /// How many alarms of each job are raised, and how many messages of them have not arrived.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn alarm_counts(&self) -> anyhow::Result<BTreeMap<String, AlarmCounts>> {
        let mut all: BTreeMap<String, AlarmCounts> = BTreeMap::new();
        // A further worker has alarms of its own, as coast/2.
        let job_of = |name: &str| name.split('/').next().unwrap_or_default().to_owned();
        let mut raised = self.db.prepare_cached(
            "SELECT job, count(*) FROM alarms WHERE recovered_ms IS NULL GROUP BY job",
        )?;
        let mut rows = raised.query([])?;
        while let Some(row) = rows.next()? {
            all.entry(job_of(&row.get::<_, String>(0)?)).or_default().raised += count(row, 1)?;
        }
        let mut lacking = self.db.prepare_cached(
            "SELECT alarms, state, count(*) FROM deliveries GROUP BY alarms, state",
        )?;
        let mut rows = lacking.query([])?;
        while let Some(row) = rows.next()? {
            let jobs: Vec<String> =
                serde_json::from_str(&row.get::<_, String>(0)?).unwrap_or_default();
            let is_waiting = row.get::<_, String>(1)? == "waiting";
            let jobs: BTreeSet<String> = jobs.iter().map(|job| job_of(job)).collect();
            for job in jobs {
                let counts = all.entry(job).or_default();
                let place = if is_waiting { &mut counts.waiting } else { &mut counts.undelivered };
                *place += count(row, 2)?;
            }
        }
        Ok(all)
    }

    /// The alarms of a job that are raised.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn raised(&self, job: &str) -> anyhow::Result<Vec<(Kind, String, i64, String)>> {
        let open = self.alarms(Some(job), limits::ALARMS as u64)?;
        let open = open.into_iter().filter(|alarm| alarm.recovered_ms.is_none());
        let known = |alarm: StoredAlarm| {
            let kind = KINDS.iter().find(|(_, name)| *name == alarm.kind)?.0;
            Some((kind, alarm.subject, alarm.raised_ms, alarm.text))
        };
        Ok(open.filter_map(known).collect())
    }

    /// How far the rows of a job are followed for alarms on them.
    ///
    /// # Errors
    /// Those of SQLite, and what cannot be understood.
    pub fn places(&self, job: &str) -> anyhow::Result<Places> {
        let mut one = self.db.prepare_cached("SELECT places FROM followed WHERE job = ?1")?;
        let text: Option<String> = one.query_row([job], |row| row.get(0)).optional()?;
        Ok(text.map(|text| serde_json::from_str(&text)).transpose()?.unwrap_or_default())
    }
}

/// What is not delivered, the oldest first: what waits, and what was given up.
///
/// # Errors
/// Those of SQLite.
pub fn undelivered(db: &Connection, most: u64) -> anyhow::Result<Vec<Delivery>> {
    let mut all = db.prepare_cached(&format!("{SELECT} ORDER BY id LIMIT ?1"))?;
    let mut rows = all.query([most.cast_signed()])?;
    let mut deliveries = Vec::new();
    while let Some(row) = rows.next()? {
        deliveries.push(delivery(row)?);
    }
    Ok(deliveries)
}

fn count(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

const SELECT: &str = "SELECT id, target, body, tries, error, state, alarms FROM deliveries";

fn delivery(row: &rusqlite::Row<'_>) -> anyhow::Result<Delivery> {
    let target: Target = serde_json::from_str(&row.get::<_, String>(1)?)?;
    Ok(Delivery {
        id: row.get(0)?,
        to: target.in_words(),
        target,
        body: row.get(2)?,
        tries: row.get(3)?,
        error: row.get(4)?,
        state: row.get(5)?,
        // An older version has written nothing there.
        jobs: serde_json::from_str(&row.get::<_, String>(6)?).unwrap_or_default(),
    })
}

/// The delivery that is due, if there is one: to a topic, or to all else. A broker that does not
/// answer keeps no one else waiting.
///
/// # Errors
/// Those of SQLite.
pub fn due(db: &Connection, now_ms: i64, to_topic: bool) -> anyhow::Result<Option<Delivery>> {
    // A target that did not take one rests as a whole: each of its deliveries would take as long to
    // fail again, and those of all others would wait behind them. Those of targets that work go
    // first.
    let sql = format!(
        "{SELECT} WHERE state = 'waiting' AND next_ms <= ?1 AND (target LIKE '{{\"topic\"%') = ?2
             AND target NOT IN (
                 SELECT target FROM deliveries WHERE state = 'waiting' AND tries > 0 AND next_ms > ?1)
         ORDER BY target IN (SELECT target FROM deliveries WHERE state = 'waiting' AND tries > 0),
             tries > 0, next_ms, id LIMIT 1"
    );
    let mut one = db.prepare_cached(&sql)?;
    let mut rows = one.query(params![now_ms, to_topic])?;
    rows.next()?.map(delivery).transpose()
}

/// How many deliveries wait for a target.
///
/// # Errors
/// Those of SQLite.
pub fn waiting(db: &Connection, target: &Target) -> anyhow::Result<u64> {
    let mut one = db.prepare_cached(
        "SELECT count(*) FROM deliveries WHERE state = 'waiting' AND target = ?1",
    )?;
    let count: i64 = one.query_row([serde_json::to_string(target)?], |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

/// A delivery has arrived.
///
/// # Errors
/// Those of SQLite.
pub fn delivered(db: &Connection, id: i64) -> anyhow::Result<()> {
    Ok(db.execute("DELETE FROM deliveries WHERE id = ?1", [id]).map(drop)?)
}

/// A delivery has failed: it is retried at `next_ms`, or given up.
///
/// # Errors
/// Those of SQLite.
pub fn failed(db: &Connection, id: i64, error: &str, next_ms: Option<i64>) -> anyhow::Result<()> {
    db.execute(
        "UPDATE deliveries SET tries = tries + 1, error = ?2, next_ms = coalesce(?3, next_ms),
             state = CASE WHEN ?3 IS NULL THEN 'undelivered' ELSE 'waiting' END WHERE id = ?1",
        params![id, error, next_ms],
    )?;
    db.execute(
        "DELETE FROM deliveries WHERE state = 'undelivered' AND id <= (
             SELECT id FROM deliveries WHERE state = 'undelivered' ORDER BY id DESC LIMIT 1 OFFSET ?1)",
        [limits::UNDELIVERED],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(is_raised: bool, text: &str, since_ms: i64) -> (String, Change) {
        let (kind, subject, text) = (Kind::Rows, "shakes".to_owned(), text.to_owned());
        ("coast".to_owned(), Change { kind, subject, is_raised, text, since_ms })
    }

    #[test]
    fn an_alarm_that_is_told_again_is_one_row_with_its_newest_text() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = StateFile::open(&folder.path().join("serve.db")).unwrap();
        for at in 0..50 {
            let again = change(true, &format!("row {at}"), at);
            state.store_alarms(at, &[again], &[], &[]).unwrap();
        }
        let all = state.alarms(None, 100).unwrap();
        assert_eq!(all.len(), 1, "{all:?}");
        assert_eq!((&*all[0].text, all[0].raised_ms), ("row 49", 0));
        state.store_alarms(60, &[change(false, "", 0)], &[], &[]).unwrap();
        // The next one is another alarm.
        state.store_alarms(70, &[change(true, "new", 70)], &[], &[]).unwrap();
        let all = state.alarms(None, 100).unwrap();
        let ends: Vec<_> = all.iter().map(|it| (it.raised_ms, it.recovered_ms)).collect();
        assert_eq!(ends, [(70, None), (0, Some(60))]);
    }

    #[test]
    fn alarms_and_what_has_not_arrived_are_counted_by_job() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = StateFile::open(&folder.path().join("serve.db")).unwrap();
        let of = |job: &str, kind: Kind, is_raised: bool| {
            let (subject, text) = (String::new(), "it is".to_owned());
            (job.to_owned(), Change { kind, subject, is_raised, text, since_ms: 0 })
        };
        let to = |jobs: &[&str]| NewDelivery {
            target: Target::Command("page".to_owned()),
            body: "{}".to_owned(),
            jobs: jobs.iter().map(|job| (*job).to_owned()).collect(),
        };
        let changes = [
            of("coast", Kind::Restart, true),
            of("coast/2", Kind::Restart, true),
            of("coast", Kind::Lag, true),
            of("coast", Kind::Lag, false),
        ];
        let deliveries = [to(&["coast", "coast/2"]), to(&["coast"]), to(&["other"])];
        state.store_alarms(0, &changes, &deliveries, &[]).unwrap();
        let first = due(&state.db, 0, false).unwrap().unwrap();
        failed(&state.db, first.id, "down", None).unwrap();
        let all = state.alarm_counts().unwrap();
        assert_eq!(all["coast"], AlarmCounts { raised: 2, waiting: 1, undelivered: 1 });
        assert_eq!(all["other"], AlarmCounts { raised: 0, waiting: 1, undelivered: 0 });
    }

    #[test]
    fn a_target_that_takes_nothing_rests_as_a_whole_and_keeps_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = StateFile::open(&folder.path().join("serve.db")).unwrap();
        let target = |name: &str| Target::Command(name.to_owned());
        let new = |name: &str, body: &str| NewDelivery {
            target: target(name),
            body: body.to_owned(),
            jobs: Vec::new(),
        };
        let first = [new("dead", "1"), new("dead", "2"), new("alive", "3"), new("dead", "4")];
        state.store_alarms(0, &[], &first, &[]).unwrap();
        assert_eq!(waiting(&state.db, &target("dead")).unwrap(), 3);
        assert_eq!(waiting(&state.db, &target("alive")).unwrap(), 1);
        let next = |now_ms| due(&state.db, now_ms, false).unwrap();
        let one = next(0).unwrap();
        assert_eq!(one.body, "1");
        failed(&state.db, one.id, "down", Some(2_000)).unwrap();
        // The others of the same target are not tried meanwhile.
        let one = next(1).unwrap();
        assert_eq!(one.body, "3");
        assert!(next(1_999).is_some_and(|it| it.body == "3"));
        // When it has rested, those that work go first.
        assert_eq!(next(2_000).unwrap().body, "3");
        delivered(&state.db, one.id).unwrap();
        assert!(next(1_999).is_none());
        assert_eq!(next(2_000).unwrap().body, "2");
        // It is back: all of them go, the new ones first.
        let mut order = Vec::new();
        while let Some(it) = next(2_000) {
            delivered(&state.db, it.id).unwrap();
            order.push(it.body);
        }
        assert_eq!(order, ["2", "4", "1"]);
    }
}
