//! Conditions of alarms, evaluated once a second.
//!
//! Pure: a [`Look`] and the time go in, and each kind of alarm that can be judged comes out, with
//! its text when it is wrong.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::keeper::Judged;
use super::kind::Kind;
use super::{sensors, tables};
use crate::job::service::Alarms;
use crate::serve::life::state::State;
use crate::serve::limits;

/// What is seen of a job.
#[derive(Clone, Debug)]
pub struct Look<'a> {
    /// What it does.
    pub state: State,
    /// Why.
    pub why: &'a str,
    /// How often it was restarted on its own.
    pub restarts: u64,
    /// Its newest error.
    pub last_error: Option<&'a str>,
    /// Since when its worker does not answer.
    pub silent_since_ms: Option<i64>,
    /// What its worker has counted; `None` while no one knows.
    pub counts: Option<Counts>,
    /// What is wrong with its disks, once that was looked at.
    pub disk: Option<Option<String>>,
    /// Since when rows of sensors are followed, and when each that is expected had its newest one.
    pub sensors: Option<(i64, &'a BTreeMap<String, i64>)>,
    /// Why it works less, for jobs of higher priorities.
    pub yields: Option<&'a str>,
    /// Whether it reads nothing for that. No one misses then what it cannot have read.
    pub reads_nothing: bool,
    /// Whether its sinks write nothing for that, either.
    pub writes_nothing: bool,
    /// Offsets of clocks that are wrong, ms.
    pub clocks: Option<&'a BTreeMap<String, i64>>,
}

/// What a worker has counted. Counts begin with the worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records read.
    pub records: u64,
    /// Rows committed.
    pub rows: u64,
    /// Dead letters committed.
    pub dead_letters: u64,
    /// How long what is read next has waited, if that is known.
    pub wait_ms: Option<i64>,
    /// Age of the oldest checkpoint of which more was committed since.
    pub checkpoint_age_ms: i64,
    /// Rows of each sink.
    pub sinks: BTreeMap<String, u64>,
    /// Tables that cannot be read.
    pub tables: BTreeMap<String, tables::Unread>,
}

/// What was seen before.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    restarts: Option<u64>,
    numbers: Numbers,
    /// Since when it is seen to run.
    runs_since_ms: Option<i64>,
}

/// What was seen of the worker that runs.
#[derive(Clone, Debug, Default)]
struct Numbers {
    /// Counts of the last minute.
    minute: VecDeque<(i64, u64, u64)>,
    /// Records at their newest change, and when.
    records: (u64, i64),
    /// Whether some were seen to be read.
    has_read: bool,
    /// Rows of each sink at their newest change, the job's rows then, and when.
    sinks: BTreeMap<String, (u64, u64, i64)>,
    /// Sinks that were not seen to write yet, and since when they are watched.
    quiet: BTreeMap<String, i64>,
    /// What nothing is known of yet.
    undecided: BTreeSet<Kind>,
}

impl Memory {
    /// Of a job that has not been restarted yet: it may be before the first look.
    pub fn of_new_job() -> Memory {
        Memory { restarts: Some(0), ..Memory::default() }
    }

    /// Judges what is seen now.
    pub fn judge(&mut self, now_ms: i64, look: &Look<'_>, alarms: &Alarms) -> Vec<Judged> {
        let mut all = self.judge_job(now_ms, look, alarms);
        let runs = matches!(look.state, State::Running | State::Degraded);
        if look.reads_nothing {
            // Sensors have time from when it reads again; what is raised stays until then.
            self.runs_since_ms = None;
        } else if let Some((since_ms, last_ms)) = look.sensors {
            // While the job did not run there were no rows of any sensor.
            let since_ms = since_ms.max(*self.runs_since_ms.get_or_insert(now_ms));
            let expected = (&*alarms.sensors, alarms.sensors_silent);
            all.push(match runs {
                true => sensors::silent(now_ms, expected, since_ms, last_ms),
                false => Judged::of_job(Kind::SensorNoData, None),
            });
        }
        if !runs {
            self.runs_since_ms = None;
        }
        if let Some(offsets) = look.clocks {
            all.push(sensors::wrong_clocks(alarms.clock_offset, offsets));
        }
        // A job that begins waits for its tables, so it need not run.
        let is_over = look.state.is_at_rest();
        if let Some(counts) = look.counts.as_ref().filter(|_| !is_over) {
            all.push(tables::stale(now_ms, alarms.table_stale, &counts.tables));
        } else if is_over {
            all.push(Judged::of_job(Kind::Table, None));
        }
        all
    }

