//! The columns of the sink's table: those of the rows, or a selection with other names, constants,
//! and always the position of the row in the result topic.

use seismic_proto::{Column, ColumnType, Schema, ValueRef};

use crate::Rows;
use crate::rows::RowAt;

/// Longest name of a table or column, in bytes: PostgreSQL cuts longer ones without a word, and
/// MySQL takes one letter more.
pub(crate) const NAME_BYTES: usize = 63;

/// Partition of the result topic that a row is from.
pub(crate) const PARTITION: &str = "result_partition";
/// Offset of the row in it.
pub(crate) const OFFSET: &str = "result_offset";

/// Columns that tell windows apart: the sensor's, and the partition of the input for a sensor that
/// came in several.
const WINDOW_KEY: [&str; 6] =
    ["sensor_id", "window_start_ts", "window_end_ts", "pane", "clock_era", "input_partition"];

/// Column that tells the rows of one window apart.
pub(crate) const PANE: &str = "pane";

/// What the sums are made of: without these, two rows cannot be added up.
const NEEDED: [&str; 14] = [
    "sensor_id",
    "window_start_ts",
    "window_end_ts",
    "clock_era",
    "input_partition",
    PANE,
    "record_count",
    "mean_amplitude",
    "rms_amplitude",
    "min_amplitude",
    "max_amplitude",
    "first_sample_ts",
    "last_sample_ts",
    "sample_interval_ms",
];

/// What the option `columns` says; empty: every column under its own name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Choice(Vec<(Content, String)>);

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    /// The column of the rows that has this name.
    Field(String),
    /// This text in every row.
    Constant(String),
}

/// What a column of the table holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A value of the row, by its place in the schema.
    Field(usize),
    /// The same text in every row.
    Constant(String),
    /// The partition of the result topic.
    Partition,
    /// The offset in it.
    Offset,
}

/// A column of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableColumn {
    pub(crate) name: String,
    pub(crate) source: Source,
    /// What its values are.
    pub(crate) kind: ColumnType,
    pub(crate) nullable: bool,
    pub(crate) is_key: bool,
}

impl TableColumn {
    /// What it holds of a row, and the row's column that this is.
    pub(crate) fn value<'a>(
        &'a self,
        rows: &Rows<'a>,
        at: RowAt<'a>,
    ) -> (Option<&'a Column>, ValueRef<'a>) {
        match &self.source {
            Source::Field(field) => (rows.schema().columns().get(*field), at.row.get(*field)),
            Source::Constant(text) => (None, ValueRef::Text(text)),
            Source::Partition => (None, ValueRef::Int32(rows.partition().0.cast_signed())),
            Source::Offset => (None, ValueRef::Int64(at.offset.0.cast_signed())),
        }
    }
}

impl Choice {
    /// Reads `FIELD[:NAME],…`, with `'TEXT':NAME` for a constant.
    pub(crate) fn read(text: &str) -> Result<Choice, String> {
        let mut chosen: Vec<(Content, String)> = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (content, name) = match part.strip_prefix('\'') {
                Some(rest) => {
                    let (constant, name) = rest.rsplit_once("':").ok_or_else(|| {
                        format!("columns has {part:?}; write a constant as 'TEXT':NAME")
                    })?;
                    (Content::Constant(constant.to_owned()), name)
                }
                None => {
                    let (field, name) = part.split_once(':').unwrap_or((part, part));
                    (Content::Field(field.to_owned()), name)
                }
            };
            let is_taken = chosen.iter().any(|(_, other)| other == name);
            if name.is_empty() || name.len() > NAME_BYTES || is_taken || is_ours(name) {
                return Err(format!(
                    "columns has {part:?}; a column needs a name of its own, of 1 to {NAME_BYTES} bytes, \
                     and {PARTITION} and {OFFSET} are the sink's"
                ));
            }
            chosen.push((content, name.to_owned()));
        }
        Ok(Choice(chosen))
    }

    /// The table's columns for rows of this schema. Where panes are merged, the key is without
    /// them.
    pub(crate) fn columns(
        &self,
        schema: &Schema,
        merges_panes: bool,
    ) -> Result<Vec<TableColumn>, String> {
        let mut key = window_key(schema);
        if merges_panes {
            key.retain(|name| *name != PANE);
        }
        let of_field = |place: usize, name: &str| {
            let column = &schema.columns()[place];
            TableColumn {
                name: name.to_owned(),
                source: Source::Field(place),
                kind: column.kind,
                nullable: column.nullable,
                is_key: key.contains(&&*column.name),
            }
        };
        let mut columns = Vec::new();
        for (content, name) in &self.0 {
            columns.push(match content {
                Content::Field(field) => {
                    let known = || schema.columns().iter().map(|column| &*column.name);
                    let place = schema.index_of(field).ok_or_else(|| {
                        let near = crate::nearest(field, known());
                        let advice = near.map_or_else(
                            || format!("they have {}", known().collect::<Vec<_>>().join(", ")),
                            |near| format!("did you mean {near}?"),
                        );
                        format!("columns has {field:?}, which the rows do not have: {advice}")
                    })?;
                    of_field(place, name)
                }
                Content::Constant(text) => TableColumn {
                    name: name.clone(),
                    source: Source::Constant(text.clone()),
                    kind: ColumnType::Text,
                    nullable: false,
                    is_key: false,
                },
            });
        }
        if columns.is_empty() {
            let all = schema.columns().iter().enumerate();
            columns.extend(all.map(|(place, column)| of_field(place, &column.name)));
        }
        let has_key = columns.iter().filter(|column| column.is_key).count() == key.len();
        for column in &mut columns {
            column.is_key &= has_key;
        }
        let of_topic = |name: &str, source, kind| TableColumn {
            name: name.to_owned(),
            source,
            kind,
            nullable: false,
            is_key: !has_key || key.is_empty(),
        };
        columns.push(of_topic(PARTITION, Source::Partition, ColumnType::Int32));
        columns.push(of_topic(OFFSET, Source::Offset, ColumnType::Int64));
        Ok(columns)
    }
}

