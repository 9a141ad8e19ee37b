//! The report of the doctor, as text and as JSON.

use seismic_queue::{Error, Finding, Level};
use serde_json::json;

use crate::remedy;

/// What was found.
pub struct Report {
    /// By what was examined.
    pub sections: Vec<Section>,
}

/// What was found of one thing.
pub struct Section {
    /// Which: the queue, the store or a sink, with its URL.
    pub of: String,
    /// The findings.
    pub findings: Vec<Finding>,
}

/// A finding for what could not be examined.
pub(super) fn failed(error: &Error) -> Finding {
    let remedy = error.remedy().map_or("as it says".to_owned(), |it| remedy::in_words(&it));
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    Finding::problem(format!("{error}{}", cause.unwrap_or_default()), remedy)
}

impl Report {
    /// Whether anything must be repaired.
    #[must_use]
    pub fn has_problems(&self) -> bool {
        let mut all = self.sections.iter().flat_map(|section| &section.findings);
        all.any(|finding| finding.level == Level::Problem)
    }

    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for section in &self.sections {
            text += &format!("{}\n", section.of);
            for finding in &section.findings {
                let level = match finding.level {
                    Level::Fine => "ok",
                    Level::Warning => "warning",
                    Level::Problem => "PROBLEM",
                };
                text += &format!("  {level:<8} {}\n", finding.what);
                if !finding.remedy.is_empty() {
                    text += &format!("           -> {}\n", finding.remedy);
                }
            }
        }
        let of = |level| {
            let all = self.sections.iter().flat_map(|section| &section.findings);
            all.filter(|finding| finding.level == level).count()
        };
        text + &format!("{} problems, {} warnings\n", of(Level::Problem), of(Level::Warning))
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let all = self.sections.iter().flat_map(|section| {
            section.findings.iter().map(|finding| {
                let level = match finding.level {
                    Level::Fine => "fine",
                    Level::Warning => "warning",
                    Level::Problem => "problem",
                };
                json!({
                    "of": section.of, "level": level, "what": finding.what, "remedy": finding.remedy,
                })
            })
        });
        json!({ "findings": all.collect::<Vec<_>>() })
    }
}
