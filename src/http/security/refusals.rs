//! Requests that were refused, counted since the server began.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::StatusCode;

/// Codes of refusals, with their statuses.
const COUNTED: [(&str, StatusCode); 3] = [
    ("forbidden", StatusCode::FORBIDDEN),
    ("too_many_requests", StatusCode::TOO_MANY_REQUESTS),
    ("unauthorized", StatusCode::UNAUTHORIZED),
];

/// How many there were of each.
#[derive(Debug, Default)]
pub struct Refusals([AtomicU64; COUNTED.len()]);

impl Refusals {
    /// Counts an answer with that status, if it is one.
    pub fn count(&self, status: StatusCode) {
        let at = COUNTED.iter().position(|(_, counted)| *counted == status);
        if let Some(count) = at.and_then(|at| self.0.get(at)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// As a metric, to follow those of the jobs.
    #[must_use]
    pub fn metric(&self) -> String {
        let name = "seismic_http_refusals_total";
        let mut text = format!("# HELP {name} Requests that were refused, by why.\n");
        text += &format!("# TYPE {name} counter\n");
        for ((code, _), count) in COUNTED.iter().zip(&self.0) {
            let count = count.load(Ordering::Relaxed);
            let _ = writeln!(text, "{name}{{code=\"{code}\"}} {count}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_counted_and_nothing_else() {
        let refusals = Refusals::default();
        for status in [StatusCode::UNAUTHORIZED, StatusCode::OK, StatusCode::UNAUTHORIZED] {
            refusals.count(status);
        }
        let text = refusals.metric();
        assert!(text.contains("{code=\"unauthorized\"} 2\n"), "{text}");
        assert!(text.contains("{code=\"forbidden\"} 0\n"), "{text}");
    }
}
