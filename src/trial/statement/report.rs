//! The report of a trial of a statement.

use serde_json::{Value, json};

use super::outcome::StatementOutcome;
use crate::cli::json;
use crate::trial::limits;

/// The outcome, and how it differs from expected rows.
#[derive(Debug, Default)]
pub struct StatementReport {
    /// What came of it.
    pub outcome: StatementOutcome,
    /// What differs from expected rows, where there are some.
    pub differences: Option<Vec<String>>,
}

impl StatementReport {
    /// Whether rows are not as expected.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.differences.as_ref().is_some_and(|all| !all.is_empty())
    }

    /// The report with so many rows and dead letters; counts are always those of all.
    #[must_use]
    pub fn json(&self, most: usize) -> Value {
        let StatementOutcome { rows, dead_letters, counts, tables } = &self.outcome;
        let rows: Vec<&Value> = rows.iter().take(most).collect();
        let letters = dead_letters.iter().take(most).cloned();
        let letters: Vec<json::DeadLetter> = letters.map(Into::into).collect();
        let mut report = json!({
            "rows": rows, "dead_letters": letters, "counts": counts, "tables": tables,
        });
        if let Some(all) = &self.differences {
            let kept = all.iter().take(limits::DIFFERENCES_KEPT);
            report["differences"] = kept.cloned().map(Value::String).collect();
        }
        report
    }
}
