//! Merging the rows of a window in the table: its panes become one row.
//!
//! The server does it in the transaction that moves the position, so each pane is added once. The
//! formulas are those of `SeismicAggRecord::add_pane`, operation by operation, in `double
//! precision`, so `verify` computes the same bits.

use seismic_proto::Schema;

use super::names::{INCOMING, quoted, quoted_list};
use super::wire::Wire;
use crate::rows::columns::{OFFSET, PANE, PARTITION, Source, TableColumn, key_names};

/// Half of the least amplitude: `real` has no smaller one, and the server refuses to round it to 0.
const LEAST_REAL: &str = "7.0064923216240854e-46";

/// The statement that adds the incoming rows of one turn: of each window the first, or the second,
/// … since a statement changes a row once.
pub(super) fn insert(table: &str, names: &str, columns: &[TableColumn], wires: &[Wire]) -> String {
    let key = quoted_list(key_names(columns));
    let sums = Sums::new(columns, wires);
    let set: Vec<String> = columns
        .iter()
        .filter(|column| !column.is_key)
        .filter_map(|column| Some(format!("{} = {}", quoted(&column.name), sums.of(column)?)))
        .collect();
    format!(
        "INSERT INTO {table} AS t ({names}) SELECT {names} FROM (\
             SELECT *, row_number() OVER (PARTITION BY {key} ORDER BY {PARTITION}, {OFFSET}) \
                 AS seismic_turn FROM pg_temp.{INCOMING}\
         ) incoming WHERE seismic_turn = $1 ON CONFLICT ({key}) DO UPDATE SET {}",
        set.join(", ")
    )
}

/// The expressions of a merged row: `t` is the row that is there, `excluded` the one that comes.
struct Sums<'a> {
    columns: &'a [TableColumn],
    wires: &'a [Wire],
}

impl<'a> Sums<'a> {
    fn new(columns: &'a [TableColumn], wires: &'a [Wire]) -> Self {
        Sums { columns, wires }
    }

    /// What a column becomes; `None` where it stays as it is.
    fn of(&self, column: &TableColumn) -> Option<String> {
        let place = match column.source {
            Source::Field(place) => place,
            // The place in the topic stays that of the window's first row.
            Source::Constant(_) | Source::Partition | Source::Offset => return None,
        };
        let field = &*Schema::windows().columns().get(place)?.name;
        let (old, new) = (self.old(field), self.new_of(field));
        Some(match field {
            "record_count" | "p_phase_count" | "s_phase_count" | "n_phase_count"
            | "rejected_count" | "clipped_count" | "repeat_count" => format!("{old} + {new}"),
            "avg_amplitude" => {
                let mean = format!("({}) / ({})", self.sum(), self.n());
                format!("CASE WHEN abs({mean}) <= {LEAST_REAL} THEN 0 ELSE ({mean})::real END")
            }
            "mean_amplitude" => format!("({}) / ({})", self.sum(), self.n()),
            "rms_amplitude" => format!("sqrt(({}) / ({}))", self.squares(), self.n()),
            "rsam" => format!("({}) / ({})", self.weighted("rsam"), self.n()),
            "std_amplitude" => format!(
                "sqrt(greatest(({squares}) - ({sum}) * ({sum}) / ({n}), 0) / ({n}))",
                squares = self.squares(),
                sum = self.sum(),
                n = self.n()
            ),
            "min_amplitude" | "max_amplitude" => self.extreme(field),
            "peak_to_peak" => {
                let wide = |field| format!("({})::double precision", self.extreme(field));
                format!("{} - {}", wide("max_amplitude"), wide("min_amplitude"))
            }
            "first_sample_ts" => format!("least({old}, {new})"),
            "last_sample_ts" => format!("greatest({old}, {new})"),
            "first_amplitude" => self.of_sample("first_sample_ts", "<", field),
            "last_amplitude" => self.of_sample("last_sample_ts", ">=", field),
            "gap_fraction" => self.gap_fraction(),
            PANE => format!("greatest({old}, {new})"),
            // What the later row says is true of the window: what closed it, and its sampling
            // interval.
            _ => new,
        })
    }

    fn column<'f>(&'f self, field: &'f str) -> &'f str {
        let place = Schema::windows().index_of(field);
        let is_it =
            |column: &&TableColumn| place.is_some_and(|it| column.source == Source::Field(it));
        // What is not among the columns is only used where `check` has found it.
        self.columns.iter().find(is_it).map_or(field, |column| &column.name)
    }

    fn old(&self, field: &str) -> String {
        format!("t.{}", quoted(self.column(field)))
    }

    fn new_of(&self, field: &str) -> String {
        format!("excluded.{}", quoted(self.column(field)))
    }

    /// The count of both rows.
    fn n(&self) -> String {
        let wide = |count: String| format!("{count}::double precision");
        format!("{} + {}", wide(self.old("record_count")), wide(self.new_of("record_count")))
    }

    /// What both rows say, each as often as it has records.
    fn weighted(&self, field: &str) -> String {
        format!(
            "{}::double precision * {} + {}::double precision * {}",
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
            "{}::double precision * ({old} * {old}) + {}::double precision * ({new} * {new})",
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
                 THEN greatest({length} - ({n}) * {interval}, 0) / {length} ELSE 0 END",
            n = self.n()
        )
    }

    /// Length of the window, ms.
    fn length(&self) -> String {
        let (start, end) = (self.new_of("window_start_ts"), self.new_of("window_end_ts"));
        let place = Schema::windows().index_of("window_end_ts");
        let mut of = self.columns.iter().zip(self.wires);
        let is_time = of.any(|(column, wire)| {
            place.is_some_and(|it| column.source == Source::Field(it)) && *wire == Wire::Time
        });
        match is_time {
            true => format!("(extract(epoch FROM {end} - {start}) * 1000)::double precision"),
            false => format!("({end} - {start})::double precision"),
        }
    }
}
