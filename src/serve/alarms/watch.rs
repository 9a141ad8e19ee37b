//! Judges all jobs once a second, and reports what has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::statvfs;

use super::conditions::{Counts, Look, Memory};
use super::courier::Wake;
use super::keeper::{Change, Keeper};
use super::message;
use crate::job::service::Alarms;
use crate::serve::limits;
use crate::serve::served_job::ServedJob;
use crate::serve::state::alarms::Target;
use crate::serve::supervisor::Supervisor;
use crate::serve::workers;
use crate::status::numbers::JobNumbers;
use crate::time::now_ms;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);

/// What is known of the alarms of all jobs.
pub struct Watch {
    host: String,
    wake: Wake,
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
}

impl Watch {
    /// Looks at nothing yet; deliveries wake `wake`.
    #[must_use]
    pub fn new(wake: Wake) -> Watch {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Watch {
            host,
            wake,
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
        let mut changes = Vec::new();
        for name in names {
            if !self.jobs.contains_key(&name) {
                let raised = server.state().raised(&name).unwrap_or_default();
                let watched = Watched { keeper: Keeper::restore(raised), ..Watched::default() };
                self.jobs.insert(name.clone(), watched);
            }
            let (Some(job), Some(watched)) = (server.job(&name), self.jobs.get_mut(&name)) else {
                continue;
            };
            if looks_at_disks && job.place() == 1 {
                let state = server.settings().state.clone();
                watched.disk = Some(disk_of(job, &state));
            }
            let look = Look {
                state: job.life.standing().state,
                why: &job.life.standing().why,
                restarts: job.life.saved().restarts_total,
                last_error: job.life.standing().last_error.as_deref(),
                silent_since_ms: job.silent_since_ms,
                // A further worker has a part of the job, and the first one's numbers are of all.
                counts: (job.place() == 1)
                    .then(|| workers::numbers(&server.workers_of(&name)))
                    .flatten()
                    .map(|(_, numbers)| counts(&numbers)),
                disk: watched.disk.clone(),
            };
            let judged = watched.memory.judge(now_ms, &look, &job.service.alarms);
            let changed = watched.keeper.see(now_ms, judged);
            changes.extend(changed.into_iter().map(|change| (name.clone(), change)));
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
        if !changes.is_empty() {
            self.tell(server, now_ms, changes);
        }
    }

    /// Stores what has changed, and one delivery to each target for all of it.
    fn tell(&mut self, server: &mut Supervisor, now_ms: i64, mut changes: Vec<(String, Change)>) {
        let mut by_target: BTreeMap<Target, Vec<(String, Change)>> = BTreeMap::new();
        for (name, change) in &changes {
            let targets =
                server.job(name).map(|job| targets(&job.service.alarms)).unwrap_or_default();
            for target in targets {
                by_target.entry(target).or_default().push((name.clone(), change.clone()));
            }
        }
        let deliveries = by_target.into_iter().map(|(target, changes)| {
            let body = match target {
                Target::Slack(_) => message::slack(&self.host, &changes),
                _ => message::body(&self.host, now_ms, &changes),
            };
            (target, body.to_string())
        });
        let mut deliveries: Vec<_> = deliveries.collect();
        if server.state().waiting().is_ok_and(|waiting| waiting >= limits::WAITING) {
            tracing::error!(
                "{} alarms wait for their targets; this one is only shown",
                limits::WAITING
            );
            deliveries.clear();
        }
        match server.state_mut().store_alarms(now_ms, &changes, &deliveries) {
            Ok(()) => drop(self.wake.send(())),
            Err(error) => {
                tracing::error!("alarms cannot be stored: {error:#}");
                changes.drain(..changes.len().saturating_sub(limits::UNSTORED));
                self.unstored = changes;
            }
        }
    }
}

fn targets(alarms: &Alarms) -> Vec<Target> {
    let webhooks = alarms.webhook.iter();
    let webhooks = webhooks.map(|url| Target::Webhook(url.clone(), alarms.secret_file.clone()));
    let slack = alarms.slack.iter().map(|url| Target::Slack(url.clone()));
    let commands = alarms.command.iter().map(|name| Target::Command(name.clone()));
    webhooks.chain(slack).chain(commands).collect()
}

fn counts(
    JobNumbers { records_read, rows, dead_letters, wait_ms, checkpoint_age_ms, sinks, .. }: &JobNumbers,
) -> Counts {
    Counts {
        records: *records_read,
        rows: *rows,
        dead_letters: *dead_letters,
        wait_ms: *wait_ms,
        checkpoint_age_ms: *checkpoint_age_ms,
        sinks: sinks.iter().map(|sink| (sink.sink.clone(), sink.rows)).collect(),
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
