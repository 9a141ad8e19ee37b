//! Evaluates all jobs once a second, and reports changes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::statvfs;

use super::conditions::{Counts, Look, Memory};
use super::courier::Wake;
use super::follower::{Follower, Places, TopicFindings, Wanted};
use super::keeper::{Change, Judged, Keeper};
use super::kind::{KINDS, Kind};
use super::message;
use super::rows::{Matched, Teller};
use super::tables;
use crate::job::service::Alarms;
use crate::serve::limits;
use crate::serve::pressure::Level;
use crate::serve::served_job::ServedJob;
use crate::serve::state::alarms::{NewDelivery, Target};
use crate::serve::supervisor::Supervisor;
use crate::serve::workers;
use crate::status::numbers::JobNumbers;
use crate::time::now_ms;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);

/// What is known of the alarms of all jobs.
pub struct Watch {
    host: String,
    couriers: Vec<Wake>,
    jobs: BTreeMap<String, Watched>,
    looked: Option<Instant>,
    looked_at_disks: Option<Instant>,
    /// Changes that could not be stored, oldest first; they are with the next look.
    unstored: Vec<(String, Change)>,
}

#[derive(Default)]
struct Watched {
    memory: Memory,
    keeper: Keeper,
    disk: Option<Option<String>>,
    follower: Option<Follower>,
    /// When each alarm on rows was raised.
    tellers: Vec<Teller>,
    /// How far rows are followed as it is stored, and when that was done.
    places: Places,
    stored: Option<Instant>,
}

impl Watched {
    /// With what an earlier server knew of the job.
    fn restore(name: &str, server: &Supervisor) -> Watched {
        let raised = server.state().raised(name).unwrap_or_default();
        let places = server.state().places(name).unwrap_or_default();
        let is_new = server.job(name).is_some_and(|job| job.life.is_new());
        let memory = if is_new { Memory::of_new_job() } else { Memory::default() };
        Watched { memory, keeper: Keeper::restore(raised), places, ..Watched::default() }
    }

    /// Follows what the job's alarms need, and nothing else.
    fn follow(&mut self, job: &ServedJob) {
        let wanted = wanted(job).filter(Wanted::is_anything);
        if self.follower.as_ref().map(Follower::wanted) == wanted.as_ref() {
            return;
        }
        self.follower = None;
        let Some(wanted) = wanted else { return };
        self.tellers = vec![Teller::default(); wanted.rows.len()];
        match Follower::start(job.name(), wanted, self.places.clone()) {
            Ok(follower) => self.follower = Some(follower),
            Err(error) => tracing::error!("job {}: rows for alarms: {error}", job.name()),
        }
    }

    /// What is wrong with rows, and what is repeated about a raised alarm.
    fn judge_rows(
        &mut self,
        now_ms: i64,
        alarms: &Alarms,
        found: &mut Vec<Matched>,
    ) -> (Judged, Vec<Change>) {
        let (mut wrong, mut again) = (BTreeMap::new(), Vec::new());
        for ((alarm, teller), matched) in
            alarms.rows.iter().zip(&mut self.tellers).zip(found.drain(..))
        {
            let (is_there, subject) = (matched.count > 0, alarm.subject());
            let text = teller.see(now_ms, alarm, matched);
            let is_raised = self.keeper.is_raised(Kind::Rows, &subject);
            if let (Some(text), true) = (&text, is_raised) {
                again.push(Change {
                    kind: Kind::Rows,
                    subject: subject.clone(),
                    is_raised: true,
                    text: text.clone(),
                    since_ms: now_ms,
                });
            }
            // Rows that wait for their minute keep the alarm that is raised.
            if text.is_some() || (is_raised && (is_there || teller.has_waiting())) {
                wrong.insert(subject, text.unwrap_or_default());
            }
        }
        (Judged { kind: Kind::Rows, wrong, undecided: BTreeSet::new() }, again)
    }
}

/// What the job's alarms need to have followed. A further worker has none of its own.
fn wanted(job: &ServedJob) -> Option<Wanted> {
    let alarms = &job.service.alarms;
    let spec = job.spec.as_ref().filter(|_| job.place() == 1 && alarms.has_target())?;
    Some(Wanted {
        location: spec.location(),
        result_topic: spec.result_topic.clone(),
        statement: spec.statement.clone(),
        rows: alarms.rows.clone(),
        sensors: match alarms.sensors_silent.is_zero() {
            true => Vec::new(),
            false => alarms.sensors.clone(),
        },
        clocks: alarms.looks_at_clocks(),
    })
}

