//! The instance of a job in one of its environments: its names, and that it has places of its own.

use std::collections::BTreeSet;
use std::path::Path;

use super::JobFile;
use super::envs::{PRODUCTION, TABLE};
use super::reading::read_unconnected;
use super::variables::Given;

impl JobFile {
    /// Makes it the instance of this environment, which sets those keys.
    pub(super) fn name_instance(
        &mut self,
        env: &str,
        set: &BTreeSet<String>,
        mut fault: impl FnMut(&str, String),
    ) {
        if env == PRODUCTION {
            return;
        }
        match &self.service.name {
            Some(name) => match format!("{name}-{env}").parse() {
                Ok(name) => self.service.name = Some(name),
                Err(why) => fault("name", format!("name: with -{env}: {why}")),
            },
            None => {
                fault("", format!("{TABLE}: instances are named after the job: give it a name"))
            }
        }
        let options = &mut self.options;
        for (key, option) in [
            ("group", &mut options.location.group),
            ("result_topic", &mut options.result_topic),
            ("dead_topic", &mut options.dead_topic),
        ] {
            if let Some(name) = option.as_mut().filter(|_| !set.contains(key)) {
                *name += &format!("-{env}");
            }
        }
    }

    /// What the instance of another environment would share with that of production.
    pub(super) fn shared_with_production(
        &self,
        text: &str,
        path: &Path,
        given: &Given,
    ) -> Vec<String> {
        let Some(env) = given.env.as_deref().filter(|env| *env != PRODUCTION) else {
            return Vec::new();
        };
        let production = Given { env: Some(PRODUCTION.to_owned()), ..given.clone() };
        let other = read_unconnected(text, path, &production);
        let theirs: BTreeSet<String> = other.options.sink.iter().map(ToString::to_string).collect();
        let own = |key: &str, what: &str| {
            let place = self.place_of(key).unwrap_or_else(|| key.to_owned());
            format!(
                "{place}: {what} is production's, and the instance of {env} has its own: set {key} in \
                 [env.{env}], or write {{{{env}}}} into it"
            )
        };
        let sinks = self.options.sink.iter().filter(|sink| !sink.entry().shows_only);
        let mut shared: Vec<String> = sinks
            .map(ToString::to_string)
            .filter(|sink| theirs.contains(sink))
            .map(|sink| own("sink", &sink))
            .collect();
        let store = self.options.location.store.as_ref();
        if let Some(file) = store.and_then(|store| store.file())
            && store == other.options.location.store.as_ref()
        {
            shared.push(own("store", &file.display().to_string()));
        }
        shared
    }
}
