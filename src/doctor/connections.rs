//! Findings about the connections of a server: each is contacted, and nothing is created there.

use seismic_queue::Finding;
use seismic_sinks::SinkSpec;

use super::report::{Report, Section, failed};
use crate::backends::Url;
use crate::job::file::server_file::{Connection, Connections};

/// Examines all of them.
pub fn examine(connections: &Connections) -> Report {
    let one = |(name, connection): (&String, &Connection)| Section {
        of: format!("connection {name}"),
        findings: findings(connection),
    };
    Report { sections: connections.iter().map(one).collect() }
}

fn findings(connection: &Connection) -> Vec<Finding> {
    let settings: Vec<_> = connection.kafka.clone().into_iter().collect();
    if let Ok(queue) = connection.url.parse::<Url>() {
        if let Some(file) = queue.file().filter(|file| !file.exists()) {
            return vec![Finding::fine(format!("{} is made by its first use", file.display()))];
        }
        let examined = queue.with_settings(&settings).open().and_then(|queue| queue.examine(None));
        return examined.unwrap_or_else(|error| vec![failed(&error)]);
    }
    match connection.url.parse::<SinkSpec>() {
        Ok(sink) => (sink.entry().examine)(&sink),
        Err(error) => vec![Finding::problem(error.to_string(), "correct its url".to_owned())],
    }
}
