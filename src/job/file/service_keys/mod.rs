//! The keys of a job file that are not options of `seismic run`: settings for a service.

mod alarms;
mod elastic;
mod elsewhere;
mod fork;
mod job;
mod logs;
mod restart;

use serde_json::Value;
use toml::de::DeValue;

use super::value::duration;
use crate::job::service::Service;

/// One key.
pub struct ServiceKey {
    /// Its name, behind that of its table and a dot if it has one.
    pub name: &'static str,
    /// What it does.
    pub help: &'static str,
    /// What holds without it, as text.
    pub default: Option<&'static str>,
    /// A value in TOML.
    pub example: &'static str,
    /// Its values, as a JSON Schema.
    pub schema: fn() -> Value,
    /// Sets it.
    pub set: fn(&mut Service, &DeValue<'_>) -> Result<(), String>,
    /// The value that holds; null without one.
    pub show: fn(&Service) -> Value,
}

impl ServiceKey {
    /// The table that it stands in, and its name there.
    #[must_use]
    pub fn place(&self) -> (Option<&'static str>, &'static str) {
        match self.name.split_once('.') {
            Some((table, name)) => (Some(table), name),
            None => (None, self.name),
        }
    }

    /// The second name of a key whose value is a number of seconds: under that one it is a time
    /// with a unit.
    #[must_use]
    pub fn with_unit(&self) -> Option<&'static str> {
        self.name.strip_suffix("_s")
    }

    /// Whether a file may call it so.
    #[must_use]
    pub fn is_called(&self, written: &str) -> bool {
        written == self.name || self.with_unit() == Some(written)
    }

    /// Sets it, under one of its names.
    ///
    /// # Errors
    /// What is wrong with the value.
    pub fn set_as(
        &self,
        written: &str,
        service: &mut Service,
        value: &DeValue<'_>,
    ) -> Result<(), String> {
        if written == self.name {
            return (self.set)(service, value);
        }
        let ms = duration(value)?.ms();
        if ms % 1_000 != 0 {
            return Err(format!("{ms} ms are no whole number of seconds"));
        }
        let seconds = (ms / 1_000).to_string();
        let seconds = DeValue::parse(&seconds).map_err(|error| error.to_string())?;
        (self.set)(service, seconds.get_ref())
    }
}

/// Every key, those of a table behind each other.
pub fn all() -> impl Iterator<Item = &'static ServiceKey> {
    [job::KEYS, fork::KEYS, restart::KEYS, logs::KEYS, alarms::KEYS, elastic::KEYS, elsewhere::KEYS]
        .into_iter()
        .flatten()
}

/// The key of this name.
pub fn find(name: &str) -> Option<&'static ServiceKey> {
    all().find(|key| key.name == name)
}

/// The names of those at the top of a file, and of tables.
pub fn top_names() -> impl Iterator<Item = &'static str> {
    all().map(|key| key.place().0.unwrap_or(key.name))
}

/// The keys of a table; empty when there is none of this name.
pub fn of_table(table: &str) -> Vec<&'static ServiceKey> {
    all().filter(|key| key.place().0 == Some(table)).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use crate::job::file;

    #[test]
    fn a_number_of_seconds_has_a_second_name_for_a_time_with_a_unit() {
        let read = |text: &str| file::read(text, Path::new("job.toml"));
        let both = read("name = 'a'\n[restart]\ninterval = '2m'\n[alarms]\nlag_s = 90\n");
        assert!(both.faults.is_empty(), "{:?}", both.faults);
        assert_eq!(both.service.restart.interval, Duration::from_secs(120));
        assert_eq!(both.service.alarms.lag, Duration::from_secs(90));
        for (wrong, why) in [
            ("interval = 60", "a duration has a unit"),
            ("interval = '1500ms'", "no whole number of seconds"),
            ("interval = '9h'", "is not between 0 and 3600"),
            ("interval_s = 5\ninterval = '5s'", "the same key as restart.interval"),
        ] {
            let read = read(&format!("name = 'a'\n[restart]\n{wrong}\n"));
            assert!(read.faults.iter().any(|it| it.contains(why)), "{wrong}: {:?}", read.faults);
        }
    }
}
