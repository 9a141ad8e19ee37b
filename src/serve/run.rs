//! The server from its start to its end.

use std::process;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::event::Event;
use super::jobs_folder::JobsFolder;
use super::settings::ServeSettings;
use super::supervisor::Supervisor;

/// How often the folder of job files is read.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);

/// Serves until SIGTERM or Ctrl-C.
///
/// # Errors
/// When the state cannot be opened.
pub fn run(settings: ServeSettings) -> anyhow::Result<()> {
    let supervisor = Supervisor::open(Arc::new(settings))?;
    follow_signals(supervisor.sender()).context("following signals")?;
    let mut folder = supervisor.settings().jobs.clone().map(JobsFolder::new);
    let mut followed: Option<Instant> = None;
    supervisor.run(|supervisor| {
        if let Some(folder) = &mut folder
            && followed.is_none_or(|at| at.elapsed() >= FOLLOW_EVERY)
        {
            folder.follow(supervisor);
            followed = Some(Instant::now());
        }
    });
    Ok(())
}

/// SIGTERM and Ctrl-C end the server, a second one at once; SIGHUP has it read levels again.
fn follow_signals(events: Sender<Event>) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let follow = move || {
        let mut is_ending = false;
        for signal in signals.forever() {
            let event = match signal {
                SIGHUP => Event::Reload,
                _ if is_ending => process::exit(128 + signal),
                _ => {
                    is_ending = true;
                    Event::End
                }
            };
            let _ = events.send(event);
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(follow).map(drop)
}
