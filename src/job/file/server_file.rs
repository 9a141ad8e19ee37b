//! Settings of a server for all jobs, which job files override: defaults of keys, and named
//! connections.
//!
//! ```toml
//! [defaults]
//! lateness = "1s"
//! [defaults.restart]
//! max_per_hour = 20
//!
//! [connection.main]
//! url = "kafka://b1:9092,b2:9092"
//! kafka = { "linger.ms" = "5" }
//! ```
//!
//! A job file names a connection in place of a URL: `queue = "connection:main"`; text after the
//! name is appended to the URL, as in `sink = "connection:base,table=rows"`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::nearest::nearest;
use crate::backends::Url;

/// Values of a job file begin with this where they name a connection.
pub const PREFIX: &str = "connection:";

/// Keys that name what every job has for itself.
pub const OWN: [&str; 7] = ["name", "group", "slot", "http", "sql", "input", "output"];

/// Tables that only the server and logs look at: they may change while a job runs.
pub const LIVE: [&str; 3] = ["alarms", "logs", "elastic"];

/// Characters of a name.
const NAME_CHARS: usize = 64;

/// Values of keys that job files leave open.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Defaults {
    /// They are written as a job file is.
    pub text: String,
    /// The file that has them.
    pub file: String,
}

impl Defaults {
    /// These, with `[alarms]`, `[logs]` and `[elastic]` as they are there.
    #[must_use]
    pub fn with_live_of(&self, now: &Defaults) -> Defaults {
        if self.differs_in_live_only(now) {
            // Its lines are those of the file.
            return now.clone();
        }
        let (mut table, theirs) = (self.table(), now.table());
        for name in LIVE {
            table.remove(name);
            table.extend(theirs.get(name).map(|value| (name.to_owned(), value.clone())));
        }
        let text = toml::to_string(&table).unwrap_or_else(|_| self.text.clone());
        Defaults { text, file: self.file.clone() }
    }

    /// Whether nothing but `[alarms]`, `[logs]` and `[elastic]` is another.
    #[must_use]
    pub fn differs_in_live_only(&self, other: &Defaults) -> bool {
        let rest = |all: &Defaults| {
            let mut table = all.table();
            table.retain(|name, _| !LIVE.contains(&name));
            table
        };
        rest(self) == rest(other)
    }

    /// They were read before they came here.
    fn table(&self) -> toml::Table {
        self.text.parse().unwrap_or_default()
    }
}

/// Where something is that jobs use, under one name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// A queue, a store or a sink.
    pub url: String,
    /// Settings of the Kafka client, below those of the job.
    #[serde(default)]
    pub kafka: BTreeMap<String, String>,
}

/// Connections by their names.
pub type Connections = BTreeMap<String, Connection>;

impl Connection {
    /// What is wrong with it.
    #[must_use]
    pub fn fault(&self, name: &str) -> Option<String> {
        let is_fine = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        if name.is_empty() || name.len() > NAME_CHARS || !name.chars().all(is_fine) {
            let what = format!("{NAME_CHARS} letters, digits, '-' and '_'");
            return Some(format!("connection.{name}: a name has up to {what}"));
        }
        let is_queue = self.url.parse::<Url>().is_ok();
        let as_sink = self.url.parse::<seismic_sinks::SinkSpec>();
        match (is_queue, as_sink) {
            (false, Err(error)) => {
                Some(format!("connection.{name}.url: it is no queue, and as a sink: {error}"))
            }
            _ => None,
        }
    }
}

/// The value with the URL of the connection that it names, and that connection; `None` when it
/// names none.
///
/// # Errors
/// When there is no such connection, with the one that may be meant.
pub fn resolve<'c>(
    text: &str,
    connections: &'c Connections,
) -> Result<Option<(String, &'c Connection)>, String> {
    let Some(rest) = text.strip_prefix(PREFIX) else { return Ok(None) };
    let end = rest.find(|letter: char| !(letter.is_ascii_alphanumeric() || "-_".contains(letter)));
    let (name, behind) = rest.split_at(end.unwrap_or(rest.len()));
    match connections.get(name) {
        Some(connection) => Ok(Some((format!("{}{behind}", connection.url), connection))),
        None => Err(match nearest(name, connections.keys().map(|name| &**name)) {
            Some(meant) => format!("there is no connection {name:?}; did you mean {meant:?}?"),
            None if connections.is_empty() => format!(
                "there is no connection {name:?}: connections are in the server's file, which other \
                 commands take as --config FILE"
            ),
            None => format!("there is no connection {name:?} in the server's file"),
        }),
    }
}

