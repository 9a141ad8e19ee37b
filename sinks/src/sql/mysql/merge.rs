//! Merging the rows of a window in the table: its panes become one row.
//!
//! The server does it in the transaction that moves the position, so each pane is added once. The
//! formulas are those of `SeismicAggRecord::add_pane`, operation by operation, in doubles, so
//! `verify` computes the same bits.
//!
//! The server assigns from left to right, and what was assigned before is the old value no more. So
//! what is made of several columns comes first, and the number of records, of which all means are
//! made, last.

use seismic_proto::Schema;

use super::names::quoted;
use super::wire::Wire;
use crate::rows::columns::{PANE, Source, TableColumn};

/// What an insertion does to a row that is there, as `ON DUPLICATE KEY UPDATE` takes it.
pub(super) fn assignments(columns: &[TableColumn], wires: &[Wire]) -> String {
    let sums = Sums { columns, wires };
    let others = columns.iter().filter(|column| !column.is_key);
    let mut set: Vec<(u8, String)> = others
        .filter_map(|column| {
            let (turn, value) = sums.of(column)?;
            Some((turn, format!("{} = {value}", quoted(&column.name))))
        })
        .collect();
    set.sort_by_key(|(turn, _)| *turn);
    set.into_iter().map(|(_, set)| set).collect::<Vec<_>>().join(", ")
}

/// The expressions of a merged row: a column is that of the row that is there, `VALUES` of one that
/// of the row that comes.
struct Sums<'a> {
    columns: &'a [TableColumn],
    wires: &'a [Wire],
}