impl Watch {
    /// Looks at nothing yet; deliveries wake these.
    #[must_use]
    pub fn new(couriers: Vec<Wake>) -> Watch {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Watch {
            host,
            couriers,
            jobs: BTreeMap::new(),
            looked: None,
            looked_at_disks: None,
            unstored: Vec::new(),
        }
    }

    /// Looks at all jobs, if it is time.
    pub fn look(&mut self, server: &mut Supervisor) {
        if self.looked.is_some_and(|at| at.elapsed() < EVERY) {
            return;
        }
        self.looked = Some(Instant::now());
        let looks_at_disks =
            self.looked_at_disks.is_none_or(|at| at.elapsed() >= limits::DISK_EVERY);
        if looks_at_disks {
            self.looked_at_disks = Some(Instant::now());
        }
        let now_ms = now_ms();
        let names: BTreeSet<String> = server.entries().map(|job| job.name().to_owned()).collect();
        self.jobs.retain(|name, _| names.contains(name));
        let (mut changes, mut places) = (Vec::new(), Vec::new());
        for name in names {
            if !self.jobs.contains_key(&name) {
                self.jobs.insert(name.clone(), Watched::restore(&name, server));
            }
            let (Some(job), Some(watched)) = (server.job(&name), self.jobs.get_mut(&name)) else {
                continue;
            };
            if looks_at_disks && job.place() == 1 {
                let state = server.settings().state.clone();
                watched.disk = Some(disk_of(job, &state));
            }
            watched.follow(job);
            let mut found = watched.follower.as_ref().map(Follower::take).unwrap_or_default();
            let TopicFindings { rows, since_ms, last_ms, clocks, .. } = &mut found;
            let level = workers::level(&server.workers_of(job.job_name()));
            let look = Look {
                state: job.life.standing().state,
                why: &job.life.standing().why,
                restarts: job.life.saved().restarts_total,
                last_error: job.life.standing().last_error.as_deref(),
                silent_since_ms: job.silent_since_ms,
                // A further worker has a part of the job, and the first one's numbers are of all.
                counts: (job.place() == 1)
                    .then(|| server.numbers_of(&name))
                    .flatten()
                    .map(|(_, numbers)| counts(&numbers)),
                disk: watched.disk.clone(),
                sensors: since_ms.map(|since_ms| (since_ms, &*last_ms)),
                clocks: clocks.as_ref(),
                // Numbers and sensors are of all workers.
                reads_nothing: level.reads_nothing(),
                writes_nothing: level == Level::Held,
                yields: (job.life.level() != Level::Full).then_some(&*job.life.standing().why),
            };
            let alarms = &job.service.alarms;
            let mut judged = watched.memory.judge(now_ms, &look, alarms);
            // What is not looked at any more is not wrong any more.
            let (of_rows, again) = watched.judge_rows(now_ms, alarms, rows);
            let is_looked_at = |kind| judged.iter().any(|it: &Judged| it.kind == kind);
            let rest: Vec<Judged> = [Kind::SensorNoData, Kind::ClockOffset]
                .into_iter()
                .filter(|kind| !is_looked_at(*kind) && watched.follower.is_none())
                .map(|kind| Judged::of_job(kind, None))
                .collect();
            judged.extend(rest);
            judged.push(of_rows);
            if job.place() == 1 {
                let scaler = server.scalers().jobs.get(&name);
                let wrong = scaler.map(|it| it.standing_alerts(now_ms)).unwrap_or_default();
                judged.push(Judged { kind: Kind::Scaling, wrong, undecided: BTreeSet::new() });
            }
            if !alarms.has_target() {
                judged = failure_alone(judged);
            }
            let again = again.into_iter().filter(|_| alarms.has_target());
            let changed = again.chain(watched.keeper.see(now_ms, alarms.clear, judged));
            let before = changes.len();
            changes.extend(changed.map(|change| (name.clone(), change)));
            let is_due = watched.stored.is_none_or(|at| at.elapsed() >= limits::PLACES_EVERY);
            if found.places != watched.places && (is_due || changes.len() > before) {
                watched.stored = Some(Instant::now());
                watched.places.clone_from(&found.places);
                places.push((name.clone(), found.places));
            }
        }
        for (name, change) in &changes {
            match change.is_raised {
                true => tracing::warn!("job {name}: alarm {}: {}", change.kind, change.text),
                false => {
                    tracing::info!("job {name}: alarm {} is over: {}", change.kind, change.text)
                }
            }
        }
        changes.splice(..0, std::mem::take(&mut self.unstored));
        if !changes.is_empty() || !places.is_empty() {
            self.tell(server, now_ms, changes, &places);
        }
    }

