//! What a server reads again while it serves: alarms, their commands, levels of logs, and when jobs
//! yield. All else of its file counts from its next start, and it says so.

use std::mem;
use std::sync::Arc;

use super::Supervisor;
use crate::logs::levels;
use crate::serve::config::ServeConfig;
use crate::serve::settings::ServeSettings;
use crate::serve::worker::order::Description;

impl Supervisor {
    /// Reads the server's file again, and tells workers their levels.
    pub(super) fn reload(&mut self) {
        self.reloads += 1;
        if let Some(path) = self.settings.file.clone() {
            match ServeConfig::read(&path).and_then(ServeConfig::with_roots) {
                Ok(config) => self.take_in(config),
                Err(error) => tracing::error!("{error}; all stays as it was read before"),
            }
        }
        self.jobs().for_each(|job| self.tell_levels(job.name()));
    }

    fn take_in(&mut self, config: ServeConfig) {
        let file = self.settings.file.iter().map(|path| path.display().to_string());
        let file = file.collect::<String>();
        let later = self.settings.later(&config);
        if !later.is_empty() {
            let later = later.join(", ");
            tracing::warn!(
                "{file}: {later}: what has changed there counts from the next start of the server"
            );
        }
        let settings = ServeSettings {
            defaults: self.settings.defaults.with_live_of(&config.defaults),
            commands: config.commands,
            pressure: config.pressure,
            log_level: config.logs.level,
            ..(*self.settings).clone()
        };
        if let Err(error) = settings.set_level() {
            tracing::error!("{file}: logs.level: {error}");
        }
        self.settings = Arc::new(settings);
        self.refresh_all();
        tracing::info!("{file} was read again: alarms, commands, levels of logs and pressure");
    }

    /// Has every job the alarms and levels that the server's file has for it now, also one that was
    /// submitted when the file was another.
    pub(super) fn refresh_all(&mut self) {
        let names: Vec<String> = self.jobs.keys().cloned().collect();
        for name in names {
            if let Err(error) = self.refresh(&name) {
                tracing::error!("job {name}: its alarms and levels stay as they were: {error:#}");
            }
        }
    }

    pub(super) fn refresh(&mut self, name: &str) -> anyhow::Result<()> {
        let Some(job) = self.jobs.get_mut(name).filter(|job| job.spec.is_some()) else {
            return Ok(());
        };
        let known = &job.stored.description;
        let defaults = known.defaults.with_live_of(&self.settings.defaults);
        if defaults == known.defaults {
            return Ok(());
        }
        let description = Description { defaults, ..known.clone() };
        let (_, service) = description.resolve()?;
        let before = mem::replace(&mut job.stored.description, description);
        if let Err(error) = self.state.save(&job.stored, false) {
            job.stored.description = before;
            return Err(error);
        }
        job.service = service;
        Ok(())
    }
}

impl ServeSettings {
    /// What of a file that has changed counts only from the next start of the server.
    fn later(&self, config: &ServeConfig) -> Vec<&'static str> {
        let has_changed = [
            ("[variables]", self.variables != config.variables),
            ("[connection]", self.connections != config.connections),
            ("roots", self.roots != config.roots),
            ("webhook_hosts", self.webhook_hosts != config.webhook_hosts),
            ("approval", self.needs_approval != config.approval),
            ("[defaults]", !self.defaults.differs_in_live_only(&config.defaults)),
        ];
        has_changed.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name).collect()
    }

    /// Has this process log as its file says, unless its environment says otherwise.
    ///
    /// # Errors
    /// When that selects nothing.
    pub fn set_level(&self) -> Result<(), String> {
        if std::env::var_os("RUST_LOG").is_some() {
            return Ok(());
        }
        // Changes of states are what a server has to say.
        levels::set(self.log_level.as_deref().unwrap_or("info"))
    }
}