    fn judge_job(&mut self, now_ms: i64, look: &Look<'_>, alarms: &Alarms) -> Vec<Judged> {
        let why = || Some(look.why.to_owned());
        let mut all: Vec<(Kind, Option<String>)> = Vec::new();
        if alarms.failure {
            all.push((Kind::Failure, why().filter(|_| look.state == State::Failed)));
        }
        // Between two looks it may have died and be there again.
        let died = self.restarts.replace(look.restarts).is_some_and(|seen| seen < look.restarts);
        if alarms.restart {
            let error = look.last_error.map(str::to_owned);
            let restarts = died || look.state == State::Restarting;
            all.push((Kind::Restart, error.or_else(why).filter(|_| restarts)));
        }
        if let (true, Some(disk)) = (alarms.disk, &look.disk) {
            all.push((Kind::Disk, disk.clone()));
        }
        all.push((Kind::Pressure, look.yields.map(str::to_owned)));
        let silent_ms = look.silent_since_ms.map_or(0, |since| now_ms - since);
        let is_silent = silent_ms >= limits::SILENCE.as_millis() as i64;
        let silent = format!("its worker has not answered for {} s", silent_ms / 1_000);
        all.push((Kind::Worker, is_silent.then_some(silent)));
        let runs = matches!(look.state, State::Running | State::Degraded);
        match (&look.counts, runs) {
            (Some(counts), true) => {
                let rests = (look.reads_nothing, look.writes_nothing);
                self.numbers.judge(now_ms, counts, rests, alarms, &mut all);
            }
            (_, true) => {}
            // Nothing of this is wrong with a job that does not run.
            (_, false) => {
                self.numbers = Numbers::default();
                let kinds =
                    [Kind::Checkpoint, Kind::Lag, Kind::NoData, Kind::DeadLetters, Kind::Sink];
                all.extend(kinds.map(|kind| (kind, None)));
            }
        }
        let judged = |(kind, wrong)| {
            let is_undecided = self.numbers.undecided.contains(&kind);
            let undecided = is_undecided.then(String::new).into_iter().collect();
            Judged { undecided, ..Judged::of_job(kind, wrong) }
        };
        all.into_iter().map(judged).collect()
    }
}

impl Numbers {
    fn judge(
        &mut self,
        now_ms: i64,
        counts: &Counts,
        (reads_nothing, writes_nothing): (bool, bool),
        alarms: &Alarms,
        all: &mut Vec<(Kind, Option<String>)>,
    ) {
        self.undecided.clear();
        let mut longer = |kind, value_ms: Option<i64>, limit: Duration, what: &str| {
            let limit_ms = limit.as_millis() as i64;
            let Some(value_ms) = value_ms.filter(|_| limit_ms > 0) else { return };
            let text = || format!("{what} {} s", value_ms / 1_000);
            all.push((kind, (value_ms > limit_ms).then(text)));
        };
        let age = Some(counts.checkpoint_age_ms);
        longer(
            Kind::Checkpoint,
            age,
            alarms.checkpoint_age,
            "its oldest newest checkpoint is older than",
        );
        self.has_read |= self.records.1 != 0 && self.records.0 != counts.records;
        if self.records.1 == 0 || self.records.0 != counts.records || reads_nothing {
            self.records = (counts.records, now_ms);
        }
        // What it yields has its own alarm; these two neither begin nor end meanwhile.
        if !reads_nothing {
            longer(Kind::Lag, counts.wait_ms, alarms.lag, "what it reads next has waited");
            let idle = Some(now_ms - self.records.1);
            longer(Kind::NoData, idle, alarms.no_data, "it has read nothing for");
        }
        if !self.has_read {
            self.undecided.insert(Kind::NoData);
        }
        for (sink, &rows) in &counts.sinks {
            let seen = self.sinks.entry(sink.clone()).or_insert((rows, counts.rows, now_ms));
            let quiet_since_ms = self.quiet.entry(sink.clone()).or_insert(now_ms);
            if seen.0 != rows {
                *quiet_since_ms = i64::MIN;
            }
            // Without new rows it has nothing to write, which is found out in as long.
            let watched_ms = now_ms.saturating_sub(*quiet_since_ms);
            if watched_ms <= alarms.sink_stuck.as_millis() as i64 {
                self.undecided.insert(Kind::Sink);
            }
            if seen.0 != rows || counts.rows <= seen.1 || writes_nothing {
                *seen = (rows, counts.rows, now_ms);
            }
        }
        let stuck = self.sinks.iter().max_by_key(|(_, seen)| now_ms - seen.2);
        if let (Some((sink, seen)), false) = (stuck, writes_nothing) {
            let what = format!("sink {sink} has written nothing, although there are rows, for");
            longer(Kind::Sink, Some(now_ms - seen.2), alarms.sink_stuck, &what);
        }
        self.judge_dead_letters(now_ms, counts, alarms, all);
    }

