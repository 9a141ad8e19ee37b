//! `seismic doctor`: examines everything that a job depends on and reports all findings at once,
//! each with its remedy. It creates and changes nothing.

mod clock;
mod connections;
mod functions;
mod queue;
pub mod report;
mod store;
mod subject;
mod tables;

pub use self::connections::examine as examine_connections;
use self::report::{Report, Section};
pub use self::subject::Subject;

/// Examines everything.
pub fn examine(subject: &Subject) -> Report {
    let mut sections = Vec::new();
    let input = queue::examine(subject, &mut sections);
    store::examine(&subject.location, input.as_ref(), &mut sections);
    for spec in &subject.sinks {
        let mut findings = (spec.entry().examine)(spec);
        findings.extend(store::sink_ahead(&subject.location, spec));
        findings.extend(store::kept_for_sink(&subject.location, spec));
        sections.push(Section { of: format!("sink {}", spec.shown()), findings });
    }
    sections.extend(subject.tables.iter().map(tables::examine));
    sections.extend(subject.functions.iter().map(functions::examine));
    Report { sections }
}
