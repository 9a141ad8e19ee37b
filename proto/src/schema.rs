//! The schema of a topic's rows: columns with a name, a type, a unit and a meaning.
//!
//! CSV headers, JSON names, reports of differences and table definitions all walk a [`Schema`].
//! That of window statistics is [`Schema::windows`]; a job whose columns are known only when it
//! starts makes its own with [`Schema::new`].

use std::borrow::Cow;

use crate::column::Column;
use crate::row_fields;

/// The columns of a topic's rows, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    columns: Cow<'static, [Column]>,
    pub(crate) form: Form,
}

/// What holds a row of a schema in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The generated struct: its fields are reached without an allocation.
    Window,
    /// A value for each column.
    Values,
}

impl Schema {
    /// A schema of columns that are known only at run time.
    ///
    /// # Errors
    /// The fault when there is no column, a name is empty or used twice, or a field number is 0,
    /// above 2^29 - 1, or used twice.
    pub fn new(columns: Vec<Column>) -> Result<Self, String> {
        if columns.is_empty() {
            return Err("a schema needs a column".to_owned());
        }
        for (i, column) in columns.iter().enumerate() {
            let Column { number, name, .. } = column;
            if name.is_empty() {
                return Err(format!("column {number} has no name"));
            }
            if !(1..1 << 29).contains(number) {
                return Err(format!("column {name}: {number} is no field number"));
            }
            let mut before = columns.iter().take(i);
            if before.any(|other| other.name == *name || other.number == *number) {
                return Err(format!("column {name} ({number}) occurs twice"));
            }
        }
        Ok(Schema { columns: Cow::Owned(columns), form: Form::Values })
    }

    /// The schema of window statistics: the fields of
    /// [`SeismicAggRecord`](crate::SeismicAggRecord).
    #[must_use]
    pub fn windows() -> &'static Schema {
        static WINDOWS: Schema =
            Schema { columns: Cow::Borrowed(&row_fields::COLUMNS), form: Form::Window };
        &WINDOWS
    }

    /// The columns, in order.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Where the column of that name is.
    #[must_use]
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ColumnType;

    #[test]
    fn a_schema_refuses_what_could_not_be_told_apart() {
        let text = |number, name: &'static str| Column::new(number, name, ColumnType::Text);
        for columns in [
            vec![],
            vec![text(1, "")],
            vec![text(0, "a")],
            vec![text(1 << 29, "a")],
            vec![text(1, "a"), text(1, "b")],
            vec![text(1, "a"), text(2, "a")],
        ] {
            assert!(Schema::new(columns).is_err());
        }
        let schema = Schema::new(vec![text(1, "a"), text(7, "b")]).unwrap();
        assert_eq!((schema.index_of("b"), schema.index_of("c")), (Some(1), None));
    }
}