    /// Stores what has changed, one delivery to each target for all of it, and how far rows were
    /// followed for it.
    fn tell(
        &mut self,
        server: &mut Supervisor,
        now_ms: i64,
        mut changes: Vec<(String, Change)>,
        places: &[(String, Places)],
    ) {
        let mut by_target: BTreeMap<Target, Vec<(String, Change)>> = BTreeMap::new();
        for (name, change) in &changes {
            let targets = server.job(name).map(targets).unwrap_or_default();
            for target in targets {
                by_target.entry(target).or_default().push((name.clone(), change.clone()));
            }
        }
        let deliveries = by_target.into_iter().map(|(target, changes)| {
            let body = match target {
                Target::Slack(_) => message::slack(&self.host, &changes),
                _ => message::body(&self.host, now_ms, &changes),
            };
            let jobs: BTreeSet<&str> = changes.iter().map(|(job, _)| &**job).collect();
            let jobs = jobs.into_iter().map(str::to_owned).collect();
            NewDelivery { target, body: body.to_string(), jobs }
        });
        let mut deliveries: Vec<_> = deliveries.collect();
        deliveries.retain(|NewDelivery { target, .. }| {
            let waiting = server.state().waiting(target);
            let has_room = !waiting.is_ok_and(|waiting| waiting >= limits::WAITING);
            if !has_room {
                let (most, to) = (limits::WAITING, target.in_words());
                tracing::error!("{most} alarms wait for {to}; this one is only shown");
            }
            has_room
        });
        match server.state_mut().store_alarms(now_ms, &changes, &deliveries, places) {
            Ok(()) => {
                for courier in &self.couriers {
                    // One that is gone was told of the end.
                    let _ = courier.send(());
                }
            }
            Err(error) => {
                tracing::error!("alarms cannot be stored: {error:#}");
                changes.drain(..changes.len().saturating_sub(limits::UNSTORED));
                self.unstored = changes;
            }
        }
    }
}

/// What is looked at of a job that tells nobody: whether it has failed. Everything else is over.
fn failure_alone(judged: Vec<Judged>) -> Vec<Judged> {
    let failure = judged.into_iter().filter(|it| it.kind == Kind::Failure);
    let others = KINDS.iter().map(|(kind, _)| *kind).filter(|kind| *kind != Kind::Failure);
    failure.chain(others.map(|kind| Judged::of_job(kind, None))).collect()
}

fn targets(job: &ServedJob) -> Vec<Target> {
    let alarms = &job.service.alarms;
    let webhooks = alarms.webhook.iter();
    let webhooks = webhooks.map(|url| Target::Webhook(url.clone(), alarms.secret_file.clone()));
    let slack = alarms.slack.iter().map(|url| Target::Slack(url.clone()));
    let commands = alarms.command.iter().map(|name| Target::Command(name.clone()));
    let job = job.job_name().to_owned();
    let topic = alarms.topic.iter().map(|topic| Target::Topic(job.clone(), topic.clone()));
    webhooks.chain(slack).chain(commands).chain(topic).collect()
}

fn counts(
    JobNumbers {
        records_read,
        rows,
        dead_letters,
        wait_ms,
        checkpoint_age_ms,
        sinks,
        tables: noted,
        ..
    }: &JobNumbers,
) -> Counts {
    Counts {
        records: *records_read,
        rows: *rows,
        dead_letters: *dead_letters,
        wait_ms: *wait_ms,
        checkpoint_age_ms: *checkpoint_age_ms,
        sinks: sinks.iter().map(|sink| (sink.sink.clone(), sink.rows)).collect(),
        tables: noted.iter().filter_map(tables::unread).collect(),
    }
}

/// The first disk of the job, or of the server, that is nearly full.
fn disk_of(job: &ServedJob, state: &Path) -> Option<String> {
    let mut files: Vec<PathBuf> = vec![state.to_owned()];
    if let Some(spec) = &job.spec {
        files.extend(spec.queue.file().map(Path::to_owned));
        files.extend(spec.location().store_url().file().map(Path::to_owned));
        files.extend(crate::serve::rivals::files(spec));
    }
    files.iter().find_map(|file| {
        // A file that is made later is on the disk of its folder.
        let there = file.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
        let disk =
            statvfs(if there.as_os_str().is_empty() { Path::new(".") } else { there }).ok()?;
        let (free, all) = (disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize);
        let is_low = free < limits::DISK_FREE_BYTES || free * 100 < all * limits::DISK_FREE_PERCENT;
        is_low
            .then(|| format!("only {} MiB are free on the disk of {}", free >> 20, file.display()))
    })
}
