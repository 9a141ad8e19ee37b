//! Notifications to the service manager: ready, reloading, watchdog and stopping.

use std::time::Instant;

use super::Supervisor;
use crate::serve::life::state::State;
use crate::watch::Systemd;

/// The service manager, if there is one.
pub struct Manager {
    systemd: Option<Systemd>,
    reloads: u64,
    alive: Option<Instant>,
    status: String,
}

impl Manager {
    /// The one that started this process; it is notified that the server is ready.
    #[must_use]
    pub fn told_ready() -> Manager {
        let systemd = Systemd::of_environment();
        if let Some(systemd) = &systemd {
            systemd.ready("serving");
        }
        Manager { systemd, reloads: 0, alive: None, status: String::new() }
    }

    /// Tells what has changed, and that the server's loop goes round.
    pub fn tell(&mut self, server: &Supervisor) {
        let Some(systemd) = &self.systemd else { return };
        let status = status(server);
        if server.reloads() != self.reloads {
            self.reloads = server.reloads();
            systemd.ready(&status);
        } else if status != self.status {
            systemd.status(&status);
        }
        self.status = status;
        let Some(every) = systemd.watchdog_every() else { return };
        if self.alive.is_none_or(|at| at.elapsed() >= every / 2) {
            systemd.alive();
            self.alive = Some(Instant::now());
        }
    }
}

fn status(server: &Supervisor) -> String {
    let all: Vec<State> = server.jobs().map(|job| job.life.standing().state).collect();
    let of = |state| all.iter().filter(|it| **it == state).count();
    let failed = match of(State::Failed) {
        0 => String::new(),
        failed => format!(", {failed} failed"),
    };
    format!("serving {} jobs, {} running{failed}", all.len(), of(State::Running))
}
