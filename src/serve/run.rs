//! Runs the server from start to end.

use std::sync::mpsc::Sender;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::alarms::courier;
use super::alarms::watch::Watch;
use super::alarms::webhook_hosts::WebhookHosts;
use super::api::{self, ServedJobs, StateAuditor};
use super::event::Event;
use super::handle::Handle;
use super::jobs_folder::JobsFolder;
use super::pressure::relief::Relief;
use super::recorder::Recorder;
use super::settings::ServeSettings;
use super::state::history::History;
use super::supervisor::Supervisor;
use super::supervisor::manager::Manager;
use crate::cli::stdio::tell;
use crate::http::{self, Auditor, Jobs, Server, Team};
use crate::watch::Systemd;

/// How often the folder of job files is read.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);

/// Serves until SIGTERM or Ctrl-C.
///
/// # Errors
/// When the state cannot be opened, or the address cannot be had.
pub fn run(settings: ServeSettings) -> anyhow::Result<()> {
    let settings = Arc::new(settings);
    let supervisor = Supervisor::open(Arc::clone(&settings))?;
    follow_signals(supervisor.sender()).context("following signals")?;
    let server = listen(&settings, &supervisor)?;
    let commands = Arc::new(RwLock::new(settings.commands.clone()));
    let means =
        courier::Means { commands: Arc::clone(&commands), hosts: WebhookHosts::of(&settings) };
    let couriers = [false, true].map(|to_topics| -> anyhow::Result<courier::Wake> {
        let db = supervisor.state().connect()?;
        Ok(courier::start(db, means.clone(), to_topics)?)
    });
    let couriers = couriers.into_iter().collect::<anyhow::Result<_>>()?;
    let mut watch = Watch::new(couriers);
    let mut recorder = Recorder::new(History::new(supervisor.state().connect()?)?);
    let mut relief = Relief::new(settings.pressure.clone());
    let mut folder = settings.jobs.clone().map(JobsFolder::new);
    let mut followed: Option<Instant> = None;
    let mut manager = Manager::told_ready();
    let mut reloads = supervisor.reloads();
    let work = |supervisor: &mut Supervisor| {
        if supervisor.reloads() != reloads {
            reloads = supervisor.reloads();
            let settings = supervisor.settings();
            relief.set(settings.pressure.clone());
            let mut commands = commands.write().unwrap_or_else(PoisonError::into_inner);
            commands.clone_from(&settings.commands);
            reload_tls(server.as_ref());
        }
        supervisor.store_uses();
        if let Some(folder) = &mut folder
            && followed.is_none_or(|at| at.elapsed() >= FOLLOW_EVERY)
        {
            folder.follow(supervisor);
            followed = Some(Instant::now());
        }
        relief.look(supervisor);
        watch.look(supervisor);
        recorder.record(supervisor);
    };
    supervisor.run(|supervisor| manager.tell(supervisor), work);
    if let Some(server) = server {
        server.stop();
    }
    Ok(())
}

/// Answers over HTTP, if it is said where.
fn listen(settings: &ServeSettings, supervisor: &Supervisor) -> anyhow::Result<Option<Server>> {
    let Some(http) = &settings.http else { return Ok(None) };
    let handle = Arc::new(Handle::new(supervisor.sender()));
    let db = supervisor.state().connect()?;
    let jobs: Arc<dyn Jobs> =
        Arc::new(ServedJobs::new(Arc::clone(&handle), db, http.ready_lag.ms()));
    let mut routes = http::routes(&jobs);
    let folders = (settings.resources_folder(), settings.trial_folder());
    routes.extend(api::routes(&handle, &folders.0, &folders.1));
    let auditor: Arc<dyn Auditor> = Arc::new(StateAuditor(handle));
    let tokens = supervisor.token_book();
    let server =
        Server::start_for(http, routes, Team { access: &settings.access, tokens, auditor })?;
    let url = server.url();
    tell(format_args!("serving {url}/metrics and /api/v1"));
    tell(format_args!("the page is at {url}/"));
    if settings.access.is_free_for_local(http) {
        let who = "whoever is on this machine may see and change jobs";
        tell(format_args!("no token is asked for: {who}; --http-require-token asks for one"));
    }
    if !http.address.ip().is_loopback() && settings.access.tls.is_none() {
        let what = "tokens and rows can be read by whoever is between it and who asks";
        tell(format_args!("connections are not encrypted: {what}, unless a proxy encrypts them"));
    }
    Ok(Some(server))
}

/// Has connections from now on take the certificate that the files have by now.
fn reload_tls(server: Option<&Server>) {
    if let Some(Err(error)) = server.map(Server::reload_tls) {
        tracing::error!("{error}; the certificate that was read before stays");
    }
}

/// SIGTERM and Ctrl-C end the server, a second one at once; SIGHUP has it read its file again.
fn follow_signals(events: Sender<Event<Supervisor>>) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let systemd = Systemd::of_environment();
    let follow = move || {
        let mut is_ending = false;
        for signal in signals.forever() {
            let event = match signal {
                SIGHUP => {
                    systemd.iter().for_each(Systemd::reloading);
                    Event::Reload
                }
                _ if is_ending => {
                    // At once, as if no one listened for it.
                    let _ = signal_hook::low_level::emulate_default_handler(signal);
                    return;
                }
                _ => {
                    is_ending = true;
                    systemd.iter().for_each(Systemd::stopping);
                    Event::End
                }
            };
            let _ = events.send(event);
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(follow).map(drop)
}