/// The lines of a TOML text that are in the table `[defaults]`, as those of a job file, at their
/// places; all others are empty.
#[must_use]
pub fn lines_of_defaults(text: &str) -> String {
    let mut is_within = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim_start();
        let header = trimmed.starts_with('[').then(|| trimmed.trim_start_matches('['));
        let Some(header) = header else {
            lines.push(if is_within { line.to_owned() } else { String::new() });
            continue;
        };
        let behind = header.trim_start().strip_prefix("defaults").map(str::trim_start);
        let brackets = &trimmed[..trimmed.len() - header.len()];
        lines.push(match behind.map(|behind| (behind, behind.strip_prefix('.'))) {
            Some((_, Some(table))) => format!("{brackets}{table}"),
            _ => String::new(),
        });
        is_within = behind.is_some_and(|behind| behind.starts_with(['.', ']']));
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_names_a_connection_and_adds_to_its_url() {
        let base = Connection { url: "postgres://u@h/base".to_owned(), ..Connection::default() };
        let all = Connections::from([("base".to_owned(), base)]);
        let url = |text| resolve(text, &all).map(|found| found.map(|(url, _)| url));
        assert_eq!(url("csv:rows"), Ok(None));
        assert_eq!(url("connection:base"), Ok(Some("postgres://u@h/base".to_owned())));
        let with_table = url("connection:base,table=rows");
        assert_eq!(with_table, Ok(Some("postgres://u@h/base,table=rows".to_owned())));
        assert!(url("connection:bas").unwrap_err().contains("did you mean \"base\""));
        let none = resolve("connection:x", &Connections::new()).unwrap_err();
        assert!(none.contains("--config FILE"), "{none}");
    }

    #[test]
    fn what_is_no_place_and_a_strange_name_are_faults() {
        let of = |url: &str| Connection { url: url.to_owned(), ..Connection::default() };
        assert_eq!(of("kafka://h:9092").fault("main"), None);
        assert_eq!(of("csv:rows").fault("main"), None);
        assert!(of("nothing").fault("main").unwrap().contains("connection.main.url"));
        assert!(of("csv:rows").fault("a b").unwrap().contains("a name has"));
    }

    #[test]
    fn alarms_and_logs_are_taken_from_newer_defaults_and_nothing_else() {
        let of = |text: &str| Defaults { text: text.to_owned(), file: "s.toml".to_owned() };
        let old = of("lateness = '1s'\n[logs]\nlevel = 'info'\n[restart]\nretry = false\n");
        let live = of("\nlateness = '1s'\n[restart]\nretry = false\n[alarms]\nlag_s = 5\n");
        assert_eq!(old.with_live_of(&live), live);
        let more = of("lateness = '2s'\n[alarms]\nlag_s = 5\nrows = [{ on = 'topic:a' }]\n");
        assert!(!old.differs_in_live_only(&more));
        let merged = old.with_live_of(&more).table();
        let wanted = "lateness = '1s'\n[restart]\nretry = false\n[alarms]\nlag_s = 5\n\
                      rows = [{ on = 'topic:a' }]\n";
        assert_eq!(merged, of(wanted).table());
        // Once they are in, they change nothing more.
        assert_eq!(old.with_live_of(&more).with_live_of(&more).table(), merged);
    }

    #[test]
    fn lines_of_defaults_stay_at_their_places() {
        let text = "roots = ['/a']\n[defaults]\nlateness = '1s'\n[defaults.restart]\nretry = false\n\
                    [[defaults.sink]]\ntype = 'csv'\n[defaultsx]\na = 1\n[variables]\nx = 'y'\n";
        assert_eq!(
            lines_of_defaults(text),
            "\n\nlateness = '1s'\n[restart]\nretry = false\n[[sink]]\ntype = 'csv'\n\n\n\n\n"
        );
    }
}