impl Sums<'_> {
    /// When a column is assigned, and what it becomes; `None` where it stays as it is.
    fn of(&self, column: &TableColumn) -> Option<(u8, String)> {
        let place = match column.source {
            Source::Field(place) => place,
            // The place in the topic stays that of the window's first row.
            Source::Constant(_) | Source::Partition | Source::Offset => return None,
        };
        let field = &*Schema::windows().columns().get(place)?.name;
        let (old, new) = (self.old(field), self.new_of(field));
        Some(match field {
            "avg_amplitude" => (0, format!("({}) / ({})", self.sum(), self.n())),
            "std_amplitude" => (
                0,
                format!(
                    "sqrt(greatest(({squares}) - ({sum}) * ({sum}) / ({n}), 0e0) / ({n}))",
                    squares = self.squares(),
                    sum = self.sum(),
                    n = self.n()
                ),
            ),
            "gap_fraction" => (0, self.gap_fraction()),
            "peak_to_peak" => {
                let wide = |field| format!("(({}) + 0e0)", self.extreme(field));
                (0, format!("{} - {}", wide("max_amplitude"), wide("min_amplitude")))
            }
            "first_amplitude" => (0, self.of_sample("first_sample_ts", "<", field)),
            "last_amplitude" => (0, self.of_sample("last_sample_ts", ">=", field)),
            "mean_amplitude" => (1, format!("({}) / ({})", self.sum(), self.n())),
            "rms_amplitude" => (1, format!("sqrt(({}) / ({}))", self.squares(), self.n())),
            "rsam" => (1, format!("({}) / ({})", self.weighted("rsam"), self.n())),
            "record_count" | "p_phase_count" | "s_phase_count" | "n_phase_count"
            | "rejected_count" | "clipped_count" | "repeat_count" => (2, format!("{old} + {new}")),
            "min_amplitude" | "max_amplitude" => (2, self.extreme(field)),
            "first_sample_ts" => (2, format!("least({old}, {new})")),
            "last_sample_ts" => (2, format!("greatest({old}, {new})")),
            PANE => (2, format!("greatest({old}, {new})")),
            // What the later row says is true of the window: what closed it, and its sampling
            // interval.
            _ => (2, new),
        })
    }

    fn column<'f>(&'f self, field: &'f str) -> &'f str {
        let place = Schema::windows().index_of(field);
        let is_it =
            |column: &&TableColumn| place.is_some_and(|it| column.source == Source::Field(it));
        // What is not among the columns is only used where the columns were found to do.
        self.columns.iter().find(is_it).map_or(field, |column| &column.name)
    }

    fn old(&self, field: &str) -> String {
        quoted(self.column(field))
    }

    fn new_of(&self, field: &str) -> String {
        format!("VALUES({})", quoted(self.column(field)))
    }

    /// The count of both rows.
    fn n(&self) -> String {
        format!("({} + 0e0) + ({} + 0e0)", self.old("record_count"), self.new_of("record_count"))
    }

    /// What both rows say, each as often as it has records.
    fn weighted(&self, field: &str) -> String {
        format!(
            "({} + 0e0) * {} + ({} + 0e0) * {}",
            self.old("record_count"),
            self.old(field),
            self.new_of("record_count"),
            self.new_of(field)
        )
    }

    fn sum(&self) -> String {
        self.weighted("mean_amplitude")
    }

    fn squares(&self) -> String {
        let (old, new) = (self.old("rms_amplitude"), self.new_of("rms_amplitude"));
        format!(
            "({} + 0e0) * ({old} * {old}) + ({} + 0e0) * ({new} * {new})",
            self.old("record_count"),
            self.new_of("record_count")
        )
    }

    fn extreme(&self, field: &str) -> String {
        let order = if field == "min_amplitude" { "<" } else { ">" };
        let (old, new) = (self.old(field), self.new_of(field));
        format!("CASE WHEN {new} {order} {old} THEN {new} ELSE {old} END")
    }

    /// The value of the row whose sample it is.
    fn of_sample(&self, time: &str, order: &str, field: &str) -> String {
        format!(
            "CASE WHEN {} {order} {} THEN {} ELSE {} END",
            self.new_of(time),
            self.old(time),
            self.new_of(field),
            self.old(field)
        )
    }

    fn gap_fraction(&self) -> String {
        let length = self.length();
        let interval = self.new_of("sample_interval_ms");
        format!(
            "CASE WHEN {interval} > 0 AND {length} > 0 \
                 THEN greatest({length} - ({n}) * {interval}, 0e0) / {length} ELSE 0e0 END",
            n = self.n()
        )
    }

    /// Length of the window, ms.
    fn length(&self) -> String {
        let (start, end) = (self.new_of("window_start_ts"), self.new_of("window_end_ts"));
        let place = Schema::windows().index_of("window_end_ts");
        let mut of = self.columns.iter().zip(self.wires);
        let is_time = of.any(|(column, wire)| {
            place.is_some_and(|it| column.source == Source::Field(it)) && *wire == Wire::DateTime
        });
        match is_time {
            true => format!("(timestampdiff(MICROSECOND, {start}, {end}) / 1000e0)"),
            false => format!("(({end} - {start}) + 0e0)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::columns::Choice;

    #[test]
    fn nothing_is_assigned_before_what_is_made_of_it() {
        let columns = Choice::default().columns(Schema::windows(), true).unwrap();
        let wires = vec![Wire::DateTime; columns.len()];
        let set = assignments(&columns, &wires);
        let assigned = |name: &str| {
            let begin = format!("`{name}` = ");
            set.find(&format!(", {begin}")).or(set.starts_with(&begin).then_some(0)).unwrap()
        };
        for (made, of) in [
            ("avg_amplitude", "mean_amplitude"),
            ("std_amplitude", "mean_amplitude"),
            ("std_amplitude", "rms_amplitude"),
            ("mean_amplitude", "record_count"),
            ("rms_amplitude", "record_count"),
            ("rsam", "record_count"),
            ("gap_fraction", "record_count"),
            ("peak_to_peak", "max_amplitude"),
            ("peak_to_peak", "min_amplitude"),
            ("first_amplitude", "first_sample_ts"),
            ("last_amplitude", "last_sample_ts"),
        ] {
            assert!(assigned(made) < assigned(of), "{made} is made of {of}: {set}");
        }
    }
}
