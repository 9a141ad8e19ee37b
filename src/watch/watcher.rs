//! A thread that checks the job every second and reports changes.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::journal::Journal;
use super::systemd::Systemd;
use crate::http::OneJob;
use crate::http::model::JobEntry;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);

/// The thread. Dropping it ends it, after a last look.
pub struct Watcher {
    /// Closed when it is to end.
    going: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    /// Looks at `job` from now on.
    ///
    /// # Errors
    /// When there can be no further thread.
    pub fn start(job: Arc<OneJob>) -> std::io::Result<Watcher> {
        let (going, ended) = sync_channel::<()>(0);
        let mut telling = Telling::new(Systemd::of_environment());
        let thread = thread::Builder::new().name("watch".to_owned()).spawn(move || {
            loop {
                telling.tell(&job.entry());
                let wait = telling.wait();
                if ended.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
                if telling.is_second() {
                    job.tick();
                }
            }
            // How it ended.
            telling.tell(&job.entry());
        })?;
        Ok(Watcher { going: Some(going), thread: Some(thread) })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.going = None;
        if let Some(thread) = self.thread.take() {
            // A panic was printed where it happened.
            let _ = thread.join();
        }
    }
}

/// The targets of reports, and when they are sent.
struct Telling {
    journal: Journal,
    systemd: Option<Systemd>,
    is_ready_told: bool,
    told_state: String,
    alive_told: Instant,
    second: Instant,
}

impl Telling {
    fn new(systemd: Option<Systemd>) -> Telling {
        Telling {
            journal: Journal::default(),
            systemd,
            is_ready_told: false,
            told_state: String::new(),
            alive_told: Instant::now(),
            second: Instant::now(),
        }
    }

    /// How long until the next look: a watchdog may want to hear more often.
    fn wait(&self) -> Duration {
        let watchdog = self.systemd.as_ref().and_then(Systemd::watchdog_every);
        watchdog.map_or(EVERY, |every| EVERY.min(every / 2)).max(Duration::from_millis(10))
    }

    /// Whether a second has passed since this was so.
    fn is_second(&mut self) -> bool {
        let is_second = self.second.elapsed() + Duration::from_millis(5) >= EVERY;
        if is_second {
            self.second = Instant::now();
        }
        is_second
    }

    fn tell(&mut self, job: &JobEntry) {
        self.journal.tell(job);
        let Some(systemd) = &self.systemd else { return };
        if self.told_state != job.state {
            let status = format!("{}: {}", job.state, job.why);
            match &*job.state {
                "running" if !self.is_ready_told => {
                    systemd.ready(&status);
                    self.is_ready_told = true;
                }
                "draining" => {
                    systemd.stopping();
                    systemd.status(&status);
                }
                _ => systemd.status(&status),
            }
            self.told_state.clone_from(&job.state);
        }
        let every = systemd.watchdog_every();
        if every.is_some_and(|every| self.alive_told.elapsed() >= every / 2) {
            systemd.alive();
            self.alive_told = Instant::now();
        }
    }
}
