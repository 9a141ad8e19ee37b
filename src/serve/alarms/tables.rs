//! Tables that a job looks things up in and that cannot be read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::keeper::Judged;
use super::kind::Kind;
use crate::dimension::note::TableNote;
use crate::time::show_ms;

/// A table that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Since when, ms since 1970 UTC.
    pub since_ms: i64,
    /// Why, and what becomes of the job.
    pub why: String,
}

/// Whether a table cannot be read, with its name.
pub fn unread(note: &TableNote) -> Option<(String, Unread)> {
    let (since_ms, error) = (note.stale_since_ms?, note.error.as_deref()?);
    let table = &note.table;
    let then = match (note.version.is_empty(), note.waits) {
        (true, _) => "the job waits for its first version",
        (_, true) => "what was read before is too old, and the job waits",
        _ => "what was read before stays in force",
    };
    let why = format!("table {table} cannot be read since {}: {error}; {then}", show_ms(since_ms));
    Some((table.clone(), Unread { since_ms, why }))
}

/// Those that could not be read for longer than `limit`; of none where that is zero.
pub fn stale(now_ms: i64, limit: Duration, tables: &BTreeMap<String, Unread>) -> Judged {
    let limit_ms = limit.as_millis() as i64;
    let stale = tables.iter().filter(|(_, it)| limit_ms > 0 && now_ms - it.since_ms > limit_ms);
    let wrong = stale.map(|(table, it)| (table.clone(), it.why.clone())).collect();
    Judged { kind: Kind::Table, wrong, undecided: BTreeSet::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_cannot_be_read_for_long_is_wrong_by_its_name() {
        let note = TableNote {
            table: "Threshold".to_owned(),
            stale_since_ms: Some(1_000),
            error: Some("it is gone".to_owned()),
            ..TableNote::default()
        };
        assert_eq!(unread(&TableNote { stale_since_ms: None, ..note.clone() }), None);
        let known = TableNote { version: "ab".to_owned(), ..note.clone() };
        let of = |note: &TableNote| unread(note).unwrap().1.why;
        assert!(of(&note).ends_with(": it is gone; the job waits for its first version"));
        assert!(of(&known).ends_with("stays in force"));
        assert!(of(&TableNote { waits: true, ..known.clone() }).ends_with("and the job waits"));
        let tables = [unread(&known).unwrap()].into();
        let wrong = |now_ms, limit| {
            let judged = stale(now_ms, Duration::from_secs(limit), &tables);
            judged.wrong.into_keys().collect::<Vec<_>>()
        };
        assert_eq!(wrong(61_000, 60), Vec::<String>::new());
        assert_eq!(wrong(61_001, 60), ["Threshold"]);
        assert_eq!(wrong(61_001, 0), Vec::<String>::new());
    }
}
