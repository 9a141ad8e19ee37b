//! `seismic doctor`: everything that is wrong with what a job depends on, at once, each finding with
//! its remedy. It creates nothing and changes nothing.

mod clock;
mod queue;
pub mod report;
mod store;

use seismic_queue::{Error, Finding};
use seismic_sinks::SinkSpec;

use self::report::{Report, Section};
use crate::cli::remedy;
use crate::job::location::Location;

/// What to examine.
pub struct Subject {
    /// Where the job reads and keeps its state.
    pub location: Location,
    /// The topic that it reads.
    pub topic: String,
    /// Its sinks.
    pub sinks: Vec<SinkSpec>,
}

/// Examines everything.
pub fn examine(subject: &Subject) -> Report {
    let mut sections = Vec::new();
    let input = queue::examine(subject, &mut sections);
    store::examine(&subject.location, input.as_ref(), &mut sections);
    for spec in &subject.sinks {
        let findings = (spec.entry().examine)(spec);
        sections.push(Section { of: format!("sink {spec}"), findings });
    }
    Report { sections }
}

/// A finding for what could not be examined.
fn failed(error: &Error) -> Finding {
    let remedy = error.remedy().map_or("as it says".to_owned(), |it| remedy::in_words(&it));
    Finding::problem(error.to_string(), remedy)
}