/// Names of the columns that tell rows apart.
pub(crate) fn key_names(columns: &[TableColumn]) -> impl Iterator<Item = &str> {
    columns.iter().filter(|column| column.is_key).map(|column| &*column.name)
}

fn is_ours(name: &str) -> bool {
    [PARTITION, OFFSET].contains(&name)
}

/// Columns that tell rows apart by what they say; empty where only their place in the topic does.
pub(crate) fn window_key(schema: &Schema) -> Vec<&'static str> {
    let is_window = schema == Schema::windows();
    if is_window { WINDOW_KEY.to_vec() } else { Vec::new() }
}

/// Whether rows of these columns can be added up.
///
/// # Errors
/// Why not.
pub(crate) fn check_sums(schema: &Schema, columns: &[TableColumn]) -> Result<(), String> {
    if schema != Schema::windows() {
        return Err("merge_panes adds up rows of windows, and the topic has others".to_owned());
    }
    let is_there = |name: &&&str| {
        let place = schema.index_of(name);
        columns.iter().any(|column| place.is_some_and(|it| column.source == Source::Field(it)))
    };
    let missing: Vec<&str> = NEEDED.iter().filter(|name| !is_there(name)).copied().collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!("merge_panes also needs the columns {}", missing.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(columns: &[TableColumn], is_wanted: impl Fn(&TableColumn) -> bool) -> Vec<&str> {
        columns.iter().filter(|column| is_wanted(column)).map(|column| &*column.name).collect()
    }

    #[test]
    fn without_a_choice_every_column_is_there_and_its_place_in_the_topic() {
        let columns = Choice::default().columns(Schema::windows(), false).unwrap();
        assert_eq!(columns.len(), Schema::windows().columns().len() + 2);
        let mut key = names(&columns, |column| column.is_key);
        key.sort_unstable();
        let mut expected = WINDOW_KEY.to_vec();
        expected.sort_unstable();
        assert_eq!(key, expected);
    }

    #[test]
    fn columns_are_chosen_renamed_and_constant() {
        let choice = Choice::read("sensor_id:station,max_amplitude,'IV, x':network").err();
        assert!(choice.is_some(), "a comma ends a column");
        let choice = Choice::read("sensor_id:station,max_amplitude,'IV':network").unwrap();
        let columns = choice.columns(Schema::windows(), false).unwrap();
        let all = ["station", "max_amplitude", "network", PARTITION, OFFSET];
        assert_eq!(names(&columns, |_| true), all);
        assert_eq!(names(&columns, |column| column.is_key), [PARTITION, OFFSET]);
    }

    #[test]
    fn a_choice_that_cannot_be_is_refused_with_what_was_meant() {
        for text in ["sensor_id,sensor_id", "sensor_id:", "'IV'", "pane:result_offset"] {
            assert!(Choice::read(text).is_err(), "{text}");
        }
        let error =
            Choice::read("sensorid").unwrap().columns(Schema::windows(), false).unwrap_err();
        assert!(error.contains("did you mean sensor_id?"), "{error}");
    }
}
