//! `serve.toml`: settings for all jobs of a server, and what submitted jobs may use.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::Usage;
use crate::job::file;
use crate::job::file::server_file::{Connections, Defaults, lines_of_defaults};
use crate::job::file::variables::Given;
use crate::logs::levels;
use crate::serve::pressure::look::PressureLimits;

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServeConfig {
    /// Variables of all jobs.
    pub variables: BTreeMap<String, String>,
    /// Values of keys that job files leave open.
    #[serde(rename = "defaults")]
    table: toml::Table,
    /// The same, as it is written.
    #[serde(skip)]
    pub defaults: Defaults,
    /// What job files call `connection:NAME`.
    #[serde(rename = "connection")]
    pub connections: Connections,
    /// Folders in which submitted jobs may have files; empty: the folder that the server was
    /// started in.
    pub roots: Vec<PathBuf>,
    /// Hosts that only this machine reaches, and that webhooks of submitted jobs reach all the same.
    pub webhook_hosts: Vec<String>,
    /// Commands that alarms may run, by name: each a program and its arguments.
    pub commands: BTreeMap<String, Vec<String>>,
    /// When jobs yield to those of higher priorities.
    pub pressure: PressureLimits,
    /// What the server logs itself.
    pub logs: ServerLogs,
    /// Whether only versions are started that somebody else than their author has approved.
    pub approval: bool,
}

/// What `[logs]` says.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerLogs {
    /// What is logged, written as in `RUST_LOG`.
    pub level: Option<String>,
}

impl ServeConfig {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// What is wrong with it, with its line.
    pub fn read(path: &Path) -> Result<ServeConfig, Usage> {
        let name = path.display();
        let text = file::text_of(path).map_err(|why| Usage(format!("the file {name} {why}")))?;
        let mut config: ServeConfig = toml::from_str(&text)
            .map_err(|error| Usage(format!("the file {name}: {}", error.to_string().trim_end())))?;
        for (command, words) in &config.commands {
            if words.first().is_none_or(String::is_empty) {
                return Err(Usage(format!("the file {name}: commands.{command} names no program")));
            }
        }
        let faults: Vec<String> =
            config.connections.iter().filter_map(|(name, it)| it.fault(name)).collect();
        if !faults.is_empty() {
            return Err(Usage(format!("the file {name}: {}", faults.join("\n       "))));
        }
        if let Some(level) = &config.logs.level {
            levels::filter(level)
                .map_err(|why| Usage(format!("the file {name}: logs.level: {why}")))?;
        }
        config.place_defaults(&text, path)?;
        Ok(config)
    }

    /// With the folder in which the server was started where it names none.
    ///
    /// # Errors
    /// When there is no such folder any more.
    pub fn with_roots(mut self) -> Result<ServeConfig, Usage> {
        if self.roots.is_empty() {
            let here = std::env::current_dir();
            let gone =
                |error| Usage(format!("the folder in which the server was started: {error}"));
            self.roots = vec![here.map_err(gone)?];
        }
        Ok(self)
    }

    /// Has the defaults stand where the file has them, so that faults of them name their lines.
    fn place_defaults(&mut self, text: &str, path: &Path) -> Result<(), Usage> {
        if self.table.is_empty() {
            return Ok(());
        }
        let (text, file) = (lines_of_defaults(text), path.display().to_string());
        if text.parse::<toml::Table>().ok().as_ref() != Some(&self.table) {
            let how = "write them as tables, [defaults] and [defaults.restart], with a key a line";
            return Err(Usage(format!("the file {file}: defaults: {how}")));
        }
        self.defaults = Defaults { text, file };
        // What takes variables of jobs is judged with each of them.
        if self.defaults.text.contains("{{") {
            return Ok(());
        }
        let given = Given {
            defaults: self.defaults.clone(),
            connections: self.connections.clone(),
            ..Given::default()
        };
        file::read_given("", path, &given).check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_for_all_jobs_is_read_and_what_is_unknown_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serve.toml");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            ServeConfig::read(&path)
        };
        let text = "roots = ['/data']\n[variables]\nsite = 'north'\n[commands]\npage = ['/bin/page', '-x']\n";
        let config = read(text).unwrap();
        assert_eq!(
            (config.variables["site"].as_str(), config.commands["page"].len()),
            ("north", 2)
        );
        let wrong = read("root = 1\n").unwrap_err().to_string();
        assert!(wrong.contains("root") && wrong.contains("roots"), "{wrong}");
        assert!(read("[commands]\npage = []\n").is_err());
    }
}