    fn judge_dead_letters(
        &mut self,
        now_ms: i64,
        counts: &Counts,
        alarms: &Alarms,
        all: &mut Vec<(Kind, Option<String>)>,
    ) {
        // Another worker counts from zero.
        if self.minute.back().is_some_and(|last| last.1 > counts.records) {
            self.minute.clear();
        }
        self.minute.push_back((now_ms, counts.records, counts.dead_letters));
        while self.minute.front().is_some_and(|first| now_ms - first.0 > 60_000) {
            self.minute.pop_front();
        }
        let Some(&(_, records, dead)) = self.minute.front() else { return };
        let (records, dead) =
            (counts.records.saturating_sub(records), counts.dead_letters.saturating_sub(dead));
        if alarms.dead_letter_percent == 0 {
            return;
        }
        let is_much = records >= limits::JUDGED_RECORDS
            && dead.saturating_mul(100) > records.saturating_mul(alarms.dead_letter_percent);
        let text = || format!("{dead} of {records} records of the last minute became dead letters");
        all.push((Kind::DeadLetters, is_much.then(text)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(state: State, counts: Option<Counts>) -> Look<'static> {
        Look {
            state,
            why: "because",
            restarts: 0,
            last_error: None,
            silent_since_ms: None,
            counts,
            disk: None,
            sensors: None,
            clocks: None,
            yields: None,
            reads_nothing: false,
            writes_nothing: false,
        }
    }

    fn wrong(memory: &mut Memory, now_ms: i64, look: &Look<'_>) -> Vec<Kind> {
        let judged = memory.judge(now_ms, look, &Alarms::default());
        judged.into_iter().filter(|it| !it.wrong.is_empty()).map(|it| it.kind).collect()
    }

    #[test]
    fn a_state_is_an_alarm_by_itself() {
        let mut memory = Memory::default();
        assert_eq!(wrong(&mut memory, 1, &look(State::Failed, None)), [Kind::Failure]);
        assert_eq!(wrong(&mut memory, 1, &look(State::Restarting, None)), [Kind::Restart]);
        assert_eq!(wrong(&mut memory, 1, &look(State::Running, None)), []);
        let again = Look { restarts: 1, last_error: Some("killed"), ..look(State::Running, None) };
        assert_eq!(wrong(&mut memory, 2, &again), [Kind::Restart]);
        assert_eq!(wrong(&mut memory, 3, &again), []);
        let silent = Look { restarts: 1, silent_since_ms: Some(1), ..look(State::Running, None) };
        assert_eq!(wrong(&mut memory, 15_001, &silent), [Kind::Worker]);
    }

    #[test]
    fn a_new_job_that_has_died_before_the_first_look_is_told() {
        let again = Look { restarts: 1, last_error: Some("killed"), ..look(State::Running, None) };
        assert_eq!(wrong(&mut Memory::of_new_job(), 1, &again), [Kind::Restart]);
        assert_eq!(
            wrong(&mut Memory::default(), 1, &again),
            [],
            "that was under an earlier server"
        );
    }

    #[test]
    fn a_sensor_is_not_missed_for_the_time_in_which_the_job_did_not_run() {
        let mut memory = Memory::default();
        let alarms = Alarms { sensors: vec!["A".to_owned()], ..Alarms::default() };
        let last = BTreeMap::from([("A".to_owned(), 1_000)]);
        let clocks = BTreeMap::from([("B".to_owned(), 9_000)]);
        let mut wrong = |now_ms, state| {
            let sensors = Some((0, &last));
            let seen = Look { sensors, clocks: Some(&clocks), ..look(state, None) };
            let judged = memory.judge(now_ms, &seen, &alarms);
            let wrong = judged.into_iter().filter(|it| !it.wrong.is_empty());
            wrong.map(|it| it.kind).collect::<Vec<_>>()
        };
        assert_eq!(wrong(2_000, State::Stopped), [Kind::ClockOffset]);
        assert_eq!(wrong(100_000, State::Running), [Kind::ClockOffset]);
        assert_eq!(wrong(160_001, State::Running), [Kind::SensorNoData, Kind::ClockOffset]);
    }

    #[test]
    fn what_a_job_that_yields_does_not_read_is_missed_by_nobody() {
        let mut memory = Memory::default();
        let alarms = Alarms { sensors: vec!["A".to_owned()], ..Alarms::default() };
        let last = BTreeMap::from([("A".to_owned(), 1_000)]);
        let mut judge = |now_s: i64, reads_nothing: bool| {
            let counts = Counts { records: 100, wait_ms: Some(90_000), ..Counts::default() };
            let wait_ms = counts.wait_ms.filter(|_| reads_nothing);
            let seen = Look {
                sensors: Some((0, &last)),
                yields: reads_nothing.then_some("it is paused"),
                reads_nothing,
                ..look(State::Degraded, Some(Counts { wait_ms, ..counts }))
            };
            memory.judge(now_s * 1_000, &seen, &alarms)
        };
        let wrong = |judged: Vec<Judged>| -> Vec<Kind> {
            judged.into_iter().filter(|it| !it.wrong.is_empty()).map(|it| it.kind).collect()
        };
        assert_eq!(wrong(judge(1, false)), []);
        for now_s in 2..500 {
            let judged = judge(now_s, true);
            // What was raised before is not over for that.
            let kinds = [Kind::Lag, Kind::NoData, Kind::SensorNoData];
            assert!(judged.iter().all(|it| !kinds.contains(&it.kind)), "{judged:?}");
            assert_eq!(wrong(judged), [Kind::Pressure]);
        }
        // It has the whole time from its return on.
        for now_s in 500..=559 {
            assert_eq!(wrong(judge(now_s, false)), [], "{now_s}");
        }
        assert_eq!(wrong(judge(561, false)), [Kind::NoData, Kind::SensorNoData]);
    }

    #[test]
    fn a_server_that_is_started_again_tells_of_no_end_before_it_has_seen_one() {
        let mut memory = Memory::default();
        let counts = |records, written| Counts {
            records,
            rows: 10,
            sinks: BTreeMap::from([("csv:a".to_owned(), written)]),
            ..Counts::default()
        };
        let mut undecided = |now_s: i64, counts: Counts| {
            let look = look(State::Running, Some(counts));
            let judged = memory.judge(now_s * 1_000, &look, &Alarms::default());
            let kinds = judged.into_iter().filter(|it| !it.undecided.is_empty());
            kinds.map(|it| it.kind).collect::<Vec<_>>()
        };
        for now_s in 1..=30 {
            assert_eq!(undecided(now_s, counts(100, 5)), [Kind::NoData, Kind::Sink]);
        }
        assert_eq!(undecided(31, counts(101, 5)), [Kind::Sink]);
        assert_eq!(undecided(32, counts(101, 6)), []);
        assert_eq!(undecided(33, counts(101, 6)), []);
    }

    #[test]
    fn numbers_are_judged_against_their_limits() {
        let mut memory = Memory::default();
        let counts = Counts {
            records: 100,
            rows: 10,
            sinks: BTreeMap::from([("csv:a".to_owned(), 10)]),
            ..Counts::default()
        };
        let running = |counts: &Counts| look(State::Running, Some(counts.clone()));
        assert_eq!(wrong(&mut memory, 1_000, &running(&counts)), []);
        assert_eq!(wrong(&mut memory, 61_001, &running(&counts)), [Kind::NoData]);
        // Rows are committed, and the sink writes none.
        let more = Counts { records: 200, rows: 20, wait_ms: Some(60_001), ..counts };
        assert_eq!(wrong(&mut memory, 62_000, &running(&more)), [Kind::Lag]);
        let old =
            Counts { records: 300, checkpoint_age_ms: 300_001, wait_ms: None, ..more.clone() };
        assert_eq!(wrong(&mut memory, 122_001, &running(&old)), [Kind::Checkpoint, Kind::Sink]);
        let dead = Counts { records: 2_300, dead_letters: 101, ..more };
        assert_eq!(
            wrong(&mut memory, 123_000, &running(&dead)),
            [Kind::Lag, Kind::Sink, Kind::DeadLetters]
        );
        assert_eq!(wrong(&mut memory, 124_000, &look(State::Stopped, None)), []);
    }
}
